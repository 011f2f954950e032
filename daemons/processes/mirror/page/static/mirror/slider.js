// @ts-check
/** The inputs for a number: a slider, or a step down and a step up. */

import { make, set, setHidden, setText } from "../dom.js";
import { house } from "../house.js";
import { t, withUnit } from "../text.js";
import { label as labelOf, phaseWord } from "../words.js";

/** A number with more steps has a box instead of a slider. */
const SLIDER_STEPS = 200;
/** Steps in quick succession are sent as one command. */
const PAUSE_MILLISECONDS = 500;
/** For so long after a command, an older state does not move the input back. */
const HOLD_MILLISECONDS = 3000;

/** Return whether an input is a number that a slider or steps can set. */
export function isScale({ takes, lowest, highest, step }) {
  return takes === "number" && lowest != null && highest != null && (highest - lowest) / step <= SLIDER_STEPS;
}

/** Return whether an input is the brightness of a lamp that is off: its last brightness is not what it has now. */
export function isOff({ command, unit }, state) {
  return command === "on" && unit === "%" && state?.status === false;
}

/** Return where the input of a number stands: at its target while the device moves there, else at its value. */
export function wanted(field, state) {
  return state?.[`target_${field}`] ?? state?.[field];
}

/** @typedef {(command: string, args: Record<string, number>) => Promise<unknown> | void} OnCommand */

export class Slider {
  #control;
  #held = false;
  #isOff = false;
  /** The present value, up to which the slider is filled: the device may be on its way to another. */
  #reached = 0;
  #input = make("input", { type: "range", class: "slider" });
  #caption = make("span", { class: "caption", "aria-hidden": "true" });

  /** @param {OnCommand} onCommand */
  constructor(control, onCommand) {
    this.#control = control;
    const { lowest, highest, step, unit, command, argument } = control;
    for (const [name, value] of Object.entries({ min: lowest, max: highest, step, "data-unit": unit })) set(this.#input, name, value);
    this.element = make("label", { class: "slide" }, this.#caption, this.#input);
    this.#input.addEventListener("input", () => this.#hold(true));
    this.#input.addEventListener("change", () => {
      this.#hold(false);
      onCommand(command, { [argument]: this.#input.valueAsNumber });
    });
  }

  show({ state, name }) {
    const value = state?.[this.#control.field];
    setHidden(this.element, value == null);
    if (value == null) return;
    const what = labelOf(this.#control.label);
    setText(this.#caption, what);
    set(this.#input, "aria-label", t("card.input", { label: what, name }));
    this.#isOff = isOff(this.#control, state);
    this.#reached = this.#isOff ? this.#control.lowest : value;
    const shown = this.#isOff ? this.#control.lowest : wanted(this.#control.field, state);
    // While a person drags the slider, new states do not move it.
    if (!this.#held && this.#input.value !== String(shown)) this.#input.value = shown;
    this.#draw();
  }

  #hold(held) {
    this.#held = held;
    this.#draw();
  }

  #draw() {
    const { value, min, max } = this.#input;
    set(this.#input, "aria-valuetext", this.#isOff && !this.#held ? phaseWord("off") : withUnit(value, this.#control.unit));
    const filled = `${(100 * ((this.#held ? value : this.#reached) - min)) / (max - min)}%`;
    if (this.#input.style.getPropertyValue("--filled") === filled) return;
    this.#input.style.setProperty("--filled", filled);
  }
}

/** A number with a button that makes it lower, and one that makes it higher: a target. */
export class Steps {
  #control;
  #onCommand;
  #value = make("output", { class: "target" });
  #lower = make("button", { type: "button", class: "control step" }, make("span", {}, "−"));
  #higher = make("button", { type: "button", class: "control step" }, make("span", {}, "+"));
  #wanted = /** @type {number | null} */ (null);
  #shown = /** @type {number | null} */ (null);
  #timer = 0;

  /** @param {OnCommand} onCommand */
  constructor(control, onCommand) {
    this.#control = control;
    this.#onCommand = onCommand;
    this.element = make("span", { class: "steps", role: "group" }, this.#lower, this.#value, this.#higher);
    this.#lower.addEventListener("click", () => this.#step(-1));
    this.#higher.addEventListener("click", () => this.#step(1));
  }

  show({ state, name }) {
    const { field, label, lowest, highest } = this.#control;
    const value = state?.[field];
    setHidden(this.element, value == null);
    if (value == null) return;
    this.#shown = value;
    if (this.#wanted === value) this.#wanted = null;
    const now = this.#wanted ?? value;
    const what = labelOf(label);
    set(this.element, "aria-label", t("card.input", { label: what, name }));
    set(this.#lower, "aria-label", t("card.lower", { label: what, name }));
    set(this.#higher, "aria-label", t("card.higher", { label: what, name }));
    set(this.#lower, "aria-disabled", house.isLive && now > lowest ? null : "true");
    set(this.#higher, "aria-disabled", house.isLive && now < highest ? null : "true");
    this.#write(now);
  }

  #write(value) {
    setText(this.#value, withUnit(house.calendar.tenth(value), this.#control.unit));
  }

  #step(direction) {
    if (!house.isLive || this.#shown == null) return;
    const { lowest, highest, step } = this.#control;
    const next = (this.#wanted ?? this.#shown) + direction * step;
    this.#wanted = Math.min(highest, Math.max(lowest, next));
    this.#write(this.#wanted);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), PAUSE_MILLISECONDS);
  }

  #send() {
    const { command, argument } = this.#control;
    if (this.#wanted != null) this.#onCommand(command, { [argument]: this.#wanted });
    this.#timer = setTimeout(() => {
      this.#wanted = null; // the state says what holds now
      if (this.#shown != null) this.#write(this.#shown);
    }, HOLD_MILLISECONDS);
  }
}
