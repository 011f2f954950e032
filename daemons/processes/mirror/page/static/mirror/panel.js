// @ts-check
/** What a card shows below its state, if the state has it: the weather of the next hours and days, or the next events. */

import { Agenda } from "./agenda.js";
import { Forecast } from "./forecast.js";

/** @typedef {{element: HTMLElement, show: (device: any) => void}} Panel */

/** @type {{fits: (state: any) => boolean, panel: new () => Panel}[]} */
const PANELS = [
  { fits: (state) => state.hourly_celsius != null && state.hourly_begin != null, panel: Forecast },
  { fits: (state) => typeof state.events === "string" && "next_begin" in state, panel: Agenda },
];

/** Return the class of the panel for a device; undefined if its state has nothing for one. */
export function panelOf({ state }) {
  return state ? PANELS.find(({ fits }) => fits(state))?.panel : undefined;
}
