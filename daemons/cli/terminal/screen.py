"""Draws the house in a terminal, from the status document and the state of the view."""

import time
from datetime import datetime, tzinfo
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from daemons.cli.terminal.device_rows import LONG, WITH_REASON, devices, phase, reason
from daemons.cli.terminal.presses import CAUSE_TEXTS, Press
from daemons.cli.terminal.selection import by_room
from daemons.cli.terminal.view import KEYS, View
from daemons.errors import NotUp
from daemons.values import printable

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
