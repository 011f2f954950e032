// @ts-check
/** The next events of a calendar, by day. */

import { make, setHidden } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";

const MOST_EVENTS = 4;
const DAY_SECONDS = 86400;

export class Agenda {
  element = make("ul", { class: "agenda" });
  #shown = "";

  show({ state }) {
    const key = `${state.events}|${house.calendar.day(house.now)}`;
    if (key === this.#shown) return;
    this.#shown = key;
    const events = parse(state.events);
    const more = events.length - MOST_EVENTS + (state.more_events ?? 0);
    const items = events.slice(0, MOST_EVENTS).map(({ when, title }) => make("li", {}, make("span", { class: "when" }, when), " ", make("span", { class: "title" }, title)));
    if (more > 0) items.push(make("li", { class: "more" }, t("rooms.more", { count: more })));
    this.element.replaceChildren(...items);
    setHidden(this.element, !items.length);
  }
}

/** Return the events of the lines "BEGIN END TITLE"; a begin with a hyphen is a date. */
function parse(text) {
  return text.split("\n").filter(Boolean).map((line) => {
    const [, begin, , title] = line.match(/^(\S+) (\S+) (.*)$/) ?? ["", "", "", line];
    return { when: begin.includes("-") ? dayOf(Date.parse(`${begin}T12:00:00Z`) / 1000) : moment(Number(begin)), title };
  });
}

function dayOf(at) {
  const { calendar, now } = house;
  if (calendar.day(at) === calendar.day(now)) return t("card.today");
  return calendar.day(at) === calendar.day(now + DAY_SECONDS) ? t("card.tomorrow") : calendar.day(at);
}

function moment(at) {
  const { calendar, now } = house;
  const time = calendar.minute(at);
  return calendar.day(at) === calendar.day(now) ? time : `${dayOf(at)} ${time}`;
}
