// @ts-check
/** A text with line numbers that a person edits. Lines with a mistake are marked. */

import { arrange, make, set, setText } from "../dom.js";
import { t } from "../text.js";

const INDENT = "    ";
const LEAST_LINES = 4;

export class Source {
  #onInput;
  #numbers = make("div", { class: "numbers", "aria-hidden": "true" });
  #area = /** @type {HTMLTextAreaElement} */ (
    make("textarea", { wrap: "off", spellcheck: "false", autocapitalize: "off", autocomplete: "off", autocorrect: "off", "aria-describedby": "source-help source-problems" })
  );
  /** Whether the Tab key indents. It does only while a person types, so that the keyboard is never trapped. */
  #isTyping = false;
  /** @type {Set<number>} */
  #marked = new Set();

  /**
   * @param {string} label
   * @param {() => void} onInput called when a person has changed the text
   */
  constructor(label, onInput) {
    this.#onInput = onInput;
    this.#area.setAttribute("aria-label", label);
    const help = make("p", { class: "hint", id: "source-help" }, t("device_edit.help"));
    this.element = make("div", { class: "source-part" }, make("div", { class: "source" }, this.#numbers, this.#area), help);
    this.#area.addEventListener("input", () => this.#typed());
    this.#area.addEventListener("keydown", (event) => this.#key(event));
    this.#area.addEventListener("blur", () => (this.#isTyping = false));
  }

  get text() {
    return this.#area.value;
  }

  set text(text) {
    if (this.#area.value !== text) this.#area.value = text;
    this.#draw();
  }

  set isLocked(isLocked) {
    this.#area.readOnly = isLocked;
  }

  /** Mark the lines, from 1, that have a mistake. */
  mark(lines) {
    this.#marked = new Set(lines);
    set(this.#area, "aria-invalid", lines.length ? "true" : null);
    this.#draw();
  }

  /** Put the cursor into a line. */
  goTo(line) {
    const before = this.text.split("\n").slice(0, line - 1);
    const start = before.reduce((sum, each) => sum + each.length + 1, 0);
    const end = this.text.indexOf("\n", start);
    this.#area.focus();
    this.#area.setSelectionRange(start, end < 0 ? this.text.length : end);
  }

  #typed() {
    this.#isTyping = true;
    this.#draw();
    this.#onInput();
  }

  #key(event) {
    if (event.key === "Escape") this.#isTyping = false;
    const isPlain = event.key === "Tab" && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    if (!isPlain || !this.#isTyping || this.#area.readOnly) return;
    event.preventDefault();
    const { selectionStart: start, selectionEnd: end } = this.#area;
    this.#area.setRangeText(INDENT, start, end, "end");
    this.#typed();
  }

  #draw() {
    const count = Math.max(LEAST_LINES, this.text.replace(/\n$/, "").split("\n").length);
    set(this.#area, "rows", count);
    const lines = Array.from({ length: count }, (_, i) => String(i + 1));
    arrange(this.#numbers, lines, (line) => make("span", {}, line));
    for (const row of this.#numbers.children) {
      const isMarked = this.#marked.has(Number(/** @type {HTMLElement} */ (row).dataset.key));
      row.classList.toggle("bad", isMarked);
      setText(row, isMarked ? `! ${/** @type {HTMLElement} */ (row).dataset.key}` : /** @type {HTMLElement} */ (row).dataset.key);
    }
  }
}
