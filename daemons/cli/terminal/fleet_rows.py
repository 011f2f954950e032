"""Draws houses as rows of a table, and the devices of one house."""

import time
from collections.abc import Iterable

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from daemons.cli.fleet.houses import HouseRow, HouseState, count_states
from daemons.cli.fleet.one_house import RemoteDevice
from daemons.cli.terminal.device_rows import PRESENCE, one_line, phase, span

STATE_MARKS: dict[HouseState, tuple[str, str]] = {
    "offline": ("○", "red"),
    "silent": ("◐", "yellow"),
    "fault": ("!", "bold red"),
    "live": ("●", "green"),
}
"""The mark and the style of each state; its name is shown too, because colours alone are not enough."""
COLUMNS_FOR_CONFIGURATION, COLUMNS_FOR_DIGEST, COLUMNS_FOR_FAULT = 76, 120, 100
"""The widths from which 8 digits of the configuration are shown, all of them, and the texts of the faults."""
SHORT_DIGEST = 8
COLUMN_GAP = 2
"""The space between two columns."""
LONGEST_HOUSE, SHORT_HOUSE = 28, 16


def house_table(rows: Iterable[HouseRow], width: int, selected: str = "") -> Table:
    """Draw a row for each house; the selected one is marked."""
    table = Table(
        box=box.SIMPLE_HEAD,
        expand=True,
        pad_edge=False,
        show_edge=False,
        header_style="dim",
        collapse_padding=True,
    )
    has_configuration, has_texts = width >= COLUMNS_FOR_CONFIGURATION, width >= COLUMNS_FOR_FAULT
    longest = LONGEST_HOUSE if has_texts else SHORT_HOUSE
    table.add_column(" House", no_wrap=True, max_width=longest + 1, overflow="ellipsis")
    table.add_column("Name", no_wrap=True, ratio=2, min_width=8, overflow="ellipsis")
    table.add_column("State", no_wrap=True)
    table.add_column("Version", no_wrap=True, max_width=12, overflow="ellipsis")
    if has_configuration:
        table.add_column("Config" if width < COLUMNS_FOR_DIGEST else "Configuration", no_wrap=True)
    table.add_column("Live", justify="right", no_wrap=True)
    if has_texts:
        table.add_column("Faults", no_wrap=True, ratio=3, min_width=10, overflow="ellipsis")
    else:
        table.add_column("Faults", justify="right", no_wrap=True)
    table.add_column("Heard", justify="right", no_wrap=True)
    for row in rows:
        mark, style = STATE_MARKS[row.state]
        is_current = row.state in ("live", "fault")
        dim = "" if is_current else "dim"
        cells: list[RenderableType] = [
            Text("▸" if row.house == selected else " ", "bold cyan").append(
                row.house, "reverse not bold default" if row.house == selected else "not bold default"
            ),
            Text(row.name or "", style=dim),
            Text(f"{mark} {row.state}", style=style),
            Text(row.version or "", style=dim),
            Text(devices_text(row), style=dim or ("yellow" if are_some_away(row) else "")),
            faults_text(row, has_texts=has_texts),
            Text("never" if row.heard_seconds is None else span(row.heard_seconds), style="dim"),
        ]
        if has_configuration:
            digest = (row.configuration or "")[: None if width >= COLUMNS_FOR_DIGEST else SHORT_DIGEST]
            cells.insert(4, Text(digest, style="dim"))
        table.add_row(*cells)
    fix_widths(table, width)
    return table


def fix_widths(table: Table, width: int) -> None:
    """Set the width of each column; Rich would measure each cell twice, which is half of the work.

    The columns with a ratio share what the others leave. In a terminal without space for them, Rich decides.
    """
    texts = [[column.header, *column.cells] for column in table.columns]
    widest = [max(cell_len(str(text)) for text in column) for column in texts]
    fixed = [
        None if column.ratio else min(found, column.max_width or found)
        for column, found in zip(table.columns, widest, strict=True)
    ]
    left = width - sum(found or 0 for found in fixed) - COLUMN_GAP * (len(fixed) - 1)
    shares = sum(column.ratio or 0 for column in table.columns)
    if left < sum(column.min_width or 0 for column in table.columns if column.ratio):
        return
    for column, found in zip(table.columns, fixed, strict=True):
        share = left * (column.ratio or 0) // shares if found is None else 0
        left, shares = left - share, shares - (column.ratio or 0)
        column.width, column.ratio, column.min_width = found or share, None, None


def devices_text(row: HouseRow) -> str:
    """Return how many devices are live, such as "19/20"; nothing of a house that was never heard."""
    if row.heard_seconds is None:
        return ""
    live = row.devices.get("live", 0)
    return f"{short_count(live)}/{short_count(row.device_count)}"


def are_some_away(row: HouseRow) -> bool:
    """Return whether some devices of a house are not live."""
    return row.devices.get("live", 0) < row.device_count


def short_count(number: int) -> str:
    """Return a number in few characters, because a wrong house may send any."""
    return str(number) if number < 1000 else "999+"  # noqa: PLR2004


def faults_text(row: HouseRow, *, has_texts: bool) -> Text:
    """Return the number of the faults, and with `has_texts` their texts."""
    if not row.fault_count:
        return Text("")
    style = "red" if row.state == "fault" else "dim"
    count = short_count(row.fault_count)
    if not has_texts:
        return Text(count, style=style)
    listed = "; ".join(f"{device}: {fault}" for device, fault in row.faults.items())
    return Text(f"{count}  {listed}", style=style)


def summary(rows: list[HouseRow]) -> Text:
    """Return how many houses there are, and how many of them in each state."""
    text = Text(f"{len(rows)} house{'s' * (len(rows) != 1)}", "bold", no_wrap=True, overflow="ellipsis")
    for state, number in count_states(rows).items():
        mark, style = STATE_MARKS[state]
        text.append("   ", "not bold").append(f"{mark} {number} {state}", f"not bold {style}")
    return text


def house_head(row: HouseRow, endpoint: str) -> list[RenderableType]:
    """Draw what is known of a house as a whole."""
    mark, style = STATE_MARKS[row.state]
    title = Text(row.house, "bold").append(f"  {row.name or ''}", "not bold")
    title.append(f"  {mark} {row.state}", f"not bold {style}")
    facts = [f"version {row.version}" if row.version else "it has sent no alive message"]
    facts += [f"configuration {row.configuration}"] if row.configuration else []
    facts += [f"{short_count(row.restarts)} restarts"] if row.restarts is not None else []
    facts += [f"heard {span(row.heard_seconds)} ago"] if row.heard_seconds is not None else []
    return [title, Text(" · ".join([*facts, f"at {endpoint}"]), "dim"), Text()]


def house_devices(found: dict[str, RemoteDevice]) -> Table:
    """Draw a row for each device of a house."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("Device", no_wrap=True, max_width=40, overflow="ellipsis")
    table.add_column("Presence", no_wrap=True)
    table.add_column("Phase", no_wrap=True, overflow="ellipsis")
    table.add_column("Since", justify="right", no_wrap=True)
    for name, device in sorted(found.items()):
        mark, style = PRESENCE[device.presence] if device.presence else ("?", "dim")
        since = device.since
        table.add_row(
            Text(name),
            Text(f"{mark} {device.presence or 'not known'}", style=style),
            one_line(device_phase(device)),
            Text(span(max(0.0, time.time() - since)) if since else "", style="dim"),
        )
    return table


def device_phase(device: RemoteDevice) -> Text:
    """Return the phase or the fault of a device; a state of another form has only its phase."""
    state = device.state or {}
    is_live = device.presence == "live"
    try:
        return phase(state, live=is_live)
    except (TypeError, ValueError, OverflowError):
        return Text(str(state.get("phase", "")))


def plain_rows(rows: list[HouseRow]) -> list[str]:
    """Return the houses as lines of aligned columns, for a pipe or a file."""
    lines = [("house", "name", "state", "version", "configuration", "live", "heard", "faults")]
    for row in rows:
        heard = "never" if row.heard_seconds is None else span(row.heard_seconds)
        faults = "; ".join(f"{device}: {fault}" for device, fault in row.faults.items())
        faults = f"{short_count(row.fault_count)} ({faults})" if row.fault_count else "0"
        about = (row.version or "-", row.configuration or "-", devices_text(row) or "-", heard, faults)
        lines.append((row.house, row.name or "-", row.state, *about))
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)] + [0]
    return [
        "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    ]


def details(row: HouseRow | None, lines: int) -> list[RenderableType]:
    """Draw the faults of the selected house, in at most so many lines."""
    if row is None or lines < 1 or not row.faults:
        return []
    texts = [
        Text(f"  {device}: ", "bold", no_wrap=True, overflow="ellipsis").append(fault, "not bold red")
        for device, fault in row.faults.items()
    ]
    shown = texts[: lines if row.fault_count <= min(lines, len(texts)) else lines - 1]
    rest = row.fault_count - len(shown)
    more = [Text(f"  and {short_count(rest)} more", "dim")] if rest > 0 else []
    return [Group(*shown, *more)]
