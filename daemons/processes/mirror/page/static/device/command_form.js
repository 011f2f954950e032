// @ts-check
/** A small form for one command that has arguments. */

import { argument } from "./argument.js";
import { readable, word } from "./words.js";
import { make, set } from "../dom.js";
import { t } from "../text.js";

/** Below it, a button changes a duration by one minute, and otherwise by five. */
const FINE_MINUTES = 10;

let fields = 0;

/**
 * @param {string} command
 * @param {Record<string, string>} args each argument with the words for its values
 * @param {(word: string, args: Record<string, unknown>) => Promise<void>} onCommand
 * @param {boolean} [isNear] whether it stands beside the buttons: then its button has the word of the command
 */
export function commandForm(command, args, onCommand, isNear = false) {
  const inputs = Object.entries(args).map(([name, allowed]) => input(argument(name, allowed), allowed));
  const name = word("command", command);
  const button = make("button", { type: "submit", class: "control small", "aria-label": t("device.send_command", { name }) }, isNear ? name : t("device.send"));
  const form = make("form", { class: "command", "data-command": command, novalidate: "" }, ...(isNear ? [] : [make("h3", {}, name)]), ...inputs.map(({ element }) => element), button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.ariaBusy === "true" || !(/** @type {HTMLFormElement} */ (form).reportValidity())) return;
    set(button, "aria-busy", "true");
    const given = inputs.map(({ read }) => read()).filter((entry) => entry != null);
    await onCommand(command, Object.fromEntries(/** @type {[string, unknown][]} */ (given)));
    set(button, "aria-busy", null);
  });
  return form;
}

/**
 * Return the input for an argument. One that is left empty is not sent.
 * @returns {{element: HTMLElement, read: () => [string, unknown] | null}}
 */
function input(about, allowed) {
  const id = `argument-${(fields += 1)}`;
  const label = make("label", { for: id }, word("argument", about.name));
  const field = /** @type {any} */ (shape(about));
  field.id = id;
  const buttons = about.takes === "duration" ? [-1, 1].map((way) => stepButton(field, way, word("argument", about.name))) : [];
  const parts = [label, make("span", { class: "field" }, field, ...(about.unit ? [make("span", { class: "unit" }, about.unit)] : []), ...buttons)];
  if (["any", "duration", "colour"].includes(about.takes)) {
    const texts = { duration: () => t("device.duration_hint"), colour: () => t("device.colour_hint") };
    const hint = make("span", { class: "hint", id: `${id}-hint` }, texts[about.takes]?.() ?? readable(allowed));
    field.setAttribute("aria-describedby", hint.id);
    parts.push(hint);
  }
  let isTouched = false;
  field.addEventListener("change", () => (isTouched = true));
  const read = () => {
    if (about.takes === "switch") return isTouched ? [about.name, field.checked] : null;
    if (field.value === "") return null;
    const read = { number: () => field.valueAsNumber, any: () => plain(field.value), duration: () => inMinutes(field.value) }[about.takes];
    return [about.name, read ? read() : field.value];
  };
  return { element: make("div", { class: "argument", "data-takes": about.takes }, ...parts), read: /** @type {any} */ (read) };
}

function shape({ takes, lowest, highest, step, choices, longest }) {
  const known = (attributes) => Object.fromEntries(Object.entries(attributes).filter(([, value]) => value != null));
  switch (takes) {
    case "number":
      return make("input", { type: "number", class: "control box", inputmode: "decimal", ...known({ min: lowest, max: highest, step }), placeholder: lowest == null || highest == null ? "" : `${lowest}–${highest}` });
    case "switch":
      return make("input", { type: "checkbox", class: "check" });
    case "choice":
      return make("select", { class: "control" }, make("option", { value: "" }, t("device.as_usual")), ...choices.map((choice) => make("option", { value: choice }, word("choice", choice))));
    case "time":
      return make("input", { type: "time", class: "control box" });
    default:
      return make("input", { type: "text", class: "control box", autocomplete: "off", ...known({ maxlength: longest }) });
  }
}

/** Return a button that changes a number of minutes: a wall has no keyboard. */
function stepButton(field, way, name) {
  const button = make("button", { type: "button", class: "step", "aria-label": t(way < 0 ? "device.less" : "device.more", { name }) }, way < 0 ? "−" : "+");
  button.addEventListener("click", () => {
    if (!/^\s*\d*\s*$/.test(field.value)) return;
    const minutes = Number(field.value);
    const step = minutes + Math.min(way, 0) < FINE_MINUTES ? 1 : 5;
    field.value = String(Math.max(1, minutes + way * step));
  });
  return button;
}

/** Return a duration; a number alone is one of minutes. */
function inMinutes(text) {
  return /^\s*\d+(\.\d+)?\s*$/.test(text) ? `${text.trim()}m` : text;
}

/** Return a number for a text that is one: some arguments take either. */
function plain(text) {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}
