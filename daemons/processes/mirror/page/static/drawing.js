// @ts-check
/** The drawing of all subscriptions; a line lights up when its publisher publishes a state. */

import { arrange, draw, make, setText, set } from "./dom.js";
import { house } from "./house.js";
import { across, down, layers, line, wires } from "./layout.js";
import { Mark } from "./mark.js";
import { absence, look, phase, progress } from "./words.js";

const LIT_MILLISECONDS = 900;
const NARROW_REM = 44;

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

export class Drawing extends HTMLElement {
  #lines = draw("svg", { "aria-hidden": "true" });
  #list = make("ul", { "aria-label": "Subscriptions" });
  /** @type {Map<string, DrawnDevice>} */
  #drawn = new Map();
  /** @type {Wire[]} */
  #wires = [];

  connectedCallback() {
    this.append(this.#lines, this.#list);
    house.addEventListener("house", () => this.#arrange());
    house.addEventListener("change", ({ detail: { id, heard } }) => {
      this.#drawn.get(id)?.update();
      if (heard && this.checkVisibility()) this.#light(id);
    });
    house.addEventListener("beat", () => {
      this.#update();
      if (this.checkVisibility() && !isStill.matches) for (const drawn of this.#drawn.values()) drawn.breathe();
    });
    house.addEventListener("link", () => this.#update());
    house.addEventListener("tick", () => this.checkVisibility() && this.#update());
    new ResizeObserver(() => this.#place()).observe(this);
  }

  #arrange() {
    const { devices, mirror } = house;
    const ids = layers(devices, mirror).flat();
    arrange(this.#list, ids, (id) => {
      const drawn = new DrawnDevice(id);
      this.#drawn.set(id, drawn);
      return drawn.element;
    });
    for (const id of this.#drawn.keys()) if (!devices.has(id)) this.#drawn.delete(id);
    this.#wires = wires(devices, mirror).map((wire) => new Wire(wire));
    this.#lines.replaceChildren(...this.#wires.map(({ element }) => element));
    this.#update();
    this.#place();
  }

  #place() {
    const width = this.clientWidth;
    if (!width || !this.#drawn.size) return; // it is not visible
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const isAcross = width > NARROW_REM * rem;
    const { boxes, height, isTight } = (isAcross ? across : down)(layers(house.devices, house.mirror), width, rem);
    this.style.height = `${height}px`;
    this.toggleAttribute("data-tight", isTight);
    set(this.#lines, "viewBox", `0 0 ${width} ${height}`);
    for (const [id, box] of boxes) this.#drawn.get(id)?.place(box);
    for (const wire of this.#wires) wire.place(line(boxes.get(wire.from), boxes.get(wire.to), isAcross));
  }

  #update() {
    for (const drawn of this.#drawn.values()) drawn.update();
  }

  #light(id) {
    for (const wire of this.#wires) if (wire.from === id) wire.light();
  }
}

/** A device in the drawing. */
class DrawnDevice {
  #id;
  #mark = new Mark();
  #name = make("span", { class: "name" });
  #says = make("span", { class: "says" });
  #hears = make("span", { class: "unseen" });

  constructor(id) {
    this.#id = id;
    const text = make("span", { class: "text" }, this.#name, this.#says, this.#hears);
    this.element = make("li", { class: "speaker" }, this.#mark.element, text);
  }

  update() {
    const device = house.devices.get(this.#id);
    if (!device) return;
    const appearance = look(device);
    set(this.element, "data-look", appearance);
    set(this.element, "data-presence", house.presence(device));
    set(this.element, "title", device.name);
    this.#mark.show(appearance, appearance === "working" ? progress(device) : null);
    setText(this.#name, device.name);
    setText(this.#says, absence(device) ?? device.state?.fault ?? phase(device) ?? "");
    const publishers = device.hears.map((id) => house.devices.get(id)?.name ?? id);
    const all = this.#id === house.mirror ? ["all devices"] : publishers;
    setText(this.#hears, all.length ? `, subscribes to ${all.join(", ")}` : ", subscribes to no device");
  }

  place({ x, y, width, height }) {
    const { style } = this.element;
    style.transform = `translate(${x}px, ${y}px)`;
    style.width = `${width}px`;
    style.height = `${height}px`;
  }

  breathe() {
    if (this.element.dataset.presence !== "live") return;
    this.#mark.element.animate({ opacity: [1, 0.6, 1] }, { duration: 900, easing: "ease-in-out" });
  }
}

/** A line from a publisher to a subscriber. */
class Wire {
  #pulse = draw("path", { class: "pulse", pathLength: 1 });
  #path = draw("path", { class: "wire" });
  #dim = 0;

  constructor({ from, to }) {
    this.from = from;
    this.to = to;
    this.element = draw("g", {}, this.#path, this.#pulse);
    if (to === house.mirror) this.element.setAttribute("class", "to-mirror");
  }

  place(path) {
    set(this.#path, "d", path);
    set(this.#pulse, "d", path);
  }

  light() {
    clearTimeout(this.#dim);
    this.element.classList.add("lit");
    this.#dim = setTimeout(() => this.element.classList.remove("lit"), LIT_MILLISECONDS);
    if (isStill.matches) return;
    const run = { strokeDashoffset: [0.25, -1], opacity: [1, 1, 0] };
    this.#pulse.animate(run, { duration: LIT_MILLISECONDS, easing: "ease-out" });
  }
}
