"""The state of the live table of houses, the meaning of each key, and its drawing. Pure."""

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from daemons.cli.fleet.houses import ORDERS, HouseRow, select
from daemons.cli.terminal.fleet_rows import details, house_table, summary
from daemons.cli.terminal.screen import render_lines
from daemons.cli.terminal.view import LONGEST_VALUE

HINTS = ("↑ ↓ select", "Space b page", "/ find", "o order", "q end")
MOST_DETAILS = 4
LOW = 16
"""In a terminal with fewer lines, the faults of the selected house are not shown."""
HEAD_LINES, TABLE_HEAD_LINES, FOOT_LINES = 3, 2, 2


class FleetView:
    """The filter, the order and the selected house."""

    def __init__(self, filter_: str = "", order: str = ORDERS[0]) -> None:
        self.filter, self.order = filter_, order
        self.is_filtering = False
        self.selected = ""
        self.page = 10
        """How many houses were drawn last."""
        self.shown: list[HouseRow] = []
        """The houses that passed the filter when the view was drawn last, in their order."""
        self.has_keys = True
        self._selected_by: tuple[list[HouseRow], str, str] | None = None

    def select(self, rows: list[HouseRow]) -> list[HouseRow]:
        """Return the houses that the filter shows, in their order; if nothing changed, those of last time."""
        by = rows, self.filter, self.order
        if self._selected_by is None or by[0] is not self._selected_by[0] or by[1:] != self._selected_by[1:]:
            self.shown, self._selected_by = select(*by), by
        return self.shown

    def choose(self, rows: Sequence[HouseRow]) -> int:
        """Return the place of the selected house; of the first one if it is not shown any more."""
        place = next((place for place, row in enumerate(rows) if row.house == self.selected), 0)
        self.selected = rows[place].house if rows else ""
        return place

    def press(self, key: str, rows: Sequence[HouseRow]) -> bool:
        """Handle a key; return whether it ends the view."""
        if self.is_filtering and key != "end":
            self._filter(key)
            return False
        if key in ("q", "end"):
            return True
        if key == "/":
            self.is_filtering = True
        elif key == "escape":
            self.filter = ""
        elif key == "o":
            self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        elif rows:
            place, last = self.choose(rows), len(rows) - 1
            steps = {"up": -1, "k": -1, "down": 1, "j": 1, "space": self.page, "b": -self.page}
            place = {"first": 0, "last": last}.get(key, place + steps.get(key, 0))
            self.selected = rows[min(max(0, place), last)].house
        return False

    def _filter(self, key: str) -> None:
        """Handle a key while the filter is typed: Enter keeps the filter, Escape removes it."""
        if key in ("enter", "escape"):
            self.is_filtering = False
            self.filter = "" if key == "escape" else self.filter.strip()
            return
        more = " " if key == "space" else key if len(key) == 1 else ""
        self.filter = (self.filter[:-1] if key == "backspace" else self.filter + more)[:LONGEST_VALUE]


def fleet_frame(
    rows: list[HouseRow], view: FleetView, console: Console, place: str, fault: str | None, now: datetime
) -> list[str]:
    """Draw the table in exactly as many lines as the terminal has; `place` is the prefix and the broker."""
    width, height = console.width, console.height
    shown = view.select(rows)
    selected = view.choose(shown)
    top = Table.grid(expand=True)
    top.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    top.add_column(justify="right", no_wrap=True)
    top.add_row(Text(place, style="bold"), Text(f"{now:%H:%M:%S}", style="dim"))
    warning = Text(f"No session: {fault}. The table is old." if fault else "", "bold red", no_wrap=True)
    head = render_lines(console, top, summary(rows), warning)
    below = details(shown[selected], MOST_DETAILS) if shown and height >= LOW else []
    panel = ["", *render_lines(console, *below)] if below else []
    foot = render_lines(console, *footer(view, len(shown), len(rows), width))
    room = max(1, height - len(head) - TABLE_HEAD_LINES - len(panel) - len(foot))
    view.page = room
    first = max(0, min(selected - room // 2, len(shown) - room))
    if shown:
        table = render_lines(console, house_table(shown[first : first + room], width, view.selected))
    else:
        table = ["", "  No house has this text." if rows else "  No house has sent a message yet."]
    body = [*head, *table]
    blank = [""] * (height - len(body) - len(panel) - len(foot))
    return [*body, *blank, *panel, *foot][-height:] if height < len(body) else [*body, *blank, *panel, *foot]


def footer(view: FleetView, shown: int, all_: int, width: int) -> list[Text]:
    """Draw the filter and the order, and the keys, as many as fit."""
    line = Text(no_wrap=True, overflow="ellipsis")
    if view.filter or view.is_filtering:
        line.append(" / ", "bold cyan").append(f"{view.filter}{'_' if view.is_filtering else ''}", "bold")
        line.append(f"   {shown} of {all_} houses", "dim")
        line.append("   ⏎ keep  Esc show all" if view.is_filtering else "   Esc shows all", "dim")
    hints = list(HINTS if view.has_keys else ("Ctrl-C ends",))
    order = f"in the order of: {view.order}"
    while len(hints) > 1 and cell_len("  ".join(hints)) > width:
        hints.pop(-2)
    text = "  ".join(hints)
    left = width - cell_len(text) - len(order)
    bottom = text + " " * left + order if left > 1 else text
    return [line, Text(bottom, "dim", no_wrap=True, overflow="ellipsis")]
