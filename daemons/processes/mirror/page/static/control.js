// @ts-check
/** The buttons of a device, and the inputs for its value: a slider, a choice, a time or a number. */

import { make, setText, set } from "./dom.js";
import { house } from "./house.js";

/**
 * Return the one command that a button of a device sends, and its label.
 * @param {"primary_commands" | "secondary_commands"} [which]
 * @returns {{word: string, label: string} | null}
 */
export function action(process, which = "primary_commands") {
  const choices = process[which];
  let choice = choices.find(({ when }) => applies(when, process.state));
  // Without a live state, the effect of a command may be the opposite. Then the label promises none.
  if (choice && house.presence(process) !== "live") {
    choice = choices.find(({ command, when }) => command === choice.command && applies(when, null)) ?? choice;
  }
  return choice ? { word: choice.command, label: choice.label } : null;
}

/** Return whether each field in `when` has one of its values; an absent field counts as null. */
function applies(when, state) {
  return Object.entries(when).every(([field, values]) => values.includes(state?.[field] ?? null));
}

export class Button {
  #onCommand;
  #which;
  #label = make("span");
  #action = /** @type {ReturnType<typeof action>} */ (null);

  /**
   * @param {(word: string) => Promise<unknown>} onCommand sends the command, and resolves with its receipt
   * @param {"primary_commands" | "secondary_commands"} [which]
   */
  constructor(onCommand, which = "primary_commands") {
    this.#onCommand = onCommand;
    this.#which = which;
    const sort = which === "primary_commands" ? "control" : "control second";
    this.element = make("button", { type: "button", class: sort }, this.#label);
    this.element.addEventListener("click", () => this.#press());
  }

  show(process) {
    this.#action = process.control?.takes === "choice" ? null : action(process, this.#which); // its choice is the button
    this.element.hidden = !this.#action;
    if (!this.#action) return;
    const { word, label } = this.#action;
    set(this.element, "data-command", word);
    set(this.element, "aria-label", `${label}: ${process.name}`);
    // Not `disabled`: a disabled button would lose the focus.
    set(this.element, "aria-disabled", house.isLive ? null : "true");
    setText(this.#label, label);
  }

  async #press() {
    if (!this.#action || this.element.ariaBusy === "true") return;
    this.element.ariaBusy = "true";
    await this.#onCommand(this.#action.word);
    this.element.ariaBusy = "false";
  }
}

/** The command of a slider, and the field with its value: the first of these that a device has. */
const SLIDES = [
  { word: "on", arg: "brightness_percent", field: "brightness_percent", name: "Brightness", unit: "%", step: 1 },
  { word: "set", arg: "position_percent", field: "position_percent", name: "Position", unit: "%", step: 1 },
  { word: "set", arg: "celsius", field: "target_celsius", name: "Temperature", unit: "°C", step: 0.5 },
];

/** A number with more steps has a box instead of a slider. */
const SLIDER_STEPS = 200;

/** Return whether a device has a number that a slider can set. */
function isSlider(control) {
  const { takes, lowest, highest, step } = control ?? {};
  return takes === "number" && lowest != null && highest != null && (highest - lowest) / step <= SLIDER_STEPS;
}

/** Return the slide for the control that a device declares. */
function declared({ command, argument, field, label, unit, step }) {
  return { word: command, arg: argument, field, name: label, unit, step };
}

const PAUSE_MILLISECONDS = 1200;

/** The input of a device that declares a choice, a time, or a number with many steps. */
export class Input {
  #onCommand;
  #control = /** @type {Record<string, any> | null} */ (null);
  #shape = "";
  #pause = 0;
  #isTouched = false;
  #field = /** @type {any} */ (make("input"));

  /** @param {(word: string, args: Record<string, unknown>) => void} onCommand */
  constructor(onCommand) {
    this.#onCommand = onCommand;
    this.element = make("span", { class: "input", hidden: "" });
  }

  show({ control, state, name }) {
    const shown = control && !isSlider(control) ? control : null;
    const value = shown && state?.[shown.field];
    this.element.hidden = value == null;
    if (!shown || value == null) return;
    this.#build(shown);
    set(this.#field, "aria-label", `${shown.label}: ${name}`);
    this.#field.disabled = !house.isLive;
    // While a person changes the value, new states do not.
    if (!this.#isTouched && this.#field.value !== String(value)) this.#field.value = String(value);
  }

  #build(control) {
    const shape = JSON.stringify(control);
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#control = control;
    this.#field = control.takes === "choice" ? this.#select(control) : this.#box(control);
    this.element.replaceChildren(this.#field);
  }

  #select({ choices }) {
    const words = choices.map((word) => make("option", { value: word }, word.charAt(0).toUpperCase() + word.slice(1).replaceAll("_", " ")));
    const field = make("select", { class: "control" }, ...words);
    field.addEventListener("change", () => this.#send());
    return field;
  }

  /** A box is read when it is left, by Enter, or a moment after its last change: "07:45" is typed in two steps. */
  #box({ takes, lowest, highest, step }) {
    const limits = Object.fromEntries(Object.entries({ min: lowest, max: highest, step }).filter(([, value]) => value != null));
    const field = make("input", { type: takes, class: "control", required: "", ...(takes === "number" ? limits : {}) });
    field.addEventListener("input", () => {
      this.#isTouched = true;
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => this.#send(), PAUSE_MILLISECONDS);
    });
    field.addEventListener("blur", () => this.#send());
    field.addEventListener("keydown", (event) => event.key === "Enter" && this.#send());
    return field;
  }

  #send() {
    clearTimeout(this.#pause);
    const isChanged = this.#isTouched || this.#control?.takes === "choice";
    this.#isTouched = false;
    if (!isChanged || !this.#control || !this.#field.value) return;
    const value = this.#control.takes === "number" ? this.#field.valueAsNumber : this.#field.value;
    this.#onCommand(this.#control.command, { [this.#control.argument]: value });
  }
}

export class Slider {
  #held = false;
  #slide = SLIDES[0];

  /** @param {(word: string, args: Record<string, number>) => void} onCommand */
  constructor(onCommand) {
    this.element = make("input", { type: "range", class: "slider", hidden: "" });
    this.element.addEventListener("input", () => this.#hold(true));
    this.element.addEventListener("change", () => {
      this.#hold(false);
      onCommand(this.#slide.word, { [this.#slide.arg]: this.element.valueAsNumber });
    });
  }

  show({ commands, control, state, name }) {
    const own = isSlider(control) ? declared(control) : null;
    const slide = own ?? SLIDES.find(({ word, arg, field }) => !control && commands[word]?.[arg] && state?.[field] != null);
    this.element.hidden = !slide || state?.[slide.field] == null;
    if (!slide || this.element.hidden) return;
    this.#slide = slide;
    // "a whole number from 1 to 100"
    const [least, most] = own ? [control.lowest, control.highest] : (commands[slide.word][slide.arg].match(/\d+/g) ?? [0, 100]);
    set(this.element, "min", least);
    set(this.element, "max", most);
    set(this.element, "step", slide.step);
    set(this.element, "aria-label", `${slide.name}: ${name}`);
    // While a person drags the slider, new states do not move it.
    if (!this.#held) this.element.value = state[slide.field];
    this.#draw();
  }

  #hold(held) {
    this.#held = held;
    this.#draw();
  }

  #draw() {
    const { value, min, max } = this.element;
    set(this.element, "aria-valuetext", `${value} ${this.#slide.unit}`.trim());
    this.element.style.setProperty("--filled", `${(100 * (value - min)) / (max - min)}%`);
  }
}
