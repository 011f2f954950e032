// @ts-check
/** The time and the date of the house, by the mirror's clock. */

import { make, set, setText } from "../dom.js";
import { house } from "../house.js";

export class Clock extends HTMLElement {
  #hours = make("span", { class: "hours" });
  #seconds = make("span", { class: "seconds" });
  #half = make("span", { class: "half" });
  #date = make("p", { class: "date" });

  connectedCallback() {
    this.append(make("p", { class: "time" }, this.#hours, make("span", { class: "beside" }, this.#seconds, this.#half)), this.#date);
    house.addEventListener("tick", () => this.#show());
    house.addEventListener("house", () => this.#show());
  }

  #show() {
    if (house.heardAt == null) return; // the time is not known yet
    if (document.documentElement.dataset.shown !== "mirror") return;
    const { now, calendar } = house;
    const parts = calendar.parts(now);
    const of = (type) => parts.find((part) => part.type === type)?.value ?? "";
    setText(this.#hours, `${of("hour")}:${of("minute")}`);
    setText(this.#seconds, of("second"));
    setText(this.#half, of("dayPeriod"));
    setText(this.#date, calendar.date(now));
    set(this.#date, "lang", calendar.locale ?? "");
  }
}
