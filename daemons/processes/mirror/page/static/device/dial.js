// @ts-check
/** A slider for one number of a device, with its value and with buttons for small steps. */

import { argument, stride } from "./argument.js";
import { word } from "./words.js";
import { make, set, setText } from "../dom.js";
import { house } from "../house.js";
import { t, withUnit } from "../text.js";
import { isOff, wanted } from "../mirror/slider.js";
import { label as labelWord, phaseWord } from "../words.js";

/** A person presses a button several times: the command is sent after the last press. */
const PAUSE_MILLISECONDS = 450;
/** A number with more steps has a box instead of a slider. */
const MOST_STEPS = 200;

/**
 * @typedef {object} Scale
 * @property {string} command
 * @property {string} argument
 * @property {string} field of the state, with the present value
 * @property {string} label
 * @property {number} lowest
 * @property {number} highest
 * @property {number} step
 * @property {number} stride
 * @property {string} unit
 */

/**
 * Return the numbers of a device that a command sets and whose present value its state has.
 * @returns {Scale[]}
 */
export function scales({ commands, control, state }) {
  const found = /** @type {Scale[]} */ ([]);
  if (control?.takes === "number" && control.lowest != null && control.highest != null) {
    const { command, argument, field, label, lowest, highest, step, unit } = control;
    found.push({ command, argument, field, label: labelWord(label), lowest, highest, step, stride: step, unit });
  }
  for (const [command, args] of Object.entries(commands)) {
    for (const [name, allowed] of Object.entries(args)) {
      const about = argument(name, allowed);
      const field = [name, `target_${name}`].find((each) => state && each in state);
      const isKnown = found.some((each) => each.field === field);
      if (!field || isKnown || about.takes !== "number" || about.lowest == null || about.highest == null) continue;
      const by = stride(about);
      const step = about.step === "any" ? by : name.endsWith("_kelvin") ? by : about.step;
      found.push({ command, argument: name, field, label: word("argument", name), lowest: about.lowest, highest: about.highest, step, stride: by, unit: about.unit });
    }
  }
  return found.filter(({ lowest, highest, step }) => (highest - lowest) / step <= MOST_STEPS);
}

export class Dial {
  #scale;
  #onCommand;
  #timer = 0;
  /** Whether a person holds it, or its command is not sent yet: then new states do not move it. */
  #isHeld = false;
  #input = /** @type {HTMLInputElement} */ (make("input", { type: "range", class: "slider" }));
  #value = make("output", { class: "value" });
  #less = this.#button("−", -1);
  #more = this.#button("+", 1);

  /**
   * @param {Scale} scale
   * @param {(word: string, args: Record<string, number>) => void} onCommand
   */
  constructor(scale, onCommand) {
    this.#scale = scale;
    this.#onCommand = onCommand;
    for (const [name, value] of Object.entries({ min: scale.lowest, max: scale.highest, step: scale.step, "aria-label": scale.label })) set(this.#input, name, value);
    this.#less.setAttribute("aria-label", t("device.less", { name: scale.label }));
    this.#more.setAttribute("aria-label", t("device.more", { name: scale.label }));
    const head = make("p", { class: "dial-head" }, make("span", { class: "dial-name", "aria-hidden": "true" }, scale.label), this.#value);
    this.element = make("div", { class: "dial" }, head, this.#less, this.#input, this.#more);
    this.#input.addEventListener("input", () => {
      this.#isHeld = true;
      this.#draw(this.#input.valueAsNumber);
    });
    this.#input.addEventListener("change", () => this.#soon(0));
  }

  /**
   * @param {import("../house.js").Process} device
   * @param {boolean} isRunning
   */
  show({ state }, isRunning) {
    if (this.#isHeld) return;
    for (const part of [this.#less, this.#input, this.#more]) /** @type {HTMLInputElement} */ (part).disabled = !isRunning;
    const value = state?.[this.#scale.field] ?? null;
    if (isOff(this.#scale, state)) {
      this.#input.value = String(this.#scale.lowest);
      return this.#draw(this.#scale.lowest, phaseWord("off"));
    }
    const goal = wanted(this.#scale.field, state);
    this.#input.value = String(goal ?? (this.#scale.lowest + this.#scale.highest) / 2);
    this.#draw(value, "", goal);
  }

  #button(sign, way) {
    const button = make("button", { type: "button", class: "step" }, sign);
    button.addEventListener("click", () => {
      this.#isHeld = true;
      this.#input.value = String(next(this.#input.valueAsNumber, way, this.#scale.stride));
      this.#draw(this.#input.valueAsNumber);
      this.#soon(PAUSE_MILLISECONDS);
    });
    return button;
  }

  #soon(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isHeld = false;
      this.#onCommand(this.#scale.command, { [this.#scale.argument]: this.#input.valueAsNumber });
    }, milliseconds);
  }

  #draw(value, word = "", goal = value) {
    const { lowest, highest, unit } = this.#scale;
    const written = (number) => withUnit(house.calendar.precise(number), unit);
    const now = word || (value == null ? t("device.not_known") : written(value));
    const text = goal === value ? now : t("device_why.change", { before: now, after: written(goal) });
    set(this.element, "data-unknown", value == null ? "" : null);
    setText(this.#value, text);
    set(this.#input, "aria-valuetext", text);
    this.#input.style.setProperty("--filled", value == null ? "0%" : `${(100 * (value - lowest)) / (highest - lowest)}%`);
  }
}

/** Return the next multiple of a stride, upwards or downwards: from 41, 45 or 40. */
function next(value, way, stride) {
  const steps = Math.round((value / stride) * 1000) / 1000; // 0.3 / 0.1 is less than 3
  return stride * (way > 0 ? Math.floor(steps) + 1 : Math.ceil(steps) - 1);
}
