// @ts-check
/** The loaded history, continued with the changes since. */

import { house } from "../house.js";
import { t } from "../text.js";
import { phaseWord } from "../words.js";

/**
 * @typedef {object} Item a span with one state of a device, an outage of its process, or a time that is not known
 * @property {"stretch" | "outage" | "unknown"} sort
 * @property {string} device
 * @property {number} from
 * @property {number | null} to null for one that lasts
 * @property {string} phase for a time that is not known, why
 * @property {boolean} isQuiet whether the device was at rest
 * @property {boolean} isReady
 * @property {string | null} fault
 * @property {string | null} cause
 * @property {Record<string, any>} state
 *
 * @typedef {{from: number, to: number, kwh: number, known_seconds: number}} Day
 *
 * @typedef {object} Row what is known of a device
 * @property {Item[]} items
 * @property {Record<string, import("./graph.js").Point[]>} measurements
 * @property {import("./graph.js").Unknown[]} unknown
 * @property {Day[]} energy
 * @property {number} version it grows when the items change
 */

/** Fields whose value is a moment: a graph of them means nothing. */
const MOMENTS = new Set(["since", "forecast_at", "hourly_begin", "next_begin", "next_end"]);
/** Why nothing is known of a time before the first record. */
export const BEFORE = "before";
/** A house that starts has so long until the recorder and the processes run. */
const FIRST_SECONDS = 30;

export class Record {
  /** @type {Map<string, Row>} */
  rows = new Map();

  /**
   * @param {any} answer the document of `/api/history`
   * @param {boolean} isCurrent whether it reaches to the present, so that changes can be added
   */
  constructor(answer, isCurrent) {
    this.isCurrent = isCurrent;
    this.since = answer.since;
    this.until = answer.until;
    this.resolution = answer.resolution_seconds;
    this.causes = answer.causes;
    /** When the first record of any of the devices begins; `since` if there are earlier ones. */
    this.begins = Infinity;
    for (const [id, { stretches, measurements, processes, unknown: all, energy }] of Object.entries(answer.devices)) {
      const before = all.find(({ why }) => why === BEFORE);
      const unknown = before ? [before, ...after(all, before.to)] : all;
      this.begins = Math.min(this.begins, before?.to ?? this.since);
      const items = [
        ...stretches.map((stretch) => item(id, stretch)),
        ...outages(id, processes, before?.to),
        ...unknown.map(({ from, to, why }) => span(id, "unknown", why, from, to)),
      ];
      const shown = Object.fromEntries(Object.entries(measurements).filter(([field]) => !MOMENTS.has(field)));
      this.rows.set(id, { items: items.sort((a, b) => a.from - b.from), measurements: shown, unknown, energy, version: 0 });
    }
  }

  /** Add the present status of a device; return whether more than its measurements has changed. */
  addStatus(process, now) {
    const row = this.rows.get(process?.id);
    if (!row || !this.isCurrent) return false;
    const isOther = this.#presence(row, process, now) || this.#state(row, process);
    if (isOther) row.version += 1;
    return isOther;
  }

  #state(row, { state, since, at, cause, id }) {
    if (!state || at == null) return false;
    for (const [field, points] of Object.entries(row.measurements)) {
      const value = state[field];
      const last = points.at(-1);
      if (typeof value === "number" && (last?.[2] !== value || last[1] !== last[3])) points.push([at, value, value, value]);
    }
    const isLost = state.reachable === false;
    this.#unknown(row, id, "unreachable", isLost ? (state.unreachable_since ?? at) : null, at);
    const last = row.items.findLast(({ sort }) => sort === "stretch");
    if (last && isSame(last.state, state)) return false;
    const from = Math.max(last?.from ?? 0, since ?? at);
    if (last) last.to = from;
    row.items.push(item(id, { from, to: null, state, cause }));
    if (cause) this.causes[cause] ??= { device: id, at: from, phase: state.phase ?? null };
    return true;
  }

  #presence(row, { id, presence, presence_since, reason }, now) {
    const { items } = row;
    const open = items.findLast(({ sort, to }) => sort === "outage" && to == null);
    const isHeard = presence === "live" || presence === "stale";
    if (isHeard ? !open : open?.phase === presence) return false;
    if (open) open.to = now;
    if (!isHeard) items.push(span(id, "outage", presence, presence_since ?? now, null, reason));
    this.#unknown(row, id, "silent", isHeard || presence === "restarting" ? null : (presence_since ?? now), now);
    return true;
  }

  /** Begin a time that is not known at `since`, or end it if that is null. */
  #unknown(row, id, why, since, now) {
    const open = row.items.findLast((each) => each.sort === "unknown" && each.phase === why && each.to == null);
    if ((since != null) === Boolean(open)) return;
    if (open) open.to = now;
    else row.items.push(span(id, "unknown", why, since, null));
    const known = row.unknown.filter((each) => each.to != null);
    row.unknown = [...known, { from: open?.from ?? since, to: open ? now : null, why }];
    row.version += 1;
  }
}

/** @returns {Item} */
function item(device, { from, to, state, cause }) {
  const { phase, status, ready, fault } = state;
  const word = phase ?? (status ? "on" : "off");
  const isReady = ready ?? word === "ready";
  return { sort: "stretch", device, from, to, phase: word, isQuiet: !status && !isReady && !fault, isReady, fault: fault ?? null, cause, state };
}

/** @returns {Item} */
function span(device, sort, phase, from, to, cause = null) {
  return { sort, device, from, to, phase, isQuiet: false, isReady: false, fault: null, cause, state: {} };
}

/** Return the times after a moment, without those that hardly reach beyond it. */
function after(times, moment) {
  const late = times.filter(({ to }) => to == null || to - moment > FIRST_SECONDS);
  return late.map((each) => ({ ...each, from: Math.max(each.from, moment) }));
}

/** Return the outages of a process: from each end to the next start. The first start of all ends none. */
function outages(device, processes, begins = -Infinity) {
  const found = [];
  const all = processes ?? [];
  const isFirst = all[0]?.life === "restarting" && all[0].at - begins < FIRST_SECONDS;
  for (const { at, life, reason } of isFirst ? all.slice(1) : all) {
    const open = found.at(-1);
    if (open?.to == null && open?.phase === life) continue;
    if (open && open.to == null) open.to = at;
    if (life !== "running") found.push(span(device, "outage", life, at, null, reason));
  }
  return found;
}

/** Return whether two states are the same but for measurements, which change all the time. */
function isSame(a, b) {
  return ["phase", "status", "ready", "fault", "brightness_percent", "reachable"].every((name) => (a[name] ?? null) === (b[name] ?? null));
}

/** Return since when there are records, if that is in sight. */
export function beginning(record, from) {
  const { calendar, now } = house;
  const isSeen = record && record.begins > from && record.begins < now;
  return isSeen ? t("history.recorded_since", { moment: calendar.moment(record.begins, now) }) : "";
}

/** Return what an item is, in words. */
export function wordOf({ sort, phase }) {
  if (sort === "unknown") return t(`history.why_${phase}`);
  return sort === "outage" ? t("history.process", { life: t(`presence.${phase}`) }) : phaseWord(phase);
}

/**
 * Return the items within a span; neighbours that are too short to see are merged into one.
 * @param {Item[]} items
 * @param {number} least the shortest visible duration in seconds
 * @returns {(Item & {count: number, end: number})[]}
 */
export function condense(items, from, to, least, now) {
  const found = [];
  for (const each of items) {
    const end = each.to ?? now;
    if (end < from || each.from > to) continue;
    const before = found.at(-1);
    const isSmall = end - each.from < least && each.sort === "stretch";
    if (isSmall && before?.isSmall && each.from - before.end < least) {
      Object.assign(before, { to: each.to, end, count: before.count + 1, isQuiet: before.isQuiet && each.isQuiet });
    } else {
      found.push({ ...each, end, isSmall, count: 1 });
    }
  }
  return found;
}
