"""The recorded inputs: in their order, none twice, and what is missing is counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemons.errors import HistoryError
from daemons.storage.history import HOUSE, PATH
from daemons.storage.history_row import Event, Input
from daemons.storage.history_writer import DAY_SECONDS, STEP_ROWS, HistoryWriter
from daemons.storage.recorded_inputs import configuration_at, read_inputs

NOW = 1_795_000_000.0 // 3600 * 3600


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HistoryWriter]:
    """Yield the writer of a new history."""
    monkeypatch.chdir(tmp_path)
    made = HistoryWriter()
    yield made
    made.close()


def press(number: int, boot: int = 1, earlier: int = 0) -> Input:
    """Return a numbered press, each a second after the one before."""
    return Input(
        "switch", NOW + number, "press", {"touch": "single", "id": f"p{number}"}, boot, number, earlier
    )


def start(number: int, boot: int, earlier: int) -> Input:
    """Return what the recorder makes of a message without inputs, at the start of a process."""
    return Input("switch", NOW + number, "gap", {}, boot, number, earlier)


def presses() -> list[Any]:
    """Return the id of each recorded press, and the size of each gap, in their order."""
    return [found.details.get("id", found.details.get("missing")) for found in read_inputs(PATH, 0, NOW * 2)]


def test_inputs_of_all_devices_and_of_the_house_come_in_the_order_of_their_times(
    writer: HistoryWriter,
) -> None:
    """Process deaths are inputs too. The end of the range does not belong to it, and its beginning does."""
    writer.write(
        [
            Input("switch", NOW + 5, "press", {"touch": "single", "id": "a"}, 1, 1),
            Input(HOUSE, NOW + 3, "clock", {"seconds": -3600.0}),
            Input("lamp", NOW, "hand", {"on": True}, 1, 1),
            Event("lamp", NOW + 4, "restarting", None, "terminated by SIGKILL"),
            Input("lamp", NOW + 6, "hand", {"on": False}, 1, 2),
        ]
    )
    assert read_inputs(PATH, NOW, NOW + 6) == [
        (NOW, "lamp", "hand", {"on": True}),
        (NOW + 3, None, "clock", {"seconds": -3600.0}),
        (NOW + 4, "lamp", "process", {"life": "restarting", "reason": "terminated by SIGKILL"}),
        (NOW + 5, "switch", "press", {"touch": "single", "id": "a"}),
    ]


def test_a_repeated_input_is_recorded_once_also_by_the_next_recorder(writer: HistoryWriter) -> None:
    """Each message repeats the latest inputs, and a new recorder receives the last message again."""
    writer.write([press(1), press(2)])
    writer.write([press(1), press(2), press(3)])
    writer.close()
    second = HistoryWriter()
    second.write([press(2), press(3), press(4)])
    second.close()
    assert presses() == ["p1", "p2", "p3", "p4"]


@pytest.mark.parametrize(
    ("later", "found"),
    [
        ([press(4), press(5)], ["p1", "p2", 1, "p4", "p5"]),
        ([press(3, 2, 2)], ["p1", "p2", "p3"]),
        ([press(6, 2, 4)], ["p1", "p2", 3, "p6"]),
        ([press(2, 2, 1)], ["p1", "p2", "p2"]),
        ([press(4, 2, 1)], ["p1", "p2", 2, "p4"]),
        ([press(1, 2, 0)], ["p1", "p1", "p2"]),
        ([start(5, 2, 5), press(6, 2, 5)], ["p1", "p2", 3, "p6"]),
        ([start(2, 2, 2), press(3, 2, 2)], ["p1", "p2", "p3"]),
    ],
    ids=[
        "in the same run",
        "nothing was lost in a restart",
        "lost before and after a restart",
        "a kill made the process forget a number",
        "and it lost others since",
        "a new memory counts from 1",
        "known at the start, before another input comes",
        "nothing was lost, as the start shows",
    ],
)
def test_missing_inputs_are_counted(writer: HistoryWriter, later: list[Input], found: list[Any]) -> None:
    """The gap comes before the first input after it, and is recorded once."""
    writer.write([press(1), press(2)])
    for _ in range(2):
        writer.write(later)
    assert presses() == found


def test_a_history_that_is_younger_than_its_devices_begins_without_a_gap(writer: HistoryWriter) -> None:
    """What came before the history began is not missing in it."""
    writer.write([press(70, 9, 60)])
    assert presses() == ["p70"]


def test_a_history_that_begins_at_the_start_of_a_process_counts_from_there(writer: HistoryWriter) -> None:
    """The message without inputs tells from which number on every input must come."""
    writer.write([start(60, 9, 60), press(70, 9, 60)])
    assert presses() == [9, "p70"]


def test_a_failed_write_is_repeated_as_a_whole(writer: HistoryWriter) -> None:
    """The number that was recorded last is rolled back together with its input."""
    with pytest.raises(AttributeError):
        writer.write([press(1), None])  # type: ignore[list-item]
    writer.write([press(1)])
    assert presses() == ["p1"]


def test_a_configuration_is_recorded_when_it_changes_and_stays(writer: HistoryWriter) -> None:
    """A recorder that restarts records it again only if it changed meanwhile; tidying never deletes it."""
    for second, digest in enumerate(("one", "one", "two", "two", "one")):
        writer.write([Input(HOUSE, NOW + second, "configuration", {"digest": digest})])
    writer.write([Input(HOUSE, NOW + 9, "clock", {"seconds": 60.0})])
    while writer.tidy(NOW + 90 * DAY_SECONDS, DAY_SECONDS):
        pass
    digests = [(found.at - NOW, found.details["digest"]) for found in read_inputs(PATH, 0, NOW + 9)]
    assert digests == [(0, "one"), (2, "two"), (4, "one")]
    assert [configuration_at(PATH, NOW + second) for second in (-1, 0, 3, 100)] == [None, "one", "two", "one"]


def test_old_inputs_are_deleted_in_small_steps(writer: HistoryWriter) -> None:
    """After `keep`, only the latest input before that time stays; the number of the last one stays known."""
    writer.write([press(number) for number in range(1, STEP_ROWS + 100)])
    steps = 0
    while writer.tidy(NOW + 90 * DAY_SECONDS, DAY_SECONDS):
        steps += 1
    assert steps == 2
    assert presses() == [f"p{STEP_ROWS + 99}"]
    writer.write([press(STEP_ROWS + 99)])
    assert len(presses()) == 1


def test_without_a_history_the_error_says_so(tmp_path: Path) -> None:
    """Both readers raise HistoryError."""
    with pytest.raises(HistoryError, match="there is no history yet"):
        read_inputs(tmp_path / PATH, 0, NOW)
    with pytest.raises(HistoryError, match="there is no history yet"):
        configuration_at(tmp_path / PATH, NOW)
