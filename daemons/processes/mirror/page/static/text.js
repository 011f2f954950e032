// @ts-check
/** The texts of the page in one language: a file in languages/. The server adds the English texts that it lacks. */

/** @type {Record<string, any>} */
let texts = {};
let plural = new Intl.PluralRules("en");
let isRightToLeft = false;
/** A placeholder with a unit behind it, such as "{percent} %". */
const AMOUNT = /\{(\w+)\} (%|°C|µg\/m³|ppm|lx|hPa|kWh)/g;

/** Load the texts that the document names. Before that no text is known: no module may call `t` while it is loaded. */
export async function loadTexts() {
  const { lang, dir } = document.documentElement;
  isRightToLeft = dir === "rtl";
  const link = /** @type {HTMLLinkElement} */ (document.querySelector("link[as=fetch]"));
  texts = await (await fetch(link.href)).json();
  plural = new Intl.PluralRules(lang);
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-text]"))) {
    element.textContent = t(element.dataset.text ?? "");
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-label]"))) {
    element.setAttribute("aria-label", t(element.dataset.label ?? ""));
  }
}

/**
 * Return the text of a key such as "card.offline". `{name}` in the text stands for `values.name`. If the text has
 * plural forms, `values.count` chooses one of them. A key without a text is returned as it is.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const found = find(key) ?? key;
  const text = typeof found === "string" ? found : (found[plural.select(Number(values.count))] ?? found.other);
  return text
    .replace(AMOUNT, (whole, name, unit) => (values[name] == null ? whole : withUnit(values[name], unit)))
    .replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Return a number with its unit, such as "21.4 °C". A line never breaks between them, and in a text from right to left
 * they keep their own direction.
 * @param {string | number} number
 * @param {string | null} [unit]
 */
export function withUnit(number, unit) {
  const text = unit ? `${number}\u00a0${unit}` : String(number);
  return isRightToLeft ? `\u2066${text}\u2069` : text;
}

/** Return whether there is a text for a key. */
export function hasText(key) {
  return find(key) != null;
}

function find(key) {
  return key.split(".").reduce((branch, part) => branch?.[part], texts);
}
