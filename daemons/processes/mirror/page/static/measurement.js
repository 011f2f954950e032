// @ts-check
/** What the page knows of a measurement: its name, its unit, and how its values are written. */

import { house } from "./house.js";
import { hasText, t, withUnit } from "./text.js";
import { unitOfField } from "./units.js";

/**
 * @typedef {object} Measurement
 * @property {string} name "Temperature"
 * @property {string} unit "°C"; empty for a bare number
 * @property {(value: number) => string} format the value with its unit
 * @property {(value: number) => string} number the value without its unit
 * @property {boolean} isFromZero whether its axis begins at zero
 * @property {boolean} isWhole whether its axis always has the whole range, from 0 to 100
 * @property {boolean} isCounter whether it only grows, so that a graph of it tells little
 * @property {boolean} isForecast whether it is about a time to come or a whole day: its graph, too, tells little
 */

const COUNTERS = new Set(["energy_watt_hours", "total_cost", "today_kwh", "today_cost", "yesterday_kwh", "yesterday_cost"]);
const FROM_ZERO = new Set(["W", "Wh", "kWh", "lx", "µg/m³", "A", "mm", "km/h", "m/s"]);
const WHOLE = new Set(["position_percent", "valve_percent"]);
const FORECAST = /^(today|tomorrow)_(min_celsius|max_celsius|rain_mm|rain_probability_percent|max_gust_kmh)$/;
const FORECASTS = new Set(["rain_within_minutes", "rain_probability_percent", "night_min_celsius", "next_in_minutes"]);
/** A value below it has one digit more. */
const SMALL = 10;

/**
 * Return what is known of a measurement.
 * @param {string} field
 * @param {string} [device] the device that measures it: a number has the unit of its own device
 * @returns {Measurement}
 */
export function measurement(field, device) {
  const known = unitOfField(field);
  const { ending, digits = null } = known ?? {};
  const unit = known ? known.unit : unitOf(field, device);
  const words = (ending ? field.slice(0, -ending.length - 1) : field).replaceAll("_", " ") || field;
  const number = (value) => (field.endsWith("_cost") ? house.calendar.money(value) : write(value, digits));
  return {
    name: hasText(`measurement.${field}`) ? t(`measurement.${field}`) : words.charAt(0).toUpperCase() + words.slice(1),
    unit,
    format: (value) => withUnit(number(value), unit),
    number,
    isFromZero: FROM_ZERO.has(unit),
    isWhole: WHOLE.has(field),
    isCounter: COUNTERS.has(field),
    isForecast: FORECASTS.has(field) || FORECAST.test(field),
  };
}

function unitOf(field, device) {
  const { control, state } = (device && house.process(device)) || {};
  if (control?.field === field) return control.unit ?? "";
  return field.endsWith("_cost") ? (state?.currency ?? "") : "";
}

function write(value, digits) {
  const { calendar } = house;
  if (digits === 1) return calendar.tenth(value);
  if (digits === 0) return Math.abs(value) < SMALL ? calendar.tenth(value) : calendar.number(value);
  return calendar.precise(Math.round(value * 100) / 100);
}
