// @ts-check
/** Pages side by side: they are swiped, chosen by a tab, and turned by themselves while no hand is near. */

import { arrange, make, set, setHidden, setText } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";

const TURN_SECONDS = 15;
const FADE_MILLISECONDS = 400;

export class Pager {
  #scroller;
  #tabs = make("nav", { class: "tabs" });
  #names = /** @type {string[]} */ ([]);
  #turned = 0;
  #isRoom = false;
  #frame = 0;

  /** @param {HTMLElement} scroller what scrolls sideways */
  constructor(scroller) {
    this.#scroller = scroller;
    this.element = this.#tabs;
    scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    house.addEventListener("tick", () => this.#turn());
    for (const event of ["pointerdown", "keydown", "wheel"]) addEventListener(event, () => (this.#turned = 0), { passive: true });
  }

  /** Show a tab for each of these pages; null for pages that fit what is there. */
  show(names) {
    this.#isRoom = names != null;
    this.#names = names ?? Array.from({ length: this.#count() }, (_, i) => t("rooms.page", { number: i + 1, count: this.#count() }));
    setHidden(this.#tabs, this.#names.length < 2);
    set(this.#tabs, "aria-label", t(this.#isRoom ? "rooms.rooms" : "rooms.pages"));
    set(this.#tabs, "data-sort", this.#isRoom ? "names" : "dots");
    arrange(this.#tabs, this.#names, (name) => {
      const tab = make("button", { type: "button" }, make("span", {}, name));
      tab.addEventListener("click", () => this.go(this.#names.indexOf(name)));
      return tab;
    });
    this.#mark();
  }

  /** Show other tabs if there are other pages now. */
  refresh() {
    if (!this.#isRoom && Math.max(1, this.#names.length) !== this.#count()) this.show(null);
  }

  /** Go to a page. */
  go(index, behaviour = /** @type {ScrollBehavior} */ ("smooth")) {
    const way = getComputedStyle(this.#scroller).direction === "rtl" ? -1 : 1;
    this.#scroller.scrollTo({ left: way * index * this.#step, behavior: behaviour });
  }

  /** How far it is from one page to the next, in pixels. */
  get #step() {
    const { columnGap, paddingInlineStart, paddingInlineEnd } = getComputedStyle(this.#scroller);
    const [gap, start, end] = [columnGap, paddingInlineStart, paddingInlineEnd].map((length) => parseFloat(length) || 0);
    return this.#scroller.clientWidth - start - end + gap;
  }

  #count() {
    const { scrollWidth, clientWidth } = this.#scroller;
    return scrollWidth - clientWidth < 8 ? 1 : Math.ceil((scrollWidth + 8) / this.#step - 0.05);
  }

  /** The number of the page in sight, from 0 on. */
  get page() {
    const most = this.#scroller.scrollWidth - this.#scroller.clientWidth;
    const at = Math.abs(this.#scroller.scrollLeft);
    return at >= most - 4 && most > 4 ? this.#names.length - 1 : Math.round(at / this.#step);
  }

  #onScroll() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#mark());
  }

  #mark() {
    if (!this.#scroller.clientWidth) return; // another view is shown
    const page = this.page;
    [...this.#tabs.children].forEach((tab, i) => {
      if (i !== page) return set(tab, "aria-current", null);
      const isSame = tab.getAttribute("aria-current") === "true" && this.#isInSight(tab);
      if (isSame) return;
      set(tab, "aria-current", "true");
      if (this.#isRoom) this.#tabs.scrollTo({ left: /** @type {HTMLElement} */ (tab).offsetLeft - this.#tabs.clientWidth / 2 + tab.clientWidth / 2 });
    });
    this.#scroller.dispatchEvent(new CustomEvent("page", { detail: page }));
  }

  /** Return whether a tab is in sight: a person may have moved the tabs. */
  #isInSight(tab) {
    const [{ left, right }, tabs] = [tab.getBoundingClientRect(), this.#tabs.getBoundingClientRect()];
    return left >= tabs.left - 1 && right <= tabs.right + 1;
  }

  /** Turn to the next page after some seconds without a hand. A person who reads a room's page is not disturbed. */
  #turn() {
    const isQuiet = "quiet" in document.documentElement.dataset;
    if (!isQuiet || this.#isRoom || this.#names.length < 2 || document.documentElement.dataset.shown !== "mirror") return;
    if (this.#scroller.contains(document.activeElement) || ++this.#turned < TURN_SECONDS) return;
    this.#turned = 0;
    const next = (this.page + 1) % this.#names.length;
    this.#scroller.animate({ opacity: [1, 0] }, { duration: FADE_MILLISECONDS, fill: "forwards" }).onfinish = (event) => {
      this.go(next, "instant");
      /** @type {Animation} */ (event.target).cancel();
      this.#scroller.animate({ opacity: [0, 1] }, { duration: FADE_MILLISECONDS });
    };
  }
}
