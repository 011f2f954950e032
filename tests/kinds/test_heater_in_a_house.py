"""A heater in a real house, with a room whose temperature a hand writes."""

from collections.abc import Callable

from tests.support.house import Household

ROOM = """\
[house]
watchdog = "60s"
[recorder]
enabled = false
[devices.room]
kind = "sensor"
driver = "simulated"
[devices.radiator]
kind = "heater"
driver = "simulated"
source = "room"
target_celsius = 20
blind_after = "1s"
[devices.mirror]
kind = "mirror"
port = 0
"""


def test_it_heats_by_what_another_process_measures(household: Callable[..., Household]) -> None:
    """Cold: on, over kills of both; warm: off; without a temperature it goes off, however cold it was."""
    house = household(ROOM)
    house.house("up")
    assert house.send("radiator", "on")["outcome"] == "applied"
    measured = house.run / "hardware" / "room" / "measured.json"
    with house.ear("room", "radiator") as ear:
        ear.until(
            lambda ear: ear.shows("radiator", status=False) and ear.shows("room", temperature_celsius=21.0)
        )
        measured.write_text('{"temperature_celsius": 15}')
        ear.until(lambda ear: ear.shows("radiator", status=True, confirmed=True))
        for name in ("radiator", "room"):
            ear.kill(name)
        ear.until(lambda ear: ear.shows("radiator", status=True, confirmed=True))
        measured.write_text('{"temperature_celsius": 20.5}')
        ear.until(lambda ear: ear.shows("radiator", status=False, confirmed=True))
        measured.write_text('{"temperature_celsius": 15}')
        ear.until(lambda ear: ear.shows("radiator", status=True, confirmed=True))
        measured.write_text('{"temperature_celsius": null}')
        ear.until(lambda ear: ear.shows("radiator", phase="blind", status=False, confirmed=True))
    assert [line.on for line in house.witness("radiator") if line.what in ("on", "off")] == [
        True, False, True, False,
    ]  # fmt: skip
