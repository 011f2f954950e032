// @ts-check
/** The visible span of time: it moves, grows and shrinks, and may move with the present. */

import { house } from "../house.js";

export const SPANS = { hour: 3600, day: 86400, week: 7 * 86400, month: 30 * 86400, year: 365 * 86400 };
const SHORTEST_SECONDS = 10;
const LONGEST_SECONDS = 4 * 366 * 86400;
/** The space to the right of now, as a part of the length. It is beyond the length, which ends now. */
const MARGIN = 0.03;

export class Viewport {
  /** In seconds; while it follows the present, this is the time until now. */
  length;
  /** The end of the visible span; only known once the time is. */
  to = 0;
  /** Whether it moves with the present. */
  follows = true;
  #onMove;

  /**
   * @param {number} length in seconds
   * @param {() => void} onMove called after each change but the passing of time
   */
  constructor(length, onMove) {
    this.length = length;
    this.#onMove = onMove;
  }

  get from() {
    return this.to - this.#visible;
  }

  /** The visible span in seconds. */
  get #visible() {
    return this.length * (this.follows ? 1 + MARGIN : 1);
  }

  /** Move with the present, if it follows. Before the first message the time is not known. */
  follow() {
    if (this.follows && house.heardAt != null) this.to = house.now + MARGIN * this.length;
  }

  /** Show the last seconds up to now. */
  showLast(length) {
    this.length = length;
    this.follows = true;
    this.#moved();
  }

  /** Move by a part of the visible span; positive is later. */
  pan = (part) => {
    this.to += part * this.#visible;
    this.#moved();
  };

  /** Change the length by a factor, around a point from 0 to 1; without a point, the present stays at its place. */
  zoom = (factor, centre) => {
    const length = Math.min(Math.max(this.length * factor, SHORTEST_SECONDS), LONGEST_SECONDS);
    const around = centre ?? (this.follows ? 1 / (1 + MARGIN) : 0.5);
    const fixed = this.from + around * this.#visible;
    this.length = length;
    this.to = fixed + (1 - around) * this.#visible;
    this.#moved(this.follows && centre == null);
  };

  #moved(stays = this.follows && this.to >= house.now + MARGIN * this.length) {
    if (house.heardAt == null) return;
    this.follows = stays || this.to >= house.now;
    this.to = Math.min(this.to, house.now + MARGIN * this.length);
    this.#onMove();
  }
}
