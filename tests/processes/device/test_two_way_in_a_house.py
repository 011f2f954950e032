"""Two lamps that follow each other, as real processes: they agree after every absence, and do not swing."""

import os
import signal

from tests.support.house import HouseFactory, Listener

LAMPS = """\
[house]
watchdog = "60s"
[recorder]
enabled = false
[devices.left]
kind = "lamp"
driver = "simulated"
[[devices.left.when]]
device = "right"
follow = ["status", "brightness_percent"]
[devices.right]
kind = "lamp"
driver = "simulated"
[[devices.right.when]]
device = "left"
follow = ["status", "brightness_percent"]
"""


def agree(listener: Listener, **fields: object) -> bool:
    """Return whether both lamps have these fields, confirmed by their hardware."""
    return all(listener.has_state(name, confirmed=True, **fields) for name in ("left", "right"))


def test_two_lamps_that_cross_while_one_is_stopped_agree(make_house: HouseFactory) -> None:
    """The right lamp is frozen while both are switched; then it goes on, and both have the later setting."""
    house = make_house(LAMPS)
    house.house("up")
    with house.listen("left", "right") as listener:
        listener.wait_for(lambda listener: agree(listener, status=False))
        house.send("left", "on", "brightness_percent=40")
        listener.wait_for(lambda listener: agree(listener, status=True, brightness_percent=40))
        pid = listener.heartbeats["right"].pid
        house.send("right", "on", "brightness_percent=70")
        os.kill(pid, signal.SIGSTOP)
        house.send("left", "off")
        house.send("left", "on", "brightness_percent=20")
        os.kill(pid, signal.SIGCONT)
        listener.wait_for(lambda listener: agree(listener, status=True, brightness_percent=20))
        before = [len(house.switchings(name)) for name in ("left", "right")]
        os.kill(listener.heartbeats["left"].pid, signal.SIGKILL)
        house.send("right", "off")
        listener.wait_for(lambda listener: agree(listener, status=False))
        reason, origin = listener.states["left"].reason, listener.states["left"].origin
        assert reason is not None
        assert (reason.by, reason.who, reason.rule) == ("rule", "right", 1)
        assert origin is not None
        assert (origin.by, origin.device) == ("command", "right")
    assert [len(house.switchings(name)) for name in ("left", "right")] == [count + 1 for count in before]
