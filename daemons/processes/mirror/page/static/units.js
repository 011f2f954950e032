// @ts-check
/** The units of the fields of a state. A field has its unit at the end of its name, as in "power_watts". Pure. */

/** By the end of a field's name: the unit, and how many digits follow the decimal point. */
const UNITS = {
  celsius: ["°C", 1],
  percent: ["%", 0],
  watts: ["W", 0],
  watt_hours: ["Wh", 0],
  kwh: ["kWh", 2],
  lux: ["lx", 0],
  hectopascals: ["hPa", 0],
  ppm: ["ppm", 0],
  micrograms: ["µg/m³", 0],
  kelvin: ["K", 0],
  volts: ["V", 1],
  amperes: ["A", 2],
  mm: ["mm", 1],
  kmh: ["km/h", 0],
  minutes: ["min", 0],
  degrees: ["°", 0],
  dbm: ["dBm", 0],
  seconds: ["s", 0],
};

/**
 * Return what the name of a field says of its unit; null if it says nothing.
 * @param {string} field
 * @returns {{ending: string, unit: string, digits: number} | null}
 */
export function unitOfField(field) {
  const ending = Object.keys(UNITS).find((each) => field === each || field.endsWith(`_${each}`));
  if (!ending) return null;
  const [unit, digits] = UNITS[ending];
  return { ending, unit, digits };
}
