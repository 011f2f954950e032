"""The live table of houses: its drawing, and its keys."""

from datetime import datetime

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from daemons.cli.fleet.houses import HouseRow
from daemons.cli.terminal.fleet_rows import plain_rows
from daemons.cli.terminal.fleet_view import FleetView, fleet_frame

NOW = datetime(2026, 11, 28, 12, 30, 5)  # noqa: DTZ001  its zone is not shown


def row(house: str, **changes: object) -> HouseRow:
    """Return a house."""
    usual: dict[str, object] = {
        "name": f"Home of {house}", "state": "live", "version": "1.0.0", "configuration": "0123456789abcdef",
        "devices": {"live": 19, "offline": 1}, "faults": {}, "fault_count": 0, "restarts": 0,
        "heard_seconds": 5.0,
    }  # fmt: skip
    return HouseRow(house=house, **(usual | changes))  # type: ignore[arg-type]


HOUSES = [row(f"house_{number:03}") for number in range(300)]
HOUSES[7] = row("house_007", state="fault", fault_count=2, faults={"lamp": "it is mute", "pump": "dry"})
HOUSES[9] = row(
    "house_009", state="silent", name=None, version=None, configuration=None, devices={}, heard_seconds=None
)


def drawn(view: FleetView, width: int, height: int, rows: list[HouseRow] = HOUSES) -> list[str]:
    """Return the lines of the view without control sequences."""
    console = Console(width=width, height=height, force_terminal=True, color_system="truecolor")
    lines = fleet_frame(rows, view, console, "fleet at broker:8883", None, NOW)
    return [Text.from_ansi(line).plain for line in lines]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("height", [8, 16, 24, 50])
def test_the_view_fills_the_terminal_exactly(width: int, height: int) -> None:
    """Also with wide characters, long names and large numbers, no line is too long, and none is missing."""
    wild = row("x" * 100, name="小さな家" * 15, state="fault", version="9" * 60, fault_count=1 << 52,
               faults={f"d{n}": "小" * 200 for n in range(10)}, devices={"live": 1 << 52},
               heard_seconds=1e11)  # fmt: skip
    for rows in (HOUSES, [wild, *HOUSES], []):
        lines = drawn(FleetView(), width, height, rows)
        assert len(lines) == height
        assert max(map(cell_len, lines)) <= width


def test_the_most_urgent_houses_come_first_with_their_faults() -> None:
    """The summary counts the states, and the faults of the selected house are below the table."""
    view = FleetView()
    lines = drawn(view, 160, 30)
    assert lines[0].startswith("fleet at broker:8883")
    assert lines[0].endswith("12:30:05")
    assert lines[1] == "300 houses   ◐ 1 silent   ! 1 fault   ● 298 live"
    assert "house_009" in lines[5]
    assert "◐ silent" in lines[5]
    assert "never" in lines[5]
    assert "2  lamp: it is mute; pump: dry" in lines[6]
    assert "0123456789abcdef" in lines[7]
    assert "19/20" in lines[7]
    view.press("down", view.shown)
    assert "  lamp: it is mute" in drawn(view, 160, 30)


def test_a_narrow_terminal_keeps_the_state() -> None:
    """Texts of faults and digits of the configuration are left out first."""
    lines = drawn(FleetView(), 80, 24)
    assert "Config" in lines[3]
    assert "01234567 " in lines[7]
    assert "! fault" in lines[6]
    assert lines[6].rstrip().endswith("5 s")


def test_keys_select_filter_and_order() -> None:
    """The selected house stays in sight, and Escape shows all houses again."""
    view = FleetView(order="house")
    drawn(view, 80, 24)
    for key, selected in (("down", 1), ("j", 2), ("up", 1), ("last", 299), ("down", 299), ("first", 0)):
        assert not view.press(key, view.shown)
        lines = drawn(view, 80, 24)
        assert view.selected == f"house_{selected:03}"
        assert any(f"▸house_{selected:03}" in line for line in lines)
    view.press("space", view.shown)
    assert view.selected == f"house_{view.page:03}"
    for key in ("/", "M", "u", "t", "x", "backspace", "e", "enter"):
        view.press(key, view.shown)
    lines = drawn(view, 80, 24)
    assert [one.house for one in view.shown] == ["house_007"]
    assert " / Mute   1 of 300 houses   Esc shows all" in lines[-2]
    view.press("escape", view.shown)
    view.press("o", view.shown)
    lines = drawn(view, 80, 24)
    assert len(view.shown) == 300
    assert lines[-1].endswith("in the order of: name")
    assert view.press("q", view.shown)


def test_a_lost_session_is_said() -> None:
    """The table stays, and its head says that it is old."""
    console = Console(width=80, height=24, force_terminal=True)
    lines = fleet_frame(HOUSES, FleetView(), console, "fleet", "the connection was lost", NOW)
    assert "No session: the connection was lost. The table is old." in Text.from_ansi(lines[2]).plain


def test_plain_lines_are_aligned() -> None:
    """Without a terminal each house is a line, and a wide character counts as two."""
    lines = plain_rows([row("a", name="小さな家"), row("b", fault_count=1, faults={"lamp": "mute"})])
    assert lines[0].split() == [
        "house",
        "name",
        "state",
        "version",
        "configuration",
        "live",
        "heard",
        "faults",
    ]
    assert len({cell_len(line.partition("1.0.0")[0]) for line in lines[1:]}) == 1
    assert lines[2].endswith("5 s    1 (lamp: mute)")
