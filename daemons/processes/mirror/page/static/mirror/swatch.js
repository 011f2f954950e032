// @ts-check
/** The input for a colour: a round swatch with the present colour, which opens the browser's own choice. */

import { make, set, setHidden } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";
import { label as labelOf } from "../words.js";

/** What the choice begins with while the device shows no colour. */
const FIRST = "#ff8800";

export class Swatch {
  #control;
  #isHeld = false;
  #input = /** @type {HTMLInputElement} */ (make("input", { type: "color" }));

  /** @param {(command: string, args: Record<string, string>) => Promise<unknown> | void} onCommand */
  constructor(control, onCommand) {
    this.#control = control;
    this.element = make("span", { class: "colour" }, this.#input);
    // While the choice is open, new states do not change it.
    this.#input.addEventListener("input", () => (this.#isHeld = true));
    this.#input.addEventListener("change", () => {
      this.#isHeld = false;
      onCommand(control.command, { [control.argument]: this.#input.value });
    });
  }

  show({ state, name }) {
    setHidden(this.element, !state);
    if (!state || this.#isHeld) return;
    const value = state[this.#control.field] ?? null;
    set(this.#input, "aria-label", t("card.input", { label: labelOf(this.#control.label), name }));
    set(this.element, "data-unknown", value == null ? "" : null);
    this.#input.disabled = !house.isLive;
    if (this.#input.value !== (value ?? FIRST)) this.#input.value = value ?? FIRST;
  }
}
