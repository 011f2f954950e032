"""All changes and values of a range, for a replay."""

from pathlib import Path

import pytest

from daemons.errors import HistoryError
from daemons.storage.history import HOUSE, PATH
from daemons.storage.history_row import Change, Input, Sample
from daemons.storage.history_writer import HistoryWriter
from daemons.storage.recorded_range import open_range

NOW = 1_795_000_000.0 // 3600 * 3600
ON, OFF = {"status": True, "phase": "on"}, {"status": False, "phase": "off"}


@pytest.fixture(autouse=True)
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a history of a lamp that is dimmed twice while it is on, and of a sensor."""
    monkeypatch.chdir(tmp_path)
    writer = HistoryWriter()
    writer.write(
        [
            Input(HOUSE, NOW, "configuration", {"digest": "aa"}),
            Change("lamp", NOW + 1, OFF, None),
            Change("lamp", NOW + 10, ON, "a", True, {"by": "command", "who": "page"}),
            Change("lamp", NOW + 20, {**ON, "brightness_percent": 30}, "b"),
            Sample("lamp", "energy_watt_hours", NOW + 21, 7.0),
            Change("lamp", NOW + 40, OFF, "c"),
            Sample("climate", "humidity_percent", NOW + 5, 50.0),
            Sample("climate", "humidity_percent", NOW + 30, 60.0),
        ]
    )
    writer.close()


def test_the_state_of_a_time_has_its_measurements_and_since_when_it_was_on() -> None:
    """It was dimmed later, and on since before."""
    with open_range(PATH) as recorded:
        found = recorded.state_then("lamp", NOW + 30)
        assert recorded.state_then("lamp", NOW) is None
    assert found == ({**ON, "brightness_percent": 30, "energy_watt_hours": 7.0}, NOW + 10)


def test_changes_of_all_devices_come_in_their_order_with_their_reasons() -> None:
    """The end of the range does not belong to it."""
    with open_range(PATH) as recorded:
        found = [*recorded.changes(NOW + 10, NOW + 40)]
    assert [(one["at"], one["device"], one["cause"]) for one in found] == [
        (NOW + 10, "lamp", "a"),
        (NOW + 20, "lamp", "b"),
    ]
    assert found[0]["reason"] == {"by": "command", "who": "page"}


def test_the_steps_of_a_measurement_begin_within_the_range() -> None:
    """A measurement that was not recorded has none."""
    with open_range(PATH) as recorded:
        assert [step[5] for step in recorded.steps("climate", "humidity_percent", NOW + 10, NOW + 60)] == [
            60.0
        ]
        assert [*recorded.steps("climate", "temperature_celsius", NOW, NOW + 60)] == []


def test_the_record_of_inputs_begins_with_the_first_configuration() -> None:
    """Without a history there is none."""
    with open_range(PATH) as recorded:
        assert recorded.begins() == NOW
    with pytest.raises(HistoryError, match="there is no history yet"), open_range(Path("other.db")):
        pass
