// @ts-check
/** The devices by room: columns on a wall, a page for each room on a phone. */

import { arrangement } from "./arrangement.js";
import { arrange, make, set, setHidden, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { changeAbove, ignoreTouches } from "../moved.js";
import { Overview } from "./overview.js";
import { Pager } from "./pager.js";
import { needsAttention } from "./quiet.js";
import { Room } from "./room.js";
import { t } from "../text.js";
import { roomName } from "../words.js";

/** More cards at the top would leave no space for the rooms. */
const MOST_PINNED = 4;

export class Rooms extends HTMLElement {
  #pinned = make("ul");
  #more = make("p", { class: "more" });
  #attention = make("section", { class: "room pinned", hidden: "" }, make("h2", {}, t("rooms.attention")), this.#pinned, this.#more);
  #scroller = make("div", { class: "scroller" });
  #pager = new Pager(this.#scroller);
  #overview = new Overview((name) => this.#pager.go(this.#names.indexOf(name)));
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** @type {Map<string, import("./card.js").Card>} */
  #cards = new Map();
  #names = /** @type {string[]} */ ([]);
  #found = /** @type {import("./arrangement.js").Arrangement} */ ({ mode: "flow", density: "even", isFolded: false, columns: 1 });
  #needing = "";
  #size = "";
  /** A page that becomes higher must not be cut off. */
  #heights = new ResizeObserver(() => this.#fit());
  #counting = 0;

  connectedCallback() {
    this.append(this.#attention, this.#pager.element, this.#scroller);
    house.addEventListener("house", () => this.#arrange());
    house.addEventListener("change", ({ detail }) => this.#onChange(detail.id));
    house.addEventListener("attention", () => this.#pin());
    house.addEventListener("link", () => this.#updateAll());
    house.addEventListener("tick", () => this.#onTick());
    this.#scroller.addEventListener("page", () => this.#fit());
    new ResizeObserver(() => this.#onResize()).observe(this);
    addEventListener("resize", () => this.#onResize());
  }

  #onResize() {
    // While another view is shown, no card is drawn. When this one is shown again, all are.
    const size = this.clientWidth ? [innerWidth, innerHeight, this.clientWidth].join() : "";
    if (size === this.#size) return;
    this.#size = size;
    if (size) this.#arrange();
  }

  /** Lay out all rooms anew. */
  #arrange() {
    const devices = [...house.devices.values()].filter(({ id, hide }) => id !== house.mirror && !hide); // the whole page is the mirror
    if (!devices.length && !this.#rooms.size) return;
    const groups = byRoom(devices);
    const root = getComputedStyle(document.documentElement);
    const rem = parseFloat(root.fontSize);
    const em = EM;
    this.#found = arrangement({ cards: devices.length, rooms: groups.size, width: innerWidth, height: innerHeight, rem, em });
    this.#apply(groups);
    this.#foldIfFull(groups);
  }

  /** Fold quiet devices if the estimate was wrong, and the rooms do not fit. */
  #foldIfFull(groups) {
    const { scrollWidth, clientWidth } = this.#scroller;
    if (this.#found.mode !== "columns" || this.#found.isFolded || scrollWidth <= clientWidth + 4 || !clientWidth) return;
    this.#found = { ...this.#found, density: "dense", isFolded: true };
    this.#apply(groups);
  }

  #apply(groups) {
    const { mode, density, isFolded, columns } = this.#found;
    set(this, "data-mode", mode);
    set(document.documentElement, "data-rooms", mode);
    set(this, "data-density", density);
    this.style.setProperty("--cards", String([...groups.values()].flat().length));
    this.style.setProperty("--rooms", String(groups.size));
    this.style.setProperty("--columns", String(columns));
    const isPaged = mode === "pages";
    this.#names = [...(isPaged ? [t("rooms.overview")] : []), ...groups.keys()];
    arrange(this.#scroller, this.#names, (name) => {
      if (isPaged && name === this.#names[0]) return this.#overview.element;
      const room = new Room(name);
      this.#rooms.set(name, room);
      return room.element;
    });
    for (const page of this.#scroller.children) this.#heights.observe(page);
    for (const name of this.#rooms.keys()) if (!groups.has(name)) this.#rooms.delete(name);
    const pinned = this.#pinnedIds(groups);
    for (const [name, ids] of groups) this.#rooms.get(name)?.arrange(ids.filter((id) => !pinned.includes(id)), isFolded);
    this.#showPinned(pinned, groups);
    const cards = /** @type {NodeListOf<import("./card.js").Card>} */ (this.querySelectorAll("house-card"));
    this.#cards = new Map([...cards].map((card) => [card.dataset.device ?? "", card]));
    if (isPaged) this.#overview.show([...this.#rooms.values()]);
    this.#updateAll();
    this.#pager.show(isPaged ? this.#names : null);
    this.#fit();
  }

  /** Return the devices that stay in sight on each page, because they need attention; none if all is in sight. */
  #pinnedIds(groups) {
    const needing = [...groups.values()].flat().filter((id) => needsAttention(house.devices.get(id)));
    const ids = [...new Set(needing)];
    this.#needing = ids.join();
    const isPartial = this.#found.mode === "pages" || this.#found.isFolded;
    return isPartial && house.isLive ? ids.slice(0, MOST_PINNED) : [];
  }

  #showPinned(ids, groups) {
    setHidden(this.#attention, !ids.length);
    arrange(this.#pinned, ids, (id) => make("li", {}, make("house-card", { "data-device": id })));
    const all = [...new Set([...groups.values()].flat())].filter((id) => needsAttention(house.devices.get(id)));
    setTextOrHide(this.#more, ids.length && all.length > ids.length ? t("rooms.more", { count: all.length - ids.length }) : "");
  }

  /** Lay out anew if other devices need attention. */
  #pin() {
    const needing = [...house.devices.values()].filter((device) => device.id !== house.mirror && !device.hide && needsAttention(device)).map(({ id }) => id).join();
    if (needing !== this.#needing && (this.#found.mode === "pages" || this.#found.isFolded)) {
      changeAbove(this.#scroller, () => this.#arrange());
    }
  }

  #onChange(id) {
    const device = house.devices.get(id);
    const room = device && this.#rooms.get(roomOf(device));
    this.#cards.get(id)?.update();
    this.#pin();
    if (room?.update()) ignoreTouches();
    this.#count();
    this.#showOverview();
  }

  #onTick() {
    if (document.documentElement.dataset.shown !== "mirror") return;
    for (const card of this.#cards.values()) if (card.isCounting) card.update();
    for (const room of this.#rooms.values()) if (room.isPending && room.update()) ignoreTouches();
    if ([...this.#cards.values()].some((card) => card.isCounting)) this.#showOverview();
  }

  /** Show the overview anew while it is in sight. */
  #showOverview() {
    if (this.#found.mode === "pages" && this.#scroller.scrollLeft === 0) this.#overview.show([...this.#rooms.values()]);
  }

  #updateAll() {
    for (const card of this.#cards.values()) card.update();
    for (const room of this.#rooms.values()) room.update();
    this.#showOverview();
  }

  /** Count the pages anew, after the change has been laid out. */
  #count() {
    if (this.#found.mode !== "columns" || this.#counting) return;
    this.#counting = setTimeout(() => {
      this.#counting = 0;
      this.#pager.refresh();
    }, 300);
  }

  /** Give the pages the height of the present one. */
  #fit() {
    if (this.#found.mode !== "pages") return void this.#scroller.style.removeProperty("height");
    const page = this.#scroller.children[this.#pager.page];
    if (page && this.clientWidth) this.#scroller.style.height = `${/** @type {HTMLElement} */ (page).offsetHeight}px`;
  }
}

/** The browser's setting, in which the style sheet's breakpoints are. */
const EM = 16;

function roomOf({ room, favourite }) {
  return favourite ? t("rooms.favourites") : roomName(room || "House");
}

/** Return the names of the devices by room, the favourites first. */
function byRoom(devices) {
  const groups = new Map();
  for (const device of [...devices.filter(({ favourite }) => favourite), ...devices.filter(({ favourite }) => !favourite)]) {
    const name = roomOf(device);
    groups.set(name, [...(groups.get(name) ?? []), device.id]);
  }
  return groups;
}
