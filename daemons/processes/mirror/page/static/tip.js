// @ts-check
/** The tip about one bar of the timeline: its state, its time, its duration and its cause. */

import { make } from "./dom.js";
import { house } from "./house.js";
import { because, span } from "./words.js";

/** Return the lines of the tip. */
export function describe(item, causes) {
  const { calendar, now } = house;
  const name = house.devices.get(item.device)?.name ?? item.device;
  const end = item.to ?? now;
  const from = calendar.moment(item.from, now);
  const when = item.to == null ? `since ${from}` : `${from} – ${calendar.day(item.from) === calendar.day(item.to) ? calendar.time(item.to) : calendar.moment(item.to, now)}`;
  const what = item.count > 1 ? `${item.count} changes` : item.sort === "outage" ? `process ${item.phase}` : item.phase;
  const level = item.state.brightness_percent != null && item.state.status ? ` at ${item.state.brightness_percent} %` : "";
  const cause = item.count > 1 ? "zoom in to see them" : item.sort === "outage" ? item.cause : because(item.cause, item.device, causes);
  return [`${name}: ${what}${level}`, item.fault, `${when} · ${span(end - item.from)}`, cause].filter(Boolean);
}

export class Tip {
  element = make("div", { class: "tip", hidden: "" });

  /** Show the tip at a bar; on a long bar, at the pointer. */
  show(item, causes, bar, x) {
    this.element.replaceChildren(...describe(item, causes).map((line) => make("p", {}, line)));
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
