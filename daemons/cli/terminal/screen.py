"""Draws the house in a terminal, from the status document and the state of the view."""

import time
from datetime import datetime, tzinfo
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from daemons.cli.terminal.presses import CAUSE_TEXTS, Press
from daemons.cli.terminal.selection import by_room
from daemons.cli.terminal.view import KEYS, View
from daemons.errors import NotUp
from daemons.values import printable

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
LONG = 12
"""A fault or reason of more characters is cut in its row, and shown in full below the devices."""
SHORT_PANEL, LONG_PANEL = 4, 7
"""How many lines the panel below the devices gets, if the terminal is high enough."""
LOW, LOWEST = 20, 12
"""In a terminal with fewer than `LOW` lines, devices come before the panel.

With fewer than `LOWEST` lines, faults are not shown below the devices.
"""


def screen(status: dict[str, Any], zone: tzinfo, width: int) -> RenderableType:
    """Draw the whole house."""
    status = printable(status)
    found = status["devices"]
    table = devices(found, by_room(found), width)
    return Group(*head(status, zone), table, *faults(status))


def head(status: dict[str, Any], zone: tzinfo) -> list[RenderableType]:
    """Draw the name of the house, the time, and the message of the mirror."""
    top = Table.grid(expand=True)
    top.add_column(no_wrap=True)
    top.add_column(justify="right", no_wrap=True)
    clock = datetime.fromtimestamp(status["at"], zone)
    top.add_row(Text(status["house"], style="bold"), Text(f"{clock:%A %d %B  %H:%M:%S %Z}", style="dim"))
    message = status["message"] or ""
    if not status["up"]:
        message = str(NotUp())
    warnings = [Text(warning, style="bold red") for warning in status["warnings"]]
    alarms = [one for one in status.get("attention", ()) if one["level"] == "alarm"]
    if alarms and message.startswith(alarms[0]["text"]):
        message = message.removeprefix(alarms[0]["text"]).removeprefix(" · ")
    said = [Padding(Text(message, style="bold cyan"), (1, 0))] if message else [Text("")]
    return [top, *warnings, *attention(status, zone), *said]


LEVEL_STYLES = {"alarm": "bold white on red", "fault": "bold red", "care": "yellow", "news": "green"}
LEVEL_MARKS = {"alarm": "‼", "fault": "!", "care": "•", "news": "✓"}
"""The style and the mark of each level: colours alone are not enough."""
MOST_NOTICES = 5


def attention(status: dict[str, Any], zone: tzinfo) -> list[RenderableType]:
    """Draw what deserves attention, the most urgent first."""
    found = status.get("attention", []) if status["up"] else []
    unseen = [one for one in found if not one["acknowledged"] or one["level"] == "alarm"]
    lines: list[RenderableType] = []
    for one in unseen[:MOST_NOTICES]:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f" {LEVEL_MARKS[one['level']]} {one['text']} ", LEVEL_STYLES[one["level"]])
        if one["since"] is not None:
            text.append(f"  since {moment(one['since'], status['at'], zone)}", "dim")
        text.append("  seen" if one["acknowledged"] else "", "dim")
        lines.append(text)
    if (rest := len(unseen) - MOST_NOTICES) > 0:
        lines.append(Text(f"   and {rest} more", style="dim"))
    return lines


def moment(at: float, now: float, zone: tzinfo) -> str:
    """Return a past moment: its time, and its day if that is not today."""
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    return f"{then:%H:%M}" if then.date() == today.date() else f"{then:%d %b %H:%M}"


def faults(status: dict[str, Any]) -> list[RenderableType]:
    """Draw the services that are not live or have a fault, and the long faults of the devices."""
    services = status["services"] if status["up"] else {}
    noticed = {one["device"] for one in status.get("attention", ())}
    lines = []
    for name, service in services.items():
        if name in noticed:
            continue
        if service["presence"] != "live":
            lines.append(Text(f"The {name} is {service['presence']}.", style="yellow"))
        elif fault := (service["state"] or {}).get("fault"):
            lines.append(Text(f"The {name}: {fault}.", style="yellow"))
    for device in status["devices"].values():
        fault = (device["state"] or {}).get("fault") if device["presence"] == "live" else None
        text = reason(device) if device["presence"] == "failed" else Text(str(fault or ""), "red")
        if len(text) > LONG:
            lines.append(Text(f"{device['name']}: ").append(text))
    return [Padding(Group(*lines), (1, 0, 0, 0))] if lines else []


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
    return Text(str(state.get("phase", "")), style).append(f"  {more}" if more else "", "not bold default")


AIR = (
    ("illuminance_lux", "lx"),
    ("pressure_hectopascals", "hPa"),
    ("co2_ppm", "ppm CO2"),
    ("pm25_micrograms", "µg/m³ dust"),
    ("soil_moisture_percent", "% in the soil"),
)
"""Further measurements of a sensor, each with the text after its value."""


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


def frame(
    status: dict[str, Any],
    zone: tzinfo,
    console: Console,
    view: View,
    last_presses: list[Press],
    log: list[str],
    why: list[str] | None = None,
) -> list[str]:
    """Draw the live view, in exactly as many lines as the terminal has.

    If not all devices fit, only those around the selected one are shown. The panel gets the rest.
    """
    height = console.height
    found = status["devices"]
    selected = view.choose(found)
    top = render_lines(console, *head(status, zone), *filter_lines(view, found))
    fault_lines = render_lines(console, *faults(status))[: height // 4] if height >= LOWEST else []
    foot = [*fault_lines, *render_lines(console, *footer(status, view, zone, console.width))]
    panel = {
        "presses": presses(last_presses, found, zone),
        "log": tail(log, selected) if selected else [],
        "why": why_lines(why, found[selected]["name"] if selected else ""),
        "keys": keys(status["mirror"]["url"] or ""),
    }[view.panel]
    reserved = (
        min(
            len(panel) + 1,
            {"presses": SHORT_PANEL, "log": LONG_PANEL, "why": LONG_PANEL}.get(view.panel, height),
        )
        if height >= LOW
        else 0
    )
    room = height - len(top) - len(foot)
    names = view.selection.names(found)
    table = fitting_devices(console, found, names, selected, room - reserved)
    left = max(0, room - len(table))
    if view.panel == "log" and panel:
        title, *lines = render_lines(console, *panel)
        below = [title, *lines[max(0, len(lines) - left + 2) :]] if left > 2 else []  # noqa: PLR2004
    else:
        below = render_lines(console, *panel)
    below = ["", *below][:left]
    lines = [*top, *table, *below, *[""] * (left - len(below)), *foot]
    return lines[:height] if len(foot) > height else [*lines[: height - len(foot)], *foot]


def render_lines(console: Console, *drawn: RenderableType) -> list[str]:
    """Render to lines with terminal control sequences."""
    with console.capture() as capture:
        console.print(Group(*drawn))  # without the group, Rich would join several texts
    return capture.get().splitlines()


def filter_lines(view: View, found: dict[str, Any]) -> list[RenderableType]:
    """Draw the filter, and how many devices it shows; nothing without one."""
    typed = view.selection.filter
    if not typed and not view.is_filtering:
        return []
    cursor = "_" if view.is_filtering else ""
    text = Text(" / ", "bold cyan", no_wrap=True, overflow="ellipsis").append(f"{typed}{cursor}", "bold")
    text.append(f"   {len(view.selection.names(found))} of {len(found)} devices", "not bold dim")
    text.append("   ⏎ keep  Esc show all" if view.is_filtering else "   Esc shows all", "not bold dim")
    return [text, Text()]


def why_lines(why: list[str] | None, title: str) -> list[RenderableType]:
    """Draw the explanation of the selected device; None while it is being read."""
    shown = ["…"] if why is None else why
    return [
        Text(f"  Why {title} is as it is", style="dim", no_wrap=True, overflow="ellipsis"),
        *(Padding(Text(printable(line)), (0, 0, 0, 2)) for line in shown),
    ]


def fitting_devices(
    console: Console, found: dict[str, Any], names: list[str], selected: str, room: int
) -> list[str]:
    """Draw as many of these devices as fit in `room` lines, always with the selected one."""
    if not names:
        return ["", "  No device has this text." if found else ""]
    number = max(1, min(len(names), room))
    while True:
        first = max(0, min(names.index(selected) - number // 2, len(names) - number)) if selected else 0
        table = devices(found, names[first : first + number], console.width, selected)
        lines = render_lines(console, table)
        hidden = len(names) - number
        if hidden:
            lines += render_lines(console, Text(f"  and {hidden} more: ↑ ↓", style="dim"))
        if len(lines) <= room or number <= 1:
            return lines
        number -= max(1, min(len(lines) - room, number - 1))


def presses(last_presses: list[Press], found: dict[str, Any], zone: tzinfo) -> list[RenderableType]:
    """Draw the last presses, each with the devices that followed."""
    return [press_line(press, found, zone) for press in last_presses]


def press_line(press: Press, found: dict[str, Any], zone: tzinfo) -> Text:
    """Draw one press: its time, its device, and the devices that followed."""
    at, device, phase, cause = press.first

    def title(name: str) -> str:
        return str(found[name]["name"]) if name in found else name

    text = Text(
        f"  {datetime.fromtimestamp(at, zone):%H:%M:%S}  ", style="dim", no_wrap=True, overflow="ellipsis"
    )
    text.append(f"{title(device)} {phase}", "not dim")
    text.append(f" ({CAUSE_TEXTS[cause]})" if cause in CAUSE_TEXTS else "")
    if press.followers:
        text.append(" → ").append(", ".join(map(title, press.followers)), "not dim")
    return text


def tail(log: list[str], name: str) -> list[RenderableType]:
    """Draw the end of a device's log."""
    title = Text(f"  The log of {name}", style="dim")
    lines = [
        Text(f"  {printable(line)}", no_wrap=True, overflow="ellipsis") for line in log or ["(it is empty)"]
    ]
    return [title, *lines]


def keys(url: str) -> list[RenderableType]:
    """Draw the help: each key, and the URL of the page."""
    lines = [("The page", url), *KEYS] if url else KEYS
    return [
        Text(f"  {key:15}", "bold", no_wrap=True, overflow="ellipsis").append(text, "not bold")
        for key, text in lines
    ]


def footer(status: dict[str, Any], view: View, zone: tzinfo, width: int) -> list[RenderableType]:
    """Draw the notice, the keys, and the URL of the page if it fits."""
    notice = view.notice(time.time())
    notice_text = Text(no_wrap=True, overflow="ellipsis")
    if notice:
        notice_text.append(f"{datetime.fromtimestamp(notice.at, zone):%H:%M:%S}  ", "dim")
        notice_text.append(printable(notice.text), notice.style)
    hint = hints(view, status, width) if view.has_keys else "Ctrl-C ends"
    url = status["mirror"]["url"] or ""
    left = width - cell_len(hint) - cell_len(url)
    bottom = hint + " " * left + url if left > 1 else hint
    return [notice_text, Text(bottom, "dim", no_wrap=True, overflow="ellipsis")]


def hints(view: View, status: dict[str, Any], width: int) -> str:
    """Return the keys that apply to the selected device, as many as fit; the least important go first."""
    action = view.action(status["devices"])
    control = view.controls.get(view.selected)
    words = {
        "↑ ↓ select": 0,
        f"⏎ {action}" if action else "": 1,
        "+ - dim" if control and control.field.startswith("brightness") else "": 4,
        "s set" if control else "": 4,
        "a seen" if any(not one["acknowledged"] for one in status.get("attention", ())) else "": 1,
        "w why": 3,
        "/ find": 2,
        "o order": 7,
        "r restart": 5,
        "l log": 6,
        "? keys": 0,
        "q end": 0,
    }
    words.pop("", None)
    while len("  ".join(words)) > width and len(words) > 3:  # noqa: PLR2004
        words.pop(max(words, key=lambda word: words[word]))
    return "  ".join(words)


def plain_status(status: dict[str, Any]) -> str:
    """Return the house as plain text, for a pipe or a file: a line for each device."""
    status = printable(status)
    lines = [
        *status["warnings"],
        f"{status['house']}: {status['message'] or 'up'}" if status["up"] else str(NotUp()),
    ]
    if status["up"]:
        lines += [
            f"{one['level']}: {one['text']}{'  seen' if one['acknowledged'] else ''}"
            for one in status.get("attention", ())
        ]
    for name, device in status["devices"].items():
        state = device["state"] or {}
        percent = state.get("progress_percent")
        live = device["presence"] == "live"
        words = [name, device["presence"], phase({**state, "fault": None}, live=live).plain]
        words += [f"{percent:.0f}%"] if percent is not None and live else []
        words += [reason(device).plain] if device["presence"] in WITH_REASON else []
        words += [f"pid={device['process']['pid']}", f"restarts={device['process']['restarts']}"]
        words += [f"age={device['age_seconds']:.1f}s"] if device["age_seconds"] is not None else []
        words += [f"fault={state['fault']!r}"] if state.get("fault") else []
        lines.append("  ".join(words))
    return "\n".join(lines)


def print_status(status: dict[str, Any], zone: tzinfo, console: Console) -> None:
    """Print the house once: drawn in a terminal, as plain text elsewhere."""
    if console.is_terminal:
        console.print(screen(status, zone, console.width))
    else:
        console.print(plain_status(status), highlight=False, markup=False, soft_wrap=True)
