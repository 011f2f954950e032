"""The facts about hardware: which are published, and how often."""

from typing import Any

from daemons.kinds import About, Reading
from daemons.processes.device.hardware_facts import HOLD_SECONDS, MAX_TEXT, FactsHolder, with_colons

ABOUT = About(
    manufacturer="Shelly",
    model="S3PL\x1b-00112EU",
    firmware="1.4.4",
    mac="A8032AB1C2D3",
    url="http://plug.lan",
)


def facts(holder: FactsHolder, now: float, *, is_reachable: bool = True, **values: Any) -> dict[str, Any]:
    """Return the facts after a reading."""
    return dict(holder.facts(Reading(**values), now, is_reachable=is_reachable))


def test_values_are_rounded_and_held_for_a_minute() -> None:
    """A voltage that changes with each reading causes no publication; a new kind of value comes at once."""
    holder = FactsHolder()
    assert facts(holder, 0) == {}
    assert facts(holder, 1, voltage_volts=230.1234) == {"voltage_volts": 230.1}
    assert facts(holder, 2, voltage_volts=231.0) == {"voltage_volts": 230.1}
    assert facts(holder, 1 + HOLD_SECONDS, voltage_volts=232.0) == {"voltage_volts": 232.0}
    reading = Reading(voltage_volts=233.0, current_amperes=0.12345, power_factor=0.987)
    assert holder.facts(reading, 62, is_reachable=True) == {
        "voltage_volts": 233.0,
        "current_amperes": 0.123,
        "power_factor": 0.99,
    }


def test_lost_hardware_has_no_measured_facts_but_stays_what_it_is() -> None:
    """They come back with the hardware, at once."""
    holder = FactsHolder()
    known = {"hardware_manufacturer": "Shelly"}
    about = About(manufacturer="Shelly")
    assert facts(holder, 0, signal_dbm=-60, about=about) == {**known, "signal_dbm": -60.0}
    assert facts(holder, 1, is_reachable=False, signal_dbm=-60, about=about) == known
    assert facts(holder, 2, signal_dbm=-70, about=about) == {**known, "signal_dbm": -70.0}


def test_texts_are_made_safe() -> None:
    """A text of a device is short and printable; an address that is none is left out."""
    found = facts(FactsHolder(), 0, about=ABOUT)
    assert found["hardware_mac"] == "a8:03:2a:b1:c2:d3"
    assert (found["hardware_url"], found["hardware_firmware"]) == ("http://plug.lan", "1.4.4")
    assert found["hardware_model"].isprintable()
    bad = About(model="x" * 500, mac="not one", url="javascript:alert(1)", firmware=" ")
    assert facts(FactsHolder(), 0, about=bad) == {"hardware_model": "x" * MAX_TEXT}
    assert [with_colons(mac) for mac in ("A8-03-2A-B1-C2-D3", "a803.2ab1.c2d3", "a8032ab1c2d")] == [
        "a8:03:2a:b1:c2:d3", "a8:03:2a:b1:c2:d3", "",
    ]  # fmt: skip
