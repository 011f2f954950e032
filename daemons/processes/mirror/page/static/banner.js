// @ts-check
/** Says that the mirror is lost, for as long as it is. */

import { announce, make, say } from "./dom.js";
import { house } from "./house.js";
import { elapsed } from "./words.js";

/** A page that has just been opened may still be asking. */
const PATIENCE_SECONDS = 1;

export class Banner extends HTMLElement {
  #text = make("p");

  connectedCallback() {
    this.append(this.#text);
    house.addEventListener("tick", () => this.#show());
    house.addEventListener("link", () => {
      document.documentElement.dataset.link = house.isLive ? "live" : "lost";
      this.#show();
      announce(house.isLive ? "The mirror answers." : "The mirror does not answer.");
    });
  }

  #show() {
    const { heardAt, now, calendar } = house;
    this.hidden = house.isLive || (heardAt == null && performance.now() < PATIENCE_SECONDS * 1000);
    if (this.hidden) return;
    const shown =
      heardAt == null
        ? "It is being asked again."
        : `Shown is what it knew at ${calendar.time(heardAt)}, ${elapsed(now - heardAt)} ago.`;
    say(this.#text, `The mirror does not answer. ${shown}`);
  }
}
