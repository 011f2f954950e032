// @ts-check
/** The configuration of a device as text and as a form: check while typing, try, apply, and undo. */

import { confirm } from "./confirm.js";
import { Form } from "./form.js";
import { follow } from "./job.js";
import { path, request, RequestError, sentence } from "./request.js";
import { Source } from "./source.js";
import { Trial } from "./trial.js";
import { ago, nameOf } from "./words.js";
import { announce, make, set, setText, setTextOrHide } from "../dom.js";
import { hasText, t } from "../text.js";

const PAUSE_MILLISECONDS = 300;

export class Editor {
  #id;
  #onApplied;
  #version = "";
  /** The text of the file. */
  #original = "";
  #timer = 0;
  #check = new AbortController();
  #isBusy = false;

  #refusal = make("p", { class: "hint", hidden: "" });
  #source = new Source(t("device_edit.text"), () => this.#changed());
  #form;
  #place = make("span", { class: "where" });
  /** The text is for those who know it; the form is enough for most changes. */
  #text = /** @type {HTMLDetailsElement} */ (
    make("details", { class: "text-part" }, make("summary", {}, t("device_edit.as_text"), " ", this.#place), this.#source.element)
  );
  #problems = make("ul", { class: "problems", id: "source-problems" });
  #status = make("p", { class: "receipt" });
  #try = button("device_edit.try", "control", () => this.#runTrial());
  #discard = button("device_edit.discard", "control second", () => this.#load());
  #buttons = make("div", { class: "buttons" }, this.#try, this.#discard);
  #trial = new Trial((...given) => this.#ask(...given), () => this.#drawButtons());
  #apply = button("device_edit.apply", "control strong", () => this.#runApply());
  #applyPart = make("div", { class: "apply", hidden: "" }, make("div", { class: "buttons" }, this.#apply), make("p", { class: "hint" }, t("device_edit.way_back")));
  #undo = make("div", { class: "undo", hidden: "" });
  #body = make("div", { class: "edit-body", hidden: "" });
  /** The rule that a person wants to change, until the form is loaded. */
  #wanted = /** @type {number | null} */ (null);

  /**
   * @param {import("../house.js").Process} device
   * @param {() => void} onApplied called when the house runs with another text
   */
  constructor(device, onApplied) {
    this.#id = device.id;
    this.#onApplied = onApplied;
    this.#form = new Form(nameOf(device.id), (changes) => this.#write(changes));
    this.#body.append(
      this.#form.element, this.#text, this.#problems,
      this.#buttons, this.#applyPart, this.#status, this.#trial.element, this.#undo,
    );
    const summary = make("summary", {}, make("h2", {}, t("device_edit.title")));
    this.element = make("details", { class: "part edit-part", hidden: "" }, summary, this.#refusal, this.#body);
    this.element.addEventListener("toggle", () => this.#isOpen && !this.#version && this.#load());
  }

  get #isOpen() {
    return /** @type {HTMLDetailsElement} */ (this.element).open;
  }

  /** Unfold it, and go to a rule. */
  open(rule) {
    this.#wanted = rule;
    /** @type {HTMLDetailsElement} */ (this.element).open = true;
    if (this.#version && this.#goToRule()) return;
    this.element.scrollIntoView({ behavior: "smooth", block: "start" });
    this.element.querySelector("summary")?.focus({ preventScroll: true });
  }

  #goToRule() {
    const rule = this.#wanted;
    this.#wanted = null;
    return rule != null && this.#form.goTo(rule);
  }

  get #isChanged() {
    return this.#source.text !== this.#original;
  }

  /** @param {import("./account.js").Rights} rights */
  allow({ edit, edit_reason: reason, edit_code: code, sees_everything: isAll }) {
    this.element.hidden = !isAll;
    this.#isAllowed = edit;
    const key = `device_edit.no_${code}`;
    setTextOrHide(this.#refusal, edit ? null : code && hasText(key) ? t(key) : sentence(reason ?? t("device_edit.no_right")));
    this.#body.hidden = !edit || !this.#version;
    if (this.#isOpen && !this.#version) this.#load();
  }

  #isAllowed = false;

  close() {
    clearTimeout(this.#timer);
    this.#check.abort();
    this.#trial.drop();
  }

  /** Load the text of the file, and drop all changes. */
  async #load() {
    if (!this.#isAllowed) return;
    try {
      const found = await request(path("edit", this.#id));
      this.#version = found.version;
      this.#original = found.text;
      this.#source.text = found.text;
      this.#form.show(found.form);
      setText(this.#place, t("device_edit.place", { file: found.file, first: found.first_line, last: found.last_line }));
      this.#showUndo(found.undo);
      this.#showProblems([]);
      this.#report("");
      setTextOrHide(this.#refusal, null);
      this.#body.hidden = false;
      this.#dropTrial();
      this.#goToRule();
    } catch (error) {
      setTextOrHide(this.#refusal, /** @type {Error} */ (error).message);
    }
  }

  /** The text has changed: it is checked after a pause, and a trial no longer counts. */
  #changed() {
    this.#dropTrial();
    this.#report("");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#runCheck(), PAUSE_MILLISECONDS);
  }

  async #runCheck() {
    this.#check.abort();
    this.#check = new AbortController();
    const { signal } = this.#check;
    const { text } = this.#source;
    try {
      const { problems, form } = await this.#ask("check", { text }, signal);
      if (signal.aborted || text !== this.#source.text) return false;
      if (form) this.#form.show(form);
      this.#showProblems(problems);
      return !problems.length;
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
      return false;
    }
  }

  /** Write the values of the form into the text. */
  async #write(changes) {
    const { text } = this.#source;
    this.#source.isLocked = true;
    try {
      const answer = await this.#ask("form", { text, changes });
      this.#source.text = answer.text;
      if (answer.form) this.#form.show(answer.form);
      this.#changed();
    } catch (error) {
      this.#fail(error);
    }
    this.#source.isLocked = false;
  }

  /** Find out what the text would do. */
  async #runTrial() {
    if (this.#isBusy) return;
    this.#setBusy(this.#try, true);
    clearTimeout(this.#timer);
    const { text } = this.#source;
    this.#report(t("device_edit.trying"));
    if (!(await this.#runCheck())) this.#report(t("device_edit.mistakes"), "rejected");
    else if (await this.#trial.run(text)) this.#report(t("device_edit.tried"));
    this.#setBusy(this.#try, false);
    this.#drawButtons();
    this.#buttons.scrollIntoView({ block: "start" }); // with "Apply" and what would happen below
  }

  async #runApply() {
    if (this.#isBusy || !this.#trial.hasTried(this.#source.text)) return;
    this.#source.isLocked = true;
    const untested = this.#trial.isUntested;
    await this.#run(this.#apply, () => this.#ask("apply", { text: this.#source.text, untested }));
    this.#source.isLocked = false;
  }

  async #runUndo(undo, pressed) {
    const name = nameOf(undo.device);
    if (this.#isBusy || !(await confirm(t("device_edit.undo_title", { name }), t("device_edit.undo_text"), t("device_edit.undo")))) return;
    await this.#run(pressed, () => request("/api/edit/undo", { body: {} }));
  }

  /** Start a job, show its steps, and load the text as it is then. */
  async #run(pressed, start) {
    this.#setBusy(pressed, true);
    try {
      const job = await follow(await start(), ({ step }) => this.#report(t(`device_step.${step ?? "begins"}`)));
      const isDone = job.state === "done";
      if (isDone) await this.#load();
      if (isDone) this.#onApplied();
      const end = job.is_rolled_back == null ? "" : t(job.is_rolled_back ? "device_edit.rolled_back" : "device_edit.not_rolled_back");
      this.#report(isDone ? t(`device_edit.${job.what === "undo" ? "undone" : "applied"}`) : [sentence(job.reason ?? t("device_process.failed")), end].filter(Boolean).join(" "), isDone ? "applied" : "rejected");
    } catch (error) {
      this.#fail(error);
    }
    this.#setBusy(pressed, false);
  }

  #ask(what, body, signal) {
    return request(path("edit", this.#id, what), { body: { version: this.#version, ...body }, signal });
  }

  #fail(error) {
    const isConflict = error instanceof RequestError && error.status === 409;
    this.#report(isConflict ? `${error.message} ${t("device_edit.conflict")}` : error.message, "rejected");
  }

  /** @param {{line: number | null, text_line: number | null, file: string, text: string}[]} problems */
  #showProblems(problems) {
    this.#source.mark(problems.map(({ text_line: line }) => line).filter((line) => line != null));
    this.#problems.replaceChildren(...problems.map((problem) => this.#problem(problem)));
    this.#problems.hidden = !problems.length;
    this.#drawButtons(Boolean(problems.length));
    if (problems.length) announce(problems[0].text);
  }

  #problem({ text_line: line, file, line: fileLine, text }) {
    if (line == null) return make("li", {}, make("span", { class: "where" }, `${file}:${fileLine ?? ""}`), " ", sentence(text));
    const place = make("button", { type: "button", class: "link" }, t("device_edit.line", { line }));
    place.addEventListener("click", () => {
      this.#text.open = true;
      this.#source.goTo(line);
    });
    return make("li", {}, place, " ", sentence(text));
  }

  #showUndo(undo) {
    this.#undo.hidden = !undo;
    if (!undo) return;
    const text = t("device_edit.last", { name: nameOf(undo.device), moment: ago(undo.at), who: undo.by });
    const pressed = button("device_edit.undo", "control second", () => this.#runUndo(undo, pressed));
    this.#undo.replaceChildren(make("p", {}, text), pressed);
  }

  #dropTrial() {
    this.#trial.drop();
    this.#drawButtons();
  }

  #drawButtons(hasProblems = this.#problems.childElementCount > 0) {
    this.#discard.hidden = !this.#isChanged;
    set(this.#try, "aria-disabled", !this.#isChanged || hasProblems ? "true" : null);
    this.#applyPart.hidden = !this.#trial.hasTried(this.#source.text);
    set(this.#apply, "aria-disabled", this.#trial.isOpen ? "true" : null);
  }

  #setBusy(pressed, isBusy) {
    this.#isBusy = isBusy;
    set(pressed, "aria-busy", isBusy ? "true" : null);
  }

  #report(text, outcome = "") {
    setText(this.#status, text);
    set(this.#status, "data-outcome", outcome || null);
    if (text) announce(text);
  }
}

function button(key, sort, press) {
  const element = make("button", { type: "button", class: sort }, t(key));
  element.addEventListener("click", () => element.ariaDisabled !== "true" && press());
  return element;
}
