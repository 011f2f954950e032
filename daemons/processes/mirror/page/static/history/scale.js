// @ts-check
/** The value axis of a graph: a range with round ends, and the round values between them. Pure. */

const ROUND = [1, 2, 2.5, 5, 10];
const WHOLE = [0, 100];

/** @typedef {{low: number, high: number, ticks: number[]}} Scale */

/**
 * Return the scale for values from `low` to `high`.
 * @param {number} low
 * @param {number} high
 * @param {{isFromZero: boolean, isWhole: boolean}} about
 * @param {number} most how many steps fit
 * @returns {Scale}
 */
export function scale(low, high, { isFromZero, isWhole }, most) {
  let [least, greatest] = isWhole ? [Math.min(low, WHOLE[0]), Math.max(high, WHOLE[1])] : [low, high];
  if (isFromZero) [least, greatest] = [Math.min(least, 0), Math.max(greatest, 0)];
  if (greatest - least < 1e-9) {
    const space = isFromZero && !least ? 1 : Math.max(Math.abs(least) * 0.05, 0.5);
    [least, greatest] = [isFromZero && least >= 0 ? 0 : least - space, greatest + space];
  }
  const step = roundUp((greatest - least) / most);
  const first = Math.floor(least / step + 1e-9) * step;
  const count = Math.max(1, Math.ceil((greatest - first) / step - 1e-9));
  const ticks = Array.from({ length: count + 1 }, (_, i) => Number((first + i * step).toPrecision(12)));
  return { low: ticks[0], high: ticks[count], ticks };
}

/** Return the smallest round number that is not below a value. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return (ROUND.find((each) => each * power >= value * (1 - 1e-9)) ?? 10) * power;
}
