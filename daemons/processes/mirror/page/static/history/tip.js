// @ts-check
/** The tip about one bar of the timeline: its state, its time, its duration and its cause. */

import { make } from "../dom.js";
import { house } from "../house.js";
import { wordOf } from "./record.js";
import { t } from "../text.js";
import { because, faultText, span } from "../words.js";

/** Return the lines of the tip. */
export function describe(item, causes) {
  const { calendar, now } = house;
  const name = house.devices.get(item.device)?.name ?? item.device;
  const end = item.to ?? now;
  const from = calendar.moment(item.from, now);
  const to = item.to == null || calendar.day(item.from) !== calendar.day(item.to) ? calendar.moment(end, now) : calendar.time(item.to);
  const when = item.to == null ? t("history.since", { from }) : `${from} – ${to}`;
  const isMany = item.count > 1;
  const percent = item.state.status ? item.state.brightness_percent : null;
  const phase = percent == null ? wordOf(item) : t("history.at_level", { phase: wordOf(item), percent });
  const what = isMany ? t("history.changes", { count: item.count }) : phase;
  const cause = isMany ? t("history.zoom_to_see") : item.sort === "stretch" ? because(item.cause, item.device, causes) : item.cause;
  return [`${name}: ${what}`, faultText(item.fault), `${when} · ${span(end - item.from)}`, cause].filter(Boolean);
}

export class Tip {
  element = make("div", { class: "tip", hidden: "" });
  #bar = /** @type {Element | null} */ (null);
  #x = 0;
  #onScroll = () => this.#follow();

  /** Show the tip at a bar; on a long bar, at the pointer. */
  show(item, causes, bar, x) {
    this.element.replaceChildren(...describe(item, causes).map((line) => make("p", {}, line)));
    this.element.hidden = false;
    this.#bar = bar;
    this.#x = x;
    this.#place();
    addEventListener("scroll", this.#onScroll, { passive: true });
  }

  /** After the page was scrolled, stay at the bar, and hide with it. */
  #follow() {
    if (this.element.hidden || !this.#bar) return;
    const { top, bottom } = this.#bar.getBoundingClientRect();
    if (!this.#bar.isConnected || bottom < 0 || top > innerHeight) this.hide();
    else this.#place();
  }

  #place() {
    const { left, right, top, bottom } = /** @type {Element} */ (this.#bar).getBoundingClientRect();
    const { width, height } = this.element.getBoundingClientRect();
    const middle = this.#x || (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
    const edge = document.documentElement.clientWidth - width - 8;
    this.element.style.left = `${Math.max(8, Math.min(middle - width / 2, edge))}px`;
    this.element.style.top = `${top - height - 8 < 0 ? bottom + 8 : top - height - 8}px`;
  }

  hide() {
    this.element.hidden = true;
    removeEventListener("scroll", this.#onScroll);
  }
}
