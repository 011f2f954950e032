// @ts-check
/** All controls of a device: its buttons, its numbers, its value, and every command with its arguments. */

import { Input } from "../mirror/control.js";
import { Swatch } from "../mirror/swatch.js";
import { undoButton, wayBack } from "../mirror/undo.js";
import { commandForm } from "./command_form.js";
import { Dial, scales } from "./dial.js";
import { word } from "./words.js";
import { announce, make, set, setHidden, setText } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";
import { label, receipt } from "../words.js";

/** So many commands with values are unfolded if nothing else takes a value. */
const MOST_OPEN = 2;

export class Controls {
  #id;
  #shape = "";
  #input = new Input((name, args) => this.#command(name, args));
  #buttons = /** @type {Map<string, HTMLElement>} */ (new Map());
  /** @type {Dial[]} */
  #dials = [];
  /** @type {Swatch[]} */
  #swatches = [];
  #body = make("div", { class: "all-controls" });
  #receipt = make("p", { class: "receipt" });

  constructor(device) {
    this.#id = device.id;
    this.element = make("section", { class: "part controls-part", "aria-label": t("device.controls") }, make("h2", {}, t("device.controls")), this.#body, this.#receipt);
    this.update(device);
  }

  update(device) {
    this.#build(device);
    setHidden(this.element, !Object.keys(device.commands).length);
    const isRunning = house.isLive && !["stopped", "failed"].includes(device.presence);
    for (const dial of this.#dials) dial.show(device, isRunning);
    for (const swatch of this.#swatches) swatch.show(device);
    this.#input.show(device);
    for (const button of this.#buttons.values()) set(button, "aria-disabled", isRunning ? null : "true");
  }

  /** Build the controls once; again only if the device can do something else, as after a reload. */
  #build(device) {
    const found = scales(device);
    const colours = (device.controls ?? []).filter(({ takes }) => takes === "colour");
    const shape = JSON.stringify([device.commands, device.control, colours, found.map(({ field }) => field)]);
    if (shape === this.#shape) return;
    this.#shape = shape;
    const { commands, control } = device;
    this.#dials = found.map((scale) => new Dial(scale, (name, args) => this.#command(name, args)));
    this.#swatches = colours.map((one) => new Swatch(one, (name, args) => this.#command(name, args)));
    const hasOwn = [...found, ...colours].some(({ field }) => field === control?.field);
    const forms = Object.entries(commands).filter(([, args]) => Object.keys(args).length);
    const form = ([name, args], isNear = false) => commandForm(name, args, (...given) => this.#command(...given), isNear);
    // What a main button needs to know, such as a timer's duration, is in sight, unless an input above sets it.
    const main = [...device.primary_commands, ...device.secondary_commands].map((each) => each.command);
    const isAbove = (name) => [...found, ...colours, control].some((input) => input?.command === name);
    const near = forms.filter(([name]) => main.includes(name) && !isAbove(name));
    const rest = forms.filter((each) => !near.includes(each));
    const nearNames = near.map(([name]) => name);
    const labels = [...buttonLabels(device)].filter(([name]) => !nearNames.includes(name)); // the form has the button
    this.#buttons = new Map(labels.map(([name, label]) => [name, this.#button(name, label)]));
    const more = make("details", { class: "more-commands" }, make("summary", {}, t("device.commands")), ...rest.map((each) => form(each)));
    more.toggleAttribute("open", !found.length && !control && !near.length && rest.length <= MOST_OPEN);
    this.#body.replaceChildren(
      ...(labels.length ? [make("div", { class: "buttons" }, ...this.#buttons.values())] : []),
      ...this.#dials.map(({ element }) => element),
      ...colours.map((one, i) => make("div", { class: "own-value" }, make("span", { "aria-hidden": "true" }, label(one.label)), this.#swatches[i].element)),
      ...(control && !hasOwn ? [make("div", { class: "own-value" }, make("span", { "aria-hidden": "true" }, label(control.label)), this.#input.element)] : []),
      ...near.map((each) => form(each, true)),
      ...(rest.length ? [more] : []),
    );
  }

  #button(name, label) {
    const button = make("button", { type: "button", class: "control", "data-command": name }, label);
    button.addEventListener("click", async () => {
      if (button.ariaBusy === "true") return;
      set(button, "aria-busy", "true");
      await this.#command(name, {});
      set(button, "aria-busy", null);
    });
    return button;
  }

  async #command(name, args) {
    const device = house.process(this.#id);
    if (!device) return;
    const isStopped = house.isLive && ["stopped", "failed"].includes(device.presence);
    setText(this.#receipt, "");
    const back = wayBack(device);
    const answer = isStopped ? { outcome: "unsent", reason: t("device.not_running") } : await house.command(this.#id, name, args);
    const text = receipt(answer);
    setText(this.#receipt, `${word("command", name)}: ${text}`);
    set(this.#receipt, "data-outcome", answer.outcome);
    announce(`${device.name}: ${text}`);
    if (back && answer.outcome === "applied") this.#receipt.append(" ", undoButton(device.name, () => this.#undo(device, back)));
    this.update(device);
  }

  /** Bring back the value before the last command. */
  async #undo(device, { word: name, args }) {
    const answer = await house.command(this.#id, name, args);
    const text = answer.outcome === "applied" ? t("receipt.undone") : receipt(answer);
    setText(this.#receipt, text);
    set(this.#receipt, "data-outcome", answer.outcome);
    announce(`${device.name}: ${text}`);
  }
}

/**
 * Return the commands that have a button, with the label of each: those without an argument, and those of its main
 * buttons, which need none. Their order is that of the kind, and never changes.
 * @returns {Map<string, string>}
 */
function buttonLabels({ commands, primary_commands: first, secondary_commands: second, control }) {
  const main = new Map([...second, ...first].map(({ command, label }) => /** @type {[string, string]} */ ([command, label])));
  const hasButton = (name) => name !== control?.command && (main.has(name) || !Object.keys(commands[name]).length);
  return new Map(Object.keys(commands).filter(hasButton).map((name) => [name, main.has(name) ? label(main.get(name)) : word("command", name)]));
}
