// @ts-check
/** The sign of a process: a ring, an outline and a glyph. They show its look without colour, too. */

import { draw, make, setText, set } from "./dom.js";

const RING = "M24 3a21 21 0 1 1 0 42a21 21 0 1 1 0-42";

const OUTLINES = { failed: "M24 4 46 42H2Z", stopped: "M6 6h36v36H6Z" };

const GLYPHS = {
  on: "M24 15a9 9 0 1 1 0 18a9 9 0 1 1 0-18",
  ready: "M14.5 24.5l6.5 6.5 12.5-14",
  fault: "M24 13v14M24 34v.1",
  failed: "M24 18v11M24 35v.1",
  stale: "M15 24h.1M24 24h.1M33 24h.1",
  offline: "M13 35 35 13",
  restarting: "M33.5 20a10.5 10.5 0 1 0 .6 7M34.5 12.5v8h-8",
  stopped: "M18 18h12v12H18Z",
};

export class Mark {
  #outline = draw("path", { class: "outline" });
  #arc = draw("path", { class: "arc", d: RING, pathLength: 100 });
  #glyph = draw("path", { class: "glyph" });
  #left = make("span", { class: "left" });

  constructor() {
    const picture = draw("svg", { viewBox: "0 0 48 48", "aria-hidden": "true" }, this.#outline, this.#arc, this.#glyph);
    this.element = make("span", { class: "mark" }, picture, this.#left);
  }

  /**
   * @param {string} look as in words.js
   * @param {{left: number | null, percent: number} | null} [progress]
   * @param {string} [text] the text in the ring
   */
  show(look, progress, text = "") {
    set(this.element, "data-look", look);
    set(this.#outline, "d", OUTLINES[look] ?? RING);
    set(this.#glyph, "d", GLYPHS[look] ?? "");
    set(this.#arc, "stroke-dasharray", `${(progress?.percent ?? 0).toFixed(1)} 200`);
    setText(this.#left, text);
  }
}
