// @ts-check
/** The timeline: a row for each device, and time from left to right. */

import { TimeAxis } from "./axis.js";
import { arrange, make } from "../dom.js";
import { followGestures, followKey, followPointer } from "./gestures.js";
import { house } from "../house.js";
import { Row } from "./row.js";
import { t } from "../text.js";
import { Tip } from "./tip.js";

/** @typedef {{from: number, to: number, now: number, width: number, rem: number}} Window the visible span of time, and its width in pixels */

export class Timeline {
  #pan;
  #zoom;
  #tip = new Tip();
  #axis = new TimeAxis();
  #loading = [make("div", { class: "loading" }), make("div", { class: "loading" })];
  #rows = make("div", { class: "rows" });
  /** @type {Map<string, Row>} */
  #drawn = new Map();
  /** The rows on the screen: the others are not drawn. */
  #seen = new IntersectionObserver((entries) => this.#onSeen(entries), { rootMargin: "300px" });
  /** @type {[import("./record.js").Record, Window, string | null] | null} */
  #last = null;
  #at = /** @type {number | null} */ (null);

  /**
   * @param {(part: number) => void} pan
   * @param {(factor: number, centre?: number) => void} zoom
   */
  constructor(pan, zoom) {
    this.#pan = pan;
    this.#zoom = zoom;
    // All tracks have the same left edge and width, so that a pointer at any height means the same time.
    const under = make("div", { class: "under" }, this.#axis.grid);
    const over = make("div", { class: "over" }, ...this.#loading);
    const frame = make("div", { class: "frame", tabindex: "0", role: "group", "aria-label": t("history.help") }, under, this.#rows, over);
    this.element = make("div", { class: "timeline" }, make("div", { class: "axis" }, this.#axis.marks), frame, this.#tip.element);
    followGestures(frame, this.#axis.marks, pan, zoom);
    followPointer(frame, this.#axis.marks, (part) => this.#point(part));
    frame.addEventListener("keydown", (event) => this.#key(event));
  }

  get width() {
    return this.#axis.marks.clientWidth;
  }

  /**
   * @param {import("./record.js").Record} record
   * @param {{from: number, to: number}} viewport
   * @param {string[]} ids the devices to show
   * @param {string | null} values as in `Row.show`
   */
  show(record, { from, to }, ids, values) {
    const { width } = this;
    if (!width) return;
    arrange(this.#rows, ids, (id) => {
      const row = new Row(id, this.#tip);
      this.#drawn.set(id, row);
      this.#seen.observe(row.element);
      return row.element;
    });
    for (const [id, row] of this.#drawn) {
      if (row.element.isConnected) continue;
      this.#seen.unobserve(row.element);
      this.#drawn.delete(id);
    }
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const window = { from, to, now: house.now, width, rem };
    this.#last = [record, window, values];
    for (const row of this.#drawn.values()) row.show(record, window, values);
    this.#axis.show(window);
    this.#cover(record, window);
    if (this.#at != null) this.#axis.point(this.#at, window);
  }

  /** Mark what is not loaded yet. */
  #cover({ since, until, isCurrent }, { from, to }) {
    const part = (at) => Math.min(100, Math.max(0, (100 * (at - from)) / (to - from)));
    const [before, after] = this.#loading;
    before.style.left = "0";
    before.style.width = `${since <= 0 ? 0 : part(since).toFixed(2)}%`;
    after.style.left = `${part(until).toFixed(2)}%`;
    after.style.width = `${isCurrent ? 0 : (100 - part(until)).toFixed(2)}%`;
  }

  #onSeen(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.#drawn.get(target.dataset.key);
      if (!row || row.isSeen === isIntersecting) continue;
      row.isSeen = isIntersecting;
      if (this.#last) row.show(...this.#last);
    }
  }

  #point(part) {
    if (!this.#last) return;
    const window = this.#last[1];
    this.#at = part == null ? null : window.from + part * (window.to - window.from);
    this.#axis.point(this.#at, window);
    for (const row of this.#drawn.values()) row.point(this.#at, window);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const bars = [...this.#drawn.values()].find(({ element }) => element.contains(event.target))?.bars;
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const all = [...this.#rows.children].map((element) => this.#drawn.get(element.getAttribute("data-key") ?? "")?.bars);
    const aside = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    let done = false;
    if (event.key === "Escape") this.#tip.hide();
    else if (bars && along) done = bars.step(along) || followKey(event.key, this.#pan, this.#zoom);
    else if (bars && aside) done = all[all.indexOf(bars) + aside]?.enter() ?? true;
    else done = followKey(event.key, this.#pan, this.#zoom);
    if (done) event.preventDefault();
  }
}
