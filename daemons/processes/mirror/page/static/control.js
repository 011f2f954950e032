// @ts-check
/** The button of a device, and the slider of one that can be dimmed. */

import { make, setText, set } from "./dom.js";
import { house } from "./house.js";

/**
 * Return the one command that the button of a device sends, and its label.
 * @returns {{word: string, label: string} | null}
 */
export function action(process) {
  const choices = process.primary_commands;
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
  #label = make("span");
  #action = /** @type {ReturnType<typeof action>} */ (null);

  /** @param {(word: string) => Promise<unknown>} onCommand sends the command, and resolves with its receipt */
  constructor(onCommand) {
    this.#onCommand = onCommand;
    this.element = make("button", { type: "button", class: "control" }, this.#label);
    this.element.addEventListener("click", () => this.#press());
  }

  show(process) {
    this.#action = action(process);
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

  show({ commands, state, name }) {
    const slide = SLIDES.find(({ word, arg, field }) => commands[word]?.[arg] && state?.[field] != null);
    this.element.hidden = !slide;
    if (!slide) return;
    this.#slide = slide;
    const [least, most] = commands[slide.word][slide.arg].match(/\d+/g) ?? [0, 100]; // "a whole number from 1 to 100"
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
    set(this.element, "aria-valuetext", `${value} ${this.#slide.unit}`);
    this.element.style.setProperty("--filled", `${(100 * (value - min)) / (max - min)}%`);
  }
}
