"""A heater in a real house, whose test writes the temperature of the room."""

from tests.support.house import HouseFactory

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


def test_it_heats_by_the_measurement_of_another_process(make_house: HouseFactory) -> None:
    """The heater heats a cold room, also after kills, and stops when the room is warm or not measured."""
    house = make_house(ROOM)
    house.house("up")
    assert house.send("radiator", "on")["outcome"] == "applied"
    measured = house.run / "hardware" / "room" / "measured.json"
    with house.listen("room", "radiator") as listener:
        listener.wait_for(
            lambda listener: (
                listener.has_state("radiator", status=False)
                and listener.has_state("room", temperature_celsius=21.0)
            )
        )
        measured.write_text('{"temperature_celsius": 15}')
        listener.wait_for(lambda listener: listener.has_state("radiator", status=True, confirmed=True))
        for name in ("radiator", "room"):
            listener.kill(name)
        listener.wait_for(lambda listener: listener.has_state("radiator", status=True, confirmed=True))
        measured.write_text('{"temperature_celsius": 20.5}')
        listener.wait_for(lambda listener: listener.has_state("radiator", status=False, confirmed=True))
        measured.write_text('{"temperature_celsius": 15}')
        listener.wait_for(lambda listener: listener.has_state("radiator", status=True, confirmed=True))
        measured.write_text('{"temperature_celsius": null}')
        listener.wait_for(
            lambda listener: listener.has_state("radiator", phase="blind", status=False, confirmed=True)
        )
    assert [line.on for line in house.switchings("radiator") if line.what in ("on", "off")] == [
        True, False, True, False,
    ]  # fmt: skip
