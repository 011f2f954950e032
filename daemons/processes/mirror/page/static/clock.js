// @ts-check
/** The time and the date of the house, by the mirror's clock. */

import { make, say } from "./dom.js";
import { house } from "./house.js";

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
    if (house.heardAt == null) return; // it is not known what time it is
    const { now, calendar } = house;
    const parts = calendar.parts(now);
    const of = (type) => parts.find((part) => part.type === type)?.value ?? "";
    say(this.#hours, `${of("hour")}:${of("minute")}`);
    say(this.#seconds, of("second"));
    say(this.#half, of("dayPeriod"));
    say(this.#date, calendar.date(now));
    this.#date.lang = calendar.locale ?? "";
  }
}
