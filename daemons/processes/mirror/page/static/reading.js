// @ts-check
/** The values of a state as people read them: a number, its unit, and the words of a phase. */

import { house } from "./house.js";
import { withUnit } from "./text.js";
import { unitOfField } from "./units.js";
import { phaseWord as wordOf, withCause } from "./words.js";

/** @typedef {{field: string, number: string, unit: string}} Reading */

/**
 * Return a value of a state; null if it is not known.
 * @returns {Reading | null}
 */
export function reading({ state, controls }, field) {
  const value = state?.[field];
  if (typeof value !== "number") return null;
  const { unit, digits } = unitOfField(field) ?? { unit: ownUnit(state, controls, field), digits: 2 };
  return { field, number: field.endsWith("_cost") ? house.calendar.money(value) : write(value, digits), unit };
}

function ownUnit(state, controls, field) {
  return controls.find((control) => control.field === field)?.unit ?? (field.endsWith("_cost") ? (state.currency ?? "") : "");
}

function write(value, digits) {
  const rounded = Math.round(value * 10 ** digits) / 10 ** digits;
  return digits === 0 ? house.calendar.number(rounded) : digits === 1 ? house.calendar.tenth(rounded) : house.calendar.precise(rounded);
}

/** "21.4 °C" */
export function written({ number, unit }) {
  return withUnit(number, unit);
}

/** Return the first of the device's main values that is known; null without one. */
export function mainReading(device) {
  for (const field of device.values) {
    const found = reading(device, field);
    if (found) return found;
  }
  return null;
}

/** Return all main values that are known. */
export function readings(device) {
  return device.values.map((field) => reading(device, field)).filter(Boolean);
}

/** Return the word of a phase in the language of the page; null without one. */
export function phaseWord(state) {
  const word = state?.phase ?? (state?.status == null ? null : state.status ? "on" : "off");
  return word && withCause(wordOf(word), state);
}
