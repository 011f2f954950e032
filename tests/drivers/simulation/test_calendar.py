"""A simulated calendar: its events in the options, and in a file."""

import json
import os
from pathlib import Path

from daemons.config import loader
from daemons.drivers.physics.events import EventText
from daemons.kinds import Reading
from daemons.values import convert

NOW = 1_000_000.0


def titles(reading: Reading) -> set[str]:
    """Return the titles of the events of a reading."""
    assert reading.calendar is not None
    return {event.title for event in reading.calendar.events}


def test_a_file_replaces_the_events_of_the_options() -> None:
    """A file that is not valid is a fault, and the last events stay."""
    driver_type = loader.driver("simulated")
    driver = driver_type("family", convert({"events": ["every day Holiday"]}, driver_type.options_type))
    driver.wanted = frozenset({"events"})
    driver.open(((1.0, 0.0),), NOW)
    assert titles(driver.read(NOW)) == {"Holiday"}
    file = Path("hardware/family/events.json")
    file.write_text(json.dumps(["every day Bins", "every day 07:00 School"]))
    assert titles(driver.read(NOW)) == {"Bins", "School"}
    file.write_text('["whenever Bins"]')
    reading = driver.read(NOW)
    assert "an event such as" in str(reading.fault)
    assert titles(reading) == {"Bins", "School"}
    file.unlink()
    reading = driver.read(NOW)
    assert (titles(reading), reading.fault) == ({"Holiday"}, None)
    driver.close()


def test_a_file_that_was_just_written_is_read_again() -> None:
    """Two writes within the resolution of the clock leave the same size and time."""
    driver_type = loader.driver("simulated")
    driver = driver_type("family", convert({}, driver_type.options_type))
    driver.wanted = frozenset({"events"})
    driver.open(((1.0, 0.0),), NOW)
    file = Path("hardware/family/events.json")
    file.write_text('["every day A"]')
    assert titles(driver.read(NOW)) == {"A"}
    found = file.stat()
    with file.open("r+") as opened:
        opened.write('["every day B"]')
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert titles(driver.read(NOW)) == {"B"}
    assert EventText("every day B").first_day is None
    driver.close()
