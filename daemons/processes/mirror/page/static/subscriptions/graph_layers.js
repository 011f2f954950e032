// @ts-check
/** Sorts the devices of the drawing into layers, so that lines go from left to right and pass between boxes. Pure. */

/**
 * @typedef {{from: string, to: string}} Wire
 * @typedef {{id: string, room: string} | {id: string, passes: string}} Node a device, or a place where the lines of
 *   the publisher `passes` pass a layer
 */

const SWEEPS = 6;

/**
 * Return the lines: from each device to its subscribers. A mirror subscribes to all, so its lines are left out.
 * @returns {Wire[]}
 */
export function wires(devices, mirror) {
  const found = [];
  for (const { id, hears } of devices.values()) {
    for (const from of hears) if (devices.has(from) && from !== id && id !== mirror && from !== mirror) found.push({ from, to: id });
  }
  return found;
}

/**
 * Return for each line the one whose path it has. Two devices that subscribe to each other, such as a group and its
 * members, have one path: from the one with fewer such partners, so that a group stands behind its members.
 * @param {Wire[]} wires
 * @returns {Map<Wire, Wire>}
 */
export function drawnAs(wires) {
  const found = new Map(wires.map((wire) => [`${wire.from} ${wire.to}`, wire]));
  const back = ({ from, to }) => found.get(`${to} ${from}`);
  const partners = new Map();
  for (const wire of wires) if (back(wire)) partners.set(wire.from, (partners.get(wire.from) ?? 0) + 1);
  return new Map(wires.map((wire) => {
    const other = back(wire);
    const difference = (partners.get(wire.to) ?? 0) - (partners.get(wire.from) ?? 0) || wire.to.localeCompare(wire.from);
    return [wire, other && difference < 0 ? other : wire];
  }));
}

/**
 * Return the groups of devices that lines connect, the largest first.
 * @param {Wire[]} wires
 * @returns {string[][]}
 */
export function components(ids, wires) {
  const found = new Map(ids.map((id) => [id, [id]]));
  for (const { from, to } of wires) {
    const [one, other] = [found.get(from), found.get(to)];
    if (one === other) continue;
    one.push(...other);
    for (const id of other) found.set(id, one);
  }
  const order = new Map(ids.map((id, i) => [id, i]));
  const groups = [...new Set(found.values())].filter((group) => group.length > 1);
  for (const group of groups) group.sort((a, b) => order.get(a) - order.get(b));
  return groups.sort((a, b) => b.length - a.length || order.get(a[0]) - order.get(b[0]));
}

/**
 * Return by device its layer: publishers come before their subscribers, if the lines have no circle.
 * @param {Wire[]} wires
 * @returns {Map<string, number>}
 */
export function depths(ids, wires) {
  const heard = new Map(ids.map((id) => [id, []]));
  for (const { from, to } of wires) heard.get(to)?.push(from);
  const found = new Map();
  const depth = (id, above) => {
    if (found.has(id)) return found.get(id);
    const others = heard.get(id).filter((other) => !above.includes(other));
    const layer = others.length ? 1 + Math.max(...others.map((other) => depth(other, [...above, id]))) : 0;
    found.set(id, layer);
    return layer;
  };
  for (const id of ids) depth(id, [id]);
  return found;
}

/**
 * Return the layers with their nodes in an order with few crossings; devices of a room stand together.
 * @param {string[]} ids
 * @param {Wire[]} wires
 * @param {Map<string, any>} devices
 * @returns {Node[][]}
 */
export function layers(ids, wires, devices) {
  const depth = depths(ids, wires);
  const found = Array.from({ length: 1 + Math.max(...depth.values()) }, () => /** @type {any[]} */ ([]));
  for (const id of ids) found[depth.get(id) ?? 0].push({ id, room: devices.get(id).room });
  /** @type {Map<string, string[]>} by node, its neighbours in the layer before and in the layer after */
  const before = new Map();
  const after = new Map();
  const join = (from, to) => {
    after.set(from, [...(after.get(from) ?? []), to]);
    before.set(to, [...(before.get(to) ?? []), from]);
  };
  for (const id of ids) {
    const own = depth.get(id) ?? 0;
    const targets = wires.filter(({ from, to }) => from === id && (depth.get(to) ?? 0) > own).map(({ to }) => to);
    const last = Math.max(own, ...targets.map((to) => depth.get(to) ?? 0));
    let previous = id;
    for (let layer = own + 1; layer <= last; layer++) {
      for (const to of targets) if (depth.get(to) === layer) join(previous, to);
      if (layer === last) break;
      const passing = passage(id, layer);
      found[layer].push({ id: passing, passes: id });
      join(previous, passing);
      previous = passing;
    }
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isForward = sweep % 2 === 0;
    const order = isForward ? found.keys() : [...found.keys()].reverse();
    for (const layer of order) sort(found[layer], found[layer + (isForward ? -1 : 1)] ?? [], isForward ? before : after);
  }
  return found;
}

/** Return the id of the place where the lines of a publisher pass a layer. */
export function passage(id, layer) {
  return `${id} ${layer}`;
}

/** Sort a layer by the mean place of the neighbours; the devices of a room stay together. */
function sort(layer, beside, neighbours) {
  const places = new Map(beside.map(({ id }, i) => [id, (i + 0.5) / beside.length]));
  const own = new Map(layer.map(({ id }, i) => [id, (i + 0.5) / layer.length]));
  const wanted = new Map(layer.map(({ id }) => {
    const found = (neighbours.get(id) ?? []).map((other) => places.get(other)).filter((place) => place != null);
    return [id, found.length ? mean(found) : own.get(id)];
  }));
  const group = ({ id, room }) => room ?? id;
  const rooms = new Map();
  for (const node of layer) rooms.set(group(node), [...(rooms.get(group(node)) ?? []), wanted.get(node.id)]);
  const room = new Map([...rooms].map(([name, all]) => [name, mean(all)]));
  const first = new Map([...rooms.keys()].map((name, i) => [name, i]));
  layer.sort((a, b) => room.get(group(a)) - room.get(group(b)) || first.get(group(a)) - first.get(group(b)) || wanted.get(a.id) - wanted.get(b.id));
}

const mean = (all) => all.reduce((sum, value) => sum + value, 0) / all.length;
