"""A house of several hosts: presses, commands and states between them, with and without faults of the link.

Each host is a real house in a network namespace; the network is tests/support/network.py.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hosts import THREE, TWO, Hosts
from tests.support.house import HouseFactory, TemporaryHouse, eventually
from tests.support.network import Network
from tests.support.network_faults import CLOCK_FAULTS, FAULTS, two_hosts_up
from tests.support.patience import patience

Make = Callable[..., Hosts]


@pytest.fixture
def hosts(network: Network, make_house: HouseFactory, tmp_path: Path) -> Make:
    """Return a function that creates a house of several hosts."""

    def make(toml: str = TWO, names: tuple[str, ...] = ("hall", "kitchen"), **how: object) -> Hosts:
        return Hosts(network, make_house, tmp_path, toml, names, **how)  # type: ignore[arg-type]

    return make


def presences(house: TemporaryHouse) -> set[str]:
    """Return the presences of all devices of a house."""
    return {device["presence"] for device in house.status()["devices"].values()}


def test_a_press_on_one_host_makes_toast_on_the_other(hosts: Make) -> None:
    """The toaster starts once, by its hardware's log, and both mirrors show both hosts."""
    made = hosts()
    with two_hosts_up(made) as at:
        press = at.press()
        at.hall.until(lambda hall: hall.shows("toaster", status=True))
        at.hall.until(lambda hall: hall.shows("toaster", ready=True))
        at.kitchen.until(lambda kitchen: kitchen.shows("tally", presses=1))
    assert made.count_starts("kitchen", "toaster") == {press: 1}
    for name in ("hall", "kitchen"):
        devices = made[name].status()["devices"]
        assert {device["host"] for device in devices.values()} == {"hall", "kitchen"}
        eventually(lambda name=name: presences(made[name]) == {"live"})  # type: ignore[misc]


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in FAULTS if name != "quiet"])
def test_each_press_counts_once(hosts: Make, name: str) -> None:
    """For every fault of the link, a press counts once within its grace, and never after it."""
    with two_hosts_up(hosts()) as at:
        outcome = FAULTS[name](at)
    assert outcome.is_right, outcome


@pytest.mark.parametrize(
    ("name", "hall", "kitchen"),
    [
        pytest.param("step_forward_while_cut", -240.0, 180.0, marks=pytest.mark.long),
        pytest.param("step_back_while_cut", 240.0, -180.0, marks=pytest.mark.long),
        pytest.param("steps_while_up", -240.0, 180.0, marks=pytest.mark.long),
    ],
)
def test_no_host_trusts_the_clock_of_the_other(hosts: Make, name: str, hall: float, kitchen: float) -> None:
    """With clocks that are minutes apart, or set meanwhile, each press counts once within its grace."""
    with two_hosts_up(hosts(clocks={"hall": hall, "kitchen": kitchen})) as at:
        outcome = CLOCK_FAULTS[name](at)
    assert outcome.is_right, outcome


@pytest.mark.long
def test_each_host_works_alone_and_shows_the_other_as_offline(hosts: Make) -> None:
    """During a cut, presses act on their own host, and commands to the other are rejected at once."""
    with two_hosts_up(hosts()) as at:
        at.cut()
        at.press()
        at.hall.until(lambda hall: hall.shows("hall_lamp", status=True))
        at.hosts["kitchen"].house("send", "toaster", "start")
        at.kitchen.until(lambda kitchen: kitchen.shows("toaster", ready=True))
        began, bound = time.monotonic(), patience() / 2
        rejected = at.hosts["hall"].send("toaster", "start")
        assert rejected["outcome"] == "rejected"
        assert rejected["reason"].startswith("kitchen cannot be reached (")
        assert time.monotonic() - began < bound, "the command waited for its deadline"
        toaster = at.hosts["hall"].status()["devices"]["toaster"]
        assert toaster["presence"] == "offline"
        assert toaster["reason"].startswith("kitchen cannot be reached (")
        assert toaster["age_seconds"] >= 3
        mirror = at.hosts["hall"].status()["devices"]["hall_mirror"]
        assert mirror["presence"] == "live"
        fault = at.hosts["hall"].status()["services"]["exchange"]["state"]["fault"]
        assert fault.startswith("kitchen cannot be reached (")
        at.heal()
        assert at.settle().is_right
        at.hall.until(lambda hall: hall.shows("exchange", phase="open", fault=None))


@pytest.mark.long
def test_a_cut_during_toasting_toasts_once(hosts: Make) -> None:
    """The toaster finishes on time; after the cut, the hall knows that the toast is ready."""
    with two_hosts_up(hosts(TWO.replace("speed = 60", "speed = 20"))) as at:
        press = at.press()
        at.hall.until(lambda hall: hall.shows("toaster", status=True))
        at.cut()
        at.kitchen.until(lambda kitchen: kitchen.shows("toaster", ready=True))
        at.heal()
        at.hall.until(lambda hall: hall.shows("toaster", ready=True, starts=1))
        assert at.settle().is_right
        assert at.hosts.count_starts("kitchen", "toaster") == {press: 1}


@pytest.mark.parametrize("gone", ["hall", "kitchen"])
@pytest.mark.long
def test_a_host_resumes_after_a_power_failure(hosts: Make, gone: str) -> None:
    """Presses before and during the power failure count once."""
    made = hosts()
    made.up()
    there = "kitchen" if gone == "hall" else "hall"
    with made.monitor(there) as monitor:
        made.wait_until_connected(monitor)
        presses = [made["hall"].send("bathroom_light", "press")["id"]]
        monitor.until(lambda monitor: monitor.shows("tally", presses=1))
        made.power_off(gone)
        device = {"hall": "bathroom_light", "kitchen": "tally"}[gone]
        monitor.until(lambda monitor: monitor.life(device) == "offline")
        if gone == "kitchen":
            presses.append(made["hall"].send("bathroom_light", "press")["id"])
        made.power_on(gone)
        monitor.until(lambda monitor: monitor.life(device) == "running")
        if gone == "hall":
            presses.append(made["hall"].send("bathroom_light", "press")["id"])
        monitor.until(lambda monitor: monitor.shows("tally", presses=2))
        monitor.next_beat("bathroom_light")
        monitor.next_beat("tally")
    assert made.count_actions("kitchen", "tally") == dict.fromkeys(presses, 1)


@pytest.mark.long
def test_administration_commands_reach_devices_of_other_hosts(hosts: Make) -> None:
    """`house restart`, `stop`, `start` and `logs` work for a device of any host."""
    with two_hosts_up(hosts()) as at:
        hall = at.hosts["hall"]
        before = hall.status()["devices"]["toaster"]["process"]["pid"]
        assert before == at.hosts["kitchen"].process("toaster")
        hall.house("restart", "toaster")
        at.hall.until(lambda hall: hall.beats["toaster"]["pid"] != before)
        hall.house("stop", "toaster")
        at.hall.until(lambda hall: hall.life("toaster") == "stopped")
        assert hall.status()["devices"]["toaster"]["presence"] == "stopped"
        hall.house("start", "toaster")
        at.hall.until(lambda hall: hall.life("toaster") == "running")
        at.hosts["kitchen"].house("send", "toaster", "start")
        eventually(lambda: "is toasting" in hall.house("logs", "-n", "20", "--no-follow", "toaster").stdout)
        at.cut()
        done = hall.house("restart", "toaster", check=False)
        assert done.returncode == 1
        assert "toaster: kitchen cannot be reached (" in done.stderr
        printed = hall.house("logs", "-n", "5", "--no-follow", "toaster").stdout
        assert "its log cannot be read: kitchen cannot be reached (" in printed


@pytest.mark.long
def test_a_third_host_receives_from_both_others(hosts: Make) -> None:
    """The third host still receives from one host while the link to the other is cut."""
    made = hosts(THREE, ("hall", "kitchen", "attic"))
    made.up()
    with made.monitor("attic") as attic:
        made.wait_until_connected(attic)
        made["hall"].send("bathroom_light", "press")
        attic.until(lambda attic: attic.shows("attic_lamp", status=True))
        made["kitchen"].send("kitchen_switch", "press")
        attic.until(lambda attic: attic.shows("attic_lamp", status=False))
        made.network.cut("hall", "attic")
        attic.until(lambda attic: attic.life("bathroom_light") == "offline")
        assert attic.life("kitchen_switch") == "running"
        made["kitchen"].send("kitchen_switch", "press")
        made["attic"].send("attic_lamp", "on")
        made["kitchen"].send("kitchen_switch", "press")
        attic.until(lambda attic: attic.shows("attic_lamp", status=False))
        made["hall"].send("bathroom_light", "press")
        made["hall"].send("bathroom_light", "press")
        made.network.heal("hall", "attic")
        attic.until(lambda attic: attic.shows("attic_lamp", status=True))


@pytest.mark.long
def test_a_device_moves_to_another_host(hosts: Make) -> None:
    """A reload on each host moves the device; its rules still work, although the new clock is slow."""
    made = hosts(clocks={"hall": 0.0, "kitchen": -240.0})
    made.up()
    moved = TWO.replace('host = "hall"', 'host = "kitchen"', 1)
    assert moved != TWO
    with made.monitor("hall") as hall, made.monitor("kitchen") as kitchen:
        made.wait_until_connected(hall)
        made.wait_until_connected(kitchen)
        made["hall"].send("bathroom_light", "press")
        hall.until(lambda hall: hall.shows("hall_lamp", status=True))
        made.write(moved)
        boot = hall.states["exchange"]["boot"]
        made.each(lambda name: made[name].house("reload"))
        hall.until(lambda hall: hall.states["exchange"]["boot"] > boot)
        hall.until(
            lambda hall: hall.shows("exchange", phase="open", fault=None) and hall.life("tally") == "running"
        )
        assert made["hall"].send("bathroom_light", "off")["outcome"] == "applied"
        assert made["hall"].send("bathroom_light", "press")["outcome"] == "applied"
        hall.until(lambda hall: hall.shows("hall_lamp", status=True))
        kitchen.until(lambda kitchen: kitchen.shows("tally", presses=2))


@pytest.mark.long
def test_a_second_host_is_added_to_a_house_that_runs(hosts: Make) -> None:
    """A reload names this host once; devices of the new host stop here and start there."""
    made = hosts()
    hall = made["hall"]
    hall.config.write_text(re.sub(r"^host = .*\n", "", TWO, flags=re.MULTILINE))
    hall.house("up")
    pid = hall.process("bathroom_light")
    assert hall.process("toaster")
    made.write(TWO)
    done = hall.house("reload", check=False)
    assert done.returncode == 2
    assert "which host is this? allowed: hall, kitchen" in done.stderr
    hall.house("--host", "hall", "reload")
    assert hall.process("bathroom_light") == pid, "a device that stays was restarted"
    assert hall.process("toaster") == hall.process("exchange"), "the exchange is not its proxy"
    with made.monitor("hall") as monitor:
        made.up("kitchen")
        made.wait_until_connected(monitor)
        press = hall.send("bathroom_light", "press")["id"]
        monitor.until(lambda monitor: monitor.shows("toaster", status=True))
    assert made.count_starts("kitchen", "toaster") == {press: 1}


@pytest.mark.long
def test_two_different_configurations_are_a_fault(hosts: Make) -> None:
    """Each host reports that the other has another configuration, and both go on."""
    with two_hosts_up(hosts()) as at:
        at.hosts.write(TWO.replace("speed = 60", "speed = 50"), "hall")
        at.hosts["hall"].house("reload")
        fault = "{} runs another configuration; copy house.toml and the files it includes there, "
        fault += "and `house reload`"
        at.hall.until(lambda hall: hall.shows("exchange", fault=fault.format("kitchen")))
        at.kitchen.until(lambda kitchen: kitchen.shows("exchange", fault=fault.format("hall")))
        at.press()
        assert at.settle().is_right
