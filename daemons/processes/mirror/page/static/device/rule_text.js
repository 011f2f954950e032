// @ts-check
/** A rule, or a condition of one, in the language of the page: the server sends it as a sentence in parts. */

import { word } from "./words.js";
import { measurement } from "../measurement.js";
import { hasText, t } from "../text.js";
import { phaseWord, span } from "../words.js";

/** @typedef {{code: string, values?: Record<string, any>}} Phrase */

/** The first of January 2024 was a Monday: the names of all days and months follow from that year. */
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/** German writes a noun with a capital letter also within a sentence. */
const CAPITALS = /^(de|lb)\b/;

/** The parts that are no sentences. */
const WORDS = {
  and: ({ parts }) => list("conjunction", parts),
  or: ({ parts }) => list("disjunction", parts),
  list: ({ parts }) => parts.map(ruleText).join(", "),
  text: ({ text }) => text,
  field: ({ field }) => noun(measurement(field).name),
  amount: ({ field, value, device }) => measurement(field, device).format(value),
  span: ({ seconds }) => span(seconds),
  time: ({ time }) => time,
  sun: ({ sun }) => t(`device_sun.${sun}`),
  day: ({ day }) => (DAYS.includes(day) ? named({ weekday: "long" }, 2024, 0, 1 + DAYS.indexOf(day)) : phaseWord(day)),
  month: ({ month }) => named({ month: "long" }, 2024, MONTHS.indexOf(month), 1),
  date: ({ date }) => date,
  phase: ({ phase }) => phaseWord(phase),
  becomes: ({ phase }) => turnText(phase),
  presence: ({ presence }) => t(`presence.${presence}`),
  command: ({ command, arguments: given }) => commandText(command, Object.entries(given ?? {})),
};

/**
 * Return a part of a rule in words.
 * @param {Phrase} phrase
 * @returns {string}
 */
export function ruleText({ code, values = {} }) {
  if (code in WORDS) return WORDS[code](values);
  const words = Object.entries(values).map(([name, value]) => [name, value.code ? ruleText(value) : value]);
  return t(`device_rule.${code}`, Object.fromEntries(words));
}

/** Return what a device does that turns to a phase: "is pressed twice", "becomes ready". */
function turnText(phase) {
  const own = `device_turn.${phase.values.phase}`;
  return hasText(own) ? t(own) : t("device_rule.becomes", { phase: ruleText(phase) });
}

function commandText(command, given) {
  const values = given.map(([name, value]) => `${word("argument", name)} ${valueText(name, value)}`);
  return values.length ? `${word("command", command)} (${values.join(", ")})` : word("command", command);
}

function valueText(name, value) {
  if (typeof value === "number") return measurement(name).format(value);
  if (typeof value === "boolean") return t(value ? "device_value.yes" : "device_value.no");
  return name === "value" && hasText(`phases.${value}`) ? phaseWord(value) : t("device_value.text", { text: String(value) });
}

function noun(text) {
  const isWord = text.slice(1, 2) !== text.slice(1, 2).toUpperCase();
  return isWord && !CAPITALS.test(language()) ? text.charAt(0).toLocaleLowerCase(language()) + text.slice(1) : text;
}

/** Return the name of a day of the week, or of a month. */
function named(options, ...date) {
  return new Intl.DateTimeFormat(language(), { ...options, timeZone: "UTC" }).format(Date.UTC(...date));
}

function list(type, parts) {
  return new Intl.ListFormat(language(), { type, style: "long" }).format(parts.map(ruleText));
}

function language() {
  return document.documentElement.lang;
}
