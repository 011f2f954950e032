// @ts-check
/** The visible span in words: "Fri 27 Nov, 15:32 – Sat 28 Nov, 15:32 · 1 d". */

import { house } from "../house.js";
import { beginning } from "./record.js";
import { t } from "../text.js";
import { SPANS } from "./viewport.js";
import { span } from "../words.js";

/**
 * Return the visible span, how long it is, and when the record begins, if that is within it.
 * @param {import("./viewport.js").Viewport} viewport
 */
export function rangeText({ from, to, length, follows }, record) {
  const { calendar } = house;
  const isLong = length > 2 * SPANS.day;
  const day = (at) => (isLong ? calendar.day(at) : `${calendar.day(at)}, ${calendar.minute(at)}`);
  const isOneDay = !isLong && calendar.day(from) === calendar.day(to);
  const until = follows ? t("history.now") : isOneDay ? calendar.minute(to) : day(to);
  return [`${day(from)} – ${until}`, span(length), beginning(record, from)].filter(Boolean).join(" · ");
}
