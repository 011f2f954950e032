// @ts-check
/** Turns drag, pinch, wheel and keys into two actions: pan and zoom. */

const NUDGE = 0.15;
const NEARER = 0.7;
const SLACK_PIXELS = 5;

/**
 * @param {HTMLElement} element that receives the gestures
 * @param {HTMLElement} scale as wide as the visible span of time
 * @param {(part: number) => void} pan by a part of the visible span; positive is later
 * @param {(factor: number, centre?: number) => void} zoom by this factor of the visible span, around a point from 0 to 1
 */
export function followGestures(element, scale, pan, zoom) {
  /** @type {Map<number, number>} */
  const fingers = new Map();
  let dragged = false;
  const place = (x) => {
    const { left, width } = scale.getBoundingClientRect();
    return (x - left) / width;
  };

  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, event.clientX);
    if (fingers.size === 1) dragged = false;
  });
  element.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (before == null) return;
    const moved = event.clientX - before;
    if (!dragged && Math.abs(moved) < SLACK_PIXELS && fingers.size === 1) return;
    dragged = true;
    element.setPointerCapture(event.pointerId);
    const other = [...fingers].find(([id]) => id !== event.pointerId);
    fingers.set(event.pointerId, event.clientX);
    if (!other) return pan(-moved / scale.clientWidth);
    const apart = Math.max(20, Math.abs(event.clientX - other[1]));
    const wasApart = Math.max(20, Math.abs(before - other[1]));
    zoom(wasApart / apart, place(other[1]));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, (event) => fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
  }
  // The end of a drag is not a click.
  element.addEventListener("click", (event) => dragged && event.stopPropagation(), { capture: true });

  element.addEventListener(
    "wheel",
    (event) => {
      const isAlong = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      // A page that scrolls keeps the wheel. With Ctrl, which a trackpad sends for a pinch, the wheel zooms.
      const isPage = document.documentElement.scrollHeight > innerHeight + 1 && !event.ctrlKey;
      if (!isAlong && isPage) return;
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
      if (isAlong) pan(((event.deltaX || event.deltaY) * lines) / scale.clientWidth);
      else zoom(Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY * lines * 0.003))), place(event.clientX));
    },
    { passive: false },
  );
}

/** Pan or zoom by a key; return whether the key has a meaning. */
export function followKey(key, pan, zoom) {
  if (key === "+" || key === "=") zoom(NEARER);
  else if (key === "-") zoom(1 / NEARER);
  else if (key === "ArrowLeft") pan(-NUDGE);
  else if (key === "ArrowRight") pan(NUDGE);
  else return false;
  return true;
}

/**
 * Call `follow` with the place of the pointer, from 0 to 1 of the scale, and with null when it leaves, or when a finger
 * touches elsewhere.
 * @param {HTMLElement} element that receives the pointer
 * @param {HTMLElement} scale
 * @param {(part: number | null) => void} follow
 */
export function followPointer(element, scale, follow) {
  const place = ({ clientX }) => {
    const { left, width } = scale.getBoundingClientRect();
    const part = (clientX - left) / width;
    follow(part < 0 || part > 1 ? null : part);
  };
  const release = (event) => {
    if (element.contains(event.target)) return;
    document.removeEventListener("pointerdown", release);
    follow(null);
  };
  element.addEventListener("pointermove", place);
  element.addEventListener("pointerdown", (event) => {
    place(event);
    if (event.pointerType !== "mouse") document.addEventListener("pointerdown", release);
  });
  element.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && follow(null));
}
