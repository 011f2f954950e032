// @ts-check
/** What a changed text would do: which processes restart, whether the stories hold, and how the last day would go. */

import { sentence } from "./request.js";
import { nameOf } from "./words.js";
import { english, make } from "../dom.js";
import { house } from "../house.js";
import { t } from "../text.js";
import { span, titled } from "../words.js";

/** So many differences of one device are listed. */
const LISTED = 5;
/** The inputs of a replay that come from outside the house. */
const PLAYED = ["command", "press", "hand", "values", "hardware"];

/** Return what happens to which process. */
export function planPart({ changes, restarts_mirror: isMirror, forgotten }) {
  const items = changes.map(({ name, action, differences = [], dropped = [] }) =>
    make(
      "li",
      { "data-action": action },
      make("p", {}, t(`device_plan.${action}`, { name: nameOf(name) })),
      ...differences.map((difference) => make("p", { class: "difference" }, differenceText(difference))),
      ...dropped.map((text) => make("p", { class: "warning" }, sentence(titled(text)))),
    ),
  );
  const list = items.length ? [make("ul", {}, ...items)] : [make("p", {}, t("device_plan.nothing"))];
  for (const [name, texts] of Object.entries(forgotten)) {
    list.push(...texts.map((text) => make("p", { class: "warning" }, t("device_plan.forgets", { name: nameOf(name) }), " ", english(make("span", {}, text)))));
  }
  if (isMirror) list.push(make("p", { class: "warning" }, t("device_plan.mirror")));
  return part(t("device_plan.title"), ...list);
}

/** Return whether the stories of the house hold. */
export function storiesPart({ ok, stories }) {
  const title = t("device_plan.stories");
  if (!stories.length) return part(title, make("p", { class: "hint" }, t("device_plan.no_stories")));
  if (ok) return part(title, make("p", { class: "good" }, t("device_plan.stories_hold", { count: stories.length })));
  const broken = stories.filter(({ holds }) => !holds);
  const failure = ({ expected, found, wall }) =>
    make("p", { class: "difference" }, t("device_plan.story_failure", { expected: String(expected), found: String(found), moment: momentOf(wall) }));
  return part(title, make("ul", {}, ...broken.map((story) => make("li", { class: "bad" }, make("p", {}, t("device_plan.story_broken", { title: story.title })), ...story.failures.map(failure)))));
}

/** Return how the past would have gone: the last day, or as much of it as is recorded. */
export function replayPart({ since, until, changed, answers = [], cannot_know: unknown = [], inputs = {} }) {
  const title = t("device_plan.replay");
  const count = PLAYED.reduce((sum, sort) => sum + (inputs[sort] ?? 0), 0);
  const list = changed.map((one) => make("li", {}, make("p", {}, onText(one)), ...differencesOf(one)));
  const others = answers.slice(0, LISTED).map(({ before, after }) => make("li", {}, make("p", {}, t("device_plan.answer", { command: (after ?? before).command, name: nameOf((after ?? before).device), before: before?.outcome ?? "–", after: after?.outcome ?? "–" }))));
  const same = list.length || others.length ? [] : [make("p", { class: "good" }, t("device_plan.same", { count }))];
  const limits = unknown.length ? [make("details", {}, make("summary", {}, t("device_plan.cannot_know")), make("ul", {}, ...unknown.map((text) => make("li", {}, sentence(titled(text))))))] : [];
  const [from, to] = [since, until].map((at) => house.calendar.moment(at, house.now));
  const period = make("p", { class: "hint" }, t("device_plan.period", { since: from, until: to }));
  return part(title, period, ...same, ...(list.length || others.length ? [make("ul", {}, ...list, ...others)] : []), ...limits);
}

/** Return a part that says why something could not be found out. */
export function troublePart(title, error) {
  return part(title, make("p", { class: "hint" }, error.message));
}

function part(title, ...children) {
  return make("div", { class: "outcome-part" }, make("h3", {}, title), ...children);
}

function differenceText({ key, old, new: now }) {
  const [, other, field] = key.match(/^peers\.(\w+)\.(.+)$/) ?? [];
  if (other) return t("device_plan.peer", { name: nameOf(other), key: field, old: valueText(old), new: valueText(now) });
  const [, rule, part] = key.match(/^when\[(\d+)\]\.?(.*)$/) ?? [];
  if (rule) return t("device_plan.rule", { number: Number(rule) + 1, key: part, old: valueText(old), new: valueText(now) });
  return t("device_plan.difference", { key, old: valueText(old), new: valueText(now) });
}

function valueText(value) {
  if (value == null) return t("device_plan.no_value");
  return typeof value === "string" ? `“${value}”` : JSON.stringify(value);
}

function onText({ device, seconds_on: [before, after] = [null, null] }) {
  const name = nameOf(device);
  if (before == null || after == null || Math.abs(before - after) < 1) return t("device_plan.otherwise", { name });
  return t("device_plan.on", { name, before: span(before), after: span(after) });
}

function differencesOf({ differences = [] }) {
  const shown = differences.slice(0, LISTED).map(({ before, after, why }) => {
    const text = t("device_plan.instead", { before: shownText(before), after: shownText(after) });
    return make("p", { class: "difference" }, why ? `${text} ${sentence(titled(why))}` : text);
  });
  if (differences.length > LISTED) shown.push(make("p", { class: "hint" }, t("device_plan.more", { count: differences.length - LISTED })));
  return shown;
}

/** Return what a device began to show: "on at 07:02:11". */
function shownText(entries) {
  if (!entries.length) return t("device_plan.nothing_shown");
  return entries.map(({ at, shown }) => t("device_plan.shown", { what: fieldsText(shown), moment: house.calendar.moment(at, house.now) })).join(", ");
}

function fieldsText(shown) {
  const fields = Array.isArray(shown) ? shown : Object.entries(shown);
  return fields.map((field) => (Array.isArray(field) ? (field[0] === "phase" ? field[1] : `${field[0]} ${field[1]}`) : String(field))).join(", ");
}

function momentOf(wall) {
  return typeof wall === "number" ? house.calendar.moment(wall, house.now) : String(wall ?? "");
}
