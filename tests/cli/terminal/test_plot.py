"""A history in a terminal: short phases are visible, and every mark and cause has a text."""

import csv
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from daemons.cli.terminal import plot
from daemons.storage import history_table
from tests.support import factories

UNTIL = 1_795_000_000.0 // 86400 * 86400 + 8 * 3600
SINCE = UNTIL - 7200
TITLES = {"toaster": "Toaster", "switch": "Bathroom light"}


def stretch(at: float, to: float | None, phase: str, cause: str | None, **fields: Any) -> dict[str, Any]:
    """Return a stretch of a toaster, in seconds of the range."""
    state = {"status": phase == "toasting", "phase": phase, "ready": phase == "ready", **fields}
    return {"from": SINCE + at, "to": to and SINCE + to, "state": state, "cause": cause}


def history(**changes: Any) -> dict[str, Any]:
    """Return two hours of a toaster."""
    found = {
        "stretches": [
            stretch(-90_000, 3600, "idle", None),
            stretch(3600, 3605, "toasting", "press"),
            stretch(3605, 4000, "ready", "press"),
            stretch(4000, None, "idle", "press"),
        ],
        "measurements": {
            "power_watts": [
                [SINCE, 0.0, 0.0, 0.0],
                [SINCE + 3600, 850.0, 850.0, 850.0],
                [SINCE + 3605, 0.0, 0.0, 0.0],
            ]
        },
        "processes": [
            {"at": SINCE + 5000, "life": "restarting", "pid": None, "reason": "terminated by SIGKILL"}
        ],
        "unknown": [],
        "energy": [],
        **changes,
    }
    causes = {
        "press": {"device": "switch", "at": SINCE + 3599.9, "phase": "on"},
        "own": {"device": "toaster", "at": SINCE + 10, "phase": "toasting"},
    }
    return {
        "since": SINCE,
        "until": UNTIL,
        "resolution_seconds": 24.0,
        "devices": {"toaster": found},
        "causes": causes,
    }


def test_a_fault_is_shown_without_control_characters() -> None:
    """A fault is shown without its control characters."""
    fault = stretch(0, None, "idle", None, fault="a\x1b]0;b\x07c")
    text = drawn(history(stretches=[fault]))
    assert "a ]0;b c" in text
    assert "\x1b]" not in text
    assert "\x07" not in text


def drawn(found: dict[str, Any], width: int = 100) -> str:
    """Draw a history for a terminal of this width."""
    out = StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    plot.print_history(found, TITLES, factories.UTC, console)
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 110, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """At every width, there are a title, a scale and a legend."""
    lines = drawn(history(), width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("Toaster")
    assert any("06:00" in line for line in lines)


def test_a_short_phase_is_visible() -> None:
    """Five seconds of toasting in two hours have a mark."""
    bar = drawn(history()).splitlines()[2].strip()
    assert bar.strip("─") == "█▓▓▓▓"
    assert bar.startswith("─" * 40)
    assert bar.endswith("─" * 35)


def test_the_legend_has_every_mark_with_its_phase_and_duration() -> None:
    """Only the part of a stretch within the range counts."""
    assert "─ idle 1 h 53 min   █ toasting 5.0 s   ▓ ready 6 min 35 s" in drawn(history())


def test_a_measurement_is_drawn_with_its_scale() -> None:
    """The graph has the highest value, the unit and the mean."""
    text = drawn(history())
    assert "Power: 0 to 850 watts, 0.59 on average" in text
    assert " 850 ┤" in text
    assert " 0 ┤▁▁▁" in text


def test_a_measurement_that_never_changed_has_one_number_on_its_scale() -> None:
    """A range from zero to zero has one label."""
    text = drawn(history(measurements={"power_watts": [[SINCE, 0.0, 0.0, 0.0]]}))
    assert text.count("┤") == 1


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("press", "Bathroom light on at 06:59:59"),
        ("own", "command own"),
        ("hardware", "by hand"),
        ("max_on", "cut off by max_on"),
        ("off_timer", "by the hardware's own timer"),
        ("restore", "by `restore`, at a start"),
        ("f00", "f00"),
        (None, ""),
    ],
)
def test_each_cause_has_a_text(cause: str | None, words: str) -> None:
    """A press has the switch and its time, a command has its id, and other causes have a text."""
    found = history(stretches=[stretch(10, None, "toasting", cause)])
    assert (
        plot.cause_text(found, "toaster", stretch(10, None, "toasting", cause), TITLES, factories.UTC)
        == words
    )
    assert words in drawn(found)


def test_a_time_on_another_day_has_its_date() -> None:
    """A time on the same day has no date."""
    text = drawn(history())
    assert plot.when(SINCE - 90_000, SINCE, factories.UTC) == "Tue 17 Nov 05:00:00"
    assert "Tue 17 Nov 05:00:00" in text
    assert "Wed 18 Nov 06:00:00 UTC to 08:00:00" in text
    assert "\n 07:00:05 " in text


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ({"by": "sensor"}, "by its own measurement"),
        ({"by": "clock", "rule": 1, "at": SINCE}, "at a time of day"),
        ({"by": "program"}, "by its program"),
        ({"by": "hand"}, "by hand"),
        (None, "by hand"),
    ],
)
def test_a_reason_tells_more_than_the_cause_hardware(reason: dict[str, Any] | None, words: str) -> None:
    """A detection is not a deed by hand, although both have the cause "hardware"."""
    found = {**stretch(10, None, "on", "hardware"), "reason": reason}
    assert plot.cause_text(history(stretches=[found]), "toaster", found, TITLES, factories.UTC) == words


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ({"by": "command", "who": "page"}, "command c1 by page"),
        ({"by": "command"}, "command c1"),
        ({"by": "rule", "who": "meter", "rule": 2}, "rule 2 heard meter"),
    ],
)
def test_the_first_change_of_a_cause_tells_its_reason(reason: dict[str, Any], words: str) -> None:
    """A measurement that crossed a limit is no command, and a command has its sender."""
    found = {**stretch(10, None, "on", "c1"), "reason": reason}
    first = {"c1": {"device": "toaster", "at": found["from"], "phase": "on"}}
    told = {**history(stretches=[found]), "causes": first}
    assert plot.cause_text(told, "toaster", found, TITLES, factories.UTC) == words


def test_the_audit_trail_has_a_line_for_each_change_in_the_order_of_time() -> None:
    """Each line has the moment, the device, what changed, and the reason in the words of `--by`."""
    late = {**stretch(20, None, "on", "c2"), "reason": {"by": "command", "who": "page:anna"}}
    early = {**stretch(10, 20, "off", "c1"), "reason": {"by": "hand"}}
    told = {"devices": {"lamp": {"stretches": [late]}, "fan": {"stretches": [early]}}}
    lines = list(plot.audit_lines(told, {"lamp": "Hall lamp"}, factories.UTC))
    assert [line.split()[5:] for line in lines] == [
        ["fan", "off", "hand"],
        ["Hall", "lamp", "on", "command:page:anna"],
    ]


def test_a_fault_replaces_the_cause() -> None:
    """In the row of a stretch with a fault, the fault replaces the cause."""
    assert "did not switch on" in drawn(
        history(stretches=[stretch(1, None, "idle", "x", fault="did not switch on")])
    )


def test_the_end_of_a_process_is_shown_with_its_reason() -> None:
    """The reason is in the table of the process."""
    assert "terminated by SIGKILL" in drawn(history())


def test_a_device_without_history_has_a_text() -> None:
    """A text is shown instead of empty graphs."""
    text = drawn(history(stretches=[], measurements={}, processes=[]))
    assert "Nothing was recorded in this time." in text
    assert "┤" not in text


def test_only_the_last_forty_stretches_are_listed() -> None:
    """A note has the number of the others, and the options that print them."""
    found = [stretch(index, index + 1, "toasting" if index % 2 else "idle", None) for index in range(100)]
    text = drawn(history(stretches=found))
    assert "60 earlier ones are not listed; --json and --csv have them." in text


def test_a_pipe_gets_a_line_for_each_stretch_and_event() -> None:
    """The lines are in the order of time, with complete timestamps."""
    out = StringIO()
    plot.print_history(history(), TITLES, factories.UTC, Console(file=out, width=40))
    lines = out.getvalue().splitlines()
    assert [line.split("  ")[0] for line in lines] == ["toaster"] * 5
    assert lines[1].endswith("T07:00:00.000+00:00  5.0 s  toasting  Bathroom light on at 06:59:59")
    assert lines[-1].endswith("process  restarting  terminated by SIGKILL")


def test_the_csv_table_follows_rfc_4180() -> None:
    """The table follows RFC 4180; a stretch that still lasts has no end."""
    text = history_table.format_history(history(), factories.UTC)
    assert text.count("\r\n") == text.count("\n") == 8
    rows = list(csv.DictReader(StringIO(text)))
    toasting = rows[1]
    assert (toasting["phase"], toasting["status"], toasting["lasted_seconds"]) == ("toasting", "true", "5.0")
    assert toasting["power_watts_high"] == ""
    assert rows[3]["to"] == rows[3]["lasted_seconds"] == ""
    assert (rows[5]["power_watts_mean"], rows[5]["lasted_seconds"], rows[5]["phase"]) == ("850.0", "5.0", "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (7260, "2 h 1 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    """Smaller units are left out."""
    assert plot.length(seconds) == words


def test_a_time_that_is_not_known_is_not_drawn_as_a_value() -> None:
    """The graph has no block there, and the mean counts the known time only."""
    points = [[SINCE, 100.0, 100.0, 100.0], [SINCE + 3600, None, None, None]]
    text = drawn(history(measurements={"power_watts": points}))
    assert "Power: 0 to 100 watts, 100 on average" in text
    graph = [line for line in text.splitlines() if "│" in line or "┤" in line]
    assert graph[-1].rstrip().count("█") <= len(graph[-1]) // 2
    assert "kwh" not in history_table.format_history(
        history(measurements={"power_watts": points}), factories.UTC
    )


def test_the_csv_table_has_the_energy_of_each_day() -> None:
    """A row for each day has its kilowatt-hours; a text is no formula for a spreadsheet."""
    day = {"from": SINCE, "to": SINCE + 86400, "kwh": 1.25, "known_seconds": 86400}
    fault = stretch(SINCE, None, "=1+1", None)
    rows = list(
        csv.DictReader(
            StringIO(history_table.format_history(history(energy=[day], stretches=[fault]), factories.UTC))
        )
    )
    assert [row["kwh"] for row in rows if row["kwh"]] == ["1.25"]
    assert rows[0]["phase"] == "'=1+1"


def test_a_time_that_is_not_known_is_marked() -> None:
    """It is not drawn as the phase before it."""
    unknown = [{"from": SINCE, "to": SINCE + 3600, "why": "silent"}]
    bar, legend = (line for line in drawn(history(unknown=unknown)).splitlines() if "?" in line)
    assert bar.count("?") in range(len(bar.strip()) // 2 - 2, len(bar.strip()) // 2 + 3)
    assert legend.rstrip().endswith("? not known")
