// @ts-check
/** Texts for durations, ages, states and causes. */

import { house } from "./house.js";
import { hasText, t, withUnit } from "./text.js";

/** "0.3 s", "42 s", "4 min", "2 h 5 min", "3 d" */
export function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 9.95) return unit("s", house.calendar.fixed(s));
  if (s < 59.5) return unit("s", Math.round(s));
  if (s < 600) return two(Math.round(s), 60, "min", "s");
  if (s < 3600) return unit("min", Math.floor(s / 60));
  if (s < 86400) return two(Math.floor(s / 60), 60, "h", "min");
  return two(Math.floor(s / 3600), 24, "d", "h");
}

/** Return a duration that grows on the screen: in whole seconds, which are calmer. */
export function elapsed(seconds) {
  return seconds < 9.95 ? unit("s", Math.floor(Math.max(0, seconds))) : span(seconds);
}

function two(count, size, great, small) {
  const rest = count % size;
  const whole = unit(great, Math.floor(count / size));
  return rest ? `${whole} ${unit(small, rest)}` : whole;
}

function unit(name, count) {
  return t(`time.${name}`, { count });
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
  return withUnit(house.calendar.number(value), "W");
}

/** "7.0 MB" */
export function bytes(value) {
  return withUnit(house.calendar.fixed(value / 1e6), "MB");
}

/** Return the word of a phase in the language of the page; a stranger's kind may have a phase without a text. */
export function phaseWord(phase) {
  return hasText(`phases.${phase}`) ? t(`phases.${phase}`) : phase.replaceAll("_", " ");
}

/** Return the word of a phase with the open window for which a heater is paused: "paused: Terrace door". */
export function withCause(word, state) {
  const window = state?.paused_by;
  return window ? t("state.paused_by", { phase: word, name: house.process(window)?.name ?? window }) : word;
}

/** Return the text of a button or an input in the language of the page: a kind declares it in English. */
export function label(text) {
  return hasText(`labels.${text}`) ? t(`labels.${text}`) : text;
}

const VERB = /^ (?:is|was|cannot|could|did|does|ends|above|below|presence|by)\b/;
const BEFORE_NAME = /(?:acts on|rule \d+ for) $/;

/**
 * Return an English text of the mirror with the names of devices in place of their ids. An id without "_" may be a word
 * of the text: it is a device only before a verb, or where the text names one.
 */
export function titled(text) {
  return String(text).replace(/\b[a-z][a-z0-9_]*\b/g, (word, at, whole) => {
    const isDevice = word.includes("_") || VERB.test(whole.slice(at + word.length)) || BEFORE_NAME.test(whole.slice(0, at));
    return (isDevice && house.devices.get(word)?.name) || word;
  });
}

/** Return a fault in the language of the page, if there is a text for it; otherwise in English. */
export function faultText(fault) {
  return isTranslated(fault) ? t(`faults.${fault}`) : fault && titled(fault);
}

/** Return whether there is a text for a fault in the language of the page. */
export function isTranslated(fault) {
  return hasText(`faults.${fault}`);
}

/** Return the name of a room in the language of the page: devices without a room are in "House". */
export function roomName(room) {
  return room === "House" ? t("rooms.house") : room;
}

/** Return the phase of a device with its measurements, or null if it has no phase. */
export function phase(process) {
  const { phase, status, brightness_percent: bright } = process.state ?? {};
  const word = phase ?? (status == null ? null : status ? "on" : "off");
  if (process.control?.takes === "number" && !TOLD.has(process.control.field)) return valueOf(process);
  if (!word) return word;
  const text = withCause(phaseWord(word), process.state);
  const percent = house.calendar.number(bright);
  return [status && bright != null ? t("state.at_brightness", { phase: text, percent }) : text, ...measured(process.state)].join(" · ");
}

/** The numbers that are told beside a phase. A device with another one is only a number. */
const TOLD = new Set(["brightness_percent", "position_percent", "target_celsius"]);

/** Return the value of a device that is a number, with its unit: "21.5 °C". */
function valueOf({ control, state }) {
  const value = state?.[control.field];
  return value == null ? null : withUnit(house.calendar.precise(value), control.unit);
}

/** Further measurements of a sensor; each has a text with its unit. */
const AIR = ["illuminance_lux", "pressure_hectopascals", "co2_ppm", "pm25_micrograms", "soil_moisture_percent"];

/**
 * Return measurements and targets, each with its unit: "21.5 °C", "set to 20.0 °C", "48 % humidity", "40 % open",
 * "1.25 kWh today", "0.43 EUR today".
 */
function measured(state) {
  const { temperature_celsius: warm, target_celsius: kept, humidity_percent: damp, position_percent: open } = state;
  const { days, since, usual_seconds: usual, remaining_seconds: remaining } = state;
  const { calendar } = house;
  const amount = (name, value) => t(`state.${name}`, { value });
  return [
    warm != null && amount("celsius", calendar.tenth(warm)),
    kept != null && amount("set_to_celsius", calendar.tenth(kept)),
    damp != null && amount("humidity_percent", calendar.number(damp)),
    ...AIR.map((field) => state[field] != null && amount(field, calendar.number(state[field]))),
    open != null && open > 0 && open < 100 && amount("percent_open", calendar.number(open)),
    usual != null && remaining == null && amount("usually", span(usual)),
    ...amounts(state),
    days !== "every day" && days,
    since != null && amount("since", calendar.moment(since, house.now)),
  ].filter(Boolean);
}

/** Return what a meter has counted today: "1.25 kWh today", "0.43 EUR today". */
export function amounts({ today_kwh: used, today_cost: cost, currency }) {
  const { calendar } = house;
  return [
    used != null && t("state.kwh_today", { value: calendar.hundredth(used) }),
    cost != null && t("state.today", { value: withUnit(calendar.money(cost), currency) }),
  ].filter(Boolean);
}

/** Return for how long the hardware has not answered: "unreachable for 12 s"; null while it answers. */
export function lost({ state }) {
  if (state?.reachable !== false) return null;
  const since = state.unreachable_since;
  return since == null ? t("state.unreachable") : t("state.unreachable_for", { span: elapsed(house.now - since) });
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
  const silent = heard == null ? t("presence.no_message") : t("presence.silent_for", { span: elapsed(house.now - heard) });
  switch (house.presence(process)) {
    case "live":
      return null;
    case "stale":
      return silent;
    case "offline":
      return `${t("presence.offline")} · ${silent}`;
    case "restarting":
      return since == null ? t("presence.restarting") : t("presence.restarting_for", { span: elapsed(house.now - since) });
    case "stopped":
      return since == null ? t("presence.stopped") : t("presence.stopped_at", { moment: house.calendar.moment(since, house.now) });
    default:
      return t(`presence.${process.presence}`);
  }
}

/** Return why a process on another host is offline: "kitchen cannot be reached"; null for this host. */
export function afar(process) {
  return process.elsewhere && house.presence(process) === "offline" ? process.reason : null;
}

/** Return why a process failed, and when it is started again. */
export function failure({ reason, retry_at }) {
  const left = retry_at == null || !house.isLive ? null : retry_at - house.now;
  const next = left == null ? null : left > 0 ? t("presence.next_try", { span: unit("s", Math.ceil(left)) }) : t("presence.starting_again");
  return [reason, next].filter(Boolean).join(" · ");
}

/** Return the last known state of a device: "was toasting · 0:05 left · 850 W". */
export function past(process) {
  const { remaining_seconds: left, power_watts: power, fault } = process.state ?? {};
  const word = phase(process);
  if (!word) return t("state.none");
  return [t("state.was", { phase: word }), left != null && t("state.left", { time: countdown(left) }), power && watts(power), faultText(fault)].filter(Boolean).join(" · ");
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

/** Return the reason of a receipt in the language of the page; a reason without a code is English. */
export function refusal({ reason, code, values = {} }) {
  if (!code || !hasText(`refusal.${code}`)) return reason && titled(reason);
  const names = typeof values.names === "string" ? { names: values.names.split(", ").map((id) => house.devices.get(id)?.name ?? id).join(", ") } : {};
  return t(`refusal.${code}`, { ...values, ...names, ...(values.phase ? { phase: phaseWord(values.phase) } : {}) });
}

/** "applied · 2 ms", "refused: it is already toasting" */
export function receipt(answer) {
  const { outcome, reason, took_seconds: took } = answer;
  const word = t(`receipt.${outcome}`);
  if (reason) return `${word}: ${refusal(answer)}`;
  return took == null ? word : `${word} · ${took < 1 ? unit("ms", Math.max(1, Math.round(took * 1000))) : span(took)}`;
}

/**
 * Return why a device changed: "Bathroom light turned on at 06:58:12".
 * @param {string | null} cause
 * @param {string} device whose change it was
 * @param {Record<string, {device: string, at: number, phase: string | null}>} causes
 */
export function because(cause, device, causes) {
  if (!cause) return null;
  if (hasText(`cause.${cause}`)) return t(`cause.${cause}`);
  const first = causes[cause];
  if (!first) return t("cause.command");
  const time = house.calendar.time(first.at);
  if (first.device === device) return t("cause.press_or_command", { time });
  const name = house.process(first.device)?.name ?? first.device;
  return t(turned(first.phase), { name, time, phase: first.phase ? phaseWord(first.phase) : "" });
}

/** Return the key of the text about a device that changed first. */
function turned(phase) {
  const own = `cause.turned_${phase}`;
  return hasText(own) ? own : phase ? "cause.became" : "cause.changed";
}
