"""Steps of the wall clock under a running house: real processes, whose clock the test sets."""

import time
from pathlib import Path

from daemons.bus.message import Command
from daemons.bus.requests.blocking import send_command
from tests.support import factories
from tests.support.clock_shift import WallClock
from tests.support.house import HouseFactory

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
