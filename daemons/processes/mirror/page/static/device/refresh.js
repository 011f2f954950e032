// @ts-check
/** Loads something again after changes: soon, but not too often, and one request at a time. */

import { house } from "../house.js";

/** Several changes in a row are loaded together. */
const SETTLE_MILLISECONDS = 400;
/** The mirror starts a process for some answers. */
const LEAST_MILLISECONDS = 4000;
/** Other devices may change often, and mostly no rule decides anything then. */
const HEARD_MILLISECONDS = 15_000;

export class Refresh {
  #load;
  #timer = 0;
  #isLoading = false;
  #isDue = false;
  #loadedAt = -Infinity;
  /** The latest change of a heard device. */
  #heardSince = house.now;
  #request = new AbortController();

  /** @param {(signal: AbortSignal) => Promise<void>} load */
  constructor(load) {
    this.#load = load;
  }

  /** Load after a change of the device itself. */
  soon() {
    this.#isDue = true;
    if (!this.#isLoading) this.#plan(this.#loadedAt + LEAST_MILLISECONDS);
  }

  /** Load at once, such as after an edit. */
  now() {
    this.#isDue = true;
    if (!this.#isLoading) this.#plan(0);
  }

  /** Load after a change of a device that this one hears: its rules may have decided not to act. */
  hear({ since }) {
    if (since == null || since <= this.#heardSince) return; // the same state again
    this.#heardSince = since;
    if (!this.#timer && !this.#isLoading) this.#plan(this.#loadedAt + HEARD_MILLISECONDS);
  }

  #plan(at) {
    if (this.#request.signal.aborted) return;
    clearTimeout(this.#timer);
    const wait = this.#loadedAt === -Infinity ? 0 : Math.max(SETTLE_MILLISECONDS, at - performance.now());
    this.#timer = setTimeout(() => this.#run(), wait);
  }

  close() {
    clearTimeout(this.#timer);
    this.#request.abort();
  }

  async #run() {
    this.#timer = 0;
    if (!house.isLive) return; // the page asks again when the mirror is back
    this.#isLoading = true;
    this.#isDue = false;
    this.#loadedAt = performance.now();
    try {
      await this.#load(this.#request.signal);
    } finally {
      this.#isLoading = false;
      if (this.#isDue) this.soon();
    }
  }
}
