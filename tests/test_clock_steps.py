"""Steps of the wall clock under a running house: real processes, whose clock the test sets."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from daemons.bus.message import Command
from daemons.bus.requests.blocking import send_command
from tests.support import factories
from tests.support.clock_shift import WallClock
from tests.support.house import HouseFactory, Listener

SWITCH = """\
[house]
watchdog = "60s"
[recorder]
enabled = false
[devices.hall]
kind = "light_switch"
driver = "simulated"
"""


def test_a_command_counts_once_although_the_clock_goes_ahead_and_back(
    make_house: HouseFactory, tmp_path: Path
) -> None:
    """Between a command and its repetition, the clock is 400 s ahead, and another command comes."""
    clock = WallClock(tmp_path / "clock", 0.0)
    house = make_house(SWITCH, environment=clock.environment)
    house.house("up")
    first = Command(id="c1", command="press", deadline=time.time() + 60)
    with house.listen("hall") as listener, factories.zmq_context() as context:
        receipt = send_command(context, "hall", first)
        clock.set(400.0)
        ahead = Command(id="c2", command="on", deadline=time.time() + 460)
        assert send_command(context, "hall", ahead).outcome == "applied"
        clock.set(0.0)
        assert send_command(context, "hall", first) == receipt
        listener.wait_for(lambda listener: listener.has_state("hall", presses=1))
        listener.kill("hall")
        assert send_command(context, "hall", first) == receipt
        listener.wait_for(lambda listener: listener.has_state("hall", presses=1))


MORNING = """\
[house]
watchdog = "60s"
[recorder]
enabled = false
[devices.hall]
kind = "light_switch"
driver = "simulated"
[devices.coffee]
kind = "plug"
driver = "simulated"
grace = "20m"
[[devices.coffee.when]]
at = "{at}"
do = "on"
[devices.porch]
kind = "lamp"
driver = "simulated"
grace = "20m"
[[devices.porch.when]]
device = "hall"
turns = {{ status = true }}
between = ["{at}", "{end}"]
do = "on"
"""
WAITS = "its rules with times of day wait: the clock of this machine is not known to be right yet"


@pytest.mark.long
def test_no_time_of_day_comes_before_the_clock_is_right(make_house: HouseFactory, tmp_path: Path) -> None:
    """After a restart, the clock may be wrong. The rules wait, and then act once, over kills and steps."""
    today = time.time() // 60 * 60 + 7200
    at, end = (datetime.fromtimestamp(today + after, UTC).strftime("%H:%M") for after in (0, 1800))
    clock = WallClock(tmp_path / "clock", today - 60 - time.time())
    house = make_house(MORNING.format(at=at, end=end), environment=clock.environment)
    house.house("up")
    rules = ("coffee", "porch")

    def show(listener: Listener, **fields: Any) -> bool:
        return all(listener.has_state(name, confirmed=True, **fields) for name in rules)

    with house.listen("hall", *rules) as listener:
        clock.set(today - 1 - time.time())  # on the first day the clock is right
        listener.wait_for(lambda listener: listener.has_state("coffee", status=True))
        first = house.send("hall", "on")["id"]
        listener.wait_for(lambda listener: show(listener, status=True, fault=None))
        for name in ("hall", *rules):
            house.send(name, "off")

        tomorrow = today + 86_400
        clock.trust(False)
        clock.set(tomorrow - 1 - time.time())
        for name in rules:
            listener.kill(name)
        listener.wait_for(lambda listener: show(listener, status=False, fault=WAITS))
        assert house.status()["devices"]["coffee"]["state"]["fault"] == WAITS
        assert f"fault='{WAITS}'" in house.house("status").stdout
        second = house.send("hall", "on")["id"]
        for name in rules:
            # By the receipt of this command, the press and the time of day were judged. It is no `off`,
            # which would come after them, and count.
            assert house.send(name, "fly")["outcome"] == "rejected"
        assert listener.wait_for(lambda listener: show(listener, status=False, fault=WAITS))
        clock.trust()
        listener.wait_for(lambda listener: show(listener, status=True, fault=None))
        assert f"{WAITS}" in house.log("coffee")

        for seconds in (-30, 200, -90_000, 300):
            house.send("coffee", "off")
            clock.set(tomorrow + seconds - time.time())
            listener.kill("coffee")
            house.send("coffee", "off")
    assert [line.cause for line in house.switchings("coffee") if line.on] == [
        f"{int(today):010x}",
        f"{int(tomorrow):010x}",
    ]
    assert [line.cause for line in house.switchings("porch") if line.on] == [first, second]
