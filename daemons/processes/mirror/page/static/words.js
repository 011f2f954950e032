// @ts-check
/** Texts for durations, ages, states and causes. */

import { house } from "./house.js";

/** "0.3 s", "42 s", "4 min", "2 h 5 min", "3 d" */
export function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  if (s < 600) return two(Math.round(s), 60, "min", "s");
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return two(Math.floor(s / 60), 60, "h", "min");
  return two(Math.floor(s / 3600), 24, "d", "h");
}

/** Return a duration that grows on the screen: in whole seconds, which are calmer. */
export function elapsed(seconds) {
  return seconds < 9.95 ? `${Math.floor(Math.max(0, seconds))} s` : span(seconds);
}

function two(count, size, great, small) {
  const rest = count % size;
  return `${Math.floor(count / size)} ${great}${rest ? ` ${rest} ${small}` : ""}`;
}

/** "1:05", "1:02:00" */
export function countdown(seconds) {
  const s = Math.max(0, Math.ceil(seconds));
  const minutes = s >= 3600 ? String(Math.floor(s / 60) % 60).padStart(2, "0") : Math.floor(s / 60);
  const rest = `${minutes}:${String(s % 60).padStart(2, "0")}`;
  return s >= 3600 ? `${Math.floor(s / 3600)}:${rest}` : rest;
}

/** "850 W" */
export function watts(value) {
  return `${house.calendar.number(value)} W`;
}

/** "7.0 MB" */
export function bytes(value) {
  return `${(value / 1e6).toFixed(1)} MB`;
}

/** Return the phase of a device with its measurements, or null if it has no phase. */
export function phase(process) {
  if (process.control?.takes === "number") return valueOf(process);
  const { phase, status, brightness_percent: bright } = process.state ?? {};
  const word = phase ?? (status == null ? null : status ? "on" : "off");
  if (!word) return word;
  return [status && bright != null ? `${word} at ${bright} %` : word, ...measured(process.state)].join(" · ");
}

/** Return the value of a device that is a number, with its unit: "21.5 °C". */
function valueOf({ control, state }) {
  const value = state?.[control.field];
  return value == null ? null : [house.calendar.precise(value), control.unit].filter(Boolean).join(" ");
}

/** Further measurements of a sensor, each with the text after its value. */
const AIR = [
  ["illuminance_lux", "lx"],
  ["pressure_hectopascals", "hPa"],
  ["co2_ppm", "ppm CO2"],
  ["pm25_micrograms", "µg/m³ dust"],
  ["soil_moisture_percent", "% in the soil"],
];

/**
 * Return measurements and targets, each with its unit: "21.5 °C", "set to 20.0 °C", "48 %", "40 % open",
 * "1.25 kWh today", "0.43 EUR today".
 */
function measured(state) {
  const { temperature_celsius: warm, target_celsius: kept, humidity_percent: damp, position_percent: open } = state;
  const { today_kwh: used, today_cost: cost, currency, days, since } = state;
  return [
    warm != null && `${house.calendar.tenth(warm)} °C`,
    kept != null && `set to ${house.calendar.tenth(kept)} °C`,
    damp != null && `${house.calendar.number(damp)} %`,
    ...AIR.map(([field, unit]) => state[field] != null && `${house.calendar.number(state[field])} ${unit}`),
    open != null && open > 0 && open < 100 && `${house.calendar.number(open)} % open`,
    used != null && `${house.calendar.number(Math.round(used * 100) / 100)} kWh today`,
    cost != null && `${house.calendar.number(Math.round(cost * 100) / 100)} ${currency ?? ""} today`.replace("  ", " "),
    days !== "every day" && days,
    since != null && `since ${house.calendar.moment(since, house.now)}`,
  ].filter(Boolean);
}

/** Return for how long the hardware has not answered: "unreachable for 12 s"; null while it answers. */
export function lost({ state }) {
  if (state?.reachable !== false) return null;
  const since = state.unreachable_since;
  return since == null ? "unreachable" : `unreachable for ${elapsed(house.now - since)}`;
}

/**
 * Return the look of a process in one word: its presence if it is not live, else its activity. Every drawing of a
 * process uses it.
 */
export function look(process) {
  const presence = house.presence(process);
  if (presence !== "live") return presence;
  const { status, ready, fault, remaining_seconds, progress_percent } = process.state ?? {};
  if (fault) return "fault";
  if (ready) return "ready";
  if (remaining_seconds != null || progress_percent != null) return "working";
  return status && process.kind && process.id !== house.mirror ? "on" : "idle";
}

/** Return the presence of a process that is not live: "restarting for 3 s", "failed"; null if it is live. */
export function absence(process) {
  const { presence_since: since, heard } = process;
  const silent = heard == null ? "no message yet" : `silent for ${elapsed(house.now - heard)}`;
  const lasting = since == null ? "" : ` for ${elapsed(house.now - since)}`;
  switch (house.presence(process)) {
    case "live":
      return null;
    case "stale":
      return silent;
    case "offline":
      return `offline · ${silent}`;
    case "restarting":
      return `restarting${lasting}`;
    case "failed":
      return "failed";
    case "stopped":
      return `stopped by hand${since == null ? "" : ` at ${house.calendar.moment(since, house.now)}`}`;
    default:
      return process.presence;
  }
}

/** Return why a process on another host is offline: "kitchen cannot be reached"; null for this host. */
export function afar(process) {
  return process.elsewhere && house.presence(process) === "offline" ? process.reason : null;
}

/** Return why a process failed, and when it is started again. */
export function failure({ reason, retry_at }) {
  const left = retry_at == null || !house.isLive ? null : retry_at - house.now;
  const next = left == null ? null : left > 0 ? `next try in ${Math.ceil(left)} s` : "starting again";
  return [reason, next].filter(Boolean).join(" · ");
}

/** Return the last known state of a device: "was toasting · 0:05 left · 850 W". */
export function past(process) {
  const { remaining_seconds: left, power_watts: power, fault } = process.state ?? {};
  const word = phase(process);
  if (!word) return "no state yet";
  return [`was ${word}`, left != null && `${countdown(left)} left`, power && watts(power), fault].filter(Boolean).join(" · ");
}

/** Return the remaining time and the progress at this moment; null if the state has neither. */
export function progress({ state, at }) {
  const left = state?.remaining_seconds;
  const done = state?.progress_percent;
  if (left == null && done == null) return null;
  const isPaused = state.phase === "paused";
  const gone = at == null || isPaused ? 0 : Math.max(0, house.now - at);
  if (left == null) return { left: null, percent: done };
  const now = Math.max(0, left - gone);
  // The total time follows from the last state: its remaining time and its progress.
  const total = done == null || done >= 100 ? null : left / (1 - done / 100);
  return { left: now, percent: total ? 100 * (1 - now / total) : (done ?? 0) };
}

const OUTCOMES = { applied: "applied", rejected: "refused", expired: "too late", unanswered: "no answer", unsent: "not sent" };

/** "applied · 2 ms", "refused: it is already toasting" */
export function receipt({ outcome, reason, took_seconds: took }) {
  const word = OUTCOMES[outcome] ?? outcome;
  if (reason) return `${word}: ${reason}`;
  return took == null ? word : `${word} · ${took < 1 ? `${Math.max(1, Math.round(took * 1000))} ms` : span(took)}`;
}

const CAUSES = {
  hardware: "by hand at the appliance",
  restore: "set when its process started",
  max_on: "switched off for safety",
  off_timer: "by the appliance’s own timer",
};

/**
 * Return why a device changed: "Bathroom light turned on at 06:58:12".
 * @param {string | null} cause
 * @param {string} device whose change it was
 * @param {Record<string, {device: string, at: number, phase: string | null}>} causes
 */
export function because(cause, device, causes) {
  if (!cause) return null;
  if (CAUSES[cause]) return CAUSES[cause];
  const first = causes[cause];
  if (!first) return "by a command";
  if (first.device === device) return `by a press or command at ${house.calendar.time(first.at)}`;
  const name = house.process(first.device)?.name ?? first.device;
  return `${name} ${turned(first.phase)} at ${house.calendar.time(first.at)}`;
}

function turned(phase) {
  if (phase === "on" || phase === "off") return `turned ${phase}`;
  return phase === "ready" ? "was ready" : phase ? `became ${phase}` : "changed";
}
