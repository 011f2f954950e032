// @ts-check
/** The card of a device: its state, its presence, its values, and its controls. */

import { Button, Buttons, Input } from "./control.js";
import { announce, english, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { Mark } from "../mark.js";
import { concern } from "../attention/notice.js";
import { panelOf } from "./panel.js";
import { mainReading, phaseWord, readings, written } from "../reading.js";
import { Slider, Steps, isScale } from "./slider.js";
import { Spark } from "./spark.js";
import { Swatch } from "./swatch.js";
import { UNDO_SECONDS, undoButton, wayBack } from "./undo.js";
import { hasText, t, withUnit } from "../text.js";
import { absence, afar, countdown, failure, faultText, isTranslated, look, lost, past, phase, progress, receipt, watts } from "../words.js";

const RECEIPT_SECONDS = 12;
/** What was applied is seen at the device, too. */
const APPLIED_SECONDS = 4;
/** What mends a device that does not run. */
const MEND = { stopped: "card.start", failed: "card.retry" };

export class Card extends HTMLElement {
  #mark = new Mark();
  #button = new Button((name) => this.#command(name));
  #second = new Button((name) => this.#command(name), "secondary_commands");
  #buttons = new Buttons((name) => this.#command(name));
  #input = new Input((name, args) => this.#command(name, args));
  /** @type {(Slider | Steps | Swatch)[]} */
  #scales = [];
  #inputs = make("div", { class: "inputs" });
  #link = make("a");
  #name = make("h3", { class: "name" }, this.#link);
  #word = make("span", { class: "word" });
  #power = make("span", { class: "power" });
  #note = make("p", { class: "note" });
  #number = make("span", { class: "number" });
  #unit = make("span", { class: "unit" });
  #spark = new Spark();
  #value = make("p", { class: "value" }, this.#spark.element, make("span", { dir: "ltr" }, this.#number, " ", this.#unit));
  #lines = english(make("pre"));
  #log = make("details", { class: "log" }, make("summary", {}, t("card.log")), this.#lines);
  #receipt = make("p", { class: "receipt" });
  #mend = make("a", { class: "control", hidden: "" });
  #panel = /** @type {import("./panel.js").Panel | null} */ (null);
  #fade = 0;
  #shape = "";

  /** Whether the card has to be updated as time passes: it counts. */
  isCounting = false;

  connectedCallback() {
    this.update();
  }

  /** Build the card; it is built when it is shown for the first time. */
  #build() {
    const says = make("p", { class: "says" }, this.#word, " ", this.#power);
    const body = make("div", { class: "body" }, this.#name, says, this.#note, this.#log);
    const controls = make("div", { class: "controls" }, this.#second.element, this.#button.element, this.#mend);
    this.append(this.#mark.element, body, this.#value, this.#inputs, controls, this.#receipt);
  }

  /** Make the inputs; they are made again only if the device can do something else. */
  #arrange(device) {
    const shape = JSON.stringify([device.controls, device.buttons]);
    if (shape === this.#shape) return;
    this.#shape = shape;
    const onCommand = (name, args) => this.#command(name, args);
    const scales = device.controls.filter(isScale).map((control) => new { slider: Slider, steps: Steps }[control.shape](control, onCommand));
    const swatches = device.controls.filter(({ takes }) => takes === "colour").map((control) => new Swatch(control, onCommand));
    for (const { element } of this.#scales) element.remove();
    this.#scales = [...scales, ...swatches];
    const isShort = device.buttons.every(({ sign }) => sign);
    const controls = this.querySelector(":scope > .controls");
    (isShort ? controls : this.#inputs)?.prepend(this.#buttons.element);
    this.#inputs.append(...this.#scales.map(({ element }) => element));
    const isChoice = device.control?.takes === "choice";
    (isChoice ? controls : this.#inputs)?.append(this.#input.element);
  }

  /** Show the present state, unless the card is hidden. */
  update() {
    const device = house.devices.get(this.dataset.device ?? "");
    if (!device || this.closest("[hidden]")) return;
    if (!this.firstChild) this.#build();
    this.#arrange(device);
    const presence = house.presence(device);
    const isLive = presence === "live";
    const appearance = look(device);
    set(this, "data-presence", presence);
    set(this, "data-phase", device.state?.phase ?? null);
    set(this, "data-look", appearance);
    set(this, "data-alarm", house.attention.some(({ level, device: id }) => level === "alarm" && id === device.id) ? "" : null);

    const way = isLive ? progress(device) : null;
    const middle = appearance !== "working" || !way ? "" : way.left == null ? withUnit(Math.round(way.percent), "%") : countdown(way.left);
    this.#mark.show(appearance, way, middle);
    setText(this.#link, device.name);
    set(this.#link, "href", `#device/${device.id}`);
    set(this.#name, "title", device.name);
    this.#say(device, isLive);
    const fault = isLive ? device.state?.fault : null;
    setTextOrHide(this.#note, faultText(fault) ?? (isLive ? concern(house.notices(device.id)) : this.#remark(device, presence)));
    english(this.#note, fault != null && !isTranslated(fault));
    setHidden(this.#log, presence !== "failed" || !device.last_lines?.length);
    if (!this.#log.hidden) setText(this.#lines, device.last_lines.join("\n"));
    for (const scale of this.#scales) scale.show(device);
    const isMended = presence in MEND;
    for (const part of [this.#input, this.#second, this.#button, this.#buttons]) {
      if (isMended) setHidden(part.element, true);
      else part.show(device);
    }
    setHidden(this.#inputs, isMended || [...this.#inputs.children].every((child) => /** @type {HTMLElement} */ (child).hidden));
    this.#offerToMend(device, MEND[presence]);
    this.#showPanel(isLive ? device : null);
    this.isCounting = !isLive || way?.left != null || lost(device) != null;
  }

  /** Show the words of the state, and the main value: large on a card that has no main button. */
  #say(device, isLive) {
    const gone = absence(device) ?? lost(device);
    const main = isLive && !gone ? mainReading(device) : null;
    const { phase: word, power_watts: power } = device.state ?? {};
    const isLarge = main != null && !device.primary_commands.length && (word == null || word === "measuring" || panelOf(device) != null);
    set(this, "data-value", isLarge ? main.field : null);
    setHidden(this.#value, !isLarge);
    if (isLarge) {
      setText(this.#number, main.number);
      setText(this.#unit, main.unit);
      this.#spark.show(device.id, main.field, device.state[main.field]);
    }
    const more = gone || !device.values.length ? [] : readings(device).filter(({ field }) => !(isLarge && field === main.field)).filter(isTelling(device.state));
    const steps = device.controls.some(({ shape, takes }) => shape === "steps" && takes === "number");
    const own = device.values.length || steps ? (isLarge && word === "measuring" ? "" : phaseWord(device.state)) : phase(device);
    setText(this.#word, gone ?? own ?? t("card.no_state"));
    const readable = device.values.length ? [since(device), ...more.map(named)].filter(Boolean).join(" · ") : isLive && power ? watts(power) : "";
    setText(this.#power, gone ? "" : readable);
  }

  /** A device that does not run takes no command: a link to its page, where it can be started, is there instead. */
  #offerToMend(device, text) {
    setHidden(this.#mend, !text);
    if (!text) return;
    setText(this.#mend, t(text));
    set(this.#mend, "href", `#device/${device.id}`);
    set(this.#mend, "aria-label", t("card.input", { label: t(text), name: device.name }));
  }

  #showPanel(device) {
    const panel = device && panelOf(device);
    if (this.#panel && this.#panel.constructor !== panel) {
      this.#panel.element.remove();
      this.#panel = null;
    }
    if (!panel) return;
    if (!this.#panel) {
      this.#panel = new panel();
      this.#receipt.before(this.#panel.element);
    }
    this.#panel.show(device);
  }

  #remark(device, presence) {
    return [presence === "failed" && failure(device), afar(device), past(device)].filter(Boolean).join(" · ");
  }

  async #command(name, args) {
    clearTimeout(this.#fade);
    setText(this.#receipt, ""); // the last receipt is about another command
    const device = house.devices.get(this.dataset.device ?? "");
    const back = device ? wayBack(device) : null;
    const answer = await house.command(this.dataset.device, name, args);
    if (answer.outcome !== "applied") this.update(); // an input shows the present value again
    const text = receipt(answer);
    setText(this.#receipt, text);
    set(this.#receipt, "data-outcome", answer.outcome);
    announce(`${this.#link.textContent}: ${text}`);
    const isBack = answer.outcome === "applied" && back != null;
    const seconds = isBack ? UNDO_SECONDS : answer.outcome === "applied" ? APPLIED_SECONDS : RECEIPT_SECONDS;
    if (isBack) this.#offerToUndo(back);
    this.#fade = setTimeout(() => this.#endReceipt(), seconds * 1000);
  }

  /** @param {import("./undo.js").WayBack} back */
  #offerToUndo({ word, args }) {
    const button = undoButton(this.#link.textContent, async () => {
      clearTimeout(this.#fade);
      const answer = await house.command(this.dataset.device, word, args);
      const isUndone = answer.outcome === "applied";
      const text = isUndone ? t("receipt.undone") : receipt(answer);
      setText(this.#receipt, text);
      set(this.#receipt, "data-outcome", answer.outcome);
      announce(`${this.#link.textContent}: ${text}`);
      this.#fade = setTimeout(() => this.#endReceipt(), (isUndone ? APPLIED_SECONDS : RECEIPT_SECONDS) * 1000);
    });
    this.#receipt.append(" ", button);
  }

  /** Remove the receipt; while its button has the focus, it stays. */
  #endReceipt() {
    if (this.#receipt.contains(document.activeElement)) this.#fade = setTimeout(() => this.#endReceipt(), RECEIPT_SECONDS * 1000);
    else setText(this.#receipt, "");
  }
}

/** Return since when a sensor has detected something: "since 07:12". */
function since({ kind, state, since: at }) {
  return kind === "sensor" && state?.status && at != null ? t("state.since", { value: house.calendar.moment(at, house.now) }) : "";
}

/** Return a value with what it is, where its unit does not say that: "45 % humidity". */
function named(reading) {
  const key = `state.${reading.field}`;
  return hasText(key) ? t(key, { value: reading.number }) : written(reading);
}

/** Return whether a value says more than the phase does: "open" is 100 %. */
function isTelling(state) {
  return ({ field }) => field !== "position_percent" || (state[field] > 0 && state[field] < 100);
}
