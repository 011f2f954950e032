"""Draws a history in a terminal, from the JSON document that docs/page.md describes."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from itertools import cycle
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from daemons.storage.history_table import iso_time
from daemons.values import printable

AT_REST = ("─", "dim")
"""The mark and the style of a phase at rest."""
NOT_KNOWN = ("?", "dim")
AT_WORK = (("█", "yellow"), ("▓", "green"), ("▒", "cyan"), ("░", "magenta"))
"""The marks and styles of the other phases; the marks differ too, because colours alone are not enough."""
BLOCKS = " ▁▂▃▄▅▆▇█"
ROWS = 3
"""The height of the graph of a measurement, in lines."""
GUTTER = 10
"""The width of the scale to the left of a graph, in characters."""
MOST_LINES = 40
"""In a terminal, only so many of the last stretches of a device are listed."""
CAUSE_TEXTS = {
    "hardware": "by hand",
    "restore": "by `restore`, at a start",
    "max_on": "cut off by max_on",
    "off_timer": "by the hardware's own timer",
}
REASON_TEXTS = {
    "sensor": "by its own measurement",
    "clock": "at a time of day",
    "program": "by its program",
}
"""Reasons that tell more than the cause."""
TICKS = ((3 * 86400, "%a %d %b"), (12 * 3600, "%a %H:%M"), (600, "%H:%M"), (0, "%H:%M:%S"))
"""The format of the times below a graph, by the shortest range in seconds that uses it."""


def screen(history: dict[str, Any], titles: dict[str, str], zone: tzinfo, width: int) -> RenderableType:
    """Draw the history of some devices."""
    parts = [device(history, name, titles, zone, width) for name in history["devices"]]
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def device(
    history: dict[str, Any], name: str, titles: dict[str, str], zone: tzinfo, width: int
) -> RenderableType:
    """Draw one device: its phases, its measurements, its stretches, and the events of its process."""
    found = history["devices"][name]
    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    range_ = f"{day(history['since'], zone)} to {when(history['until'], history['since'], zone)}"
    head.add_row(Text(titles.get(name, name), style="bold"), Text(range_, style="dim"))
    parts: list[RenderableType] = [head, Text()]
    columns = max(10, width - GUTTER - 1)
    if found["stretches"]:
        parts += phases(history, found, columns)
        parts += [scale(history, zone, columns), legend(history, found)]
    for measured, points in found["measurements"].items():
        parts += [Text(), *plot(history, measured, points, columns)]
    if found["stretches"]:
        parts.append(stretches(history, name, titles, zone))
    if found["processes"]:
        parts.append(processes(history, found["processes"], zone))
    if len(parts) == 2:  # noqa: PLR2004  the title alone
        parts.append(Text("Nothing was recorded in this time.", style="dim"))
    return Group(*parts)


def phase_marks(found: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    """Return the mark of each phase: a line for phases at rest, a block for the others."""
    marks = cycle(AT_WORK)
    chosen: dict[str, tuple[str, str]] = {}
    for stretch in found:
        if phase(stretch) not in chosen:
            chosen[phase(stretch)] = next(marks) if activity(stretch) else AT_REST
    return chosen


def phase(stretch: dict[str, Any]) -> str:
    """Return the name of the phase of a stretch."""
    return str(stretch["state"].get("phase", "?"))


def activity(stretch: dict[str, Any]) -> int:
    """Return 2 for a working phase, 1 for a ready one, 0 for a phase at rest."""
    return 2 if stretch["state"].get("status") else 1 if stretch["state"].get("ready") else 0


def phases(history: dict[str, Any], device: dict[str, Any], columns: int) -> list[Text]:
    """Draw the phases over time; a phase that is not at rest is drawn even if it was short."""
    found = device["stretches"]
    marks = phase_marks(found)
    activities = {phase(stretch): activity(stretch) for stretch in found}
    seconds = [dict[str, float]() for _ in range(columns)]
    step = (history["until"] - history["since"]) / columns
    for stretch in found:
        begin = max(stretch["from"], history["since"]) - history["since"]
        end = min(stretch["to"] or history["until"], history["until"]) - history["since"]
        first = min(int(begin / step), columns - 1)
        for column in range(first, min(max(first + 1, int(end / step)), columns)):
            part = max(0.0, min(end, (column + 1) * step) - max(begin, column * step))
            seconds[column][phase(stretch)] = seconds[column].get(phase(stretch), 0.0) + part
    bar = Text(" " * GUTTER)
    for column, inside in enumerate(seconds):
        middle = history["since"] + (column + 0.5) * step
        if any(one["from"] <= middle < one["to"] for one in device["unknown"]):
            bar.append(*NOT_KNOWN)
            continue
        longest = max(inside, key=lambda name: (activities[name], inside[name]), default=None)
        bar.append(*(marks[longest] if longest is not None else (" ", "")))
    return [bar]


def scale(history: dict[str, Any], zone: tzinfo, columns: int) -> Text:
    """Draw the times below a graph."""
    since, length = history["since"], history["until"] - history["since"]
    form = next(form for least, form in TICKS if length >= least)
    line = " " * GUTTER
    number = max(1, columns // 18)
    for index in range(number + 1):
        at = datetime.fromtimestamp(since + length * index / number, zone)
        label = f"{at:{form}}"
        place = GUTTER + columns * index // number
        place = place - len(label) if index == number else place if index == 0 else place - len(label) // 2
        line = line.ljust(place) + label
    return Text(line, style="dim")


def legend(history: dict[str, Any], device: dict[str, Any]) -> Text:
    """Return the legend: the mark of each phase, and its total time."""
    found = device["stretches"]
    seconds: dict[str, float] = {}
    for stretch in found:
        begin = max(stretch["from"], history["since"])
        end = min(stretch["to"] or history["until"], history["until"])
        seconds[phase(stretch)] = seconds.get(phase(stretch), 0) + end - begin
    text = Text(" " * GUTTER)
    for name, (mark, style) in phase_marks(found).items():
        text.append(mark, style)
        text.append(f" {name} ")
        text.append(f"{length(seconds[name])}   ", "dim")
    if device["unknown"]:
        text.append(*NOT_KNOWN)
        text.append(" not known")
    return text


def plot(history: dict[str, Any], name: str, points: list[list[Any]], columns: int) -> list[Text]:
    """Draw a measurement over a scale that includes zero; each column shows its highest value."""
    step = (history["until"] - history["since"]) / columns
    values: list[float | None] = [None] * columns
    for (at, _, _, high), to in zip(
        points, [*(point[0] for point in points[1:]), history["until"]], strict=True
    ):
        if high is None:  # nothing is known
            continue
        first = min(max(int((at - history["since"]) / step), 0), columns - 1)
        for column in range(first, min(max(first + 1, int((to - history["since"]) / step)), columns)):
            values[column] = max(high, values[column] if values[column] is not None else high)
    known = [value for value in values if value is not None]
    low, high = min(0.0, *known), max(0.0, *known)
    eighths = ROWS * 8
    heights = [
        0 if value is None else max(1, round((value - low) / ((high - low) or 1) * eighths))
        for value in values
    ]
    quantity, _, unit = name.rpartition("_") if "_" in name else (name, "", "")
    mean = average(history, points)
    quantity = quantity.replace("_", " ").capitalize()
    title = f"{quantity}: {number(low)} to {number(high)} {unit}, {number(mean)} on average"
    lines = [Text(" " * GUTTER + title, style="dim")]
    for row in reversed(range(ROWS)):
        label = number(low) if row == 0 else number(high) if row == ROWS - 1 and high > low else ""
        line = Text(f"{label:>{GUTTER - 2}} ", style="dim")
        line.append("┤" if label else "│")
        line.append("".join(BLOCKS[min(8, max(0, height - 8 * row))] for height in heights), "cyan")
        lines.append(line)
    return lines


def average(history: dict[str, Any], points: list[list[Any]]) -> float:
    """Return the mean of a measurement over its known time."""
    ends = [*(point[0] for point in points[1:]), history["until"]]
    known = [(mean, to - at) for (at, _, mean, _), to in zip(points, ends, strict=True) if mean is not None]
    total = sum(part for _, part in known)
    return float(sum(mean * part for mean, part in known) / total) if total else 0.0


def stretches(history: dict[str, Any], name: str, titles: dict[str, str], zone: tzinfo) -> RenderableType:
    """Draw a table of the stretches of a device: start, duration, phase, and cause or fault."""
    found = history["devices"][name]["stretches"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    table.add_column("From", no_wrap=True, style="dim")
    table.add_column("Lasted", justify="right", no_wrap=True)
    table.add_column("Phase", no_wrap=True)
    table.add_column("Cause", ratio=1)
    marks = phase_marks(found)
    for stretch in found[-MOST_LINES:]:
        style = marks[phase(stretch)][1]
        fault = stretch["state"].get("fault")
        table.add_row(
            Text(when(stretch["from"], history["until"], zone)),
            Text(lasted(history, stretch)),
            Text(phase(stretch), style=style),
            Text(str(fault), style="red")
            if fault
            else Text(cause_text(history, name, stretch, titles, zone)),
        )
    left_out = len(found) - MOST_LINES
    note = Text(f"{left_out} earlier ones are not listed; --json and --csv have them.", style="dim")
    return Group(table, note) if left_out > 0 else table


def processes(history: dict[str, Any], found: list[dict[str, Any]], zone: tzinfo) -> RenderableType:
    """Draw a table of the events of the process."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for title in ("At", "Process", "PID", "Reason"):
        table.add_column(title, no_wrap=title != "Reason", style="dim" if title == "At" else "")
    for event in found[-MOST_LINES:]:
        style = {"running": "green", "failed": "bold red"}.get(event["life"], "yellow")
        pid = str(event["pid"] or "")
        table.add_row(
            when(event["at"], history["until"], zone),
            Text(event["life"], style=style),
            pid,
            Text(event["reason"] or ""),
        )
    return table


def cause_text(
    history: dict[str, Any], name: str, stretch: dict[str, Any], titles: dict[str, str], zone: tzinfo
) -> str:
    """Return the cause of a stretch in words."""
    cause: str | None = stretch["cause"]
    reason = stretch.get("reason") or {}
    if cause is None:
        return ""
    if reason.get("by") in REASON_TEXTS:
        return REASON_TEXTS[reason["by"]]
    first = history["causes"].get(cause)
    if first is None:
        return CAUSE_TEXTS.get(cause, cause)
    if (first["device"], first["at"]) == (name, stretch["from"]):
        if reason.get("by") == "rule":
            return f"rule {reason['rule']} heard {titles.get(reason['who'], reason['who'])}"
        return f"command {cause}" + (f" by {reason['who']}" if "who" in reason else "")
    title, change = titles.get(first["device"], first["device"]), first["phase"] or "changed"
    return f"{title} {change} at {when(first['at'], stretch['from'], zone)}"


def reason_text(reason: dict[str, Any] | None) -> str:
    """Return the reason of a change in the words of `--by`; empty if it is not known."""
    if reason is None:
        return ""
    return f"{reason['by']}:{reason['who']}" if "who" in reason else str(reason["by"])


def audit_lines(history: dict[str, Any], titles: dict[str, str], zone: tzinfo) -> Iterator[str]:
    """Yield a line for each change of all devices, in the order of time: when, what, and its reason."""
    changes = [
        (stretch["from"], titles.get(name, name), phase(stretch), reason_text(stretch["reason"]))
        for name, found in history["devices"].items()
        for stretch in found["stretches"]
    ]
    width = max((len(title) for _, title, _, _ in changes), default=0)
    for at, title, shown, reason in sorted(changes):
        yield f"{day(at, zone)}  {title:<{width}}  {shown:<12}  {reason}"


def lasted(history: dict[str, Any], stretch: dict[str, Any]) -> str:
    """Return how long a stretch lasted, or lasts so far."""
    if stretch["to"] is None:
        return f"{length(history['until'] - stretch['from'])} so far"
    return length(stretch["to"] - stretch["from"])


def length(seconds: float) -> str:
    """Return a duration in its two largest units."""
    for size, unit, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = int(seconds % size // smaller)
            return f"{int(seconds // size)} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{seconds:.1f} s"


def day(at: float, zone: tzinfo) -> str:
    """Return a time with weekday, date and seconds, and with its zone."""
    return f"{datetime.fromtimestamp(at, zone):%a %d %b %H:%M:%S %Z}"


def when(at: float, beside: float, zone: tzinfo) -> str:
    """Return a time without its zone, which stands nearby. On the day of `beside`, the day is left out."""
    then, other = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(beside, zone)
    return f"{then:%H:%M:%S}" if then.date() == other.date() else f"{then:%a %d %b %H:%M:%S}"


def number(value: float) -> str:
    """Return a value with about three digits."""
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"  # noqa: PLR2004


def plain_lines(history: dict[str, Any], titles: dict[str, str], zone: tzinfo) -> Iterator[str]:
    """Yield a plain line for each stretch and each event, in the order of time."""
    for name, found in history["devices"].items():
        lines = [
            (
                stretch["from"],
                lasted(history, stretch),
                phase(stretch),
                cause_text(history, name, stretch, titles, zone),
            )
            for stretch in found["stretches"]
        ]
        lines += [
            (event["at"], "process", event["life"], event["reason"] or "") for event in found["processes"]
        ]
        for at, *words in sorted(lines):
            yield "  ".join([name, iso_time(at, zone), *(word for word in words if word)])


def print_history(history: dict[str, Any], titles: dict[str, str], zone: tzinfo, console: Console) -> None:
    """Print a history: drawn in a terminal, as plain lines elsewhere."""
    history = printable(history)
    if console.is_terminal:
        console.print(screen(history, titles, zone, console.width))
    else:
        for line in plain_lines(history, titles, zone):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
