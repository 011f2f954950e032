// @ts-check
/** Tells of one stretch of the timeline: what, when, how long, and why. */

import { make } from "./dom.js";
import { house } from "./house.js";
import { because, span } from "./words.js";

/** What there is to tell of it, a line each. */
export function tell(item, causes) {
  const { calendar, now } = house;
  const name = house.devices.get(item.device)?.name ?? item.device;
  const end = item.to ?? now;
  const from = calendar.moment(item.from, now);
  const when = item.to == null ? `since ${from}` : `${from} – ${calendar.day(item.from) === calendar.day(item.to) ? calendar.time(item.to) : calendar.moment(item.to, now)}`;
  const what = item.count > 1 ? `${item.count} changes` : item.sort === "outage" ? `process ${item.phase}` : item.phase;
  const level = item.state.brightness_percent != null && item.state.status ? ` at ${item.state.brightness_percent} %` : "";
  const why = item.count > 1 ? "come nearer to tell them apart" : item.sort === "outage" ? item.cause : because(item.cause, item.device, causes);
  return [`${name}: ${what}${level}`, item.fault, `${when} · ${span(end - item.from)}`, why].filter(Boolean);
}

export class Tip {
  element = make("div", { class: "tip", hidden: "" });

  /** Show it at the bar; where on a long one, the pointer says. */
  show(item, causes, bar, x) {
    this.element.replaceChildren(...tell(item, causes).map((line) => make("p", {}, line)));
    this.element.hidden = false;
    const { left, right, top, bottom } = bar.getBoundingClientRect();
    const { width, height } = this.element.getBoundingClientRect();
    const middle = x || (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
    const edge = document.documentElement.clientWidth - width - 8;
    this.element.style.left = `${Math.max(8, Math.min(middle - width / 2, edge))}px`;
    this.element.style.top = `${top - height - 8 < 0 ? bottom + 8 : top - height - 8}px`;
  }

  hide() {
    this.element.hidden = true;
  }
}
