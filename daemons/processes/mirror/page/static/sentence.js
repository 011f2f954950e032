// @ts-check
/** The mirror's sentence, and below it the services that have a fault or do not run. */

import { announce, arrange, make, setText, set } from "./dom.js";
import { house } from "./house.js";
import { absence } from "./words.js";

const CONSEQUENCES = {
  steward: "processes that hang or fail repeatedly are not noticed now",
  recorder: "the history is not recorded now",
  exchange: "other hosts and your own programs are not connected now",
};

export class Sentence extends HTMLElement {
  #announced = "";
  #heading = make("p", { class: "said", hidden: "" }, "Its last message");
  #sentence = make("p", { id: "sentence" });
  #missing = make("ul", { class: "missing" });

  connectedCallback() {
    this.append(this.#heading, this.#sentence, this.#missing);
    for (const event of ["house", "change", "link", "beat"]) house.addEventListener(event, () => this.#show());
  }

  #show() {
    const { message } = house;
    if (this.#heading.hidden !== house.isLive) this.#heading.hidden = house.isLive;
    if (this.#sentence.textContent !== message) {
      // Each part stays on one line, "Toaster: ready in 0:07", and has a line of its own if there are few.
      const parts = message.split(" · ").flatMap((part, i) => [
        ...(i ? [make("span", { class: "dot" }, " · ")] : []),
        make("span", { class: "part" }, part),
      ]);
      this.#sentence.replaceChildren(...parts);
      set(this.#sentence, "data-length", message.length < 48 ? "short" : message.length < 160 ? "middle" : "long");
    }
    this.#announce(message);
    this.#updateMissing();
  }

  /** Announce a new message; one that differs only in its countdown is not announced again. */
  #announce(message) {
    const gist = message.replace(/\d+(:\d\d)+/g, "");
    if (gist === this.#announced) return;
    this.#announced = gist;
    announce(message);
  }

  #updateMissing() {
    const troubles = house.isLive ? [...house.services.values()].map((service) => [service.id, trouble(service)]) : [];
    const missing = troubles.filter(([, text]) => text);
    arrange(this.#missing, missing.map(([id]) => id), () => make("li"));
    missing.forEach(([, text], i) => setText(this.#missing.children[i], text));
  }
}

/** Return what is wrong with a service, or null. */
function trouble(service) {
  const name = `The ${service.name.toLowerCase()}`;
  const gone = absence(service)?.split(" · ")[0];
  if (gone) return `${name} is ${gone}${CONSEQUENCES[service.id] ? `: ${CONSEQUENCES[service.id]}` : ""}.`;
  return service.state?.fault ? `${name}: ${service.state.fault}.` : null;
}
