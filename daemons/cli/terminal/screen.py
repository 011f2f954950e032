"""How the house looks in a terminal: one screen, made of the status document, and of what the person does."""

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

from daemons.cli.terminal.presses import WORDS, Press
from daemons.cli.terminal.view import KEYS, View, by_room
from daemons.values import printable

PRESENCE = {
    "live": ("●", "green"),
    "stale": ("◐", "yellow"),
    "restarting": ("↻", "yellow"),
    "stopped": ("◻", "dim"),
    "offline": ("○", "red"),
    "failed": ("✖", "bold red"),
}
"""How each presence is marked; the word stands beside the mark, for who sees no colours."""
WITH_REASON = ("failed", "restarting")
"""The presences whose reason is shown."""
BAR_WIDTH, SHORT_BAR_WIDTH = 14, 8
COLUMNS_FOR_AGE, COLUMNS_FOR_BAR, COLUMNS_FOR_POWER, COLUMNS_FOR_PROCESS = 67, 78, 84, 104
"""In a narrower terminal, these columns are left out."""
LONG = 12
"""What is wrong with a device is told in its line, as far as it goes, and in full below when it is longer."""
SHORT_PANEL, LONG_PANEL = 4, 7
"""How many lines are kept for what stands below the devices, where the terminal is high enough for it."""
LOW, LOWEST = 20, 12
"""A terminal lower than this has its lines for the devices first, and lower than that for them alone."""


def screen(status: dict[str, Any], zone: tzinfo, width: int) -> RenderableType:
    """Draw the whole house."""
    status = printable(status)
    found = status["devices"]
    table = devices(found, by_room(found), width)
    return Group(*head(status, zone), table, *troubles(status))


def head(status: dict[str, Any], zone: tzinfo) -> list[RenderableType]:
    """Draw whose house it is and what time, and how it stands in a sentence."""
    top = Table.grid(expand=True)
    top.add_column(no_wrap=True)
    top.add_column(justify="right", no_wrap=True)
    clock = datetime.fromtimestamp(status["at"], zone)
    top.add_row(Text(status["house"], style="bold"), Text(f"{clock:%A %d %B  %H:%M:%S}", style="dim"))
    message = status["message"] or ""
    if not status["up"]:
        message = "The house is not up; `make up` starts it."
    return [top, Padding(Text(message, style="bold cyan"), (1, 0))]


def troubles(status: dict[str, Any]) -> list[RenderableType]:
    """Return the services that do not run, and the whole fault of each device."""
    services = status["services"] if status["up"] else {}
    lines = []
    for name, service in services.items():
        if service["presence"] != "live":
            lines.append(Text(f"The {name} is {service['presence']}.", style="yellow"))
        elif complaint := (service["state"] or {}).get("fault"):
            lines.append(Text(f"The {name}: {complaint}.", style="yellow"))
    for device in status["devices"].values():
        fault = (device["state"] or {}).get("fault") if device["presence"] == "live" else None
        told = reason(device) if device["presence"] == "failed" else Text(str(fault or ""), "red")
        if len(told) > LONG:
            lines.append(Text(f"{device['name']}: ").append(told))
    return [Padding(Group(*lines), (1, 0, 0, 0))] if lines else []


def devices(found: dict[str, Any], names: list[str], width: int, selected: str = "") -> Table:
    """Draw a line for each of these devices; a room is named once, and what is selected is marked."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column(" Room", no_wrap=True)
    table.add_column("Device", no_wrap=True)
    table.add_column("Phase", min_width=8, ratio=1)
    bar = BAR_WIDTH if width >= COLUMNS_FOR_POWER else SHORT_BAR_WIDTH if width >= COLUMNS_FOR_BAR else 0
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
        mark, style = PRESENCE[device["presence"]]
        live = device["presence"] == "live"
        cells: list[RenderableType] = [
            Text("▸" if marked else " ", "bold cyan").append(
                "" if device["room"] == room else device["room"], "not bold dim default"
            ),
            Text(device["name"], style="reverse" if marked else "" if live else "dim"),
            in_a_line(
                reason(device)
                if device["presence"] in WITH_REASON
                else phase(state, live=live, whole=not bar),
            ),
            Text(f"{mark} {device['presence']}{how_long(device)}", style=style),
        ]
        if has_detail:
            more = progress(state, bar) or (in_a_line(Text(detail(state))) if bar else "")
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


def in_a_line(text: Text) -> Text:
    """Return a text that is cut to its column."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def how_long(device: dict[str, Any]) -> str:
    """Return for how long a device is absent; for a silent one its age shows this already."""
    since = device.get("presence_since")
    if since is None or device["presence"] in ("live", "stale", "offline"):
        return ""
    return f" {span(max(0.0, time.time() - since))}"


def phase(state: dict[str, Any], *, live: bool, whole: bool = True) -> Text:
    """Return the last known activity of a device and its fault; with `whole`, in detail."""
    if not live:
        return Text(f"was {state['phase']}" if "phase" in state else "", style="dim")
    more = detail(state) if whole else ""
    if state.get("reachable") is False:
        return Text(" ".join(filter(None, ("unreachable", more))), style="red")
    if state.get("fault"):
        return Text(str(state["fault"]), style="red")
    lively = "bold green" if state.get("ready") else "bold yellow" if state.get("status") else ""
    return Text(str(state.get("phase", "")), lively).append(f"  {more}" if more else "", "not bold default")


def detail(state: dict[str, Any]) -> str:
    """Return since when hardware is unreachable; otherwise its measurements and settings."""
    if state.get("reachable") is False:
        since = state.get("unreachable_since")
        return f"for {span(max(0.0, time.time() - since))}" if since is not None else ""
    warm, kept = state.get("temperature_celsius"), state.get("target_celsius")
    bright, damp = state.get("brightness_percent"), state.get("humidity_percent")
    celsius = f"{warm:.1f}" if warm is not None else ""
    if kept is not None:
        celsius += f"{' ' if celsius else ''}to {kept:g}"
    parts = [
        f"{celsius} °C" if celsius else "",
        f"{damp:.0f} %" if damp is not None else "",
        f"{state['position_percent']:.0f} % open" if state.get("position_percent") is not None else "",
        f"at {bright} %" if bright is not None and state.get("status") else "",
    ]
    return "  ".join(filter(None, parts))


def reason(device: dict[str, Any]) -> Text:
    """Return why a device is absent, and when it is started again."""
    wait = device["retry_at"] and max(0.0, device["retry_at"] - time.time())
    again = f", next try in {span(wait)}" if wait is not None else ""
    return Text(f"{device['reason'] or ''}{again}", style="red" if device["presence"] == "failed" else "dim")


def progress(state: dict[str, Any], width: int) -> RenderableType:
    """Draw how far something is as a bar so long, and as a number."""
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
    """Return the power."""
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
    """Return the state of its process, or its host."""
    if found["state"] == "ELSEWHERE":
        return Text(f"on {host}" if host else "a program", style="dim")
    if not found["pid"]:
        return Text(found["state"].lower(), style="red")
    again = f" · {found['restarts']}×" if found["restarts"] else ""
    return Text(f"{found['pid']} · {span(found['uptime_seconds'])}{again}", style="dim")


def frame(
    status: dict[str, Any], zone: tzinfo, console: Console, view: View, lately: list[Press], log: list[str]
) -> list[str]:
    """Draw what a person looks at, in exactly as many lines as the terminal has.

    Devices that do not fit are left out around the selected one; the parts below get the rest.
    """
    height = console.height
    found = status["devices"]
    selected = view.choose(found)
    top = written(console, *head(status, zone))
    wrong = written(console, *troubles(status))[: height // 4] if height >= LOWEST else []
    foot = [*wrong, *written(console, *footer(status, view, zone, console.width))]
    panel = {
        "presses": presses(lately, found, zone),
        "log": tail(log, selected),
        "keys": keys(status["mirror"]["url"] or ""),
    }[view.panel]
    kept = min(len(panel) + 1, SHORT_PANEL if view.panel == "presses" else LONG_PANEL) if height >= LOW else 0
    room = height - len(top) - len(foot)
    table = fitting(console, found, selected, room - kept)
    left = max(0, room - len(table))
    if view.panel == "log" and panel:
        title, *lines = written(console, *panel)
        below = [title, *lines[max(0, len(lines) - left + 2) :]] if left > 2 else []  # noqa: PLR2004
    else:
        below = written(console, *panel)
    below = ["", *below][:left]
    lines = [*top, *table, *below, *[""] * (left - len(below)), *foot]
    return lines[:height] if len(foot) > height else [*lines[: height - len(foot)], *foot]


def written(console: Console, *drawn: RenderableType) -> list[str]:
    """Return the drawn lines with their terminal codes."""
    with console.capture() as capture:
        console.print(Group(*drawn))  # in a group each stays as it is; several texts would become one
    return capture.get().splitlines()


def fitting(console: Console, found: dict[str, Any], selected: str, room: int) -> list[str]:
    """Draw as many devices as there is room for, the selected one among them."""
    names = by_room(found)
    number = max(1, min(len(names), room))
    while True:
        first = max(0, min(names.index(selected) - number // 2, len(names) - number)) if selected else 0
        table = devices(found, names[first : first + number], console.width, selected)
        lines = written(console, table)
        hidden = len(names) - number
        if hidden:
            lines += written(console, Text(f"  and {hidden} more: ↑ ↓", style="dim"))
        if len(lines) <= room or number <= 1:
            return lines
        number -= max(1, min(len(lines) - room, number - 1))


def presses(lately: list[Press], found: dict[str, Any], zone: tzinfo) -> list[RenderableType]:
    """Draw the last presses, and what followed each one."""
    return [pressed(press, found, zone) for press in lately]


def pressed(press: Press, found: dict[str, Any], zone: tzinfo) -> Text:
    """Draw one press: its time, its device, and the devices that followed."""
    at, device, phase, cause = press.first

    def title(name: str) -> str:
        return str(found[name]["name"]) if name in found else name

    text = Text(
        f"  {datetime.fromtimestamp(at, zone):%H:%M:%S}  ", style="dim", no_wrap=True, overflow="ellipsis"
    )
    text.append(f"{title(device)} {phase}", "not dim")
    text.append(f" ({WORDS[cause]})" if cause in WORDS else "")
    if press.followers:
        text.append(" → ").append(", ".join(map(title, press.followers)), "not dim")
    return text


def tail(log: list[str], name: str) -> list[RenderableType]:
    """Show the end of a device's log."""
    title = Text(f"  The log of {name}", style="dim")
    lines = [
        Text(f"  {printable(line)}", no_wrap=True, overflow="ellipsis") for line in log or ["(it is empty)"]
    ]
    return [title, *lines]


def keys(url: str) -> list[RenderableType]:
    """Draw the help: each key, and the URL of the page."""
    lines = [*KEYS, ("The page", url)] if url else KEYS
    return [
        Text(f"  {key:15}", "bold", no_wrap=True, overflow="ellipsis").append(text, "not bold")
        for key, text in lines
    ]


def footer(status: dict[str, Any], view: View, zone: tzinfo, width: int) -> list[RenderableType]:
    """Draw the result of the last key, the keys, and the URL of the page if it fits."""
    notice = view.notice(time.time())
    said = Text(no_wrap=True, overflow="ellipsis")
    if notice:
        said.append(f"{datetime.fromtimestamp(notice.at, zone):%H:%M:%S}  ", "dim")
        said.append(printable(notice.text), notice.style)
    action = view.action(status["devices"])
    words = ["↑ ↓ select", f"⏎ {action}" if action else "", "r restart", "l log", "? keys", "q end"]
    hint = "  ".join(word for word in words if word) if view.has_keys else "Ctrl-C ends"
    url = status["mirror"]["url"] or ""
    left = width - cell_len(hint) - cell_len(url)
    bottom = hint + " " * left + url if left > 1 else hint
    return [said, Text(bottom, "dim", no_wrap=True, overflow="ellipsis")]


def plain_status(status: dict[str, Any]) -> str:
    """Return the house in plain lines, for a pipe or a file."""
    status = printable(status)
    lines = [
        f"{status['house']}: {status['message'] or 'up'}" if status["up"] else f"{status['house']}: not up"
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
    """Print the house once."""
    if console.is_terminal:
        console.print(screen(status, zone, console.width))
    else:
        console.print(plain_status(status), highlight=False, markup=False, soft_wrap=True)
