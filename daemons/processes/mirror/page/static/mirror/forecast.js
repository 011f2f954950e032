// @ts-check
/** The weather of the next hours and days: a line of temperatures, the rain below it, and the days. */

import { draw, make } from "../dom.js";
import { house } from "../house.js";
import { t, withUnit } from "../text.js";
import { phaseWord } from "../words.js";

const HOURS = 24;
const DAYS = 4;
/** Rain of this much in an hour fills the height of the drawing. */
const HEAVY_MM = 4;
const HEIGHT = 40;

export class Forecast {
  element = make("div", { class: "forecast" });
  #shown = "";

  show({ state }) {
    const { calendar } = house;
    const key = [state.hourly_begin, state.hourly_celsius, state.hourly_rain_mm, state.daily_min_celsius, state.hardware_manufacturer].join("|");
    if (key === this.#shown) return;
    this.#shown = key;
    const celsius = column(state.hourly_celsius).slice(0, HOURS);
    const rain = column(state.hourly_rain_mm).slice(0, HOURS);
    const hours = [0, 6, 12, 18].map((hour) => make("span", {}, calendar.minute(state.hourly_begin + hour * 3600)));
    const parts = [graph(celsius, rain), make("p", { class: "hours" }, ...hours), days(state)];
    if (state.hardware_manufacturer) parts.push(make("p", { class: "credit" }, t("card.source", { name: state.hardware_manufacturer })));
    this.element.replaceChildren(...parts.filter((part) => part != null));
  }
}

/** Return the numbers of a column of text; null stands for an unknown one. */
function column(text) {
  return (text ?? "").split(" ").filter(Boolean).map((value) => (value === "-" ? null : Number(value)));
}

function graph(celsius, rain) {
  const known = celsius.filter((value) => value != null);
  const lowest = Math.min(...known);
  const range = Math.max(1, Math.max(...known) - lowest);
  const y = (value) => 6 + (HEIGHT - 16) * (1 - (value - lowest) / range);
  const points = celsius.map((value, i) => (value == null ? "" : `${i + 0.5},${y(value).toFixed(1)}`)).filter(Boolean);
  const bars = rain.flatMap((mm, i) => {
    const height = Math.min(1, (mm ?? 0) / HEAVY_MM) * HEIGHT;
    return height ? [draw("rect", { x: i + 0.1, width: 0.8, y: HEIGHT - height, height })] : [];
  });
  const label = t("card.forecast", { lowest: house.calendar.tenth(lowest), highest: house.calendar.tenth(lowest + range) });
  const line = draw("polyline", { points: points.join(" "), "vector-effect": "non-scaling-stroke" });
  return draw("svg", { viewBox: `0 0 ${HOURS} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ...bars, line);
}

function days(state) {
  const lows = column(state.daily_min_celsius);
  const highs = column(state.daily_max_celsius);
  const rain = column(state.daily_rain_mm);
  const phases = (state.daily_phase ?? "").split(" ");
  if (!state.daily_date || !highs.length) return null;
  const first = Date.parse(`${state.daily_date}T12:00:00Z`) / 1000;
  const whole = (value) => (value == null ? "–" : `${house.calendar.number(value)}°`);
  const items = highs.slice(0, DAYS).map((high, i) =>
    make("li", {},
      make("span", { class: "day" }, i ? house.calendar.weekday(first + i * 86400) : t("card.today")),
      make("span", { class: "sky" }, phaseWord(phases[i] ?? "")),
      make("span", { class: "range", dir: "ltr" }, `${whole(lows[i])} ${whole(high)}`),
      make("span", { class: "rain" }, rain[i] ? withUnit(house.calendar.tenth(rain[i]), "mm") : ""),
    ),
  );
  return make("ul", { class: "outlook" }, ...items);
}
