// @ts-check
/** Makes a page on a wall dim at night, and black while it is not needed. A touch wakes it for a minute. */

import { house } from "./house.js";

const AWAKE_SECONDS = 60;

/** Follow what the mirror says of the screen. Only a page on a wall does: /?glass=black. */
export function followScreen() {
  const { dataset } = document.documentElement;
  if (dataset.glass !== "black") return;
  let awakeUntil = 0;
  const show = () => {
    const isAwake = performance.now() < awakeUntil;
    const isAlarm = house.attention.some(({ level, acknowledged }) => level === "alarm" && !acknowledged);
    if (isAlarm) dataset.screen = "day";
    else dataset.screen = house.screen === "off" && isAwake ? "night" : house.screen;
  };
  const wake = (event) => {
    // The touch that wakes the screen presses nothing.
    if (dataset.screen === "off") event.preventDefault();
    awakeUntil = performance.now() + AWAKE_SECONDS * 1000;
    show();
  };
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, wake, { capture: true });
  house.addEventListener("beat", show);
  house.addEventListener("attention", show);
}
