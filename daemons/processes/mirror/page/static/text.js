// @ts-check
/** The texts of the page in the language of the house. Each language is one file in languages/. */

const FALLBACK = "en";

/** @type {Record<string, any>} */
let texts = {};
/** @type {Record<string, any>} */
let fallback = {};
let plural = new Intl.PluralRules(FALLBACK);

/** The language of the texts, as a tag (BCP 47). */
export let language = FALLBACK;

/**
 * Load the texts. The language is `?lang=` of the address, or the one that the server wrote into the document. No text
 * is known before that, so no module may call `t` while it is loaded.
 */
export async function loadTexts() {
  const root = document.documentElement;
  const wanted = new URLSearchParams(location.search).get("lang") ?? root.lang;
  const [own, english] = await Promise.all([load(wanted), wanted === FALLBACK ? null : load(FALLBACK)]);
  language = own ? wanted : FALLBACK;
  texts = own ?? english ?? {};
  fallback = english ?? {};
  plural = new Intl.PluralRules(language);
  root.lang = language;
  root.dir = texts.direction ?? "ltr";
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-text]"))) {
    element.textContent = t(element.dataset.text ?? "");
  }
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-label]"))) {
    element.setAttribute("aria-label", t(element.dataset.label ?? ""));
  }
}

/** Return the file of a language, or null if there is none. */
async function load(name) {
  if (!/^[a-z]{2,3}(-[a-z0-9]+)*$/i.test(name)) return null;
  const answer = await fetch(`/page/languages/${name}.json`);
  return answer.ok ? answer.json() : null;
}

/**
 * Return the text of a key such as "card.offline". `{name}` in the text stands for `values.name`. If the text has
 * plural forms, `values.count` chooses one of them. A key without a text is returned as it is.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const found = find(texts, key) ?? find(fallback, key) ?? key;
  const text = typeof found === "string" ? found : (found[plural.select(Number(values.count))] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Return whether there is a text for a key. */
export function hasText(key) {
  return (find(texts, key) ?? find(fallback, key)) != null;
}

function find(tree, key) {
  return key.split(".").reduce((branch, part) => branch?.[part], tree);
}
