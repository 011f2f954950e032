// @ts-check
/** Which devices are quiet, and the line that stands for those of a room. Pure but for the state of the house. */

import { house } from "../house.js";
import { mainReading, phaseWord, written } from "../reading.js";
import { hasText, t } from "../text.js";

/** A room is seldom colder or warmer; what measures something else is named. */
const ROOM_CELSIUS = [5, 35];
const MOST_PARTS = 4;

/** Return whether a device is at rest, works, and has no fault. */
export function isQuiet(device) {
  if (needsAttention(device) || !device.state) return false;
  const { state, resting_phases: resting, primary_commands: commands } = device;
  if (state.ready || state.remaining_seconds != null) return false;
  return !state.status || (resting.includes(state.phase) && !commands.length);
}

/** Return whether a device is there for a person to choose a value: a mode is never folded. */
export function isChoice({ control }) {
  return control?.takes === "choice";
}

/** Return whether a person should look at a device now. */
export function needsAttention(device) {
  const notices = house.notices?.(device.id) ?? [];
  if (notices.some(({ level }) => level !== "news")) return true;
  // While the connection to the mirror is lost, the last that it said of a device counts.
  return !["live", "restarting"].includes(device.presence) || Boolean(device.state?.fault) || device.state?.reachable === false;
}

/** Return the device that measures the climate of a room, among its devices; undefined without one. */
export function climateOf(devices) {
  return devices.find((device) => {
    const celsius = device.state?.temperature_celsius;
    const isMeasuring = device.state?.phase === "measuring" || device.values[0] === "temperature_celsius";
    return isQuiet(device) && isMeasuring && celsius >= ROOM_CELSIUS[0] && celsius <= ROOM_CELSIUS[1] && device.state.phase !== "clear";
  });
}

/** Return the devices that a room's line names beside its climate: a door that measures it is named, too. */
export function besides(climate, devices) {
  return devices.filter((device) => device !== climate || device.state?.phase !== "measuring");
}

/** Return a line about quiet devices: "3 lamps off · Front door closed". */
export function summary(devices) {
  /** @type {Map<string, any[]>} */
  const alike = new Map();
  for (const device of devices) {
    const key = mainReading(device) && device.state.phase === "measuring" ? device.id : `${device.kind} ${phaseWord(device.state)}`;
    alike.set(key, [...(alike.get(key) ?? []), device]);
  }
  const parts = [...alike.values()].map(part);
  const more = parts.length > MOST_PARTS ? devices.length - [...alike.values()].slice(0, MOST_PARTS).flat().length : 0;
  return [...parts.slice(0, MOST_PARTS), ...(more ? [t("rooms.more", { count: more })] : [])].join(" · ");
}

function part(devices) {
  const [device] = devices;
  const value = device.state?.phase === "measuring" ? mainReading(device) : null;
  const word = value ? written(value) : (phaseWord(device.state) ?? "");
  if (devices.length === 1) return t("rooms.one", { name: isolated(device.name), word });
  const kind = `kinds.${device.kind}`;
  const names = hasText(kind) ? t(kind, { count: devices.length }) : `${devices.length} ${device.kind.replaceAll("_", " ")}`;
  return t("rooms.several", { name: names, word });
}

/** Return a name so that one from right to left does not move the words and numbers beside it. */
export function isolated(name) {
  return /[\u0590-\u08ff\ufb1d-\ufefc]/.test(name) ? `\u2068${name}\u2069` : name;
}
