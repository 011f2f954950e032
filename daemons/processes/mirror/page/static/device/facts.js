// @ts-check
/** What the hardware of a device is: manufacturer, model, firmware, addresses, signal and battery. */

import { arrange, make, set, setHidden, setText } from "../dom.js";
import { house } from "../house.js";
import { t, withUnit } from "../text.js";

const number = (unit) => (value) => withUnit(house.calendar.precise(value), unit);
const yes = (value) => t(value ? "device.yes" : "device.no");

/** The fields of a state about the hardware, and how each is written. @type {Record<string, (value: any) => string>} */
const FIELDS = {
  hardware_manufacturer: String,
  hardware_model: String,
  hardware_firmware: String,
  hardware_mac: String,
  hardware_url: String,
  battery_percent: number("%"),
  signal_dbm: number("dBm"),
  link_quality: number(""),
  voltage_volts: number("V"),
  current_amperes: number("A"),
  power_factor: number(""),
  device_temperature_celsius: number("°C"),
  energy_watt_hours: (value) => withUnit(house.calendar.tenth(value / 1000), "kWh"),
  starts: number(""),
  reachable: yes,
  confirmed: yes,
};
/** A device with none of these has no hardware that could be described. */
const TELLING = ["hardware_manufacturer", "hardware_model", "hardware_mac", "hardware_url", "signal_dbm", "link_quality", "battery_percent", "reachable"];

export class Facts {
  #list = make("dl", { class: "figures" });

  constructor(device) {
    const summary = make("summary", {}, make("h2", {}, t("device_facts.title")));
    this.element = make("details", { class: "part facts" }, summary, this.#list);
    this.update(device);
  }

  update({ state }) {
    const known = state ?? {};
    setHidden(this.element, TELLING.every((field) => known[field] == null));
    const fields = Object.keys(FIELDS).filter((field) => known[field] != null);
    arrange(this.#list, fields, (field) => make("div", {}, make("dt", {}, t(`device_facts.${field}`)), make("dd")));
    fields.forEach((field, i) => {
      const place = this.#list.children[i].lastElementChild;
      const text = FIELDS[field](known[field]);
      if (field === "hardware_url") link(place, text);
      else setText(place, text);
    });
  }
}

/** Show the address of the hardware's own page as a link, if it is one of the web. */
function link(place, address) {
  if (!/^https?:\/\//.test(address)) return setText(place, address);
  const known = place.firstElementChild ?? place.appendChild(make("a", { rel: "noreferrer noopener", target: "_blank" }));
  set(known, "href", address);
  setText(known, address.replace(/^https?:\/\//, ""));
}
