// @ts-check
/** The card of a device: its state, its presence, and its controls. */

import { Button, Input, Slider } from "./control.js";
import { announce, make, setText, setTextOrHide, set } from "./dom.js";
import { house } from "./house.js";
import { Mark } from "./mark.js";
import { absence, afar, countdown, failure, look, lost, past, phase, progress, receipt, watts } from "./words.js";

const RECEIPT_SECONDS = 12;

export class Card extends HTMLElement {
  #mark = new Mark();
  #button = new Button((name) => this.#command(name));
  #second = new Button((name) => this.#command(name), "secondary_commands");
  #input = new Input((name, args) => this.#command(name, args));
  #slider = new Slider((name, args) => this.#command(name, args));
  #name = make("h3", { class: "name" });
  #word = make("span", { class: "word" });
  #power = make("span", { class: "power" });
  #note = make("p", { class: "note" });
  #lines = make("pre");
  #log = make("details", { class: "log" }, make("summary", {}, "Last lines of its log"), this.#lines);
  #receipt = make("p", { class: "receipt" });
  #fade = 0;

  connectedCallback() {
    if (this.firstChild) return;
    const says = make("p", { class: "says" }, this.#word, " ", this.#power);
    const body = make("div", { class: "body" }, this.#name, says, this.#note, this.#log);
    const controls = make("div", { class: "controls" }, this.#second.element, this.#button.element);
    this.append(this.#mark.element, body, this.#slider.element, this.#input.element, controls, this.#receipt);
    this.update();
  }

  /** Show the present state. */
  update() {
    const device = house.devices.get(this.dataset.device ?? "");
    if (!device) return;
    const presence = house.presence(device);
    const isLive = presence === "live";
    const appearance = look(device);
    set(this, "data-presence", presence);
    set(this, "data-phase", device.state?.phase ?? null);
    set(this, "data-look", appearance);

    const way = isLive ? progress(device) : null;
    const middle = appearance !== "working" || !way ? "" : way.left == null ? `${Math.round(way.percent)} %` : countdown(way.left);
    this.#mark.show(appearance, way, middle);
    setText(this.#name, device.name);
    set(this.#name, "title", device.name);
    setText(this.#word, absence(device) ?? lost(device) ?? phase(device) ?? "no state yet");
    setText(this.#power, isLive && device.state?.power_watts ? watts(device.state.power_watts) : "");
    setTextOrHide(this.#note, isLive ? device.state?.fault : this.#remark(device, presence));
    this.#log.hidden = presence !== "failed" || !device.last_lines?.length;
    if (!this.#log.hidden) setText(this.#lines, device.last_lines.join("\n"));
    this.#slider.show(device);
    this.#input.show(device);
    this.#second.show(device);
    this.#button.show(device);
  }

  #remark(device, presence) {
    return [presence === "failed" && failure(device), afar(device), past(device)].filter(Boolean).join(" · ");
  }

  async #command(name, args) {
    clearTimeout(this.#fade);
    setText(this.#receipt, ""); // the last receipt is about another command
    const answer = await house.command(this.dataset.device, name, args);
    const text = receipt(answer);
    setText(this.#receipt, text);
    set(this.#receipt, "data-outcome", answer.outcome);
    announce(`${this.#name.textContent}: ${text}`);
    this.#fade = setTimeout(() => setText(this.#receipt, ""), RECEIPT_SECONDS * 1000);
  }
}
