// @ts-check
/** The first page on a phone: a line for each room, with what is at work there. */

import { arrange, make, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { mainReading, phaseWord, written } from "../reading.js";
import { besides, climateOf, isQuiet, isolated, needsAttention, summary } from "./quiet.js";
import { t } from "../text.js";

const MOST_NAMES = 3;

export class Overview {
  #list = make("ul");
  #onChoose;

  /** @param {(room: string) => void} onChoose called with the room that a person touches */
  constructor(onChoose) {
    this.#onChoose = onChoose;
    this.element = make("section", { class: "room overview" }, make("h2", { class: "unseen" }, t("rooms.overview")), this.#list);
  }

  /** @param {import("./room.js").Room[]} rooms */
  show(rooms) {
    arrange(this.#list, rooms.map(({ name }) => name), (name) => {
      const line = make("button", { type: "button" }, make("span", { class: "name" }), make("span", { class: "climate" }), make("span", { class: "alarm" }), make("span", { class: "busy" }), make("span", { class: "rest" }));
      line.addEventListener("click", () => this.#onChoose(name));
      return make("li", {}, line);
    });
    rooms.forEach((room, i) => show(this.#list.children[i].firstElementChild, room));
  }
}

/** Return the word for what a device does, or why that is not known. */
function wordOf(device) {
  const presence = house.presence(device);
  return presence === "live" ? (phaseWord(device.state) ?? "") : t(`presence.${presence}`);
}

function show(line, { name, devices }) {
  const isAlarm = ({ id }) => house.notices(id).some(({ level }) => level === "alarm");
  const alarms = devices.filter(isAlarm);
  const others = devices.filter((device) => !isQuiet(device) && !isAlarm(device));
  const busy = [...others.filter(needsAttention), ...others.filter((device) => !needsAttention(device))];
  const quiet = devices.filter(isQuiet);
  const climate = climateOf(quiet);
  const main = climate && mainReading(climate);
  const said = (device) => t("rooms.one", { name: isolated(device.name), word: wordOf(device) });
  const names = busy.slice(0, MOST_NAMES).map(said);
  if (busy.length > MOST_NAMES) names.push(t("rooms.more", { count: busy.length - MOST_NAMES }));
  const texts = [name, main ? written(main) : "", alarms.map(said).join(" · "), names.join(" · "), summary(besides(climate, quiet))];
  [...line.children].forEach((part, i) => (i ? setTextOrHide : setText)(part, texts[i]));
}
