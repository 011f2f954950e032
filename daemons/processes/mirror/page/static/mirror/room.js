// @ts-check
/** A room: its name, its climate, the cards of its devices, and a line for those that are quiet. */

import { arrange, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { mainReading, written } from "../reading.js";
import { besides, climateOf, isChoice, isQuiet, summary } from "./quiet.js";
import { t } from "../text.js";

/**
 * A device that has just become quiet keeps its card for a moment: a person may have switched it. While a person uses the
 * page it keeps it in any case, because a card that folds moves those below it.
 */
const LINGER_SECONDS = 15;
/** Unfolded devices are folded again after so long without a touch. */
const UNFOLD_SECONDS = 90;
/** Unfolded devices are updated once a second; after a longer pause, another view was shown. */
const MOST_GAP_SECONDS = 3;

export class Room {
  #heading = make("h2");
  #climate = make("p", { class: "climate" });
  #list = make("ul");
  #quiet = make("button", { type: "button", class: "quiet", "aria-expanded": "false" });
  /** @type {string[]} */
  #ids = [];
  /** @type {Map<string, number>} by device, since when it has been quiet; -Infinity: for long */
  #since = new Map();
  #isFolding = false;
  #unfoldedAt = -Infinity;
  #isLingering = false;
  /** When the room was last seen: the time in which another view is shown does not count. */
  #seenAt = 0;

  constructor(name) {
    this.name = name;
    this.element = make("section", { class: "room" }, make("div", { class: "head" }, this.#heading, this.#climate), this.#list, this.#quiet);
    setText(this.#heading, name);
    this.#quiet.addEventListener("click", () => this.#toggle());
  }

  /** Show these devices; with `isFolding`, those that are quiet are folded. */
  arrange(ids, isFolding) {
    this.#ids = ids;
    this.#isFolding = isFolding;
    arrange(this.#list, ids, (id) => make("li", isFolding ? { hidden: "" } : {}, make("house-card", { "data-device": id })));
    this.update(true);
  }

  /** Whether time alone may fold or unfold a device. */
  get isPending() {
    return this.#isFolding && (this.#isLingering || this.#unfoldedAt > 0);
  }

  /** The cards of its devices. */
  get cards() {
    return /** @type {import("./card.js").Card[]} */ ([...this.#list.querySelectorAll(":scope > li > house-card")]);
  }

  get devices() {
    return this.#ids.map((id) => house.devices.get(id)).filter((device) => device != null);
  }

  /**
   * Fold what is quiet, and unfold what is not. Without `isAtOnce`, a device must have been quiet for a moment.
   * Return whether a card has come or gone.
   */
  update(isAtOnce = false) {
    this.#countSeconds();
    const isUnfolded = this.#seenAt - this.#unfoldedAt < UNFOLD_SECONDS;
    if (!isUnfolded) this.#unfoldedAt = -Infinity;
    this.#isLingering = false;
    let isMoved = false;
    const folded = this.#isFolding ? this.devices.filter((device) => this.#isFolded(device, isAtOnce)) : [];
    for (const item of /** @type {HTMLCollectionOf<HTMLElement>} */ (this.#list.children)) {
      const isHidden = !isUnfolded && folded.some(({ id }) => id === item.dataset.key);
      if (isHidden === item.hidden) continue;
      item.hidden = isHidden;
      isMoved = true;
      if (!isHidden) /** @type {any} */ (item.firstElementChild).update();
    }
    const climate = this.#isFolding ? climateOf(folded) : undefined;
    const main = climate && mainReading(climate);
    setTextOrHide(this.#climate, main && !isUnfolded ? written(main) : "");
    setHidden(this.#quiet, !folded.length);
    set(this.#quiet, "aria-expanded", isUnfolded);
    const others = besides(climate, folded);
    const text = isUnfolded ? t("rooms.fold") : others.length ? summary(others) : t("rooms.unfold");
    if (folded.length) setText(this.#quiet, text);
    set(this.element, "data-quiet", folded.length && folded.length === this.#ids.length && !isUnfolded ? "" : null);
    return isMoved;
  }

  /** Do not count the time in which a person has looked at another view, such as the page of one of the devices. */
  #countSeconds() {
    if (document.documentElement.dataset.shown !== "mirror") return;
    if (house.now - this.#seenAt > MOST_GAP_SECONDS) this.#unfoldedAt += house.now - this.#seenAt;
    this.#seenAt = house.now;
  }

  #isFolded(device, isAtOnce) {
    if (!isQuiet(device) || isChoice(device)) {
      this.#since.delete(device.id);
      return false;
    }
    if (!this.#since.has(device.id)) this.#since.set(device.id, isAtOnce ? -Infinity : house.now);
    const since = this.#since.get(device.id) ?? -Infinity;
    const isInUse = !("quiet" in document.documentElement.dataset);
    const item = [...this.#list.children].find((child) => /** @type {HTMLElement} */ (child).dataset.key === device.id);
    const isLingering = (since > -Infinity && (isInUse || house.now - since < LINGER_SECONDS)) || item?.matches(":focus-within, :hover");
    if (!isLingering) this.#since.set(device.id, -Infinity);
    this.#isLingering ||= Boolean(isLingering);
    return !isLingering;
  }

  #toggle() {
    this.#unfoldedAt = house.now - this.#unfoldedAt < UNFOLD_SECONDS ? -Infinity : house.now;
    this.#seenAt = house.now;
    this.update();
    if (this.#unfoldedAt > 0) /** @type {HTMLElement | null} */ (this.#list.querySelector("li:not([hidden])"))?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}
