// @ts-check
/** The few things that are done to elements over and over. */

/** Make an element. What is not an element is text, never markup: names and log lines are anybody's. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Make an element of a drawing. */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Say something else, if it is something else: what has not changed is not laid out anew, nor read out. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say it, or show nothing where there is nothing to say. */
export function sayOrHide(element, text) {
  say(element, text ?? "");
  element.hidden = !text;
}

/** Set an attribute, if it is another; null takes it away. */
export function set(element, name, value) {
  if (value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Make a parent's children be those of the keys, in their order. Who is there already stays the same element, and keeps
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

/** Have it read out by who reads the page out, when it is done with what it is reading. */
export function announce(text) {
  announcer ??= document.getElementById("announcer");
  announcer?.replaceChildren(make("p", {}, text));
}
