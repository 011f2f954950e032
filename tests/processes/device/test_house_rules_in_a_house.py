"""Rules on the house itself, in a real house: a messenger tells of failures, silence and empty batteries."""

import json
import os
import signal
import time

from tests.support.house import HouseFactory, TemporaryHouse, eventually

TOML = """
[house]
watchdog = "60s"

[recorder]
enabled = false

[devices.phone]
kind = "messenger"
driver = "simulated"

[[devices.phone.when]]
process = "*"
turns = { life = "failed" }
do = "send"
with = { text = "{title} has failed: {reason}" }

[[devices.phone.when]]
device = "*"
turns = { presence = "offline" }
for = "1s"
do = "send"
with = { text = "{title} is silent." }

[[devices.phone.when]]
device = "*"
below = { battery_percent = 15 }
do = "send"
with = { text = "The battery of {title} is at {battery_percent} %." }

[devices.hall_climate]
kind = "sensor"
driver = "simulated"
simulated = { battery_percent = 80 }

[devices.lamp]
kind = "lamp"
driver = "simulated"
name = "Desk lamp"


[devices.mirror]
kind = "mirror"
port = 0
"""


def texts(house: TemporaryHouse) -> list[str]:
    """Return the text of each message that was delivered, once: a repeated attempt has the same key."""
    record = house.run / "hardware" / "phone" / "messages.jsonl"
    lines = (
        [json.loads(line)["message"] for line in record.read_text().splitlines()] if record.exists() else []
    )
    return [*{line["key"]: line["text"].partition("\n")[0] for line in lines}.values()]


def restart(house: TemporaryHouse, name: str) -> None:
    """Kill a process, and wait for the next one."""
    before = eventually(lambda: house.process(name))
    os.kill(before, signal.SIGKILL)
    eventually(lambda: house.process(name) not in (None, before))


def is_live(house: TemporaryHouse, name: str) -> bool:
    """Return whether the mirror shows a device as live."""
    return bool(house.status()["devices"][name]["presence"] == "live")


def test_a_process_that_crashes_again_and_again_is_told_once(make_house: HouseFactory) -> None:
    """No restart of the messenger or of the steward tells it again. A kill alone is no failure."""
    house = make_house(TOML)
    house.house("up")
    restart(house, "hall_climate")
    slice_ = house.run / "devices" / "lamp.json"
    whole = slice_.read_bytes()
    slice_.write_bytes(b"{}")
    house.kill("lamp")
    eventually(lambda: texts(house))
    assert texts(house)[0].startswith("Desk lamp has failed: exit status ")
    for _ in range(3):
        restart(house, "steward")
        restart(house, "phone")
    eventually(lambda: is_live(house, "phone"))
    slice_.write_bytes(whole)
    house.house("restart", "lamp")  # the pause before the next attempt may be long by now
    eventually(lambda: is_live(house, "lamp"))
    assert len([text for text in texts(house) if "has failed" in text]) == 1


def test_an_empty_battery_and_a_silent_device_are_told_once(make_house: HouseFactory) -> None:
    """The messenger is killed again and again meanwhile, and tells each of them once."""
    house = make_house(TOML)
    house.house("up")
    measured = house.run / "hardware" / "hall_climate" / "measured.json"
    time.sleep(1)
    measured.write_text('{"battery_percent": 12}')
    house.kill("lamp", signal.SIGSTOP)
    end = time.monotonic() + 14
    while time.monotonic() < end:
        restart(house, "phone")
        time.sleep(0.7)
    expected = ["Desk lamp is silent.", "The battery of Hall climate is at 12 %."]
    eventually(lambda: sorted(texts(house)) == expected)
    house.kill("lamp", signal.SIGCONT)
    eventually(lambda: is_live(house, "lamp"))
    restart(house, "phone")
    eventually(lambda: is_live(house, "phone"))
    assert sorted(texts(house)) == expected
