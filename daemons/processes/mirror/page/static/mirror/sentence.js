// @ts-check
/** The mirror's sentence: what deserves attention, and how far the appliances are that a press started. */

import { acknowledge, key, mayAcknowledge } from "../attention/attention.js";
import { announce, arrange, make, set, setHidden, setText, setTextOrHide } from "../dom.js";
import { house } from "../house.js";
import { capital, noticeText } from "../attention/notice.js";
import { changeAbove } from "../moved.js";
import { hasText, t } from "../text.js";
import { countdown, faultText, phaseWord, receipt } from "../words.js";

const SHORT = 48;
const MIDDLE = 160;

export class Sentence extends HTMLElement {
  #announced = "";
  /** Its parts when it was shown last. */
  #keys = "";
  #heading = make("p", { class: "said", hidden: "" });
  #sentence = make("p", { id: "sentence" });
  #summary = make("summary");
  #rest = make("ul");
  #more = make("details", { class: "more", hidden: "" }, this.#summary, this.#rest);
  #answer = make("p", { class: "receipt", hidden: "" });

  connectedCallback() {
    this.append(this.#heading, this.#sentence, this.#more, this.#answer);
    for (const event of ["house", "attention", "link", "tick"]) house.addEventListener(event, () => this.#show());
  }

  /** Show it; if it has other parts now, the rooms below it stay where a person touches them. */
  #show() {
    const keys = house.sentence.map(({ code, device, values }) => `${code} ${device ?? ""} ${values.name ?? ""}`).join();
    const rooms = document.querySelector("house-rooms");
    if (keys === this.#keys || !this.#keys || !rooms) this.#draw();
    else changeAbove(rooms, () => this.#draw());
    this.#keys = keys;
  }

  #draw() {
    setText(this.#heading, t("sentence.last_message"));
    setHidden(this.#heading, house.isLive);
    // Each part stays on one line, "Toaster: ready in 0:07", and has a line of its own if there are few.
    const parts = house.sentence.filter(({ code }) => code !== "sentence.more");
    const keys = parts.map((part) => (part.level ? key({ ...part, device: part.device ?? null }) : `${part.code}:${part.values.name ?? ""}`));
    arrange(this.#sentence, keys, () => make("span", { class: "part" }, make("a", { class: "words" })));
    const texts = parts.map((part) => capital(partText(part)));
    parts.forEach((part, i) => this.#update(/** @type {HTMLElement} */ (this.#sentence.children[i]), part, texts[i], i));
    const text = texts.join(" · ");
    set(this.#sentence, "data-length", text.length < SHORT ? "short" : text.length < MIDDLE ? "middle" : "long");
    this.#announce(text);
    this.#showRest(parts);
  }

  #update(element, part, text, index) {
    setText(element.firstElementChild, text);
    set(element.firstElementChild, "href", part.device && house.devices.has(part.device) ? `#device/${part.device}` : null);
    // The dot is for those who hear or copy the sentence; it is not seen where each part has a line of its own.
    const dot = element.querySelector(".dot");
    if (index === this.#sentence.children.length - 1) dot?.remove();
    else if (!dot) element.append(make("span", { class: "dot" }, " · "));
    set(element, "class", part.level ? "part notice" : "part");
    set(element, "data-level", part.level ?? null);
    const wanted = part.level && part.level !== "alarm" && house.isLive && mayAcknowledge(part.device);
    const button = element.querySelector("button");
    if (!wanted) button?.remove();
    else if (!button) element.firstElementChild.after(this.#button(part)); // before the dot
  }

  /** Make the button that acknowledges a notice. */
  #button(notice) {
    const button = make("button", { type: "button", class: "seen", "aria-label": `${t("attention.seen_it")}: ${noticeText(notice)}` }, t("attention.seen_it"));
    button.addEventListener("click", async () => {
      const answer = await acknowledge({ device: notice.device, code: notice.code.replace("attention.", "") });
      setTextOrHide(this.#answer, answer.outcome === "applied" ? "" : receipt(answer));
    });
    return button;
  }

  /** Show the notices that are not in the sentence. */
  #showRest(parts) {
    const shown = new Set(parts.filter(({ level }) => level).map((part) => key({ ...part, code: part.code.replace("attention.", ""), device: part.device ?? null })));
    const named = new Set(parts.filter(({ level }) => !level).map(({ values }) => values.name));
    const isMealReady = parts.some(({ code }) => code === "sentence.meal_ready"); // it stands for what is ready
    const rest = house.attention.filter((one) => !one.acknowledged && one.level !== "alarm" && !(isMealReady && one.level === "news") && !shown.has(key(one)) && !named.has(one.values.name));
    setHidden(this.#more, !rest.length);
    setText(this.#summary, t("sentence.more", { count: rest.length }));
    const byKey = new Map(rest.map((one) => [key(one), one]));
    arrange(this.#rest, byKey.keys(), (which) => make("li", {}, make("span"), this.#button(byKey.get(which))));
    for (const item of /** @type {HTMLElement[]} */ ([...this.#rest.children])) {
      const one = byKey.get(item.dataset.key ?? "");
      if (!one) continue;
      setText(item.firstElementChild, noticeText(one));
      set(item, "data-level", one.level);
    }
  }

  /** Announce a new sentence; one that differs only in its countdown is not announced again. */
  #announce(text) {
    const gist = text.replace(/\d+(:\d\d)+/g, "");
    if (gist === this.#announced) return;
    this.#announced = gist;
    announce(text);
  }
}

/** Return the text of a part of the sentence. */
function partText({ code, values, device }) {
  if (code.startsWith("attention.")) return noticeText({ code, values, device });
  const product = values.product && hasText(`product.${values.product}`) ? t(`product.${values.product}`) : values.product;
  const what = product ?? values.name;
  switch (code) {
    case "sentence.soon":
      return t(code, { what, time: countdown(values.at - (house.isLive ? house.now : (house.heardAt ?? house.now))) });
    case "sentence.presence":
      return t(`sentence.presence_${values.presence}`, values);
    case "sentence.phase":
      return t(code, { ...values, phase: phaseWord(values.phase) });
    case "sentence.fault":
      return t(code, { ...values, text: faultText(values.text) ?? "" });
    case "sentence.meal_ready":
      return t(code, { meal: values.meal });
    default:
      return t(code, { ...values, what });
  }
}
