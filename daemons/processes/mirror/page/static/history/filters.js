// @ts-check
/** The filters of the history: a room, a device and a measurement. */

import { make, set } from "../dom.js";
import { house } from "../house.js";
import { measurement } from "../measurement.js";
import { t } from "../text.js";
import { roomName } from "../words.js";

const STATES = "-";

export class Filters {
  #room = make("select");
  #device = make("select");
  #values = make("select");
  element = make("div", { class: "filters" }, named("history.room", this.#room), named("history.device", this.#device), named("history.values", this.#values));
  /** @type {Set<string>} the measurements that were seen so far */
  #fields = new Set();

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#room.addEventListener("change", () => {
      this.update();
      onChange();
    });
    this.#device.addEventListener("change", onChange);
    this.#values.addEventListener("change", onChange);
  }

  /** The devices to ask for; null for all. */
  get devices() {
    return this.#room.value || this.#device.value ? this.shown : null;
  }

  /** The devices to show, in the order of the house. */
  get shown() {
    const room = this.#room.value;
    const device = this.#device.value;
    return [...house.devices.values()].filter((each) => (device ? each.id === device : !room || each.room === room)).map(({ id }) => id);
  }

  get isSingle() {
    return Boolean(this.#device.value);
  }

  /** The only measurement to show, "" for none, null for all. */
  get values() {
    return this.#values.value === STATES ? "" : this.#values.value || null;
  }

  /** Offer the rooms and devices of the house as it is now; a choice that still exists stays. */
  update() {
    const devices = [...house.devices.values()];
    const rooms = [...new Set(devices.map(({ room }) => room))].filter(Boolean);
    fill(this.#room, [["", t("history.all_rooms")], ...rooms.map((room) => [room, roomName(room)])]);
    const room = this.#room.value;
    const inside = devices.filter((each) => !room || each.room === room);
    fill(this.#device, [["", t("history.all_devices")], ...inside.map(({ id, name }) => [id, name])]);
    this.measured(null);
  }

  /** Offer the measurements of a record too. */
  measured(record) {
    for (const { measurements } of record?.rows.values() ?? []) for (const field of Object.keys(measurements)) this.#fields.add(field);
    const fields = [...this.#fields].map((each) => [each, measurement(each).name]).sort((a, b) => a[1].localeCompare(b[1]));
    fill(this.#values, [["", t("history.all_values")], [STATES, t("history.states_only")], ...fields]);
  }
}

function named(key, select) {
  set(select, "aria-label", t(key));
  return select;
}

function fill(select, options) {
  const shown = [...select.options].map((option) => `${option.value} ${option.text}`).join();
  if (shown === options.map(([value, text]) => `${value} ${text}`).join()) return;
  const { value } = select;
  select.replaceChildren(...options.map(([each, text]) => make("option", { value: each }, text)));
  select.value = options.some(([each]) => each === value) ? value : "";
}
