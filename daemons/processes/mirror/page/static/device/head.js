// @ts-check
/** The head of a device's page: the ways to other pages, the name, the mark, and what the device does now. */

import { concern } from "../attention/notice.js";
import { arrange, english, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { Mark } from "../mark.js";
import { kindName } from "./words.js";
import { t, withUnit } from "../text.js";
import { absence, amounts, countdown, faultText, isTranslated, look, lost, past, phase, progress, roomName, watts } from "../words.js";

export class Head {
  #mark = new Mark();
  #name = make("h1", { tabindex: "-1" });
  #word = make("span", { class: "word" });
  #power = make("span", { class: "power" });
  #place = make("p", { class: "place" });
  #note = make("p", { class: "note" });
  /** The meters that count the energy of the device, and what it costs. */
  #meters = make("p", { class: "meters", hidden: "" });
  #previous = make("a", { rel: "prev", class: "previous" });
  #next = make("a", { rel: "next", class: "next" });

  constructor(device, back) {
    const way = make("a", { href: `#${back}`, class: "back", "aria-label": t("device.back", { view: t(`views.${back}`) }) }, t(`views.${back}`));
    const siblings = make("nav", { class: "siblings", "aria-label": t("device.siblings") }, this.#previous, this.#next);
    const body = make("div", { class: "body" }, this.#place, this.#name, make("p", { class: "says" }, this.#word, " ", this.#power), this.#note, this.#meters);
    this.element = make("div", { class: "device-head" }, make("div", { class: "way" }, way, siblings), make("div", { class: "title" }, this.#mark.element, body));
    this.update(device);
  }

  update(device) {
    setText(this.#name, device.name);
    setText(this.#place, [roomName(device.room), kindName(device)].filter(Boolean).join(" · "));
    const { before, after } = neighbours(device);
    this.#link(this.#previous, before, "device.previous");
    this.#link(this.#next, after, "device.next");
    this.tick(device);
  }

  tick(device) {
    const presence = house.presence(device);
    const isLive = presence === "live";
    const appearance = look(device);
    set(this.element, "data-presence", presence);
    set(this.element, "data-look", appearance);
    const way = isLive ? progress(device) : null;
    const middle = appearance !== "working" || !way ? "" : way.left == null ? withUnit(Math.round(way.percent), "%") : countdown(way.left);
    this.#mark.show(appearance, way, middle);
    setText(this.#word, absence(device) ?? lost(device) ?? phase(device) ?? (device.kind ? t("device.no_state") : t("device.runs")));
    setText(this.#power, isLive && device.state?.power_watts ? watts(device.state.power_watts) : "");
    const fault = isLive ? device.state?.fault : null;
    // What a person has seen is still so.
    const notices = house.attention.filter((notice) => notice.device === device.id);
    setTextOrHide(this.#note, isLive ? (faultText(fault) ?? concern(notices)) : device.kind ? past(device) : null);
    english(this.#note, fault != null && !isTranslated(fault));
    this.#showMeters(device);
  }

  #showMeters({ id }) {
    const meters = [...house.devices.values()].filter(({ kind, hears }) => kind === "meter" && hears.includes(id));
    setHidden(this.#meters, !meters.length);
    arrange(this.#meters, meters.map((meter) => meter.id), (meter) => make("a", { href: `#device/${encodeURIComponent(meter)}` }));
    meters.forEach((meter, i) => setText(this.#meters.children[i], [meter.name, ...amounts(meter.state ?? {})].join(" · ")));
  }

  #link(link, device, key) {
    setHidden(link, !device);
    if (!device) return;
    set(link, "href", `#device/${encodeURIComponent(device.id)}`);
    set(link, "aria-label", t(key, { name: device.name }));
    setText(link, device.name);
  }
}

/** Return the previous and the next device of the same room, or of the services for a service. */
function neighbours({ id, room, kind }) {
  const all = kind ? [...house.devices.values()].filter((each) => each.room === room) : [...house.services.values()];
  const place = all.findIndex((each) => each.id === id);
  return { before: all[place - 1], after: all[place + 1] };
}
