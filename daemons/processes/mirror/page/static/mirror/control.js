// @ts-check
/** The buttons of a device, and the input for a choice, a time or a number with many steps. */

import { make, setHidden, setText, set } from "../dom.js";
import { house } from "../house.js";
import { isScale } from "./slider.js";
import { t } from "../text.js";
import { label as labelOf, phaseWord } from "../words.js";

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
    const isReplaced = process.control?.takes === "choice" || process.buttons.length; // the choice or those are its buttons
    this.#action = isReplaced ? null : action(process, this.#which);
    setHidden(this.element, !this.#action);
    if (!this.#action) return;
    const { word, label } = this.#action;
    set(this.element, "data-command", word);
    const text = labelOf(label);
    set(this.element, "aria-label", t("card.input", { label: text, name: process.name }));
    // Not `disabled`: a disabled button would lose the focus.
    set(this.element, "aria-disabled", house.isLive ? null : "true");
    setText(this.#label, text);
  }

  async #press() {
    if (!this.#action || this.element.ariaBusy === "true") return;
    this.element.ariaBusy = "true";
    await this.#onCommand(this.#action.word);
    this.element.ariaBusy = "false";
  }
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
    const shown = control && control.takes !== "colour" && !isScale(control) ? control : null;
    const value = shown && state?.[shown.field];
    setHidden(this.element, value == null);
    if (!shown || value == null) return;
    this.#build(shown);
    set(this.#field, "aria-label", t("card.input", { label: labelOf(shown.label), name }));
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
    const words = choices.map((word) => make("option", { value: word }, capital(phaseWord(word))));
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

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The buttons of a device that has one for each of some commands, such as up, stop and down. */
export class Buttons {
  #onCommand;
  #shape = "";
  /** @type {HTMLElement[]} */
  #all = [];

  /** @param {(word: string) => Promise<unknown>} onCommand sends the command, and resolves with its receipt */
  constructor(onCommand) {
    this.#onCommand = onCommand;
    this.element = make("span", { class: "buttons", role: "group" });
  }

  show({ buttons, name, state }) {
    setHidden(this.element, !buttons.length);
    if (this.element.hidden) return;
    set(this.element, "aria-label", name);
    this.#build(buttons);
    buttons.forEach(({ when }, i) => {
      set(this.#all[i], "aria-disabled", house.isLive ? null : "true");
      this.#all[i].classList.toggle("idle", state != null && !applies(when, state));
    });
  }

  #build(buttons) {
    const shape = JSON.stringify(buttons);
    if (shape === this.#shape) return;
    this.#shape = shape;
    this.#all = buttons.map(({ command, label, sign }) => {
      const text = labelOf(label);
      const button = make("button", { type: "button", class: sign ? "control sign" : "control", "data-command": command }, make("span", {}, sign || text));
      if (sign) for (const name of ["aria-label", "title"]) set(button, name, text);
      button.addEventListener("click", async () => {
        if (button.ariaBusy === "true") return;
        button.ariaBusy = "true";
        await this.#onCommand(command);
        button.ariaBusy = "false";
      });
      return button;
    });
    this.element.replaceChildren(...this.#all);
  }
}
