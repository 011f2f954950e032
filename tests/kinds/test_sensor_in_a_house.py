"""A sensor in a real house, whose test writes what the hardware reports."""

from tests.support.house import HouseFactory

BATH = """\
[house]
watchdog = "60s"
[recorder]
enabled = false
[devices.bath]
kind = "sensor"
driver = "command"
command = { on = ["true"], off = ["true"], read = ["cat", "bath.json"], poll = "100ms" }
[devices.fan]
kind = "plug"
driver = "simulated"
[[devices.fan.when]]
device = "bath"
above = { humidity_percent = 70 }
do = "on"
"""


def test_no_rule_believes_an_implausible_measurement(make_house: HouseFactory) -> None:
    """A humidity of 500 % is unknown with a fault, and the fan stays off; it goes on at 80 %."""
    house = make_house(BATH)
    measured = house.run / "bath.json"
    house.run.mkdir(mode=0o700)
    measured.write_text('{"humidity_percent": 45}')
    house.house("up")
    with house.listen("bath", "fan") as listener:
        listener.wait_for(lambda listener: listener.has_state("bath", humidity_percent=45.0))
        measured.write_text('{"humidity_percent": 500, "temperature_celsius": -1e308}')
        text = "its temperature_celsius is not from -100 to 1500, and counts as unknown; "
        text += "its humidity_percent is not from 0 to 100, and counts as unknown"
        listener.wait_for(
            lambda listener: listener.has_state(
                "bath", humidity_percent=None, temperature_celsius=None, fault=text
            )
        )
        measured.write_text('{"humidity_percent": 60, "temperature_celsius": 20}')
        listener.wait_for(lambda listener: listener.has_state("bath", humidity_percent=60.0, fault=None))
        measured.write_text('{"humidity_percent": 80, "temperature_celsius": 20}')
        listener.wait_for(lambda listener: listener.has_state("fan", status=True, confirmed=True))
    assert [line.on for line in house.switchings("fan") if line.on] == [True]
