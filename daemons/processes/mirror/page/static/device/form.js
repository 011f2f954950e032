// @ts-check
/** A form for the commonest keys of a device. Each change is written into the text of the editor. */

import { readable, word } from "./words.js";
import { arrange, make, set } from "../dom.js";
import { t } from "../text.js";

/** These keys are always shown; the others only if the file has them. */
const ALWAYS = new Set(["name", "room"]);

/**
 * @typedef {object} Field a key of the file
 * @property {string} key such as "name" or "when.0.at"
 * @property {"text" | "number" | "switch" | "choice" | "time" | "duration"} takes
 * @property {any} value
 * @property {string} allowed
 * @property {any[] | null} choices
 * @property {boolean} is_set
 * @property {number | null} rule
 */

export class Form {
  #name;
  #onChange;
  #common = make("div", { class: "fields" });
  #others = make("div", { class: "fields" });
  #more = make("details", { class: "more-fields" }, make("summary", {}, t("device_edit.more_fields")), this.#others);
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /**
   * @param {string} name what the device is called if the file has no name for it
   * @param {(changes: Record<string, any>) => void} onChange
   */
  constructor(name, onChange) {
    this.#name = name;
    this.#onChange = onChange;
    this.element = make("div", { class: "edit-form" }, this.#common, this.#more);
  }

  /** @param {Field[]} fields */
  show(fields) {
    const about = new Map(fields.map((field) => [field.key, field]));
    const isCommon = ({ key, is_set: isSet }) => isSet || ALWAYS.has(key);
    const create = (key) => {
      const entry = new Entry(/** @type {Field} */ (about.get(key)), this.#onChange);
      if (key === "name") entry.hint = this.#name;
      this.#entries.set(key, entry);
      return entry.element;
    };
    // A field that has just got a value stays where it is, so that it keeps the focus.
    const isShown = (field) => this.#others.contains(this.#entries.get(field.key)?.element ?? null);
    const hasFocus = this.element.contains(document.activeElement);
    const common = fields.filter((field) => isCommon(field) && !(hasFocus && isShown(field)));
    arrange(this.#common, common.map(({ key }) => key), create);
    arrange(this.#others, fields.filter((field) => !common.includes(field)).map(({ key }) => key), create);
    this.#more.hidden = common.length === fields.length;
    for (const field of fields) this.#entries.get(field.key)?.show(field);
  }

  /** Go to the first field of a rule; return whether it has one. */
  goTo(rule) {
    const entry = [...this.#entries.values()].find((each) => each.rule === rule && each.element.isConnected);
    entry?.focus();
    return entry != null;
  }

  set isLocked(isLocked) {
    for (const entry of this.#entries.values()) entry.isLocked = isLocked;
  }
}

class Entry {
  #field;
  #input;

  /**
   * @param {Field} field
   * @param {(changes: Record<string, any>) => void} onChange
   */
  constructor(field, onChange) {
    this.#field = field;
    const id = `field-${field.key}`;
    const label = make("label", { for: id }, labelOf(field));
    this.#input = /** @type {any} */ (inputFor(field));
    this.#input.id = id;
    const parts = field.takes === "switch" ? [this.#input, label] : [label, this.#input];
    const isWord = field.takes === "text" || (field.takes === "time" && !isClock(field));
    const hasHint = (isWord || field.takes === "duration") && !ALWAYS.has(field.key);
    if (hasHint) {
      this.#input.setAttribute("aria-describedby", `${id}-hint`);
      parts.push(make("span", { class: "hint", id: `${id}-hint` }, field.takes === "duration" ? t("device.duration_hint") : readable(field.allowed)));
    }
    this.element = make("div", { class: "entry", "data-takes": field.takes }, ...parts);
    this.#input.addEventListener("change", () => this.#input.reportValidity() && onChange({ [field.key]: this.#value }));
  }

  /** The number of the rule that it belongs to, or null. */
  get rule() {
    return this.#field.rule;
  }

  /** What is true while the field is empty. */
  set hint(text) {
    this.#input.placeholder = text;
  }

  focus() {
    this.#input.focus({ preventScroll: true });
    this.element.scrollIntoView({ block: "center" });
  }

  set isLocked(isLocked) {
    set(this.#input, "aria-disabled", isLocked ? "true" : null);
  }

  show(field) {
    this.#field = field;
    if (document.activeElement === this.#input) return;
    if (field.takes === "switch") this.#input.checked = Boolean(field.value);
    else this.#input.value = field.value == null ? "" : String(field.value);
  }

  /** The value for the file; null removes the key, which then has its default. */
  get #value() {
    const { takes, choices } = this.#field;
    if (takes === "switch") return this.#input.checked;
    if (this.#input.value === "") return null;
    if (takes === "number") return this.#input.valueAsNumber;
    return takes === "choice" ? (choices ?? []).find((choice) => String(choice) === this.#input.value) : this.#input.value;
  }
}

function labelOf({ key, rule }) {
  const last = key.split(".").at(-1) ?? key;
  return rule == null ? word("key", last) : t("device_edit.rule_key", { number: rule, key: word("key", last) });
}

/** Return whether a time can be shown by the browser's own input: "sunset-30m" cannot. */
function isClock({ value }) {
  return value == null || /^\d\d:\d\d$/.test(value);
}

function inputFor(field) {
  const { takes, allowed, choices, key } = field;
  if (takes === "switch") return make("input", { type: "checkbox", class: "check" });
  if (takes === "choice") {
    return make("select", { class: "control" }, make("option", { value: "" }, t("device.as_usual")), ...(choices ?? []).map((choice) => make("option", { value: String(choice) }, word("choice", choice))));
  }
  const bounds = allowed.match(/ from (-?[\d.]+) to (-?[\d.]+)/);
  const limits = takes === "number" ? { step: allowed.startsWith("a whole") ? 1 : "any", ...(bounds ? { min: bounds[1], max: bounds[2] } : {}) } : {};
  const type = takes === "number" || (takes === "time" && isClock(field)) ? takes : "text";
  return make("input", { type, class: "control box", autocomplete: "off", "data-field": key, ...limits });
}
