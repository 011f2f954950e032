// @ts-check
/** Loads the history for what is visible: one request at a time. */

import { house } from "../house.js";
import { Record } from "./record.js";
import { t } from "../text.js";

/** After a move, so much time passes before the request. */
const SETTLE_SECONDS = 0.15;
const REFRESH_SECONDS = 60;
const RETRY_SECONDS = 5;
/** The part of the visible span that is loaded beyond each of its ends. */
const BEYOND = 0.5;
const POINTS = { least: 100, most: 2000 };
const MOST_STRETCHES = 1000;

/** @typedef {{from: number, to: number, width: number, devices: string[] | null}} Wish what is to be loaded; null for all devices */

export class Source {
  /** @type {Record | null} */
  record = null;
  isLoading = false;
  /** Why the history cannot be read; null if it can. */
  problem = /** @type {string | null} */ (null);
  #onLoad;
  #request = /** @type {AbortController | null} */ (null);
  /** When to load again (performance.now()). */
  #due = 0;
  #devices = "";

  /** @param {() => void} onLoad called after each answer, and when loading begins */
  constructor(onLoad) {
    this.#onLoad = onLoad;
  }

  /**
   * Load if it is time to, and if no request is on its way: the newest wish waits for its answer. To be called four
   * times a second.
   * @param {Wish} wish
   */
  tick(wish) {
    if (!this.covers(wish)) this.#due = Math.min(this.#due, performance.now() + SETTLE_SECONDS * 1000);
    if (!this.isLoading && house.isLive && house.heardAt != null && wish.width > 0 && performance.now() >= this.#due) this.#load(wish);
  }

  /** Wait a moment with the next request: a hand is still moving. */
  settle() {
    this.#due = performance.now() + SETTLE_SECONDS * 1000;
  }

  /** Return whether what is loaded is enough for a wish. */
  covers({ from, to, width, devices }) {
    if (!this.record || key(devices) !== this.#devices) return false;
    const { since, until, resolution, isCurrent } = this.record;
    const fine = (6 * (to - from)) / width;
    return since <= Math.max(from, 0) && (isCurrent || until >= to) && resolution <= Math.max(fine, 0.1);
  }

  /** End a request that is on its way: nothing waits for it any more. */
  stop() {
    this.#request?.abort();
  }

  async #load({ from, to, width, devices }) {
    const length = to - from;
    const since = Math.max(0, from - BEYOND * length);
    const until = to + BEYOND * length;
    const isCurrent = until >= house.now;
    // A point for each second pixel is enough: it has the lowest and the highest value of its time.
    const points = Math.min(Math.max(width * (1 + 2 * BEYOND) * 0.5, POINTS.least), POINTS.most);
    const query = historyQuery({ since, until: isCurrent ? null : until, points, devices });
    query.set("stretches", Math.min(MOST_STRETCHES, Math.max(POINTS.least, points / 3)).toFixed(0));

    this.#request = new AbortController();
    const { signal } = this.#request;
    this.isLoading = true;
    this.#devices = key(devices);
    this.#due = performance.now() + Math.max(REFRESH_SECONDS, length / 1000) * 1000;
    this.#onLoad();
    try {
      const answer = await fetch(`/api/history?${query}`, { signal });
      if (answer.status === 401) return location.assign("/login");
      const found = await answer.json();
      if (!answer.ok) throw new Error(found.reason ?? answer.statusText);
      this.record = new Record(found, isCurrent);
      this.problem = null;
    } catch (error) {
      if (signal.aborted) return;
      this.#due = performance.now() + RETRY_SECONDS * 1000;
      const reason = error instanceof TypeError ? t("history.no_answer") : /** @type {Error} */ (error).message;
      this.problem = t("history.unreadable", { reason: reason.replace(/\.$/, "") });
    } finally {
      this.isLoading = false;
    }
    this.#onLoad();
  }
}

/** Return the query of a request for the history. */
export function historyQuery({ since, until, points, devices }) {
  const query = new URLSearchParams({ since: since.toFixed(3), points: points.toFixed(0) });
  if (until != null) query.set("until", until.toFixed(3));
  for (const device of devices ?? []) query.append("device", device);
  return query;
}

const key = (devices) => (devices ?? ["*"]).join(" ");
