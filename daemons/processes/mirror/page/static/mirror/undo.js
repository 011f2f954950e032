// @ts-check
/** The button that sets a mode or a person back to the value before a command, and the command for it. */

import { make } from "../dom.js";
import { t } from "../text.js";

/** For so long a change can be undone beside its receipt. */
export const UNDO_SECONDS = 12;

/** A narrow card has a sign in place of a longer word. */
const LONG = 6;

/** @typedef {{word: string, args: Record<string, unknown>}} WayBack */

/**
 * Return the command that brings back the present value of a mode or of a person: rules of the whole house may act on
 * it. Null for another device, or if there is no value to bring back.
 * @param {import("../house.js").Process} device
 * @returns {WayBack | null}
 */
export function wayBack({ kind, control, commands, state }) {
  if (control?.takes === "choice") {
    const value = state?.[control.field];
    return control.choices.includes(value) && control.command in commands ? { word: control.command, args: { [control.argument]: value } } : null;
  }
  const place = state?.phase;
  return kind === "person" && place in commands ? { word: place, args: {} } : null;
}

/** Return the button. */
export function undoButton(name, onUndo) {
  const text = t("labels.Undo");
  const button = make("button", { type: "button", class: text.length > LONG ? "control undo long" : "control undo", "aria-label": t("card.input", { label: text, name }), title: text }, make("span", {}, text));
  button.addEventListener("click", onUndo, { once: true });
  return button;
}
