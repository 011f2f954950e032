// @ts-check
/** A device's row of the timeline: its states, the outages of its process, and its power. */

import { arrange, draw, make, setText, set } from "./dom.js";
import { house } from "./house.js";
import { condense } from "./record.js";
import { describe } from "./tip.js";
import { watts } from "./words.js";

/** A narrower bar cannot be seen by itself. */
const SMALL_PIXELS = 3;
const LETTER_REM = 0.45;
/** Bars without a text; the tip describes them. */
const WORDLESS = new Set(["quiet", "many", "outage"]);
const PATTERNS = { on: 0, heating: 0, toasting: 0, preparing: 0, brewing: 1 };

export class Row {
  #id;
  #tip;
  #name = make("span", { class: "name" });
  #scale = make("span", { class: "scale" });
  #bars = make("div", { class: "bars" });
  #band = draw("path", { class: "band" });
  #mean = draw("path", { class: "mean" });
  #power = draw("svg", { class: "power", "aria-hidden": "true", preserveAspectRatio: "none" }, this.#band, this.#mean);
  /** @type {Map<string, any>} */
  #items = new Map();
  #causes = {};
  /** @type {string | undefined} the bar that Tab reaches */
  #current;

  /** @param {import("./tip.js").Tip} tip */
  constructor(id, tip) {
    this.#id = id;
    this.#tip = tip;
    const track = make("div", { class: "track" }, this.#bars, this.#power);
    this.element = make("div", { class: "row", role: "group" }, make("div", { class: "label" }, this.#name, this.#scale), track);
    const show = ({ target, clientX }) => {
      const item = this.#items.get(target.dataset?.key);
      if (item) tip.show(item, this.#causes, target, clientX);
    };
    this.#bars.addEventListener("pointerover", show);
    this.#bars.addEventListener("pointerout", () => tip.hide());
    this.#bars.addEventListener("click", show);
    this.#bars.addEventListener("focusin", (event) => {
      const bar = /** @type {HTMLElement} */ (event.target);
      this.#rove(bar.dataset.key);
      if (bar.matches(":focus-visible")) show({ target: bar });
    });
    this.#bars.addEventListener("focusout", () => tip.hide());
  }

  /**
   * @param {import("./record.js").Record} record
   * @param {import("./timeline.js").Window} window
   */
  show(record, { from, to, width, rem }) {
    const { items, power } = record.rows.get(this.#id) ?? { items: [], power: [] };
    const name = house.devices.get(this.#id)?.name ?? this.#id;
    this.#causes = record.causes;
    setText(this.#name, name);
    set(this.element, "aria-label", name);

    const second = width / (to - from);
    const seen = condense(items, from, to, SMALL_PIXELS / second, house.now);
    this.#items = new Map(seen.map((item) => [`${item.sort} ${item.from} ${item.phase}`, item]));
    arrange(this.#bars, this.#items.keys(), () => make("button", { type: "button", tabindex: "-1" }, make("span")));
    for (const bar of /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#bars.children)) {
      this.#draw(bar, this.#items.get(bar.dataset.key ?? ""), Math.max(from, record.since), to, from, second, rem);
    }
    if (!this.#items.has(this.#current ?? "")) this.#rove([...this.#items.keys()].at(-1));
    this.#measure(power, from, to, second, width);
  }

  /** Move the focus to the next or previous bar; return false if there is none. */
  step(by) {
    const keys = [...this.#items.keys()];
    const next = keys[keys.indexOf(this.#current ?? "") + by];
    if (next == null) return false;
    this.#rove(next);
    return this.enter();
  }

  enter() {
    const bar = [...this.#bars.children].find((each) => each.dataset.key === this.#current);
    bar?.focus();
    return Boolean(bar);
  }

  #rove(key) {
    this.#current = key;
    for (const bar of this.#bars.children) set(bar, "tabindex", bar.dataset.key === key ? 0 : -1);
  }

  #draw(bar, item, first, to, from, second, rem) {
    const start = Math.max(item.from, first);
    const end = Math.min(item.end, to);
    const width = Math.max((end - start) * second, SMALL_PIXELS);
    bar.style.setProperty("left", `${((start - from) * second).toFixed(1)}px`);
    bar.style.setProperty("width", `${width.toFixed(1)}px`);
    const sort = appearance(item);
    set(bar, "data-sort", sort);
    set(bar, "data-pattern", sort === "busy" ? pattern(item.phase) : null);
    set(bar, "aria-label", describe(item, this.#causes).join(", "));
    const word = WORDLESS.has(sort) ? "" : (item.fault ?? item.phase);
    setText(bar.firstChild, (word.length + 2) * LETTER_REM * rem < width ? word : "");
  }

  /** Draw the power: a line for the mean, and a band from the lowest to the highest. */
  #measure(power, from, to, second, width) {
    const peak = Math.max(0, ...power.filter(([at]) => at <= to).map(([, , , highest]) => highest));
    this.#power.classList.toggle("none", !power.length);
    setText(this.#scale, peak > 0 ? `up to ${watts(peak)}` : "");
    if (!power.length) return;
    const x = (at) => ((Math.min(Math.max(at, from), to) - from) * second).toFixed(1);
    const y = (value) => (100 - (96 * value) / (peak || 1)).toFixed(1);
    // Each point is valid until the next one.
    const seen = power.map((point, i) => [...point, power[i + 1]?.[0] ?? house.now]).filter(([at, , , , end]) => end >= from && at <= to);
    const path = (field, points) => points.map((point) => `L${x(point[0])} ${y(point[field])}H${x(point[4])}`).join("");
    const back = [...seen].reverse().map((point) => `L${x(point[4])} ${y(point[1])}H${x(point[0])}`).join("");
    const mean = path(2, seen);
    set(this.#power, "viewBox", `0 0 ${width} 100`);
    set(this.#mean, "d", mean.replace("L", "M"));
    set(this.#band, "d", `${path(3, seen).replace("L", "M")}${back}Z`);
  }
}

/** Return how a bar looks, in a word. */
function appearance({ sort, count, fault, isQuiet, isReady }) {
  if (sort === "outage") return "outage";
  if (count > 1 && !isQuiet) return "many";
  if (fault) return "fault";
  if (isReady) return "ready";
  return isQuiet ? "quiet" : "busy";
}

/** Return the pattern that distinguishes a phase from others of the same colour. */
function pattern(phase) {
  return PATTERNS[phase] ?? [...phase].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 3;
}
