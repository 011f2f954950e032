// @ts-check
/** The graphs of a device: its states and its measurements over time. */

import { make, setHidden } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";

export class Graphs {
  constructor(device) {
    this.element = make("section", { class: "part over-time", "aria-label": t("device.over_time") }, make("h2", {}, t("device.over_time")));
    setHidden(this.element, !house.devices.has(device.id));
    if (!this.element.hidden) this.#load(device.id);
  }

  async #load(id) {
    try {
      await import("../history/graphs.js");
    } catch {
      this.element.hidden = true; // the mirror was lost meanwhile; the next visit of the page loads it
      return;
    }
    this.element.append(make("house-graphs", { device: id }));
  }
}
