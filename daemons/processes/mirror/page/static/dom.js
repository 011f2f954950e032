// @ts-check
/** Small functions that change elements. */

/** Make an element. Text is never parsed as markup: names and log lines may contain anything. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Make an SVG element. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Set the text, if it differs: the same text is neither laid out nor read out again. */
export function setText(element, text) {
  const { firstChild } = element;
  if (element.textContent === text) return;
  // A changed text costs less than a new one: no selector depends on it.
  if (text && firstChild instanceof Text && !firstChild.nextSibling) firstChild.data = text;
  else element.textContent = text;
}

/** Set the text, and hide the element if there is none. */
export function setTextOrHide(element, text) {
  setText(element, text ?? "");
  setHidden(element, !text);
}

/** Hide or show an element, if that differs: the browser draws again even after the same value. */
export function setHidden(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

/**
 * Mark an element whose text is English whatever the language of the page is, such as a fault: a screen reader then
 * pronounces it right, and a page from right to left shows it from left to right.
 * @template {Element} E
 * @param {E} element
 * @param {boolean} [isEnglish]
 * @returns {E}
 */
export function english(element, isEnglish = true) {
  set(element, "lang", isEnglish ? "en" : null);
  return element;
}

/** Set an attribute, if it differs; null removes it. */
export function set(element, name, value) {
  if (value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Give a parent one child for each key, in the order of the keys. An existing child stays the same element, and keeps
 * the focus.
 * @template {HTMLElement} E
 * @param {Element} parent
 * @param {Iterable<string>} keys
 * @param {(key: string) => E} create
 */
export function arrange(parent, keys, create) {
  const children = /** @type {HTMLElement[]} */ ([...parent.children]);
  const left = new Map(children.map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const key of keys) {
    let child = left.get(key);
    left.delete(key);
    if (!child) {
      child = create(key);
      child.dataset.key = key;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const child of left.values()) child.remove();
}

let announcer = /** @type {HTMLElement | null} */ (null);

/** Let a screen reader read a text out, after what it reads at the moment. */
export function announce(text) {
  announcer ??= document.getElementById("announcer");
  announcer?.replaceChildren(make("p", {}, text));
}
