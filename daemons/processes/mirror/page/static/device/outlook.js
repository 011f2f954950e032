// @ts-check
/** What the card of a device has below its state, such as the weather of the next hours, on the device's page. */

import { make, setHidden } from "../dom.js";
import { house } from "../house.js";
import { panelOf } from "../mirror/panel.js";
import { t } from "../text.js";

export class Outlook {
  #panel = /** @type {import("../mirror/panel.js").Panel | null} */ (null);

  constructor(device) {
    this.element = make("section", { class: "part outlook-part", "aria-label": t("device.outlook") }, make("h2", {}, t("device.outlook")));
    this.update(device);
  }

  update(device) {
    const Panel = house.presence(device) === "live" ? panelOf(device) : undefined;
    setHidden(this.element, !Panel);
    if (!Panel) return;
    if (!this.#panel) {
      this.#panel = new Panel();
      this.element.append(this.#panel.element);
    }
    this.#panel.show(device);
  }
}
