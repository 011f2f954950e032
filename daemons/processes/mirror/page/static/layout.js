// @ts-check
/** The positions of the devices in the drawing of the subscriptions. Pure. */

const LONGEST_COLUMN = 14;

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 * @typedef {{from: string, to: string}} Wire
 */

/**
 * Return the lines: from each device to its subscribers, and to the mirror, which subscribes to all.
 * @returns {Wire[]}
 */
export function wires(devices, mirror) {
  const found = [];
  for (const { id, hears } of devices.values()) {
    for (const from of hears) if (devices.has(from) && from !== id) found.push({ from, to: id });
    if (id !== mirror && devices.has(mirror)) found.push({ from: id, to: mirror });
  }
  return found;
}

/**
 * Return the devices in layers: first those without subscriptions, then their subscribers, and so on; the mirror last.
 * @returns {string[][]}
 */
export function layers(devices, mirror) {
  const depths = new Map();
  const depth = (id, above) => {
    if (depths.has(id)) return depths.get(id);
    const heard = devices.get(id).hears.filter((other) => other !== mirror && devices.has(other) && !above.includes(other));
    const found = heard.length ? 1 + Math.max(...heard.map((other) => depth(other, [...above, id]))) : 0;
    depths.set(id, found);
    return found;
  };
  const found = /** @type {string[][]} */ ([]);
  for (const id of devices.keys()) if (id !== mirror) (found[depth(id, [id])] ??= []).push(id);
  const filled = found.filter(Boolean); // if devices subscribe to each other in a circle, a layer may be empty
  if (devices.has(mirror)) filled.push([mirror]);
  return filled;
}

/**
 * Arrange the layers from left to right; each is a centred column, or several columns if it is long.
 * @returns {{boxes: Map<string, Box>, height: number, isTight: boolean}}
 */
export function across(layers, width, rem) {
  const columns = layers.flatMap(evenly);
  const rows = Math.max(...columns.map((column) => column.length));
  const isTight = rows > 7;
  const pitch = (isTight ? 3 : rows > 4 ? 4.3 : 5.2) * rem;
  const boxHeight = pitch * (isTight ? 0.75 : 0.7);
  const boxWidth = Math.min(16 * rem, width / (columns.length * 1.22));
  const step = columns.length > 1 ? (width - boxWidth) / (columns.length - 1) : 0;
  const height = Math.max(rows, 3) * pitch;
  const boxes = new Map();
  columns.forEach((column, i) =>
    column.forEach((id, j) => {
      const middle = height / 2 + (j - (column.length - 1) / 2) * pitch;
      boxes.set(id, { x: i * step, y: middle - boxHeight / 2, width: boxWidth, height: boxHeight });
    }),
  );
  return { boxes, height, isTight };
}

/** Split a long column into columns of about the same length. */
function evenly(column) {
  const length = Math.ceil(column.length / Math.ceil(column.length / LONGEST_COLUMN));
  return Array.from({ length: Math.ceil(column.length / length) }, (_, i) => column.slice(i * length, (i + 1) * length));
}

/**
 * Arrange the layers from top to bottom, for a narrow page; each has rows of two or three.
 * @returns {{boxes: Map<string, Box>, height: number, isTight: boolean}}
 */
export function down(layers, width, rem) {
  const gap = 0.75 * rem;
  const most = width < 34 * rem ? 2 : 3;
  const boxWidth = (width - (most - 1) * gap) / most;
  const boxHeight = 3.5 * rem;
  const boxes = new Map();
  let y = 0;
  for (const layer of layers) {
    for (let first = 0; first < layer.length; first += most) {
      const row = layer.slice(first, first + most);
      const margin = ((most - row.length) * (boxWidth + gap)) / 2;
      row.forEach((id, i) => boxes.set(id, { x: margin + i * (boxWidth + gap), y, width: boxWidth, height: boxHeight }));
      y += boxHeight + gap;
    }
    y += 2 * rem;
  }
  return { boxes, height: y - 2 * rem - gap, isTight: false };
}

/** Return the SVG path of a line. */
export function line(from, to, isAcross) {
  const middle = (box) => [box.x + box.width / 2, box.y + box.height / 2];
  const [fx, fy] = middle(from);
  const [tx, ty] = middle(to);
  if (isAcross && to.x > from.x) {
    const start = from.x + from.width;
    const bend = Math.max(40, (to.x - start) / 2);
    return `M${start} ${fy}C${start + bend} ${fy} ${to.x - bend} ${ty} ${to.x} ${ty}`;
  }
  if (!isAcross && to.y > from.y) {
    const start = from.y + from.height;
    const bend = (to.y - start) / 2;
    return `M${fx} ${start}C${fx} ${start + bend} ${tx} ${to.y - bend} ${tx} ${to.y}`;
  }
  // A line back to an earlier layer goes around the outside.
  const below = Math.max(from.y + from.height, to.y + to.height);
  return `M${fx} ${from.y + from.height}C${fx} ${below + 40} ${tx} ${below + 40} ${tx} ${to.y + to.height}`;
}
