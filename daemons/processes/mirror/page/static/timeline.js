// @ts-check
/** The timeline: a row for each device, and time from left to right. */

import { marks } from "./axis.js";
import { arrange, make, setText, set } from "./dom.js";
import { followGestures, followKey } from "./gestures.js";
import { house } from "./house.js";
import { Row } from "./row.js";
import { Tip } from "./tip.js";

const MARK_REM = 6.5;
const HELP = "Timeline. The left and right arrows move, plus and minus zoom, Tab goes to the bars.";

/** @typedef {{from: number, to: number, width: number, rem: number}} Window the visible span of time, and its width in pixels */

export class Timeline {
  #pan;
  #zoom;
  #tip = new Tip();
  #marks = make("div", { class: "marks", "aria-hidden": "true" });
  #grid = make("div", { class: "grid", "aria-hidden": "true" });
  #now = make("div", { class: "now" });
  #rows = make("div", { class: "rows" });
  /** @type {Map<string, Row>} */
  #drawn = new Map();

  /**
   * @param {(part: number) => void} pan
   * @param {(factor: number, centre?: number) => void} zoom
   */
  constructor(pan, zoom) {
    this.#pan = pan;
    this.#zoom = zoom;
    // All tracks have the same left edge and width, so that a pointer at any height means the same time.
    const under = make("div", { class: "under" }, this.#grid, this.#now);
    const frame = make("div", { class: "frame", tabindex: "0", role: "group", "aria-label": HELP }, under, this.#rows);
    this.element = make("div", { class: "timeline" }, make("div", { class: "axis" }, this.#marks), frame, this.#tip.element);
    followGestures(frame, this.#marks, pan, zoom);
    frame.addEventListener("keydown", (event) => this.#key(event));
  }

  get width() {
    return this.#marks.clientWidth;
  }

  /** @param {import("./record.js").Record} record */
  show(record, from, to) {
    const { width } = this;
    if (!width) return;
    const ids = [...record.rows.keys()].filter((id) => house.devices.has(id));
    arrange(this.#rows, ids, (id) => {
      const row = new Row(id, this.#tip);
      this.#drawn.set(id, row);
      return row.element;
    });
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const window = { from, to, width, rem };
    for (const id of ids) this.#drawn.get(id)?.show(record, window);
    this.#axis(window);
  }

  /** @param {Window} window */
  #axis({ from, to, width, rem }) {
    const found = marks(from, to, width / (MARK_REM * rem), house.calendar);
    const place = (element, at) => element.style.setProperty("left", `${(100 * (at - from)) / (to - from)}%`);
    for (const [parent, tag] of [[this.#marks, "span"], [this.#grid, "i"]]) {
      arrange(parent, found.map(({ at }) => String(at)), () => make(tag));
      found.forEach(({ at, text, isDay }, i) => {
        const mark = parent.children[i];
        place(mark, at);
        set(mark, "class", isDay ? "day" : null);
        if (parent === this.#marks) setText(mark, text);
      });
    }
    this.#now.hidden = house.now > to;
    place(this.#now, house.now);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = [...this.#drawn.values()].find(({ element }) => element.contains(event.target));
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const rows = [...this.#rows.children].map(({ dataset }) => this.#drawn.get(dataset.key));
    const aside = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    let done = false;
    if (event.key === "Escape") this.#tip.hide();
    else if (row && along) done = row.step(along) || followKey(event.key, this.#pan, this.#zoom);
    else if (row && aside) done = rows[rows.indexOf(row) + aside]?.enter() ?? true;
    else done = followKey(event.key, this.#pan, this.#zoom);
    if (done) event.preventDefault();
  }
}
