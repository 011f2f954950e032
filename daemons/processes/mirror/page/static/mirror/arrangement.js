// @ts-check
/** How the rooms are laid out, by how many cards there are and how large the window is. Pure. */

/**
 * @typedef {object} Arrangement
 * @property {"flow" | "columns" | "pages"} mode one below the other, columns of which some may be on further pages, or
 *   a page for each room
 * @property {"roomy" | "even" | "dense"} density
 * @property {boolean} isFolded whether quiet devices are folded into a line of their room
 * @property {number} columns
 */

/** The breakpoints of the style sheet, in em of the browser's setting. */
const PHONE_EM = 44;
const WALL_EM = 60;
const COLUMN_REM = 17.4;
const GAP_REM = 2.4;
/** A lower window has no room for columns beside the clock: it scrolls. */
const LEAST_REM = 20;
const ROOMY_LOAD = 6.3;
const FLOW_CARDS = 8;
/** The heights of a card, and of a room's name with the space around it. */
const HEIGHTS = { even: [6.3, 4.2], dense: [5.6, 3.7] };
/** Rooms do not fill columns to the end. */
const FILLED = 0.9;

/**
 * @param {{cards: number, rooms: number, width: number, height: number, rem: number, em: number}} of `width` and
 *   `height` of the window, `rem` and `em` in pixels
 * @returns {Arrangement}
 */
export function arrangement({ cards, rooms, width, height, rem, em }) {
  const isSmall = cards <= FLOW_CARDS;
  if (width <= PHONE_EM * em) {
    return { mode: isSmall ? "flow" : "pages", density: isSmall ? "even" : "dense", isFolded: false, columns: 1 };
  }
  const load = cards + 0.6 * rooms;
  if (load <= ROOMY_LOAD) return { mode: "flow", density: "roomy", isFolded: false, columns: 1 };
  const isWall = width >= WALL_EM * em && width > height;
  const high = height / rem - (isWall ? 7 : 27);
  const wide = (width / rem) * (isWall ? 0.65 : 0.95);
  const columns = Math.max(1, Math.floor((wide + GAP_REM) / (COLUMN_REM + GAP_REM)));
  const mode = high < LEAST_REM ? "flow" : "columns";
  for (const [density, [card, room]] of Object.entries(HEIGHTS)) {
    const isFitting = cards * card + rooms * room <= columns * high * FILLED;
    if (isFitting || (isSmall && density === "even")) return { mode, density: /** @type {"even" | "dense"} */ (density), isFolded: false, columns };
  }
  return { mode, density: "dense", isFolded: true, columns };
}
