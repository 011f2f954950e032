// @ts-check
/** The small line on a card: a measurement over the last hours, from the history and from what the page has heard. */

import { draw, set } from "../dom.js";
import { house } from "../house.js";

const HOURS = 6;
const POINTS = 48;
/** The history is read again after this time, and before that the page adds what it hears. */
const FRESH_SECONDS = 1800;
const RETRY_SECONDS = 600;
const MOST_DEVICES = 40;
/** The page loads first. */
const DELAY_MILLISECONDS = 1500;
/** A line with more values than this is hardly longer. */
const SECONDS_PER_VALUE = (HOURS * 3600) / POINTS / 2;

/** A line over a smaller part of its width is only a dot. */
const LEAST_PART = 0.05;

/** @typedef {[at: number, value: number | null]} Value */

/** The values of all lines, by device and field. */
class Values {
  /** @type {Map<string, {fields: Record<string, Value[]>, until: number, changed: (fields: Record<string, Value[]>) => void}>} */
  #devices = new Map();
  #wanted = /** @type {Set<string>} */ (new Set());
  #timer = 0;

  /** Return the values of a field. `changed` is called when its history has been read. */
  of(id, field, changed) {
    const found = this.#devices.get(id) ?? { fields: {}, until: 0, changed };
    this.#devices.set(id, found);
    found.changed = changed;
    if (found.until < house.now) this.#want(id);
    return (found.fields[field] ??= []);
  }

  #want(id) {
    this.#wanted.add(id);
    if (!this.#timer) this.#timer = setTimeout(() => this.#read(), DELAY_MILLISECONDS);
  }

  /** Read the history of the devices that are wanted, some at a time. */
  async #read() {
    const ids = [...this.#wanted].slice(0, MOST_DEVICES);
    for (const id of ids) this.#wanted.delete(id);
    const query = new URLSearchParams([["since", `${HOURS}h`], ["points", String(POINTS)], ...ids.map((id) => ["device", id])]);
    const answer = await fetch(`/api/history?${query}`).catch(() => null);
    const devices = answer?.ok ? (await answer.json().catch(() => null))?.devices : null;
    for (const id of ids) this.#keep(id, devices?.[id]?.measurements);
    this.#timer = this.#wanted.size ? setTimeout(() => this.#read(), DELAY_MILLISECONDS) : 0;
  }

  #keep(id, measurements) {
    const found = this.#devices.get(id);
    if (!found) return;
    found.until = house.now + (measurements ? FRESH_SECONDS : RETRY_SECONDS);
    for (const [field, points] of Object.entries(measurements ?? {})) {
      const last = points.at(-1)?.[0] ?? 0;
      const heard = (found.fields[field] ?? []).filter(([at]) => at > last);
      found.fields[field] = [...points.map(([at, , mean]) => /** @type {Value} */ ([at, mean])), ...heard];
    }
    found.changed(found.fields);
  }
}

const values = new Values();

export class Spark {
  #line = draw("path", { "vector-effect": "non-scaling-stroke" });
  #drawnAt = 0;
  #shown = "";

  constructor() {
    this.element = draw("svg", { class: "spark", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true", hidden: "" }, this.#line);
  }

  /** Show a measurement of a device, with its present value. */
  show(id, field, value) {
    const all = values.of(id, field, (now) => this.#draw(now[field] ?? []));
    const at = house.now;
    const last = all.at(-1);
    if (last?.[1] === value && at - this.#drawnAt < SECONDS_PER_VALUE) return;
    if (last && last[1] !== value && at - last[0] < SECONDS_PER_VALUE) last[1] = value;
    else all.push([at, value]);
    this.#draw(all);
  }

  #draw(all) {
    this.#drawnAt = house.now;
    const from = house.now - HOURS * 3600;
    while (all.length > 1 && all[1][0] < from) all.shift();
    const path = lineOf(all, from, house.now);
    if (path === this.#shown) return;
    this.#shown = path;
    set(this.#line, "d", path);
    this.element.toggleAttribute("hidden", !path);
  }
}

/** Return the path of a line from 0 to 100, and 0 to 20 downwards; empty while there are too few values, or too new ones. */
function lineOf(all, from, to) {
  const known = all.map(([, value]) => value).filter((value) => value != null);
  if (known.length < 3) return "";
  const lowest = Math.min(...known);
  const range = Math.max(...known) - lowest;
  const y = (value) => (range ? 18 - (16 * (value - lowest)) / range : 10).toFixed(1);
  const x = (at) => ((100 * (Math.max(from, at) - from)) / (to - from)).toFixed(1);
  if (to - Math.max(from, all[0][0]) < LEAST_PART * (to - from)) return "";
  let path = "";
  let isOpen = false;
  for (const [at, value] of all) {
    if (value != null) path += `${isOpen ? "L" : "M"}${x(at)} ${y(value)}`;
    isOpen = value != null;
  }
  return path;
}
