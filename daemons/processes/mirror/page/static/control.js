// @ts-check
/** The button of a device, and the slider of one that can be dimmed. */

import { make, say, set } from "./dom.js";
import { house } from "./house.js";

/**
 * What the button of a device does: one thing, the one that is wanted next.
 * @returns {{word: string, label: string} | null}
 */
export function action(process) {
  const { commands, state } = process;
  const on = Boolean(state?.status);
  // What a press would do is known only as long as it is known what is.
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
  #wish;
  #label = make("span");
  #does = /** @type {ReturnType<typeof action>} */ (null);

  /** @param {(word: string) => Promise<unknown>} wish asks for it, and comes back with the receipt */
  constructor(wish) {
    this.#wish = wish;
    this.element = make("button", { type: "button", class: "control" }, this.#label);
    this.element.addEventListener("click", () => this.#press());
  }

  show(process) {
    this.#does = action(process);
    this.element.hidden = !this.#does;
    if (!this.#does) return;
    const { word, label } = this.#does;
    set(this.element, "data-command", word);
    set(this.element, "aria-label", `${label}: ${process.name}`);
    // Not `disabled`, which would take the focus away from whoever stands on it.
    set(this.element, "aria-disabled", house.isLive ? null : "true");
    say(this.#label, label);
  }

  async #press() {
    if (!this.#does || this.element.ariaBusy === "true") return;
    this.element.ariaBusy = "true";
    await this.#wish(this.#does.word);
    this.element.ariaBusy = "false";
  }
}

/** What a slider sets, and where its value stands: the first of these that a device has. */
const SLIDES = [
  { word: "on", arg: "brightness_percent", field: "brightness_percent", name: "Brightness", unit: "%", step: 1 },
  { word: "set", arg: "position_percent", field: "position_percent", name: "Position", unit: "%", step: 1 },
  { word: "set", arg: "celsius", field: "target_celsius", name: "Temperature", unit: "°C", step: 0.5 },
];

export class Slider {
  #held = false;
  #slide = SLIDES[0];

  /** @param {(word: string, args: Record<string, number>) => void} wish */
  constructor(wish) {
    this.element = make("input", { type: "range", class: "slider", hidden: "" });
    this.element.addEventListener("input", () => this.#hold(true));
    this.element.addEventListener("change", () => {
      this.#hold(false);
      wish(this.#slide.word, { [this.#slide.arg]: this.element.valueAsNumber });
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
    // While a hand is on it, it is the hand's.
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
