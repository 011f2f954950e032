// @ts-check
/** The loaded history, continued with the changes since. */

/**
 * @typedef {object} Item a span with one state of a device, or an outage of its process
 * @property {"stretch" | "outage"} sort
 * @property {string} device
 * @property {number} from
 * @property {number | null} to null for one that lasts
 * @property {string} phase
 * @property {boolean} isQuiet whether the device was at rest
 * @property {boolean} isReady
 * @property {string | null} fault
 * @property {string | null} cause
 * @property {Record<string, any>} state
 *
 * @typedef {[at: number, lowest: number, mean: number, highest: number]} Measure
 * @typedef {{items: Item[], power: Measure[]}} Row
 */

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
    for (const [id, { stretches, measurements, processes }] of Object.entries(answer.devices)) {
      const items = [...stretches.map((stretch) => item(id, stretch)), ...outages(id, processes)];
      this.rows.set(id, { items: items.sort((a, b) => a.from - b.from), power: measurements?.power_watts ?? [] });
    }
  }

  /** Add the present status of a device. */
  addStatus(process, now) {
    const row = this.rows.get(process?.id);
    if (!row || !this.isCurrent) return;
    this.#presence(row, process, now);
    const { state, since, at, cause, id } = process;
    if (!state || at == null) return;
    if (state.power_watts != null) row.power.push([at, state.power_watts, state.power_watts, state.power_watts]);
    const last = row.items.findLast(({ sort }) => sort === "stretch");
    if (last && isSame(last.state, state)) return;
    const from = Math.max(last?.from ?? 0, since ?? at);
    if (last) last.to = from;
    row.items.push(item(id, { from, to: null, state, cause }));
    if (cause) this.causes[cause] ??= { device: id, at: from, phase: state.phase ?? null };
  }

  #presence({ items }, { id, presence, presence_since, reason }, now) {
    const open = items.findLast(({ sort, to }) => sort === "outage" && to == null);
    if (presence === "live" || presence === "stale") {
      if (open) open.to = now;
    } else if (open?.phase !== presence) {
      if (open) open.to = now;
      items.push(outage(id, presence, presence_since ?? now, null, reason));
    }
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
function outage(device, phase, from, to, cause) {
  return { sort: "outage", device, from, to, phase, isQuiet: false, isReady: false, fault: null, cause, state: {} };
}

/** Return the outages of a process: from each end to the next start. */
function outages(device, processes) {
  const found = [];
  for (const { at, life, reason } of processes ?? []) {
    const open = found.at(-1);
    if (open?.to == null && open?.phase === life) continue;
    if (open && open.to == null) open.to = at;
    if (life !== "running") found.push(outage(device, life, at, null, reason));
  }
  return found;
}

/** Return whether two states are the same but for measurements, which change all the time. */
function isSame(a, b) {
  return ["phase", "status", "ready", "fault", "brightness_percent"].every((name) => (a[name] ?? null) === (b[name] ?? null));
}

/**
 * Return the items within a span; neighbours that are too short to see are merged into one.
 * @param {Item[]} items
 * @param {number} least the shortest visible duration in seconds
 * @returns {(Item & {count: number})[]}
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
