"""How the house looks in a terminal: one screen, made of the status document alone."""

import time
from datetime import datetime, tzinfo
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

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
BAR_WIDTH = 14
COLUMNS_FOR_POWER, COLUMNS_FOR_PROCESS = 84, 104
"""In a narrower terminal, these columns are left out."""


def screen(status: dict[str, Any], zone: tzinfo, width: int) -> RenderableType:
    """Draw the whole house."""
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    clock = datetime.fromtimestamp(status["at"], zone)
    head.add_row(Text(status["house"], style="bold"), Text(f"{clock:%A %d %B  %H:%M:%S}", style="dim"))
    message = status["message"] or ""
    if not status["up"]:
        message = "The house is not up; `make up` starts it."
    return Group(
        head,
        Padding(Text(message, style="bold cyan"), (1, 0)),
        devices(status["devices"], width),
        *missing(status["services"] if status["up"] else {}),
    )


def missing(services: dict[str, Any]) -> list[Text]:
    """Say which of the house's own processes are not at work."""
    away = {name: service["presence"] for name, service in services.items() if service["presence"] != "live"}
    return [Text(f"The {name} is {presence}.", style="yellow") for name, presence in away.items()]


def devices(found: dict[str, Any], width: int) -> Table:
    """Draw a line for each device, by room."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, header_style="dim")
    table.add_column("Room", style="dim", no_wrap=True)
    table.add_column("Device", no_wrap=True)
    table.add_column("Phase", min_width=8, ratio=1)
    table.add_column("Progress", width=BAR_WIDTH + 5, no_wrap=True)
    if width >= COLUMNS_FOR_POWER:
        table.add_column("Power", justify="right", no_wrap=True)
    table.add_column("Heard", justify="right", no_wrap=True)
    table.add_column("Presence", no_wrap=True)
    if width >= COLUMNS_FOR_PROCESS:
        table.add_column("Process", no_wrap=True)
    room = None
    for device in sorted(found.values(), key=lambda device: device["room"]):
        state = device["state"] or {}
        mark, style = PRESENCE[device["presence"]]
        live = device["presence"] == "live"
        cells: list[RenderableType] = [
            Text("" if device["room"] == room else device["room"]),
            Text(device["name"], style="" if live else "dim"),
            phase(state, live=live) if device["presence"] not in WITH_REASON else reason(device),
            progress(state) if live else "",
            age(device["age_seconds"]),
            Text(f"{mark} {device['presence']}", style=style),
        ]
        if width >= COLUMNS_FOR_POWER:
            cells.insert(4, power(state) if live else "")
        if width >= COLUMNS_FOR_PROCESS:
            cells.append(process(device["process"]))
        table.add_row(*cells)
        room = device["room"]
    return table


def phase(state: dict[str, Any], *, live: bool) -> Text:
    """Say what a device does, or did when it was last heard, and what is wrong with it."""
    if not live:
        return Text(f"was {state['phase']}" if "phase" in state else "", style="dim")
    if state.get("fault"):
        return Text(str(state["fault"]), style="red")
    lively = "bold green" if state.get("ready") else "bold yellow" if state.get("status") else ""
    return Text(str(state.get("phase", "")), style=lively)


def reason(device: dict[str, Any]) -> Text:
    """Say why a device is not there, and when it is tried again."""
    wait = device["retry_at"] and max(0.0, device["retry_at"] - time.time())
    again = f", next try in {span(wait)}" if wait is not None else ""
    return Text(f"{device['reason'] or ''}{again}", style="red" if device["presence"] == "failed" else "dim")


def progress(state: dict[str, Any]) -> RenderableType:
    """Draw how far something is."""
    if "progress_percent" not in state:
        return ""
    percent = 100.0 if state.get("ready") else state["progress_percent"]
    if percent is None:
        return ""
    grid = Table.grid(padding=(0, 1))
    grid.add_row(ProgressBar(100, percent, width=BAR_WIDTH), f"{percent:3.0f}%")
    return grid


def power(state: dict[str, Any]) -> str:
    """Give the watts."""
    watts = state.get("power_watts")
    return f"{watts:.0f} W" if watts is not None else ""


def age(seconds: float | None) -> Text:
    """Say how long ago a device was last heard."""
    if seconds is None:
        return Text("never", style="red")
    return Text(f"{seconds:.1f} s" if seconds < 60 else span(seconds), style="dim")  # noqa: PLR2004


def span(seconds: float) -> str:
    """Give a length of time in its largest unit."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def process(found: dict[str, Any]) -> Text:
    """Say how its process stands."""
    if not found["pid"]:
        return Text(found["state"].lower(), style="red")
    again = f" · {found['restarts']}×" if found["restarts"] else ""
    return Text(f"{found['pid']} · {span(found['uptime_seconds'])}{again}", style="dim")


def verdict(found: dict[str, Any]) -> RenderableType:
    """Draw what a drill found."""
    faults = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in ("Fault", "Times", "Back p50", "p99", "max"):
        faults.add_column(title, justify="left" if title == "Fault" else "right")
    for fault, times in sorted(found["faults"].items()):
        cells = (
            [f"{times[key]:.0f} ms" for key in ("p50_ms", "p99_ms", "max_ms")]
            if times["max_ms"]
            else ["", "", ""]
        )
        faults.add_row(fault, str(times["number"]), *cells)
    presses = found["presses"]
    once, twice, never = (presses[f"acted_{word}"] for word in ("once", "twice", "never"))
    commands = ", ".join(f"{number} {outcome}" for outcome, number in sorted(found["commands"].items()))
    lines = [
        f"Presses with a receipt: {presses['with_receipt']}",
        f"Acted on by the appliances: once {once}, twice {twice}, never {never}",
        f"Commands: {commands}",
        f"Shown as live and wrong: {found['live_but_wrong']}",
    ]
    for name, hot in found["hot"].items():
        longest, allowed = hot["longest_on_seconds"], hot["max_on_seconds"]
        lines.append(f"{name}: on for {longest:.1f} s at the most, of {allowed:.0f} s allowed")
    kept = Text(
        f"Every promise was kept, for {found['seconds']:.0f} s (seed {found['seed']}).", style="bold green"
    )
    broken = Text(f"{len(found['broken'])} broken (seed {found['seed']}):", style="bold red")
    end = [kept] if found["kept"] else [broken, *(Text(f"  {text}") for text in found["broken"])]
    return Group(faults, *(Text(line) for line in lines), Padding(Group(*end), (1, 0, 0, 0)))


def plain(status: dict[str, Any]) -> str:
    """Give the house in plain lines, for a pipe or a file."""
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


def show(status: dict[str, Any], zone: tzinfo, console: Console) -> None:
    """Print the house once."""
    if console.is_terminal:
        console.print(screen(status, zone, console.width))
    else:
        console.print(plain(status), highlight=False, markup=False, soft_wrap=True)
