// @ts-check
/** The drawing of all subscriptions; a line lights up when its publisher changes, and all of a chosen device do. */

import { arrange, draw, english, make, set, setHidden, setText } from "../dom.js";
import { house } from "../house.js";
import { layout } from "./layout.js";
import { wires } from "./graph_layers.js";
import { Mark } from "../mark.js";
import { t } from "../text.js";
import { absence, look, phase, progress } from "../words.js";

const LIT_MILLISECONDS = 900;
const NARROW_REM = 44;

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

export class Drawing extends HTMLElement {
  #said = make("p", { class: "chosen", role: "status" }, t("drawing.choose"));
  #lines = draw("svg", { "aria-hidden": "true" });
  #labels = make("div", { "aria-hidden": "true" });
  #list = make("ul", { "aria-label": t("drawing.subscriptions") });
  #board = make("div", { class: "board" }, this.#lines, this.#labels, this.#list);
  #lonely = make("div", { class: "lonely" });
  #rest = make("section", {}, make("h2", {}, t("drawing.lonely")), this.#lonely);
  /** @type {Map<string, DrawnDevice>} */
  #drawn = new Map();
  /** @type {DrawnWire[]} */
  #wires = [];
  #chosen = /** @type {string | null} */ (null);
  #pinned = /** @type {string | null} */ (null);
  #width = 0;
  #isStale = false;
  #isArranged = false;

  connectedCallback() {
    this.append(this.#said, this.#board, this.#rest);
    house.addEventListener("house", () => this.#arrange());
    house.addEventListener("change", ({ detail: { id, heard } }) => this.#onChange(id, heard));
    house.addEventListener("link", () => this.#update());
    house.addEventListener("tick", () => this.#onTick());
    this.addEventListener("focusin", ({ target }) => this.#choose(idOf(target) ?? this.#pinned));
    this.addEventListener("focusout", () => this.#choose(this.#pinned));
    this.addEventListener("pointerover", ({ target, pointerType }) => pointerType === "mouse" && this.#choose(idOf(target) ?? this.#pinned));
    this.addEventListener("pointerleave", () => this.#choose(this.#pinned));
    this.addEventListener("click", ({ target }) => {
      const id = idOf(target);
      if (!id) return;
      this.#pinned = id === this.#pinned ? null : id;
      this.#choose(id);
    });
    new ResizeObserver(() => this.#place()).observe(this);
  }

  /** Whether its view is shown; asking for the layout would cost more. */
  get #isShown() {
    return document.documentElement.dataset.shown === "system";
  }

  /** Draw all devices, as soon as the view is shown. */
  #arrange() {
    this.#isArranged = this.#isShown;
    if (!this.#isArranged) return;
    const { devices, mirror } = house;
    const found = wires(devices, mirror);
    const drawn = new Set(found.flatMap(({ from, to }) => [from, to]));
    const create = (id) => {
      const device = new DrawnDevice(id);
      this.#drawn.set(id, device);
      return device.element;
    };
    this.#drawn.clear();
    this.#list.replaceChildren();
    this.#lonely.replaceChildren();
    arrange(this.#list, [...devices.keys()].filter((id) => drawn.has(id)), create);
    const lonely = [...devices.values()].filter(({ id }) => !drawn.has(id) && id !== mirror);
    const rooms = Map.groupBy ? Map.groupBy(lonely, ({ room }) => room) : groupBy(lonely);
    for (const [room, all] of rooms) {
      this.#lonely.append(make("section", {}, make("h3", {}, room), make("ul", {}, ...all.map(({ id }) => create(id)))));
    }
    setHidden(this.#rest, !lonely.length);
    setHidden(this.#board, !found.length);
    this.#wires = found.map((wire) => new DrawnWire(wire));
    this.#lines.replaceChildren(...this.#wires.map(({ element }) => element));
    this.#width = 0;
    this.#update();
    this.#place();
  }

  #place() {
    const width = this.clientWidth;
    if (!width) return; // it is not visible
    if (!this.#isArranged) return this.#arrange();
    if (!this.#drawn.size) return;
    if (this.#isStale) this.#update();
    if (width === this.#width) return;
    this.#width = width;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const isNarrow = width <= NARROW_REM * rem;
    const { boxes, labels, paths, height } = layout(house.devices, this.#wires.map(({ wire }) => wire), width, rem, isNarrow);
    this.#board.style.height = `${height}px`;
    this.toggleAttribute("data-narrow", isNarrow);
    set(this.#lines, "viewBox", `0 0 ${width} ${height}`);
    for (const [id, box] of boxes) this.#drawn.get(id)?.place(box);
    this.#labels.replaceChildren(...labels.map(({ text, x, y }) => {
      const label = make("span", { class: "room-name" }, text);
      label.style.transform = `translate(${x}px, ${y}px)`;
      return label;
    }));
    for (const wire of this.#wires) wire.place(paths.get(wire.wire) ?? "");
  }

  #onChange(id, heard) {
    if (!this.#isShown) return void (this.#isStale = true);
    const since = house.devices.get(id)?.since ?? null;
    const drawn = this.#drawn.get(id);
    drawn?.update();
    // A measurement that only moves lights nothing: it moves all the time.
    if (heard && drawn && drawn.since !== since) for (const wire of this.#wires) if (wire.wire.from === id) wire.light();
    if (drawn) drawn.since = since;
  }

  #onTick() {
    if (!this.#isShown) return;
    for (const drawn of this.#drawn.values()) if (drawn.isCounting) drawn.update();
  }

  #update() {
    this.#isStale = !this.#isShown;
    if (this.#isStale) return;
    for (const drawn of this.#drawn.values()) drawn.update();
  }

  /** Light up a device with its neighbours, and name them; null for none. */
  #choose(id) {
    if (id === this.#chosen) return;
    this.#chosen = id;
    const near = new Set([id]);
    for (const { wire, element } of this.#wires) {
      const isNear = wire.from === id || wire.to === id;
      element.classList.toggle("near", isNear);
      if (isNear) near.add(wire.from).add(wire.to);
    }
    for (const [other, { element }] of this.#drawn) element.classList.toggle("near", near.has(other));
    this.toggleAttribute("data-chosen", id != null);
    this.#said.replaceChildren(...(id ? sentence(id) : [t("drawing.choose")]));
  }
}

/** Return what a device subscribes to and which devices subscribe to it, as a sentence with a link. */
function sentence(id) {
  const device = house.devices.get(id);
  if (!device) return [];
  const names = (ids) => ids.map((other) => house.devices.get(other)?.name ?? other).join(", ");
  const heard = [...house.devices.values()].filter(({ hears, id: other }) => hears.includes(id) && other !== house.mirror).map(({ id: other }) => other);
  const parts = [device.hears.length ? t("drawing.hears", { names: names(device.hears) }) : t("drawing.hears_none"), heard.length ? t("drawing.heard", { names: names(heard) }) : t("drawing.heard_none")];
  return [make("a", { href: `#device/${id}` }, device.name), ` ${parts.join(" ")}`];
}

function groupBy(devices) {
  const found = new Map();
  for (const device of devices) found.set(device.room, [...(found.get(device.room) ?? []), device]);
  return found;
}

function idOf(target) {
  return target.closest?.(".speaker")?.dataset.device ?? null;
}

/** A device in the drawing. */
class DrawnDevice {
  #id;
  #mark = new Mark();
  #name = make("span", { class: "name" });
  #says = make("span", { class: "says" });
  #hears = make("span", { class: "unseen" });
  #button;

  /** When the device changed last. */
  since = /** @type {number | null} */ (null);
  isCounting = false;

  constructor(id) {
    this.#id = id;
    const text = make("span", { class: "text" }, this.#name, this.#says, this.#hears);
    this.#button = make("button", { type: "button", class: "speaker", "data-device": id }, this.#mark.element, text);
    this.element = make("li", {}, this.#button);
    this.since = house.devices.get(id)?.since ?? null;
  }

  update() {
    const device = house.devices.get(this.#id);
    if (!device) return;
    const appearance = look(device);
    set(this.#button, "data-look", appearance);
    set(this.#button, "data-presence", house.presence(device));
    set(this.#button, "title", device.name);
    this.#mark.show(appearance, appearance === "working" ? progress(device) : null);
    setText(this.#name, device.name);
    const gone = absence(device);
    setText(this.#says, gone ?? device.state?.fault ?? phase(device) ?? "");
    english(this.#says, gone == null && device.state?.fault != null);
    const publishers = device.hears.map((id) => house.devices.get(id)?.name ?? id);
    setText(this.#hears, `. ${publishers.length ? t("drawing.hears", { names: publishers.join(", ") }) : t("drawing.hears_none")}`);
    this.isCounting = appearance === "working" || house.presence(device) !== "live";
  }

  place({ x, y, width, height }) {
    const { style } = this.element;
    style.transform = `translate(${x}px, ${y}px)`;
    style.width = `${width}px`;
    style.height = `${height}px`;
  }
}

/** A line from a publisher to a subscriber. */
class DrawnWire {
  #pulse = draw("path", { class: "pulse", pathLength: 1 });
  #path = draw("path", { class: "wire" });
  #dim = 0;

  /** @param {import("./graph_layers.js").Wire} wire */
  constructor(wire) {
    this.wire = wire;
    this.element = draw("g", {}, this.#path, this.#pulse);
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
