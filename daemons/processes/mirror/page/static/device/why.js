// @ts-check
/** Why a device is as it is: the chain that led to its last change, and why its rules did not act. */

import { Refresh } from "./refresh.js";
import { path, request, sentence } from "./request.js";
import { ruleText } from "./rule_text.js";
import { ago, nameOf } from "./words.js";
import { make, set, setHidden, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { measurement } from "../measurement.js";
import { hasText, t } from "../text.js";
import { phaseWord, span, titled } from "../words.js";

/** So many declined decisions are listed at once. */
const LISTED = 5;
/** So often the page asks again for a change that is not in the history yet. */
const MOST_LATE = 5;
/** The time of a change in the history may differ by so much. */
const SAME_SECONDS = 0.01;

export class Why {
  #id;
  #chain = make("ol", { class: "chain" });
  #message = make("p", { class: "hint", role: "status" });
  /** What decides at this moment what the device does. */
  #now = make("p", { class: "hint", hidden: "" });
  #declined = make("ul", { class: "declined" });
  #not = make("div", { class: "why-not", hidden: "" }, make("h3", {}, t("device_why.not")), this.#declined);
  #refresh;
  /** The change that is explained. */
  #explained = "";
  /** How often the latest change was not in the history yet. */
  #late = 0;

  constructor(device) {
    this.#id = device.id;
    this.#refresh = new Refresh((signal) => this.#load(signal));
    this.element = make("section", { class: "part why", hidden: "", "aria-label": t("device_why.title") }, make("h2", {}, t("device_why.title")), this.#message, this.#chain, this.#now, this.#not);
  }

  /** @param {import("./account.js").Rights} rights */
  allow({ sees_everything: isAllowed }) {
    setHidden(this.element, !isAllowed || !house.devices.has(this.#id));
    const device = house.process(this.#id);
    if (device) this.update(device);
  }

  /** A new change, or a decision of a rule after something else has changed, is explained. */
  update({ since, cause, state }) {
    setTextOrHide(this.#now, nowText(state ?? {}));
    const change = JSON.stringify([since, cause, state?.phase]);
    if (this.element.hidden || change === this.#explained) return;
    this.#explained = change;
    this.#late = 0;
    this.#refresh.soon();
  }

  hear(other) {
    this.#refresh.hear(other);
  }

  close() {
    this.#refresh.close();
  }

  async #load(signal) {
    if (!this.#chain.childElementCount) setTextOrHide(this.#message, t("device_why.loading"));
    try {
      const { explanation, declined } = await request(path("why", this.#id), { signal });
      this.#show(explanation?.steps ?? [], declined.toReversed());
      this.#askAgain(explanation?.steps.at(-1));
    } catch (error) {
      if (signal.aborted) return;
      setTextOrHide(this.#message, /** @type {Error} */ (error).message);
      set(this.#chain, "data-old", "");
    }
  }

  /** Ask again if the latest change is not in the history yet, such as right after a start. */
  #askAgain(step) {
    const since = house.process(this.#id)?.since ?? -Infinity;
    const known = step ? Math.max(step.at, ...step.later.map(([at]) => at)) : -Infinity;
    if (known >= since - SAME_SECONDS || this.#late >= MOST_LATE) return;
    this.#late += 1;
    setTextOrHide(this.#message, t("device_why.loading"));
    this.#refresh.soon();
  }

  #show(steps, declined) {
    setTextOrHide(this.#message, steps.length ? null : t("device_why.none"));
    set(this.#chain, "data-old", null);
    this.#chain.replaceChildren(...steps.map((step, i) => item(step, i === steps.length - 1)));
    setHidden(this.#not, !declined.length);
    const entries = declined.map((one) => make("li", {}, make("p", {}, declinedText(one)), rule(one), make("p", { class: "when" }, ago(one.at))));
    const rest = entries.slice(LISTED);
    this.#declined.replaceChildren(...entries.slice(0, LISTED));
    this.#not.querySelector("details")?.remove();
    if (rest.length) this.#not.append(make("details", {}, make("summary", {}, t("device_why.more", { count: rest.length })), make("ul", { class: "declined" }, ...rest)));
  }
}

/** Return for which window a device waits, or how far from its target it is; an empty text if neither is known. */
function nowText({ phase, paused_by: window, temperature_celsius: temperature, target_celsius: target }) {
  if (window) return t("device_why.paused_by", { name: nameOf(window) });
  const key = `device_why.${phase}_to_target`;
  if (temperature == null || target == null || !hasText(key)) return "";
  const [{ format: warm }, { format: wanted }] = [measurement("temperature_celsius"), measurement("target_celsius")];
  return t(key, { temperature: warm(temperature), target: wanted(target) });
}

/** Return one step of the chain: when, which device, what changed, and why. */
function item(step, isLast) {
  const { calendar, now } = house;
  const title = house.process(step.device)?.name ?? step.title;
  const name = isLast ? make("span", { class: "device" }, title) : make("a", { href: `#device/${encodeURIComponent(step.device)}`, class: "device" }, title);
  const parts = [
    make("p", { class: "what" }, make("time", {}, calendar.moment(step.at, now)), " ", name, " ", make("span", { class: "change" }, changeText(step))),
    make("p", { class: "reason" }, reasonText(step)),
  ];
  if (step.rule) parts.push(rule(step.rule));
  for (const condition of step.rule?.conditions ?? []) parts.push(make("p", { class: "condition", "data-met": String(condition.met) }, conditionText(condition)));
  for (const [at, text] of step.later) parts.push(make("p", { class: "later" }, t("device_why.then", { change: laterText(text, step.device), moment: calendar.moment(at, now) })));
  return make("li", {}, ...(step.missing ? [make("p", { class: "hint" }, t("device_why.missing"))] : []), ...parts);
}

function rule({ phrase, place }) {
  return phrase ? make("p", { class: "rule" }, make("q", {}, ruleText(phrase)), ...(place ? [" ", make("span", { class: "where" }, place)] : [])) : "";
}

/** Return what changed: "off → on", "Battery 12 %", or else the server's words. */
function changeText({ change, fields, device }) {
  const phase = fields?.phase;
  if (!phase) return valuesText(fields ?? {}, device) || (hasText(`phases.${change}`) ? phaseWord(change) : change);
  const [before, after] = phase.map((each) => (each == null ? null : phaseWord(each)));
  return before == null ? (after ?? change) : t("device_why.change", { before, after: after ?? t("device.not_known") });
}

/** Return a later change in words: a phase, or values such as "on_count 2, brightness_percent 50". */
function laterText(text, device) {
  const [, phase, opened] = text.match(/^(\w+)(?:, (\w+) is open)?$/) ?? [];
  if (hasText(`phases.${phase}`)) return opened ? t("state.paused_by", { phase: phaseWord(phase), name: nameOf(opened) }) : phaseWord(phase);
  const values = text.split(", ").map((part) => part.match(/^(\w+) (-?\d+(?:\.\d+)?)$/));
  return values.every(Boolean) ? valuesText(Object.fromEntries(values.map(([, name, value]) => [name, [null, Number(value)]])), device) : text;
}

function valuesText(fields, device) {
  const numbers = Object.entries(fields).flatMap(([name, [, value]]) => (typeof value === "number" ? [[measurement(name, device), value]] : []));
  return numbers.map(([{ name, format }, value]) => `${name} ${format(value)}`).join(", ");
}

function reasonText({ reason, rule, device }) {
  if (!reason) return t("device_why.unknown_reason");
  const { by, who } = reason;
  if ((by === "rule" || by === "clock") && rule) {
    const number = rule.number;
    if (rule.made_by) return t("device_why.made_by", { number, by: nameOf(rule.made_by) });
    return by === "clock" ? t("device_why.clock_rule", { number }) : t("device_why.rule", { number, who: nameOf(who) });
  }
  if (by === "command") return t("device_why.command", { who: sender(who) });
  if (by === "rule" && who) return t("device_why.lost_rule", { who: nameOf(who) });
  return t(who ? `device_why.by_${by}_of` : `device_why.by_${by}`, { who: who ?? "", name: nameOf(device) });
}

/** Return the sender of a command in words: "the page", "Anna on the page", "the terminal". */
function sender(who) {
  const [kind, name] = (who ?? "").split(/:(.*)/s);
  const key = `device_sender.${kind}${name ? "_of" : ""}`;
  return hasText(key) ? t(key, { name: name ?? "" }) : house.process(who)?.name ?? who ?? t("device_sender.unknown");
}

function conditionText({ phrase, values, since, met }) {
  const was = Object.entries(values).map(valueText).join(", ");
  const key = met == null ? "unknown" : met ? "met" : "not_met";
  const known = since == null ? was : t("device_why.since", { values: was, moment: house.calendar.moment(since, house.now) });
  return t(`device_why.${key}`, { condition: ruleText(phrase) }) + (was ? ` (${known})` : "");
}

/** Return a value that a condition asked for: "Humidity 63 %", "open", "off". */
function valueText([name, value]) {
  if (typeof value === "number") return `${measurement(name).name} ${measurement(name).format(value)}`;
  if (name === "phase") return phaseWord(String(value));
  return name === "status" ? phaseWord(value ? "on" : "off") : `${name} = ${value}`;
}

/** Return why a rule did not act: by its code if there is a text for all its values, or else in the server's words. */
export function declinedText({ code, values, conditions, reason }) {
  const key = `device_declined.${code}`;
  if (!code || !hasText(key)) return sentence(titled(reason));
  const known = Object.entries(values).map(([name, value]) => [name, name.endsWith("seconds") ? span(value) : name === "device" ? nameOf(value) : value]);
  if (values.conditions) known.push(["conditions", conditions ? ruleText(conditions) : titled(values.conditions)]);
  const text = t(key, Object.fromEntries(known));
  return sentence(/\{\w+\}/.test(text) ? titled(reason) : text);
}
