// @ts-check
/** The marks of a time axis, at round times of the house's clock. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;
const STEPS = [
  1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY,
];

/**
 * @param {number} most how many marks fit
 * @param {import("./calendar.js").Calendar} calendar
 * @returns {{at: number, text: string, isDay: boolean}[]}
 */
export function marks(from, to, most, calendar) {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? STEPS[STEPS.length - 1];
  const found = [];
  const start = Math.floor((from + calendar.offset(from)) / step) * step;
  for (let local = start; found.length < 100; local += step) {
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
