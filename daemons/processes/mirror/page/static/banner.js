// @ts-check
/** A banner for as long as the connection to the mirror is lost. */

import { announce, make, setHidden, setText } from "./dom.js";
import { house } from "./house.js";
import { t } from "./text.js";
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
      announce(t(house.isLive ? "banner.answers" : "banner.lost"));
    });
  }

  #show() {
    const { heardAt, now, calendar } = house;
    const isHidden = house.isLive || (heardAt == null && performance.now() < PATIENCE_SECONDS * 1000);
    setHidden(this, isHidden);
    if (isHidden) return;
    const shown =
      heardAt == null
        ? t("banner.connecting")
        : t("banner.state_of", { at: calendar.time(heardAt), ago: elapsed(now - heardAt) });
    setText(this.#text, `${t("banner.lost")} ${shown}`);
  }
}
