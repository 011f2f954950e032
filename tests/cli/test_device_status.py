"""All that is known of one device in words: its state with units, its presence, hardware and process."""

from typing import Any

from daemons.cli.device_status import status_lines
from tests.support import factories

NOW = factories.START_TIME + 100


def shown(why: str | None = None, **changes: Any) -> str:
    """Return the lines of a device; `changes` are parts of its status document."""
    found = {
        "name": "Hall lamp",
        "room": "Hall",
        "kind": "lamp",
        "host": None,
        "presence": "live",
        "presence_since": NOW - 3700,
        "age_seconds": 0.31,
        "since": NOW - 65,
        "reason": None,
        "retry_at": None,
        "last_lines": [],
        "process": {"state": "RUNNING", "pid": 42, "restarts": 2, "uptime_seconds": 90},
        "state": {
            "status": True,
            "phase": "on",
            "brightness_percent": 60,
            "power_watts": 4.25,
            "remaining_seconds": 3900,
            "colour_temperature_kelvin": None,
            "reachable": True,
            "confirmed": True,
            "hardware_manufacturer": "Shelly",
            "hardware_model": "Bulb",
            "hardware_firmware": "1.2",
            "signal_dbm": -60.0,
        },
        **changes,
    }
    return "\n".join(status_lines("hall_lamp", found, NOW, factories.UTC, why))


def test_every_fact_stands_in_words_with_its_unit() -> None:
    """The names of the fields are words, and times have the zone of the house."""
    text = shown("a press → on")
    for line in (
        "Hall lamp (hall_lamp) · Hall · lamp",
        "Presence        live for 1 h 1 min, heard 0.3 s ago",
        " UTC (1 min 5 s)",
        "Brightness      60 %",
        "Power           4.25 W",
        "Remaining       3900 s (1 h 5 min)",
        "Not known       colour temperature",
        "Why             a press → on",
        "Hardware        answers, and has confirmed this state",
        "Model           Shelly Bulb, firmware 1.2",
        "Signal          -60 dBm",
        "Process         PID 42, up for 1 min 30 s, restarted 2 times",
    ):
        assert line in text


def test_what_is_wrong_stands_with_what_to_do() -> None:
    """A fault, hardware that does not answer, and a failed process each have a line."""
    state = {"phase": "off", "fault": "it is stuck", "reachable": False, "unreachable_since": NOW - 3}
    assert "Fault           it is stuck" in shown(state=state)
    assert "Hardware        does not answer since " in shown(state=state)
    failed = shown(presence="failed", reason="exit status 1", retry_at=NOW + 5, last_lines=["boom"])
    for words in ("`house logs hall_lamp`", "Reason          exit status 1", "Next start      ", "boom"):
        assert words in failed
    assert "none has been published yet" in shown(state=None)
    assert "`house restart hall_lamp`" in shown(presence="offline")
