"""The rules that looked and did not act: each is kept with its number, in a bounded file."""

from pathlib import Path

import pytest

from daemons.bus.message import State
from daemons.config.declined_reason import DeclinedReason
from daemons.kinds import Reading
from daemons.processes.device.declined_rules import DeclinedRules
from daemons.processes.device.log_line import LogLine, Refusal
from daemons.storage.declined import FOLDER, MAX_BYTES, Declined, read_declined
from tests.support import factories

NOW = factories.START_TIME


def refused(text: str, rule: int | None = 1, cause: str | None = "p1") -> LogLine:
    """Return a line of the log about a rule that did not act."""
    return LogLine("info", f"no on for switch: {text}", cause, Refusal(rule, text))


def test_a_rule_that_declines_is_logged_with_its_number_and_reason() -> None:
    """The second rule of the lamp finds its condition not met; the first waits for another value."""
    press = {"device": "switch", "do": "on"}
    condition = {"device": "room", "is": {"dark": True}}
    rules = [
        {**press, "turns": {"status": False}},
        {**press, "turns": {"status": True}, "only_if": [condition]},
    ]
    lamp = factories.appliance(factories.device("lamp", when=rules), "lamp")
    lamp.start(Reading(on=False), NOW, NOW)
    room: State = factories.state("room", dark=False)
    lamp.on_state(room, NOW + 1, NOW + 1)
    lamp.on_state(factories.state(status=True, turned=NOW + 2), NOW + 2, NOW + 2)
    assert [line.refusal for line in lamp.log_lines if line.refusal] == [
        Refusal(2, "condition not met: room is { dark = true }")
    ]


def test_a_reason_is_kept_with_its_code_and_values(run: Path) -> None:
    """A program that translates the reason needs no English sentence; a plain text has no code."""
    kept = DeclinedRules("lamp")
    reason = DeclinedReason.of("cooldown", "it acted 9 s ago", seconds=9, cooldown_seconds=10.0)
    kept.keep(NOW, refused(reason))
    kept.keep(NOW, refused("it is jammed"))
    coded, plain = read_declined("lamp")
    assert (coded.reason, coded.code) == ("it acted 9 s ago", "cooldown")
    assert coded.values == {"seconds": 9, "cooldown_seconds": 10.0}
    assert (plain.reason, plain.code, plain.values) == ("it is jammed", None, {})


def test_what_is_kept_is_read_in_its_order(run: Path) -> None:
    """A daily time of a kind has no number. A line that is about no rule is not kept."""
    kept = DeclinedRules("lamp")
    kept.keep(NOW, refused("a", 2))
    kept.keep(NOW + 1, LogLine("info", "is on", "p1"))
    kept.keep(NOW + 2, refused("b", None, None))
    assert read_declined("lamp") == [Declined(NOW, "a", 2, "p1"), Declined(NOW + 2, "b")]
    assert read_declined("toaster") == []


def test_the_files_stay_small_and_have_the_latest_lines(run: Path) -> None:
    """One older file is kept, so at least the last 64 KB are there."""
    kept = DeclinedRules("lamp")
    for number in range(4000):
        kept.keep(NOW + number, refused("x" * 40))
    sizes = [file.stat().st_size for file in (run / FOLDER).iterdir()]
    assert len(sizes) == 2
    assert all(size < MAX_BYTES + 200 for size in sizes)
    times = [line.at for line in read_declined("lamp")]
    assert len(times) > 300
    assert times == [NOW + number for number in range(4000 - len(times), 4000)]


def test_a_full_disk_loses_the_line_and_nothing_else(run: Path) -> None:
    """The next line is written when there is space again; what was cut off is skipped."""
    kept = DeclinedRules("lamp")
    kept.keep(NOW, refused("a"))
    with factories.full_disk(90):
        kept.keep(NOW + 1, refused("b"))
    kept.keep(NOW + 2, refused("c"))
    assert [line.reason for line in read_declined("lamp")] == ["a", "c"]


@pytest.mark.parametrize("content", [b"", b"\xff\n", b'{"at":1}\n', b'{"at":1,"reason":"a"'])
def test_a_damaged_file_reads_as_far_as_it_is_whole(run: Path, content: bytes) -> None:
    """The process may be writing, or a power cut may have left anything."""
    (run / FOLDER).mkdir()
    (run / FOLDER / "lamp.jsonl").write_bytes(content)
    assert read_declined("lamp") == []
