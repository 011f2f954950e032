// @ts-check
/** The energy of each day as bars. The days are those of the house's timezone. */

import { arrange, make, set, setText } from "../dom.js";
import { house } from "../house.js";
import { measurement } from "../measurement.js";
import { t } from "../text.js";
import { span } from "../words.js";

const DAY_SECONDS = 86400;
/** A narrower bar has no number, and one that is narrower than the second has no unit. */
const [NUMBER_REM, UNIT_REM] = [2.2, 4.6];
/** The part of a day that must be known, or the bar is marked as one of a day that is partly known. */
const WHOLE = 0.98;

export class Days {
  element = make("div", { class: "days", role: "img" });
  /** @type {import("./record.js").Day[]} */
  #days = [];
  #window = { from: 0, to: 1, now: 0 };
  #built = "";
  #since = 0;
  /** Whether one of the days that are shown is only partly known. */
  isPartial = false;

  /**
   * @param {import("./record.js").Day[]} days
   * @param {import("./timeline.js").Window} window
   * @param {number} since before it, nothing is loaded
   */
  show(days, window, since) {
    this.#since = since;
    this.#window = window;
    this.#days = days;
    const { from, to, width, rem, now } = window;
    const built = [from, to, width, days.length, days[0]?.from, days.at(-1)?.kwh].join(" ");
    if (built === this.#built) return;
    this.#built = built;
    const seen = days.filter((day) => day.to > from && day.from < to);
    const most = Math.max(...seen.map(({ kwh }) => kwh), 1e-9);
    const { format, number } = measurement("kwh");
    set(this.element, "aria-label", t("history.energy_of", { days: seen.length, kwh: format(seen.reduce((sum, { kwh }) => sum + kwh, 0)) }));
    arrange(this.element, seen.map((day) => String(day.from)), () => make("i", {}, make("span")));
    const second = width / (to - from);
    const isPartial = (day) => day.known_seconds < WHOLE * (Math.min(day.to, now) - day.from);
    this.isPartial = seen.some(isPartial);
    seen.forEach((day, i) => {
      const bar = /** @type {HTMLElement} */ (this.element.children[i]);
      const begin = Math.max(day.from, from); // the first and the last day may be in sight in part
      const wide = (Math.min(day.to, to) - begin) * second;
      bar.style.left = `${((begin - from) * second).toFixed(1)}px`;
      bar.style.width = `${Math.max(1, wide - (wide > 8 ? 2 : 0)).toFixed(1)}px`;
      bar.style.height = `${((100 * day.kwh) / most).toFixed(1)}%`;
      bar.classList.toggle("partial", isPartial(day));
      setText(/** @type {HTMLElement} */ (bar.firstChild), wide > UNIT_REM * rem ? format(day.kwh) : wide > NUMBER_REM * rem ? number(day.kwh) : "");
    });
  }

  /** Return the energy of the day at a time as text, or that it is not known. */
  reading(at) {
    const day = this.#days.find(({ from, to }) => from <= at && at < to);
    if (!day) return at > this.#window.now || at < this.#since ? "" : t("history.not_known");
    const whole = Math.min(day.to, this.#window.now) - day.from;
    const value = measurement("kwh").format(day.kwh);
    const text = day.known_seconds < WHOLE * whole ? t("history.energy_partly", { value, time: span(day.known_seconds) }) : value;
    return `${text} · ${house.calendar.day(day.from)}`;
  }
}

/** Return whether the days are wide enough to be seen beside each other. */
export function showsDays({ from, to }) {
  return to - from > 1.5 * DAY_SECONDS;
}
