// @ts-check
/** The texts of the page in one language: a file in languages/. The server adds the English texts that it lacks. */

/** @type {Record<string, any>} */
let texts = {};
let plural = new Intl.PluralRules("en");

/** Load the texts that the document names. Before that no text is known: no module may call `t` while it is loaded. */
export async function loadTexts() {
  const { lang } = document.documentElement;
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
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Return whether there is a text for a key. */
export function hasText(key) {
  return find(key) != null;
}

function find(key) {
  return key.split(".").reduce((branch, part) => branch?.[part], texts);
}
