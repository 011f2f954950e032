// @ts-check
/** The text of a notice, in the language of the page. */

import { hasText, t } from "../text.js";
import { faultText } from "../words.js";

/**
 * Return the text of a notice, or of a part of the sentence that is one.
 * @param {{code: string, values: Record<string, any>, device?: string | null}} notice
 */
export function noticeText({ code, values, device }) {
  const word = code.replace("attention.", "");
  const name = values.service ? t("attention.service", { name: serviceName(device ?? "", values.name) }) : values.name;
  const product = values.product && hasText(`product.${values.product}`) ? t(`product.${values.product}`) : values.product;
  const text = t(`attention.${word}`, { ...values, name, what: product ?? name, where: values.room ? t("attention.where", { room: values.room }) : "" });
  const reason = values.reason ?? values.text;
  const more = [
    values.last ? t("attention.lost_since") : "",
    values.was_on ? t("attention.was_on") : "",
    word === "stopped" && !values.service ? t("attention.detects_nothing") : "",
    reason ? `: ${String(faultText(reason)).replace(/\.$/, "")}` : "",
    !reason && values.service && hasText(`attention.without_${device}`) ? `: ${t(`attention.without_${device}`)}` : "",
  ];
  return capital(text + more.join(""));
}

/** Return why a device that works needs attention: its battery is low, or it is open for too long; null without a reason. */
export function concern(notices) {
  const found = notices.find(({ level }) => level === "care");
  return found ? noticeText(found) : null;
}

/** Return the name of a service in the language of the page. */
function serviceName(id, name) {
  return hasText(`attention.${id}`) ? t(`attention.${id}`) : String(name).toLowerCase();
}

/** Return a text whose first letter is a capital. */
export function capital(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}
