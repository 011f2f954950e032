// @ts-check
/** The button of a device, and the slider of one that can be dimmed. */

import { make, setText, set } from "./dom.js";
import { house } from "./house.js";

/**
 * Return the one command that the button of a device sends, and its label.
 * @returns {{word: string, label: string} | null}
 */
export function action(process) {
  const { commands, state } = process;
  const on = Boolean(state?.status);
  // What a press does depends on the state, so without a live state the label is only "Press".
  if (commands.single) return { word: "single", label: "Press" };
  if (commands.open && commands.close && !on) {
    return state?.phase === "open" ? { word: "close", label: "Close" } : { word: "open", label: "Open" };
  }
  if (commands.set?.celsius) return ["off", "frost"].includes(state?.phase) ? { word: "on", label: "Turn on" } : { word: "off", label: "Turn off" };
  if (commands.press) return { word: "press", label: house.presence(process) !== "live" ? "Press" : on ? "Turn off" : "Turn on" };
  if (on && commands.stop) return { word: "stop", label: "Stop" };
  if (commands.start) return { word: "start", label: "Start" };
  if (on && commands.off) return { word: "off", label: "Turn off" };
  if (commands.on) return { word: "on", label: "Turn on" };
  return commands.toggle ? { word: "toggle", label: "Switch" } : null;
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
