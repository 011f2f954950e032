// @ts-check
/** A banner for as long as the connection to the mirror is lost. */

import { announce, make, setText } from "./dom.js";
import { house } from "./house.js";
import { elapsed } from "./words.js";

/** A page that has just been opened may still be connecting. */
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
    const isHidden = house.isLive || (heardAt == null && performance.now() < PATIENCE_SECONDS * 1000);
    if (isHidden !== this.hidden) this.hidden = isHidden; // the same value again would be a change, too
    if (isHidden) return;
    const shown =
      heardAt == null
        ? "Connecting again."
        : `This is the state of ${calendar.time(heardAt)}, ${elapsed(now - heardAt)} ago.`;
    setText(this.#text, `The mirror does not answer. ${shown}`);
  }
}
