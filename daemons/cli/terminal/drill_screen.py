"""Draws the report of a drill in a terminal."""

from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def drill_report(found: dict[str, Any]) -> RenderableType:
    """Draw the figures of a drill, which `figures` in drill_report.py returns."""
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
        f"Actions of the appliances: once {once}, twice {twice}, never {never}",
        f"Commands: {commands}",
        f"Live with a wrong state: {found['live_but_wrong']}",
    ]
    for name, hot in found["hot"].items():
        longest, allowed = hot["longest_on_seconds"], hot["max_on_seconds"]
        lines.append(f"{name}: on for {longest:.1f} s at most, {allowed:.0f} s allowed")
    kept = Text(
        f"Every promise was kept, for {found['seconds']:.0f} s (seed {found['seed']}).", style="bold green"
    )
    broken = Text(f"{len(found['broken'])} broken (seed {found['seed']}):", style="bold red")
    end = [kept] if found["kept"] else [broken, *(Text(f"  {text}") for text in found["broken"])]
    return Group(faults, *(Text(line) for line in lines), Padding(Group(*end), (1, 0, 0, 0)))
