"""Each driver in a real process of a real house, whose hardware is switched, cut off, hung and rebooted."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.emulator import EMULATORS, PASSWORD, Emulator, emulator, table
from tests.support.house import Ear, Household, eventually

Houses = Callable[..., Household]
SLOW = 60.0
"""How long it may take, in seconds, until hardware that says nothing is taken for lost."""
MAX_ON = 4


@pytest.fixture(params=EMULATORS)
def plug(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Emulator]:
    """Give each emulator, until the test ends; the house may outlive it by a moment."""
    with emulator(request.param)(tmp_path) as made:
        yield made


def toml(plug: Emulator, keys: str = "", **options: object) -> str:
    """Give a house with one plug, and one lamp on paper that must never notice anything."""
    return f"""
[house]
watchdog = "3s"

[recorder]
enabled = false

[devices.iron]
kind = "plug"
driver = "{plug.driver}"
{plug.driver} = {table({**plug.options(), **options})}
{keys}

[devices.lamp]
kind = "lamp"
driver = "simulated"
"""


@contextlib.contextmanager
def at_home(house: Household) -> Iterator[Ear]:
    """Have the house up, and listen to it."""
    house.house("up")
    with house.ear("iron", "lamp") as ear:
        ear.until(lambda ear: {"iron", "lamp"} <= ear.states.keys() & ear.beats.keys())
        yield ear


def settled(ear: Ear, on: bool, patience: float = SLOW) -> None:
    """Wait until the hardware has said that it is on, or off."""
    ear.until(lambda ear: ear.shows("iron", status=on, confirmed=True, reachable=True), patience)


def test_a_plug_is_switched_read_and_followed(household: Houses, plug: Emulator) -> None:
    """Absent at first, then switched by command and by its own button, through a kill; once each."""
    plug.unplug()
    house = household(toml(plug))
    with at_home(house) as ear:
        ear.until(lambda ear: ear.shows("iron", reachable=False), SLOW)
        assert ear.states["iron"].state["fault"]
        plug.plug_in()
        settled(ear, on=False)
        receipt = house.send("iron", "on")
        settled(ear, on=True)
        assert ear.states["iron"].cause == receipt["id"]
        ear.kill("iron")
        settled(ear, on=True)
        plug.hand(on=False)
        settled(ear, on=False)
        assert ear.states["iron"].cause == "hardware"
        plug.hand(on=True)
        settled(ear, on=True)
        house.send("iron", "off")
        settled(ear, on=False)
        assert plug.switchings == [True, False, True, False]
        assert "Traceback" not in house.log("iron")


def test_a_plug_that_hangs_holds_up_nobody(household: Houses, plug: Emulator) -> None:
    """Its device answers, beats and says since when it is lost; its process is not taken for hung."""
    house = household(toml(plug))
    with at_home(house) as ear:
        settled(ear, on=False)
        pid = ear.beats["iron"].pid
        plug.hang()
        house.send("iron", "on")
        ear.until(lambda ear: ear.shows("iron", reachable=False), SLOW)
        lost_at = ear.states["iron"].state["unreachable_since"]
        assert isinstance(lost_at, float)
        assert abs(time.time() - lost_at) < SLOW
        for name in ("iron", "lamp"):
            receipt = house.send(name, "off")
            assert receipt["outcome"] == "applied", receipt
        ear.beats.clear()
        ear.until(lambda ear: len(ear.beats) == 2)
        assert ear.beats["iron"].pid == pid
        plug.recover()
        settled(ear, on=False)
        assert ear.states["iron"].state["unreachable_since"] is None


def test_a_hot_plug_that_is_lost_while_on_goes_off(household: Houses, plug: Emulator) -> None:
    """At `max_on`, by its own timer where it has one; else as soon as it can be reached again."""
    house = household(toml(plug, f'max_on = "{MAX_ON}s"'))
    with at_home(house) as ear:
        settled(ear, on=False)
        house.send("iron", "on")
        settled(ear, on=True)
        went_on = time.monotonic()
        if plug.arms:
            eventually(lambda: plug.armed_seconds)
        plug.unplug()
        ear.until(lambda _: time.monotonic() > went_on + MAX_ON + 1, SLOW)
        ear.until(
            lambda ear: ear.shows("iron", status=False, confirmed=False), SLOW
        )  # wanted off, not known to be
        plug.plug_in()
        settled(ear, on=False)
        assert plug.on is False
        assert plug.switchings == [True, False]


def test_a_plug_that_reboots_is_followed(household: Houses, plug: Emulator) -> None:
    """Off after its power was cut, it is off; on again by itself, what is hot is armed anew."""
    house = household(toml(plug, 'max_on = "1h"'))
    with at_home(house) as ear:
        settled(ear, on=False)
        house.send("iron", "on")
        settled(ear, on=True)
        plug.reboot(on=False)
        settled(ear, on=False)
        house.send("iron", "on")
        settled(ear, on=True)
        plug.reboot(on=True)
        settled(ear, on=True)
        if plug.arms:
            eventually(lambda: plug.armed_seconds)


def test_a_slow_plug_that_talks_garbage_for_a_while(household: Houses, plug: Emulator) -> None:
    """Slow is not lost, and garbage ends no process."""
    house = household(toml(plug))
    with at_home(house) as ear:
        settled(ear, on=False)
        pid = ear.beats["iron"].pid
        plug.slow(1.0)
        house.send("iron", "on")
        settled(ear, on=True)
        plug.recover()
        plug.garble()
        house.send("iron", "off")
        ear.until(lambda ear: ear.states["iron"].state["fault"], SLOW)
        plug.recover()
        settled(ear, on=False)
        assert ear.beats["iron"].pid == pid


def test_a_corrected_password_is_taken_without_a_restart(
    household: Houses, plug: Emulator, tmp_path: Path
) -> None:
    """The wrong one is told as such and stands nowhere; the right one in its file is enough."""
    if "it_wants_a_password" in plug.lacks:
        pytest.skip("such hardware has no password")
    plug.unplug()
    with type(plug)(tmp_path, password=PASSWORD) as closed:
        house = household(toml(closed, password_file=closed.secret("wr0ng-one")))
        with at_home(house) as ear:
            ear.until(lambda ear: ear.shows("iron", reachable=False), SLOW)
            closed.secret(PASSWORD)
            settled(ear, on=False)
        for path in house.run.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # what is being written gets its name in the end
                assert not path.is_file() or b"wr0ng-one" not in path.read_bytes(), path


def test_a_frozen_process_takes_no_late_command(household: Houses, plug: Emulator) -> None:
    """A command that expired while the process stood still is not carried out when it goes on."""
    house = household(toml(plug))
    with at_home(house) as ear:
        settled(ear, on=False)
        house.kill("iron", signal.SIGSTOP)
        late = house.house("send", "iron", "on", "--timeout", "0.2", "--json", check=False)
        assert "unanswered" in late.stdout
        house.kill("iron", signal.SIGCONT)
        ear.beats.clear()
        ear.until(lambda ear: "iron" in ear.beats)
        assert house.send("iron", "off")["outcome"] == "applied"
        assert plug.switchings == []
