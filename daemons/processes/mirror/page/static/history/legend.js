// @ts-check
/** What the bars of the history mean. */

import { make } from "../dom.js";
import { t } from "../text.js";

const SORTS = ["quiet", "busy", "ready", "fault", "many", "outage", "unknown", "band"];

export function legend() {
  const entry = (sort) => make("li", {}, make("i", { class: "swatch", "data-sort": sort }), t(`history.legend_${sort}`));
  return make("ul", { class: "legend", "aria-label": t("history.legend") }, ...SORTS.map(entry));
}
