// @ts-check
/** What an argument of a command takes, read from the words that describe its values. Pure. */

/**
 * @typedef {object} Argument
 * @property {string} name
 * @property {"number" | "text" | "time" | "duration" | "colour" | "switch" | "choice" | "any"} takes
 * @property {number | null} lowest
 * @property {number | null} highest
 * @property {number | "any"} step
 * @property {string[]} choices
 * @property {number | null} longest the most characters of a text
 * @property {string} unit
 */

const NUMBER = /^(a whole number|a number)(?: from (-?[\d.e+]+))?(?: to (-?[\d.e+]+))?$/;
const TEXT = /^text(?: of \d+ to (\d+) characters)?$/;
/** By the end of an argument's name: its unit, and the step of its buttons. @type {Record<string, [string, number]>} */
const UNITS = { percent: ["%", 5], celsius: ["°C", 0.5], kelvin: ["K", 100], watts: ["W", 10], seconds: ["s", 1], lux: ["lx", 10] };

/**
 * @param {string} name
 * @param {string} allowed such as "a whole number from 1 to 100"
 * @returns {Argument}
 */
export function argument(name, allowed) {
  const [, unit = ""] = Object.entries(UNITS).map(([end, [text]]) => [end, text]).find(([end]) => isCalled(name, end)) ?? [];
  const found = { name, lowest: null, highest: null, step: /** @type {const} */ ("any"), choices: [], longest: null, unit };
  const numeric = allowed.match(NUMBER);
  if (numeric) {
    const [, noun, low, high] = numeric;
    return { ...found, takes: "number", step: noun === "a number" ? "any" : 1, lowest: value(low), highest: value(high) };
  }
  const text = allowed.match(TEXT);
  if (text) return { ...found, takes: "text", longest: value(text[1]) };
  if (allowed === "true or false") return { ...found, takes: "switch" };
  if (allowed.startsWith("one of ")) return { ...found, takes: "choice", choices: words(allowed.slice(7)) };
  if (allowed.startsWith("a time ")) return { ...found, takes: "time" };
  if (allowed.startsWith("a colour,")) return { ...found, takes: "colour" };
  if (allowed.startsWith("a duration ")) return { ...found, takes: "duration" };
  return { ...found, takes: "any" };
}

/** Return by how much a button changes a number: a readable part of its range. */
export function stride({ name, lowest, highest, step }) {
  const [, [, known]] = Object.entries(UNITS).find(([end]) => isCalled(name, end)) ?? ["", ["", 0]];
  if (known) return known;
  if (step !== "any" && step < 1) return step;
  return lowest != null && highest != null && highest - lowest > 50 ? 5 : 1;
}

function isCalled(name, end) {
  return name === end || name.endsWith(`_${end}`);
}

function value(text) {
  return text == null ? null : Number(text);
}

/** Return the choices of a text such as `"down", "up"`, or of `1, 2`. */
function words(text) {
  return (text.match(/"(?:[^"\\]|\\.)*"|[^\s,]+/g) ?? []).map((word) => (word.startsWith('"') ? JSON.parse(word) : word));
}
