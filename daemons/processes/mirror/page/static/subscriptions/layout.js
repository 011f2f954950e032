// @ts-check
/** The positions of the boxes and the lines in the drawing of the subscriptions. Pure; all lengths in pixels. */

import { components, depths, drawnAs, layers, passage } from "./graph_layers.js";

/**
 * @typedef {import("./graph_layers.js").Wire} Wire
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 * @typedef {{text: string, x: number, y: number}} Label the name of a room, above its boxes
 * @typedef {{boxes: Map<string, Box>, labels: Label[], paths: Map<Wire, string>, width: number, height: number}} Layout
 */

const BOX_REM = 2.6;
const GAP_REM = 0.55;
const LABEL_REM = 1.5;
const PASSAGE_REM = 0.7;
const WIDEST_REM = 14;
const NARROWEST_REM = 8.5;
/** The space between two layers, in which the lines run. */
const AISLE_REM = 4.5;

/**
 * Arrange all devices that lines connect. On a wide page the layers stand beside each other, and groups of devices that
 * no line connects follow each other. On a narrow page all stand in one column, and the lines run beside it.
 * @param {Wire[]} wires
 * @returns {Layout}
 */
export function layout(devices, wires, width, rem, isNarrow) {
  const same = drawnAs(wires);
  const drawn = [...new Set(same.values())];
  const groups = components([...devices.keys()], drawn);
  const all = groups.map((ids) => {
    const own = drawn.filter(({ from }) => ids.includes(from));
    return isNarrow ? column(ids, own, devices, width, rem) : across(layers(ids, own, devices), own, width, rem, groups.length === 1);
  });
  const found = pack(all, width, 2.4 * rem);
  return { ...found, paths: new Map(wires.map((wire) => [wire, found.paths.get(same.get(wire)) ?? ""])) };
}

/** Place parts in rows from left to right. */
function pack(parts, width, gap) {
  const found = { boxes: new Map(), labels: [], paths: new Map(), width, height: 0 };
  let [x, y, rowHeight] = [0, 0, 0];
  for (const part of parts) {
    if (x && x + part.width > width + 1) [x, y, rowHeight] = [0, y + rowHeight + gap / 2, 0];
    for (const [id, box] of part.boxes) found.boxes.set(id, { ...box, x: box.x + x, y: box.y + y });
    for (const label of part.labels) found.labels.push({ ...label, x: label.x + x, y: label.y + y });
    for (const [wire, points] of part.points) found.paths.set(wire, points(x, y));
    x += part.width + gap;
    rowHeight = Math.max(rowHeight, part.height);
    found.height = y + rowHeight;
  }
  return found;
}

/** Arrange layers from left to right; a line passes a layer where a place is kept for it. */
function across(layers, wires, width, rem, isAlone) {
  const aisles = layers.length - 1;
  const boxWidth = Math.max(NARROWEST_REM * rem, Math.min(WIDEST_REM * rem, (width - aisles * AISLE_REM * rem) / layers.length));
  const isWide = layers.length > 2 || isAlone;
  const aisle = isWide ? Math.max(2 * rem, (width - layers.length * boxWidth) / aisles) : AISLE_REM * rem;
  const heights = layers.map((layer) => stack(layer, rem).height);
  const height = Math.max(...heights);
  const boxes = new Map();
  const labels = [];
  layers.forEach((layer, i) => {
    const x = i * (boxWidth + aisle);
    const { places, names } = stack(layer, rem);
    const top = (height - heights[i]) / 2;
    for (const [id, [y, high]] of places) boxes.set(id, { x, y: top + y, width: boxWidth, height: high });
    labels.push(...names.map(({ text, y }) => ({ text, x, y: top + y })));
  });
  const depth = new Map(layers.flatMap((layer, i) => layer.map(({ id }) => [id, i])));
  const points = new Map(wires.map((wire) => [wire, (dx, dy) => lineAcross(wire, boxes, depth, height, aisle, dx, dy)]));
  const shown = new Map([...boxes].filter(([id]) => !id.includes(" ")));
  const back = wires.some(({ from, to }) => depth.get(to) <= depth.get(from));
  return { boxes: shown, labels, points, width: isWide ? width : layers.length * boxWidth + aisles * aisle, height: height + (back ? 1.5 * rem : 0) };
}

/** Stack the nodes of a layer; each room has its name above its devices. */
function stack(layer, rem) {
  const places = new Map();
  const names = [];
  let y = 0;
  layer.forEach((node, i) => {
    if (node.room != null && node.room !== layer[i - 1]?.room) {
      y += i ? 0.3 * rem : 0;
      names.push({ text: node.room, y });
      y += LABEL_REM * rem;
    }
    const height = (node.room == null ? PASSAGE_REM : BOX_REM) * rem;
    places.set(node.id, [y, height]);
    y += height + (node.room == null ? 0.15 : GAP_REM) * rem;
  });
  return { places, names, height: y };
}

/** Return the path of a line from layer to layer; one that goes back runs below all boxes. */
function lineAcross({ from, to }, boxes, depth, height, aisle, dx, dy) {
  const [start, end] = [boxes.get(from), boxes.get(to)];
  const middle = (box) => dy + box.y + box.height / 2;
  const [first, last] = [depth.get(from), depth.get(to)];
  let x = dx + start.x + start.width;
  let path = `M${round(x)} ${round(middle(start))}`;
  const curve = (toX, fromY, toY) => {
    const bend = (toX - x) / 2;
    path += `C${round(x + bend)} ${round(fromY)} ${round(toX - bend)} ${round(toY)} ${round(toX)} ${round(toY)}`;
  };
  if (last <= first) {
    const [out, back, below] = [x + aisle * 0.15, dx + end.x - aisle * 0.15, dy + height + 8];
    return `${path}H${round(out)}V${round(below)}H${round(back)}V${round(middle(end))}H${round(dx + end.x)}`;
  }
  let y = middle(start);
  for (let layer = first + 1; layer < last; layer++) {
    const box = boxes.get(passage(from, layer));
    curve(dx + box.x, y, middle(box));
    y = middle(box);
    x = dx + box.x + box.width;
    path += `H${round(x)}`;
  }
  curve(dx + end.x, y, middle(end));
  return path;
}

/** Arrange all devices in one column; each publisher has a lane beside it, from which its lines branch off. */
function column(ids, wires, devices, width, rem) {
  const depth = depths(ids, wires);
  const rooms = [...new Set(ids.map((id) => devices.get(id).room))];
  const order = [...ids].sort((a, b) => rooms.indexOf(devices.get(a).room) - rooms.indexOf(devices.get(b).room) || depth.get(a) - depth.get(b));
  const { places, names, height } = stack(order.map((id) => ({ id, room: devices.get(id).room })), rem);
  const lanes = lanesOf(order, wires);
  const count = 1 + Math.max(0, ...lanes.values());
  const pitch = Math.min(0.6 * rem, (width * 0.32) / count);
  const boxWidth = width - (count + 0.5) * pitch;
  const boxes = new Map([...places].map(([id, [y, high]]) => [id, { x: 0, y, width: boxWidth, height: high }]));
  const labels = names.map((name) => ({ ...name, x: 0 }));
  const points = new Map(wires.map((wire) => [wire, (dx, dy) => {
    const side = dx + boxWidth;
    const lane = round(side + pitch * (lanes.get(wire.from) + 0.8));
    const [start, end] = [boxes.get(wire.from), boxes.get(wire.to)];
    const [from, to] = [dy + start.y + start.height * 0.4, dy + end.y + end.height * 0.6];
    return `M${round(side)} ${round(from)}H${lane}V${round(to)}H${round(side)}`;
  }]));
  return { boxes, labels, points, width, height };
}

/** Return a lane for each publisher, so that no two share a part of one. */
function lanesOf(order, wires) {
  const row = new Map(order.map((id, i) => [id, i]));
  const spans = new Map();
  for (const { from, to } of wires) {
    const [low, high] = spans.get(from) ?? [row.get(from), row.get(from)];
    spans.set(from, [Math.min(low, row.get(to)), Math.max(high, row.get(to))]);
  }
  const taken = /** @type {[number, number][][]} */ ([]);
  const found = new Map();
  for (const [id, [low, high]] of [...spans].sort(([, a], [, b]) => a[1] - a[0] - (b[1] - b[0]))) {
    let lane = 0;
    while (taken[lane]?.some(([from, to]) => from <= high && to >= low)) lane++;
    (taken[lane] ??= []).push([low, high]);
    found.set(id, lane);
  }
  return found;
}

const round = (value) => Math.round(value * 10) / 10;
