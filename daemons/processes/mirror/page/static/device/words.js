// @ts-check
/** Words of the pages of devices: kinds, commands, arguments, and moments. */

import { house } from "../house.js";
import { hasText, t } from "../text.js";
import { span } from "../words.js";

/** Return the text of a key, or the last part of the key in readable form. */
export function word(group, name) {
  const key = `device_${group}.${name}`;
  return hasText(key) ? t(key) : readable(name);
}

/** "colour_temperature" becomes "Colour temperature". */
export function readable(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function kindName({ kind }) {
  return kind ? word("kind", kind) : t("device.service");
}

/** Return the name of a device, or its id if the house does not have it. */
export function nameOf(id) {
  return house.process(id)?.name ?? id;
}

/** Return a moment with its distance from now: "07:02:11, 4 min ago". */
export function ago(at) {
  const { calendar, now } = house;
  const moment = calendar.moment(at, now);
  return at <= now ? t("device.ago", { moment, span: rough(now - at) }) : t("device.ahead", { moment, span: rough(at - now) });
}

/** Return a duration in minutes beyond the first one: the text stays on the page for a while. */
function rough(seconds) {
  return span(seconds < 60 ? Math.max(1, Math.round(seconds)) : 60 * Math.floor(seconds / 60));
}
