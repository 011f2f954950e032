// @ts-check
/** A device's row of the timeline: a lane for its states, one for each measurement, and one for its energy. */

import { Bars } from "./bars.js";
import { Days, showsDays } from "./days.js";
import { arrange, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { Graph } from "./graph.js";
import { house } from "../house.js";
import { measurement } from "../measurement.js";
import { t } from "../text.js";

/** The measurements whose value tells the energy of a day, which has bars of its own. */
const ENERGY = new Set(["power_watts", "energy_watt_hours"]);
/** Less is none. */
const LEAST_KWH = 0.0005;
const NOTHING = { items: [], measurements: {}, unknown: [], energy: [], version: 0 };

export class Row {
  #id;
  #name = make("span", { class: "name" });
  #today = make("span", { class: "today" });
  #lanes = make("div", { class: "lanes" });
  /** @type {Map<string, Graph>} */
  #graphs = new Map();
  #days = new Days();
  #energy = new Reading(this.#days.element);
  #partial = make("span", { class: "partly", hidden: "" });
  /** @type {import("./record.js").Row} */
  #row = NOTHING;
  /** Whether it is on the screen; else it is not drawn. */
  isSeen = true;

  /** @param {import("./tip.js").Tip} tip */
  constructor(id, tip) {
    this.#id = id;
    this.bars = new Bars(tip);
    const states = lane("states", make("div", { class: "label" }, this.#name, this.#today), this.bars.element);
    this.element = make("div", { class: "row", role: "group" }, states, this.#lanes);
  }

  /**
   * @param {import("./record.js").Record} record
   * @param {import("./timeline.js").Window} window
   * @param {string | null} values the only measurement to show, "" for none, null for all
   */
  show(record, window, values) {
    if (!this.isSeen) return;
    const name = house.devices.get(this.#id)?.name ?? this.#id;
    setText(this.#name, name);
    set(this.element, "aria-label", name);
    this.#row = record.rows.get(this.#id) ?? NOTHING;
    const { measurements, energy } = this.#row;
    this.bars.show(this.#row, record.causes, window);
    const known = inOrder(Object.keys(measurements), house.devices.get(this.#id)?.state);
    const fields = known.filter((field) => (values == null ? isTelling(measurement(field)) : field === values));
    const hasDays = energy.some(({ kwh }) => kwh > LEAST_KWH) && showsDays(window) && (values == null || ENERGY.has(values));
    const today = energy.at(-1);
    const isToday = today && today.kwh > LEAST_KWH && today.from <= window.now && window.now < today.to;
    setText(this.#today, isToday && !hasDays ? t("history.energy_today", { value: measurement("kwh").format(today.kwh) }) : "");
    arrange(this.#lanes, hasDays ? [...fields, "energy"] : fields, (field) => this.#lane(field));
    const { since, until, isCurrent } = record;
    const range = { unknown: this.#row.unknown, since, until: isCurrent ? Infinity : until };
    for (const field of fields) this.#graphs.get(field)?.show({ points: measurements[field], ...range }, window);
    if (!hasDays) return;
    this.#days.show(energy, window, since);
    setTextOrHide(this.#partial, this.#days.isPartial ? t("history.energy_hatched") : "");
  }

  /** Show the values at a time, or none. */
  point(at, window) {
    if (!this.isSeen) return;
    for (const graph of this.#graphs.values()) if (graph.element.isConnected) graph.point(at);
    if (this.#days.element.isConnected) this.#energy.show(at, window, at == null ? "" : this.#days.reading(at));
  }

  #lane(field) {
    if (field === "energy") return lane("energy", make("div", { class: "label of" }, t("history.energy"), " ", this.#partial), this.#energy.element);
    const graph = this.#graphs.get(field) ?? new Graph(field, { device: this.#id, isLed: true });
    this.#graphs.set(field, graph);
    return lane("value", make("div", { class: "label of" }, graph.about.name, " ", graph.extent), graph.element);
  }
}

function isTelling({ isCounter, isForecast }) {
  return !isCounter && !isForecast;
}

/** Return measurements in the order in which the state of their device has them. */
function inOrder(fields, state) {
  const order = Object.keys(state ?? {});
  return fields.toSorted((a, b) => order.indexOf(a) - order.indexOf(b));
}

/** A cursor with a text over a drawing. */
class Reading {
  #text = make("span", { class: "reading" });
  #cursor = make("div", { class: "cursor", hidden: "" }, this.#text);

  constructor(drawing) {
    this.element = make("div", { class: "read" }, drawing, this.#cursor);
  }

  show(at, { from, to }, text) {
    setHidden(this.#cursor, at == null || at < from || at > to);
    if (this.#cursor.hidden) return;
    const part = (at - from) / (to - from);
    this.#cursor.style.left = `${(100 * part).toFixed(2)}%`;
    this.#cursor.classList.toggle("late", part > 0.5);
    this.#cursor.style.setProperty("--space", (100 * Math.max(part, 1 - part)).toFixed(2));
    setTextOrHide(this.#text, text);
  }
}

function lane(kind, label, content) {
  return make("div", { class: `lane ${kind}` }, label, make("div", { class: "track" }, content));
}
