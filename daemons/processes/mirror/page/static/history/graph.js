// @ts-check
/** A graph of one measurement over time: the mean as a line, and a band from the lowest to the highest value. */

import { draw, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { followGestures, followPointer } from "./gestures.js";
import { measurement } from "../measurement.js";
import { BEFORE } from "./record.js";
import { scale } from "./scale.js";
import { t } from "../text.js";

/** The least distance between two values of the axis. */
const TICK_REM = 1.35;
/** The height of a value of the axis. */
const LINE_REM = 0.9;
/** The path is built again when the graph has moved by this part of its width. */
const MOST_SHIFT = 0.5;
/** A narrower span that is not known cannot be seen. */
const LEAST_PIXELS = 1;
/** A graph is so high in its own units, whatever its height on the screen. */
const HEIGHT = 100;

/**
 * @typedef {[at: number, lowest: number | null, mean: number | null, highest: number | null]} Point
 * @typedef {{from: number, to: number | null, why: string}} Unknown
 * @typedef {{points: Point[], unknown?: Unknown[], since?: number, until?: number}} Data `points` of the history: a point
 *   with nulls ends what is known. Nothing is loaded before `since` and after `until`.
 * @typedef {{from: number, to: number, now: number}} Window the visible span of time in Unix seconds
 */

export class Graph {
  #about;
  #size;
  #band = draw("path", { class: "band" });
  #mean = draw("path", { class: "mean" });
  #svg = draw("svg", { class: "curve", "aria-hidden": "true", preserveAspectRatio: "none" }, this.#band, this.#mean);
  #gaps = make("div", { class: "gaps" });
  #moving = make("div", { class: "moving" }, this.#svg, this.#gaps);
  #past = make("div", { class: "past" }, this.#moving);
  #ticks = make("div", { class: "ticks", "aria-hidden": "true" });
  #dot = make("i", { class: "dot" });
  #text = make("span", { class: "reading" });
  /** The lowest and the highest value in sight, as text. */
  extent = make("span", { class: "extent" });
  #cursor = make("div", { class: "cursor", hidden: "" }, this.#dot, this.#text);
  /** @type {Data} */
  #data = { points: [] };
  /** @type {Window} */
  #window = { from: 0, to: 1, now: 0 };
  #scale = scale(0, 1, { isFromZero: true, isWhole: false }, 2);
  /** What the path was built from, and for. */
  #built = { points: /** @type {Point[]} */ ([]), count: -1, last: 0, unknown: undefined, second: 0, from: 0, low: NaN, high: NaN, now: 0 };
  #at = /** @type {number | null} */ (null);

  /**
   * @param {string} field
   * @param {{pan?: (part: number) => void, zoom?: (factor: number, centre?: number) => void, isLed?: boolean, device?: string}} [options]
   *   with `isLed` it does not follow the pointer itself: `point` shows a value
   * @param {"" | "small"} [size] a small one has no axis, and does not follow the pointer
   */
  constructor(field, { pan, zoom, isLed, device } = {}, size = "") {
    this.field = field;
    this.#about = measurement(field, device);
    this.#size = size;
    this.element = make("div", { class: "graph", role: "img" }, this.#past, this.#ticks, this.#cursor);
    if (size) this.element.classList.add(size);
    else if (!isLed) followPointer(this.element, this.element, (part) => this.point(part == null ? null : this.#window.from + part * (this.#window.to - this.#window.from)));
    if (pan && zoom) followGestures(this.element, this.element, pan, zoom);
  }

  get about() {
    return this.#about;
  }

  /**
   * Draw. If only time has passed, the drawing moves and is not made again.
   * @param {Data} data
   * @param {Window} window
   */
  show(data, window) {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width) return;
    this.#data = data;
    this.#window = window;
    const second = width / (window.to - window.from);
    this.#rescale(height);
    if (this.#isMoved(second, width)) this.#build(second, width);
    this.#past.style.width = `${Math.min(width, Math.max(0, (window.now - window.from) * second)).toFixed(1)}px`;
    this.#moving.style.transform = `translateX(${((this.#built.from - window.from) * second).toFixed(1)}px)`;
    if (this.#at != null) this.point(this.#at);
  }

  /** Show the value at a time, or none. */
  point(at) {
    const { from, to, now } = this.#window;
    const found = at == null || at < from || at > Math.min(to, now) ? null : this.#find(at);
    this.#at = at;
    setHidden(this.#cursor, at == null || at < from || at > to);
    if (at == null || this.#cursor.hidden) return;
    const part = (at - from) / (to - from);
    this.#cursor.style.left = `${(100 * part).toFixed(2)}%`;
    this.#cursor.classList.toggle("late", part > 0.5);
    this.#cursor.style.setProperty("--space", (100 * Math.max(part, 1 - part)).toFixed(2));
    setHidden(this.#dot, !found);
    setTextOrHide(this.#text, this.reading(at));
    if (found) this.#dot.style.top = `${this.#y(found[2])}%`;
  }

  /** Return the value at a time as text: "21.4 °C (20.9–21.8)", or that it is not known. */
  reading(at) {
    if (at > this.#window.now) return "";
    const found = this.#find(at);
    const { since = -Infinity, until = Infinity } = this.#data;
    if (!found) return at < since || at > until ? "" : t("history.not_known");
    const { format, number } = this.#about;
    const [low, mean, high] = [number(found[1]), format(found[2]), number(found[3])];
    return low === high ? mean : `${mean} (${low}–${high})`;
  }

  /** Return the point that holds at a time, or null if the value is not known. */
  #find(at) {
    const { points, unknown = [] } = this.#data;
    if (unknown.some(({ from, to, why }) => why !== BEFORE && from <= at && at < (to ?? Infinity))) return null;
    let [low, high] = [0, points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points[middle][0] <= at) low = middle + 1;
      else high = middle;
    }
    const found = points[low - 1];
    return found && found[2] != null ? /** @type {[number, number, number, number]} */ (found) : null;
  }

  #rescale(height) {
    const { from, to } = this.#window;
    const { points } = this.#data;
    let [low, high] = [Infinity, -Infinity];
    points.forEach(([at, lowest, , highest], i) => {
      if (lowest == null || highest == null || at > to || (points[i + 1]?.[0] ?? Infinity) < from) return;
      if (lowest < low) low = lowest;
      if (highest > high) high = highest;
    });
    const isEmpty = low > high;
    this.element.classList.toggle("empty", isEmpty);
    setText(this.extent, isEmpty ? "" : low === high ? this.#about.format(low) : `${this.#about.number(low)} – ${this.#about.format(high)}`);
    if (isEmpty) [low, high] = [0, 1];
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.#scale = scale(low, high, this.#about, Math.max(1, Math.floor(height / (TICK_REM * rem))));
    if (this.#scale.low === this.#built.low && this.#scale.high === this.#built.high) return;
    const { format, number, name } = this.#about;
    set(this.element, "aria-label", isEmpty ? name : `${name}: ${number(low)} – ${format(high)}`);
    if (this.#size) return;
    const last = this.#scale.ticks.length - 1;
    // The highest text hangs from the upper edge, and the lowest one stands on the lower edge.
    const line = LINE_REM * rem;
    const isFree = (y) => last * line < height && y >= 1.5 * line && y <= height - 1.5 * line;
    this.#ticks.replaceChildren(
      ...(isEmpty ? [] : this.#scale.ticks).map((value, i) => {
        const isBetween = i > 0 && i < last;
        const text = isBetween && !isFree((height * this.#y(value)) / HEIGHT) ? "" : i === last ? format(value) : number(value);
        const tick = make("span", { class: isBetween ? "" : i ? "high" : "low" }, make("b", {}, text));
        tick.style.top = `${this.#y(value)}%`;
        return tick;
      }),
    );
  }

  #isMoved(second, width) {
    const { points, unknown } = this.#data;
    const built = this.#built;
    return (
      points !== built.points || points.length !== built.count || points.at(-1)?.[0] !== built.last || unknown !== built.unknown ||
      second !== built.second || this.#scale.low !== built.low || this.#scale.high !== built.high ||
      Math.abs(this.#window.from - built.from) * second > MOST_SHIFT * width
    );
  }

  #y(value) {
    const { low, high } = this.#scale;
    return (HEIGHT * (high - value)) / (high - low);
  }

  #build(second, width) {
    const { points, unknown, since = -Infinity, until = Infinity } = this.#data;
    const { from, now } = this.#window;
    this.#built = { points, unknown, count: points.length, last: points.at(-1)?.[0] ?? 0, second, from, low: this.#scale.low, high: this.#scale.high, now };
    // What is drawn reaches beyond the visible span, so that the graph can move for a while.
    const [first, last] = [-MOST_SHIFT * width, (1 + MOST_SHIFT) * width];
    const x = (at) => Math.round(10 * Math.min(Math.max((Math.min(Math.max(at, since), until) - from) * second, first), last)) / 10;
    const y = (value) => Math.round(100 * this.#y(value)) / 100;
    const spans = points
      .map(([at, low, mean, high], i) => ({ x: x(at), end: x(points[i + 1]?.[0] ?? Infinity), low, mean, high }))
      .filter(({ x, end }) => end > first && x < last);
    let [line, band] = ["", ""];
    for (const known of runs(spans)) {
      line += `M${known[0].x} ${y(known[0].mean)}${known.map((span) => `V${y(span.mean)}H${span.end}`).join("")}`;
      const back = known.toReversed().map((span) => `V${y(span.low)}H${span.x}`).join("");
      band += `M${known[0].x} ${y(known[0].high)}${known.map((span) => `V${y(span.high)}H${span.end}`).join("")}${back}Z`;
    }
    set(this.#svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#svg.style.width = `${width}px`;
    set(this.#mean, "d", line);
    set(this.#band, "d", band);
    this.#gaps.replaceChildren(...gaps(unknown ?? [], spans, first).filter((gap) => gap[1] - gap[0] >= LEAST_PIXELS).map(([left, end]) => hatch(left, end)));

    function* gaps(unknown, spans, first) {
      // A measurement may be known for longer than the states. Before the first record, nothing is drawn.
      const begins = unknown.find(({ why }) => why === BEFORE)?.to ?? -Infinity;
      for (const { from: since, to, why } of unknown) if (why !== BEFORE) yield [x(since), x(to ?? Infinity)];
      if (spans.length) yield [x(begins), spans[0].x];
      for (const { x: left, end, mean } of spans) if (mean == null) yield [left, end];
    }
  }
}

/** Return the runs of spans whose values are known. */
function runs(spans) {
  const found = /** @type {any[][]} */ ([]);
  let isKnown = false;
  for (const span of spans) {
    if (span.mean != null) {
      if (isKnown) found.at(-1)?.push(span);
      else found.push([span]);
    }
    isKnown = span.mean != null;
  }
  return found;
}

function hatch(left, end) {
  const gap = make("i", { class: "unknown" });
  gap.style.left = `${left}px`;
  gap.style.width = `${end - left}px`;
  return gap;
}
