// @ts-check
/** The cards of all devices, by room. */

import { arrange, make, setText, set } from "./dom.js";
import { house } from "./house.js";

const ELSEWHERE = "Elsewhere";

/** Return how closely the cards are laid out so that they fit on the screen; a room's name needs space, too. */
function density(cards, rooms) {
  const load = cards + 0.6 * rooms;
  return load <= 6.3 ? "roomy" : load <= 18 ? "even" : "dense";
}

export class Rooms extends HTMLElement {
  /** @type {Map<string, import("./card.js").Card>} */
  #cards = new Map();

  connectedCallback() {
    house.addEventListener("house", () => this.#arrange());
    house.addEventListener("change", ({ detail }) => this.#cards.get(detail.id)?.update());
    for (const event of ["beat", "link", "tick"]) house.addEventListener(event, () => this.#update());
  }

  #arrange() {
    const rooms = new Map();
    for (const { id, room } of house.devices.values()) {
      if (id === house.mirror) continue; // the whole page is the mirror
      const name = room || ELSEWHERE;
      rooms.set(name, [...(rooms.get(name) ?? []), id]);
    }
    const count = [...rooms.values()].flat().length;
    set(this, "data-density", density(count, rooms.size));
    this.style.setProperty("--cards", String(count));
    this.style.setProperty("--rooms", String(rooms.size));

    arrange(this, rooms.keys(), (name) => make("section", { class: "room" }, make("h2", {}, name), make("ul")));
    for (const room of /** @type {HTMLCollectionOf<HTMLElement>} */ (this.children)) {
      const [heading, list] = room.children;
      setText(heading, room.dataset.key);
      arrange(list, rooms.get(room.dataset.key), (id) => make("li", {}, make("house-card", { "data-device": id })));
    }
    this.#cards = new Map([...this.querySelectorAll("house-card")].map((card) => [card.dataset.device, card]));
    this.#update();
  }

  #update() {
    for (const card of this.#cards.values()) card.update();
  }
}
