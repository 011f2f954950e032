"""Draws the devices as rows of a table: presence, name, phase, progress, power and process."""

import re
import time
from typing import Any, TypeGuard

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from daemons.values import HEX_COLOUR

PRESENCE = {
    "live": ("●", "green"),
    "stale": ("◐", "yellow"),
    "restarting": ("↻", "yellow"),
    "stopped": ("◻", "dim"),
    "offline": ("○", "red"),
    "failed": ("✖", "bold red"),
}
"""The mark and the style of each presence; its name is shown too, because colours alone are not enough."""

WITH_REASON = ("failed", "restarting")
"""The presences that are shown with their reason."""

BAR_WIDTH, SHORT_BAR_WIDTH = 14, 8

COLUMNS_FOR_AGE, COLUMNS_FOR_BAR, COLUMNS_FOR_POWER, COLUMNS_FOR_PROCESS = 67, 78, 84, 104
"""The terminal width from which each of these columns is shown."""

LEAST_PHASE, LONGEST_PHASE, LEAST_NAME, GAP = 8, 14, 8, 3
"""The width that the phase keeps beside long names, at least and at most; the least one of a room and of a
title, which are cut before the phase; the space after a column."""

AIR = (
    ("illuminance_lux", "lx"),
    ("pressure_hectopascals", "hPa"),
    ("co2_ppm", "ppm CO2"),
    ("pm25_micrograms", "µg/m³ dust"),
    ("soil_moisture_percent", "% in the soil"),
)
"""Further measurements of a sensor, each with the text after its value."""
LONG = 12
"""A fault or reason of more characters is cut in its row, and shown in full below the devices."""


def devices(found: dict[str, Any], names: list[str], width: int, selected: str = "") -> Table:
    """Draw a row for each of these devices; a room is named once, and the selected device is marked."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False, header_style="dim")
    bar = bar_width(width)
    rooms, titles, left = name_space(found, names, width, bar)
    if rooms + titles > left and bar:
        bar = SHORT_BAR_WIDTH
        rooms, titles, left = name_space(found, names, width, bar)
    room_width, name_width = fitted(rooms, titles, left)
    table.add_column(" Room", no_wrap=True, max_width=room_width, overflow="ellipsis")
    table.add_column("Device", no_wrap=True, max_width=name_width, overflow="ellipsis")
    table.add_column("Phase", min_width=LEAST_PHASE, ratio=1)
    has_detail = bar or any("progress_percent" in (device["state"] or {}) for device in found.values())
    if has_detail:
        table.add_column("Detail" if bar else "Done", width=bar + 5 if bar else 4, no_wrap=True)
    if width >= COLUMNS_FOR_POWER:
        table.add_column("Power", justify="right", no_wrap=True)
    if width >= COLUMNS_FOR_AGE:
        table.add_column("Heard", justify="right", no_wrap=True)
    table.add_column("Presence", no_wrap=True)
    if width >= COLUMNS_FOR_PROCESS:
        table.add_column("Process", no_wrap=True)
    room = None
    for name in names:
        device, marked = found[name], name == selected
        state = device["state"] or {}
        _, style = PRESENCE[device["presence"]]
        live = device["presence"] == "live"
        cells: list[RenderableType] = [
            Text("▸" if marked else " ", "bold cyan").append(
                "" if device["room"] == room else device["room"], "not bold dim default"
            ),
            Text(device["name"], style="reverse" if marked else "" if live else "dim"),
            one_line(
                reason(device)
                if device["presence"] in WITH_REASON
                else phase(state, live=live, whole=not bar),
            ),
            Text(presence_text(device), style=style),
        ]
        if has_detail:
            more = progress(state, bar) or (one_line(Text(detail(state))) if bar else "")
            cells.insert(-1, more if live else "")
        if width >= COLUMNS_FOR_POWER:
            cells.insert(-1, power(state) if live else "")
        if width >= COLUMNS_FOR_AGE:
            cells.insert(-1, age(device["age_seconds"]))
        if width >= COLUMNS_FOR_PROCESS:
            cells.append(process(device["process"], device["host"]))
        table.add_row(*cells)
        room = device["room"]
    return table


def name_space(found: dict[str, Any], names: list[str], width: int, bar: int) -> tuple[int, int, int]:
    """Return the widths of the rooms and of the titles, and the width that all other columns leave them."""
    shown = [found[name] for name in names]
    rooms = max([len(" Room"), *(1 + cell_len(device["room"]) for device in shown)])
    titles = max([len("Device"), *(cell_len(device["name"]) for device in shown)])
    words = [len(str((device["state"] or {}).get("phase", ""))) for device in shown]
    least = min(LONGEST_PHASE, max([LEAST_PHASE, *words]))
    columns = [least, max([8, *(cell_len(presence_text(device)) for device in shown)])]
    if width >= COLUMNS_FOR_BAR or any("progress_percent" in (device["state"] or {}) for device in shown):
        columns.append(bar + 5 if bar else 4)
    if width >= COLUMNS_FOR_POWER:
        columns.append(max([5, *(len(power(device["state"] or {})) for device in shown)]))
    if width >= COLUMNS_FOR_AGE:
        columns.append(max([5, *(len(age(device["age_seconds"])) for device in shown)]))
    if width >= COLUMNS_FOR_PROCESS:
        columns.append(max([7, *(len(process(device["process"], device["host"])) for device in shown)]))
    return rooms, titles, width - sum(columns) - GAP * (len(columns) + 1)


def fitted(rooms: int, titles: int, left: int) -> tuple[int, int]:
    """Return the widths of the rooms and of the titles in the space that is left; a title gets more of it."""
    if rooms + titles <= left:
        return rooms, titles
    room = max(LEAST_NAME, min(rooms, left * 2 // 5, left - LEAST_NAME))
    title = max(LEAST_NAME, min(titles, left - room))
    return max(room, min(rooms, left - title)), title


def bar_width(width: int) -> int:
    """Return the width of the bar of a progress; 0 if the terminal is too narrow for bars."""
    return BAR_WIDTH if width >= COLUMNS_FOR_POWER else SHORT_BAR_WIDTH if width >= COLUMNS_FOR_BAR else 0


def presence_text(device: dict[str, Any]) -> str:
    """Return the mark and the word of a presence, and how long it lasts."""
    mark, _ = PRESENCE[device["presence"]]
    return f"{mark} {device['presence']}{absence_text(device)}"


def one_line(text: Text) -> Text:
    """Return the text, cut to its column instead of wrapped."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def absence_text(device: dict[str, Any]) -> str:
    """Return how long a device has had its presence, or nothing if its age shows this already."""
    since = device.get("presence_since")
    if since is None or device["presence"] in ("live", "stale", "offline"):
        return ""
    return f" {span(max(0.0, time.time() - since))}"


def phase(state: dict[str, Any], *, live: bool, whole: bool = True) -> Text:
    """Return the phase or the fault of a device; with `whole`, with its measurements and settings."""
    if not live:
        return Text(f"was {state['phase']}" if "phase" in state else "", style="dim")
    more = detail(state) if whole else ""
    if state.get("reachable") is False:
        return Text(" ".join(filter(None, ("unreachable", more))), style="red")
    if state.get("fault"):
        return Text(str(state["fault"]), style="red")
    style = "bold green" if state.get("ready") else "bold yellow" if state.get("status") else ""
    text = Text(str(state.get("phase", "")), style).append(f"  {more}" if more else "", "not bold default")
    colour = state.get("colour") if whole and state.get("status") else None
    return text.append("  ").append(f"● {colour}", f"not bold {colour}") if is_colour(colour) else text


def detail(state: dict[str, Any]) -> str:
    """Return how long hardware has been unreachable; otherwise its measurements and settings."""
    if state.get("reachable") is False:
        since = state.get("unreachable_since")
        return f"for {span(max(0.0, time.time() - since))}" if since is not None else ""
    celsius, target = state.get("temperature_celsius"), state.get("target_celsius")
    brightness, humidity = state.get("brightness_percent"), state.get("humidity_percent")
    temperature = f"{celsius:.1f}" if celsius is not None else ""
    if target is not None:
        temperature += f"{' ' if temperature else ''}to {target:g}"
    parts = [
        f"{state['paused_by']} is open" if state.get("paused_by") else "",
        f"{temperature} °C" if temperature else "",
        f"{humidity:.0f} %" if humidity is not None else "",
        *(f"{state[name]:.0f} {unit}" for name, unit in AIR if is_number(state.get(name))),
        f"{state['position_percent']:.0f} % open" if state.get("position_percent") is not None else "",
        f"{state['value']:g} {state.get('unit') or ''}".strip() if is_number(state.get("value")) else "",
        str(state["count"]) if is_number(state.get("count")) else "",
        f"{state['time']} {state.get('days', '')}".strip() if isinstance(state.get("time"), str) else "",
        f"at {brightness} %" if brightness is not None and state.get("status") else "",
        today(state),
    ]
    return "  ".join(filter(None, parts))


def is_colour(found: object) -> TypeGuard[str]:
    """Return whether a value is a colour in hexadecimal digits."""
    return isinstance(found, str) and re.fullmatch(HEX_COLOUR, found) is not None


def today(state: dict[str, Any]) -> str:
    """Return the energy and the cost of a meter today."""
    used, cost = state.get("today_kwh"), state.get("today_cost")
    if used is None:
        return ""
    money = f", {' '.join(filter(None, (f'{cost:.2f}', state.get('currency'))))}" if cost is not None else ""
    return f"{used:.2f} kWh{money} today"


def is_number(value: object) -> bool:
    """Return whether a field of a state is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def reason(device: dict[str, Any]) -> Text:
    """Return why a device is absent, and the time until its next start."""
    wait = device["retry_at"] and max(0.0, device["retry_at"] - time.time())
    again = f", next try in {span(wait)}" if wait is not None else ""
    return Text(f"{device['reason'] or ''}{again}", style="red" if device["presence"] == "failed" else "dim")


def progress(state: dict[str, Any], width: int) -> RenderableType:
    """Draw the progress of a device as a bar of this width and a number; without a width, as a number."""
    if "progress_percent" not in state:
        return ""
    percent = 100.0 if state.get("ready") else state["progress_percent"]
    if percent is None:
        return ""
    if not width:
        return f"{percent:3.0f}%"
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(100, percent, width=width), f"{percent:3.0f}%")
    return grid


def power(state: dict[str, Any]) -> str:
    """Return the power in watts, or nothing if it is unknown."""
    watts = state.get("power_watts")
    return f"{watts:.0f} W" if watts is not None else ""


def age(seconds: float | None) -> Text:
    """Return the age of the last message of a device."""
    if seconds is None:
        return Text("never", style="red")
    return Text(f"{seconds:.1f} s" if seconds < 60 else span(seconds), style="dim")  # noqa: PLR2004


def span(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def process(found: dict[str, Any], host: str | None) -> Text:
    """Return the PID, uptime and restarts of a process; for a process elsewhere, its host."""
    if found["state"] == "ELSEWHERE":
        return Text(f"on {host}" if host else "a program", style="dim")
    if not found["pid"]:
        return Text(found["state"].lower(), style="red")
    again = f" · {found['restarts']}×" if found["restarts"] else ""
    return Text(f"{found['pid']} · {span(found['uptime_seconds'])}{again}", style="dim")
