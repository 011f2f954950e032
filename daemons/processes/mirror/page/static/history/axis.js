// @ts-check
/** The time axis: marks at round times of the house's clock, the present, and the time under the pointer. */

import { arrange, make, set, setHidden, setText } from "../dom.js";
import { house } from "../house.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const STEPS = [
  1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY,
];
/** Beyond these steps, the marks are at the beginnings of months. */
const MONTHS = [1, 2, 3, 6, 12, 24];
const MONTH = 30.5 * DAY;
const MOST = 100;
const MARK_REM = 6.5;
/** A text that would not end before the right edge is left out. */
const LETTER_REM = 0.6;
/** Below this step, a reading has seconds. */
const FINE_SECONDS = 5;

export class TimeAxis {
  /** The marks with their texts, and the time under the pointer. */
  marks = make("div", { class: "marks", "aria-hidden": "true" });
  /** The lines below them, through all rows. */
  grid = make("div", { class: "grid", "aria-hidden": "true" });
  #texts = make("div", { class: "texts" });
  #lines = make("div", { class: "lines" });
  #now = make("div", { class: "now" });
  #time = make("span", { class: "time", hidden: "" });

  constructor() {
    this.marks.append(this.#texts, this.#time);
    this.grid.append(this.#lines, this.#now);
  }

  /** @param {{from: number, to: number, now: number, width: number, rem: number}} window */
  show({ from, to, now, width, rem }) {
    const found = marks(from, to, width / (MARK_REM * rem), house.calendar);
    const place = (element, at) => element.style.setProperty("left", `${(100 * (at - from)) / (to - from)}%`);
    for (const [parent, tag] of [[this.#texts, "span"], [this.#lines, "i"]]) {
      arrange(parent, found.map(({ at }) => String(at)), () => make(tag));
      found.forEach(({ at, text, isDay }, i) => {
        const mark = parent.children[i];
        place(mark, at);
        set(mark, "class", isDay ? "whole" : null);
        if (parent === this.#texts) setText(mark, ((to - at) * width) / (to - from) > text.length * LETTER_REM * rem ? text : "");
      });
    }
    setHidden(this.#now, now > to);
    place(this.#now, now);
  }

  /** Show the time under the pointer, or none. */
  point(at, { from, to, now, width }) {
    setHidden(this.#time, at == null || at < from || at > to);
    if (at == null || this.#time.hidden) return;
    const { calendar } = house;
    const clock = (to - from) / width > FINE_SECONDS ? calendar.minute(at) : calendar.time(at);
    setText(this.#time, calendar.day(at) === calendar.day(now) && to - from < DAY ? clock : `${calendar.day(at)}, ${clock}`);
    this.#time.style.left = `${((100 * (at - from)) / (to - from)).toFixed(2)}%`;
    this.#time.style.translate = `${-(100 * (at - from)) / (to - from)}% 0`;
  }
}

/**
 * @param {number} most how many marks fit
 * @param {import("../calendar.js").Calendar} calendar
 * @returns {{at: number, text: string, isDay: boolean}[]}
 */
export function marks(from, to, most, calendar) {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? MONTH;
  const found = [];
  for (const local of step === MONTH ? months(from, to, most) : times(Math.floor((from + calendar.offset(from)) / step) * step, step)) {
    if (found.length >= MOST) break;
    // The offset is that of the mark's own time: daylight saving may begin or end in between.
    const rough = local - calendar.offset(local);
    const at = local - calendar.offset(rough);
    if (at > to) break;
    if (at < from) continue;
    const isDay = local % DAY === 0;
    const text = isDay ? calendar.day(at) : step < MINUTE ? calendar.time(at) : calendar.minute(at);
    found.push({ at, text, isDay });
  }
  return found;
}

/** Yield the local time of each step, without an end. */
function* times(start, step) {
  for (let local = start; ; local += step) yield local;
}

/** Yield the local time of the beginnings of months. */
function* months(from, to, most) {
  const step = MONTHS.find((each) => (to - from) / (each * MONTH) <= most) ?? MONTHS[MONTHS.length - 1];
  const first = new Date(from * 1000);
  const number = first.getUTCFullYear() * 12 + first.getUTCMonth();
  for (let month = Math.floor(number / step) * step; ; month += step) yield Date.UTC(Math.floor(month / 12), month % 12) / 1000;
}
