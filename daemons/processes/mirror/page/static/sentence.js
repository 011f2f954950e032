// @ts-check
/** How the house stands, in a sentence; and below it, what of the house itself is not at work, or complains. */

import { announce, arrange, make, say, set } from "./dom.js";
import { house } from "./house.js";
import { absence } from "./words.js";

const MISSED = {
  steward: "who hangs, or dies in circles, is not seen now",
  recorder: "nothing is being written into the history",
  exchange: "other hosts, and programs of your own, are not heard now",
};

export class Sentence extends HTMLElement {
  #said = "";
  #heading = make("p", { class: "said", hidden: "" }, "What it said last");
  #sentence = make("p", { id: "sentence" });
  #missing = make("ul", { class: "missing" });

  connectedCallback() {
    this.append(this.#heading, this.#sentence, this.#missing);
    for (const event of ["house", "change", "link", "beat"]) house.addEventListener(event, () => this.#show());
  }

  #show() {
    const { message } = house;
    this.#heading.hidden = house.isLive;
    if (this.#sentence.textContent !== message) {
      // Each part stays in one piece, "Toaster: ready in 0:07", and stands on a line of its own where they are few.
      const parts = message.split(" · ").flatMap((part, i) => [
        ...(i ? [make("span", { class: "dot" }, " · ")] : []),
        make("span", { class: "part" }, part),
      ]);
      this.#sentence.replaceChildren(...parts);
      set(this.#sentence, "data-length", message.length < 48 ? "short" : message.length < 160 ? "middle" : "long");
    }
    this.#announce(message);
    this.#tellMissing();
  }

  /** What only counts down is said once, not every second. */
  #announce(message) {
    const gist = message.replace(/\d+(:\d\d)+/g, "");
    if (gist === this.#said) return;
    this.#said = gist;
    announce(message);
  }

  #tellMissing() {
    const told = house.isLive ? [...house.services.values()].map((service) => [service.id, trouble(service)]) : [];
    const missing = told.filter(([, text]) => text);
    arrange(this.#missing, missing.map(([id]) => id), () => make("li"));
    missing.forEach(([, text], i) => say(this.#missing.children[i], text));
  }
}

/** What is wrong with one of the house's own processes; null where nothing is. */
function trouble(service) {
  const name = `The ${service.name.toLowerCase()}`;
  const gone = absence(service)?.split(" · ")[0];
  if (gone) return `${name} is ${gone}${MISSED[service.id] ? `: ${MISSED[service.id]}` : ""}.`;
  return service.state?.fault ? `${name}: ${service.state.fault}.` : null;
}
