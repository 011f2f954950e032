// @ts-check
/** The states of a device as bars over time. If only time has passed, the bars move and are not made again. */

import { arrange, make, set, setText } from "../dom.js";
import { condense } from "./record.js";
import { describe } from "./tip.js";
import { faultText, phaseWord } from "../words.js";

/** A narrower bar cannot be seen by itself. */
const SMALL_PIXELS = 3;
const LETTER_REM = 0.47;
/** After a longer way the bars are made again, so that their texts stay in sight. */
const MOST_SHIFT_PIXELS = 24;
/** Bars without a text; the tip describes them. */
const WORDLESS = new Set(["quiet", "many", "outage", "unknown"]);
const PATTERNS = { on: 0, heating: 0, toasting: 0, preparing: 0, brewing: 1 };

export class Bars {
  #moving = make("div", { class: "moving" });
  element = make("div", { class: "bars" }, this.#moving);
  /** @type {Map<string, any>} */
  #items = new Map();
  #causes = {};
  /** @type {string | undefined} the bar that Tab reaches */
  #current;
  #built = { items: /** @type {any} */ (null), version: 0, second: 0, from: 0, to: 0 };

  /** @param {import("./tip.js").Tip} tip */
  constructor(tip) {
    const show = ({ target, clientX }) => {
      const item = this.#items.get(target.dataset?.key);
      if (item) tip.show(item, this.#causes, target, clientX);
    };
    this.#moving.addEventListener("pointerover", show);
    this.#moving.addEventListener("pointerout", () => tip.hide());
    this.#moving.addEventListener("click", show);
    this.#moving.addEventListener("focusin", (event) => {
      const bar = /** @type {HTMLElement} */ (event.target);
      this.#rove(bar.dataset.key);
      if (bar.matches(":focus-visible")) show({ target: bar });
    });
    this.#moving.addEventListener("focusout", () => tip.hide());
  }

  /**
   * @param {import("./record.js").Row} row
   * @param {Record<string, any>} causes
   * @param {import("./timeline.js").Window} window
   */
  show(row, causes, window) {
    const { from, to, width, rem, now } = window;
    const second = width / (to - from);
    const built = this.#built;
    const isSame = built.items === row.items && built.version === row.version && built.second === second;
    if (!isSame || Math.abs(from - built.from) * second > MOST_SHIFT_PIXELS) {
      this.#built = { items: row.items, version: row.version, second, from, to };
      this.#build(row.items, causes, from, to, second, rem, now);
    }
    this.element.style.width = `${Math.min(width, Math.max(0, (now - from) * second)).toFixed(1)}px`;
    this.#moving.style.transform = `translateX(${((this.#built.from - from) * second).toFixed(1)}px)`;
  }

  /** Move the focus to the next or previous bar; return false if there is none. */
  step(by) {
    const keys = [...this.#items.keys()];
    const next = keys[keys.indexOf(this.#current ?? "") + by];
    if (next == null) return false;
    this.#rove(next);
    return this.enter();
  }

  enter() {
    const bar = /** @type {HTMLElement | undefined} */ ([...this.#moving.children].find((each) => each.getAttribute("data-key") === this.#current));
    bar?.focus();
    return Boolean(bar);
  }

  #build(items, causes, from, to, second, rem, now) {
    this.#causes = causes;
    const seen = condense(items, from, to, SMALL_PIXELS / second, now);
    this.#items = new Map(seen.map((item) => [`${item.sort} ${item.from} ${item.phase}`, item]));
    arrange(this.#moving, this.#items.keys(), () => make("button", { type: "button", tabindex: "-1" }, make("span")));
    for (const bar of /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#moving.children)) {
      this.#draw(bar, this.#items.get(bar.dataset.key ?? ""), from, to, second, rem);
    }
    if (!this.#items.has(this.#current ?? "")) this.#rove([...this.#items.keys()].at(-1));
  }

  #rove(key) {
    this.#current = key;
    for (const bar of this.#moving.children) set(bar, "tabindex", bar.getAttribute("data-key") === key ? 0 : -1);
  }

  #draw(bar, item, from, to, second, rem) {
    // A bar that lasts reaches far to the right; the element ends at the present.
    const start = Math.max(item.from, from);
    const end = item.to == null ? to + (to - from) : Math.min(item.end, to);
    const width = Math.max((end - start) * second, SMALL_PIXELS);
    bar.style.setProperty("left", `${((start - from) * second).toFixed(1)}px`);
    bar.style.setProperty("width", `${width.toFixed(1)}px`);
    const sort = appearance(item);
    set(bar, "data-sort", sort);
    set(bar, "data-why", sort === "unknown" ? item.phase : null);
    set(bar, "data-pattern", sort === "busy" ? pattern(item.phase) : null);
    set(bar, "aria-label", describe(item, this.#causes).join(", "));
    const word = WORDLESS.has(sort) ? "" : (faultText(item.fault) ?? phaseWord(item.phase));
    const seen = Math.max((Math.min(item.end, to) - start) * second, SMALL_PIXELS);
    setText(bar.firstChild, (word.length + 2) * LETTER_REM * rem < seen ? word : "");
  }
}

/** Return how a bar looks, in a word. */
function appearance({ sort, count, fault, isQuiet, isReady }) {
  if (sort !== "stretch") return sort;
  if (count > 1 && !isQuiet) return "many";
  if (fault) return "fault";
  if (isReady) return "ready";
  return isQuiet ? "quiet" : "busy";
}

/** Return the pattern that distinguishes a phase from others of the same colour. */
function pattern(phase) {
  return PATTERNS[phase] ?? [...phase].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 3;
}
