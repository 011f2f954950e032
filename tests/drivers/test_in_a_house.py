"""Each driver in a real house: its hardware is switched, disconnected, hung and rebooted."""

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.emulator import EMULATORS, PASSWORD, Emulator, emulator, table
from tests.support.house import HouseFactory, Listener, TemporaryHouse, eventually

LOSS_SECONDS = 60.0
"""The longest time, in seconds, until silent hardware is reported as unreachable."""
MAX_ON = 4
FAST = ("shelly",)
"""The emulators of the tests below in the normal run; the others run with `make test-long`."""
FAST_OR_LONG = [name if name in FAST else pytest.param(name, marks=pytest.mark.long) for name in EMULATORS]


@pytest.fixture(params=FAST_OR_LONG)
def plug(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Emulator]:
    """Yield each emulator until the test ends; the house may end a moment later."""
    with emulator(request.param)(tmp_path) as made:
        yield made


def toml(plug: Emulator, keys: str = "", **options: object) -> str:
    """Return a house with one plug and one simulated lamp; no fault of the plug may affect the lamp."""
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
def running_house(house: TemporaryHouse) -> Iterator[Listener]:
    """Start the house, and yield a subscriber to it."""
    house.house("up")
    with house.listen("iron", "lamp") as listener:
        listener.wait_for(
            lambda listener: {"iron", "lamp"} <= listener.states.keys() & listener.heartbeats.keys()
        )
        yield listener


def wait_for_state(listener: Listener, on: bool, patience: float = LOSS_SECONDS) -> None:
    """Wait until the hardware reports that it is on, or off."""
    listener.wait_for(
        lambda listener: listener.has_state("iron", status=on, confirmed=True, reachable=True), patience
    )


def test_a_plug_is_switched_and_read(make_house: HouseFactory, plug: Emulator) -> None:
    """The plug is unreachable at first, then switched by commands and manually, and its process is killed.
    The hardware switches once for each command and each manual switch.
    """
    plug.stop()
    house = make_house(toml(plug))
    with running_house(house) as listener:
        listener.wait_for(lambda listener: listener.has_state("iron", reachable=False), LOSS_SECONDS)
        assert listener.states["iron"].state["fault"]
        plug.open()
        wait_for_state(listener, on=False)
        receipt = house.send("iron", "on")
        wait_for_state(listener, on=True)
        assert listener.states["iron"].cause == receipt["id"]
        listener.kill("iron")
        wait_for_state(listener, on=True)
        plug.switch_by_hand(on=False)
        wait_for_state(listener, on=False)
        assert listener.states["iron"].cause == "hardware"
        plug.switch_by_hand(on=True)
        wait_for_state(listener, on=True)
        house.send("iron", "off")
        wait_for_state(listener, on=False)
        assert plug.switchings == [True, False, True, False]
        assert "Traceback" not in house.log("iron")


def test_a_hanging_plug_blocks_no_process(make_house: HouseFactory, plug: Emulator) -> None:
    """The device answers commands, sends heartbeats and reports `unreachable_since`.
    The watchdog does not restart its process.
    """
    house = make_house(toml(plug))
    with running_house(house) as listener:
        wait_for_state(listener, on=False)
        pid = listener.heartbeats["iron"].pid
        plug.hang()
        house.send("iron", "on")
        listener.wait_for(lambda listener: listener.has_state("iron", reachable=False), LOSS_SECONDS)
        lost_at = listener.states["iron"].state["unreachable_since"]
        assert isinstance(lost_at, float)
        assert abs(time.time() - lost_at) < LOSS_SECONDS
        for name in ("iron", "lamp"):
            receipt = house.send(name, "off")
            assert receipt["outcome"] == "applied", receipt
        listener.heartbeats.clear()
        listener.wait_for(lambda listener: len(listener.heartbeats) == 2)
        assert listener.heartbeats["iron"].pid == pid
        plug.recover()
        wait_for_state(listener, on=False)
        assert listener.states["iron"].state["unreachable_since"] is None


def test_a_plug_with_max_on_goes_off_while_it_is_unreachable(
    make_house: HouseFactory, plug: Emulator
) -> None:
    """The hardware's timer switches it off; without a timer, it goes off after the reconnection."""
    house = make_house(toml(plug, f'max_on = "{MAX_ON}s"'))
    with running_house(house) as listener:
        wait_for_state(listener, on=False)
        house.send("iron", "on")
        wait_for_state(listener, on=True)
        went_on = time.monotonic()
        if plug.has_timer:
            eventually(lambda: plug.armed_seconds)
        plug.stop()
        listener.wait_for(lambda _: time.monotonic() > went_on + MAX_ON + 1, LOSS_SECONDS)
        listener.wait_for(
            lambda listener: listener.has_state("iron", status=False, confirmed=False), LOSS_SECONDS
        )  # requested off, not confirmed
        plug.open()
        wait_for_state(listener, on=False)
        assert plug.on is False
        assert plug.switchings == [True, False]


@pytest.mark.long
def test_a_plug_that_was_lost_just_before_goes_on_when_it_is_back(
    make_house: HouseFactory, plug: Emulator
) -> None:
    """It is away for longer than the time in which hardware must switch, and for less than the grace."""
    house = make_house(toml(plug))
    with running_house(house) as listener:
        wait_for_state(listener, on=False)
        plug.stop()
        assert house.send("iron", "on")["outcome"] == "applied"
        listener.wait_for(lambda listener: listener.has_state("iron", reachable=False), LOSS_SECONDS)
        since = listener.heartbeats["iron"].at
        listener.wait_for(lambda listener: listener.heartbeats["iron"].at > since + 8)
        assert listener.has_state("iron", status=True, confirmed=False, reachable=False)
        plug.open()
        wait_for_state(listener, on=True)
        assert listener.states["iron"].state["fault"] is None


def test_the_state_after_a_reboot_is_reported(make_house: HouseFactory, plug: Emulator) -> None:
    """The device reports off after the first reboot and on after the second, and arms the timer again."""
    house = make_house(toml(plug, 'max_on = "1h"'))
    with running_house(house) as listener:
        wait_for_state(listener, on=False)
        house.send("iron", "on")
        wait_for_state(listener, on=True)
        plug.reboot(on=False)
        wait_for_state(listener, on=False)
        house.send("iron", "on")
        wait_for_state(listener, on=True)
        plug.reboot(on=True)
        wait_for_state(listener, on=True)
        if plug.has_timer:
            eventually(lambda: plug.armed_seconds)


def test_a_slow_plug_that_sends_garbage_for_a_while(make_house: HouseFactory, plug: Emulator) -> None:
    """A slow answer is not a loss, and garbage ends no process."""
    house = make_house(toml(plug))
    with running_house(house) as listener:
        wait_for_state(listener, on=False)
        pid = listener.heartbeats["iron"].pid
        plug.slow_down(1.0)
        house.send("iron", "on")
        wait_for_state(listener, on=True)
        plug.recover()
        plug.garble()
        house.send("iron", "off")
        listener.wait_for(lambda listener: listener.states["iron"].state["fault"], LOSS_SECONDS)
        plug.recover()
        wait_for_state(listener, on=False)
        assert listener.heartbeats["iron"].pid == pid


@pytest.mark.long
def test_a_corrected_password_is_used_without_a_restart(
    make_house: HouseFactory, plug: Emulator, tmp_path: Path
) -> None:
    """A wrong password makes the hardware unreachable, and is in no file of the run directory.
    The driver connects as soon as the file has the right password.
    """
    if "a_password_is_accepted" in plug.unsupported_tests:
        pytest.skip("this hardware has no password")
    plug.stop()
    with type(plug)(tmp_path, password=PASSWORD) as closed:
        house = make_house(toml(closed, password_file=closed.write_password("wr0ng-one")))
        with running_house(house) as listener:
            listener.wait_for(lambda listener: listener.has_state("iron", reachable=False), LOSS_SECONDS)
            closed.write_password(PASSWORD)
            wait_for_state(listener, on=False)
        for path in house.run.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # a temporary file may be renamed meanwhile
                assert not path.is_file() or b"wr0ng-one" not in path.read_bytes(), path


def test_a_frozen_process_drops_an_expired_command(make_house: HouseFactory, plug: Emulator) -> None:
    """A command that expires while the process is stopped is not carried out after SIGCONT."""
    house = make_house(toml(plug).replace('watchdog = "3s"', 'watchdog = "60s"'))  # else it counts as hung
    with running_house(house) as listener:
        wait_for_state(listener, on=False)
        house.kill("iron", signal.SIGSTOP)
        late = house.house("send", "iron", "on", "--timeout", "0.2", "--json", check=False)
        assert "unanswered" in late.stdout
        house.kill("iron", signal.SIGCONT)
        listener.heartbeats.clear()
        listener.wait_for(lambda listener: "iron" in listener.heartbeats)
        assert house.send("iron", "off")["outcome"] == "applied"
        assert plug.switchings == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("plug", "lag"), [("shelly", 2.6), pytest.param("kasa", 1.8, marks=pytest.mark.long)], indirect=["plug"]
)
def test_slow_hardware_stays_as_it_was_switched(make_house: HouseFactory, plug: Emulator, lag: float) -> None:
    """Two or three answers together take longer than five seconds; nothing is switched back meanwhile."""
    house = make_house(toml(plug))
    with running_house(house) as listener:
        wait_for_state(listener, on=False)
        plug.slow_down(lag)
        for on in (True, False):
            house.send("iron", "on" if on else "off")
            wait_for_state(listener, on=on)
            time.sleep(7)  # time that passes is what this is about
        assert plug.switchings == [True, False]
    assert "did not switch" not in house.log("iron")


def test_a_new_device_leaves_hardware_on_that_is_on(make_house: HouseFactory, plug: Emulator) -> None:
    """At its first start, after its kind was changed, and after a kill, it sends nothing."""
    plug.switch_by_hand(on=True)
    before = list(plug.switchings)
    house = make_house(toml(plug))
    with running_house(house) as listener:
        wait_for_state(listener, on=True)
        listener.kill("iron")
        wait_for_state(listener, on=True)
        boot = listener.states["iron"].boot
        text = house.config.read_text()
        house.config.write_text(text.replace('kind = "plug"', 'kind = "light_switch"'))
        house.house("reload")
        listener.wait_for(lambda listener: listener.states["iron"].boot > boot, LOSS_SECONDS)
        wait_for_state(listener, on=True)
        assert plug.switchings == before
