"""Several hosts, one house: what crosses between them, and what becomes of it when the way is cut.

Each host is a real house in a network namespace of its own; the network between them is tests/wire.py.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.hosts import THREE, TWO, Hosts
from tests.support.house import SEND_SECONDS, Household, eventually
from tests.support.network import Wire
from tests.support.network_faults import CLOCK_ORDEALS, ORDEALS, begun

Make = Callable[..., Hosts]


@pytest.fixture
def hosts(wire: Wire, household: Callable[..., Household], tmp_path: Path) -> Make:
    """Make houses of several hosts."""

    def make(toml: str = TWO, names: tuple[str, ...] = ("hall", "kitchen"), **how: object) -> Hosts:
        return Hosts(wire, household, tmp_path, toml, names, **how)  # type: ignore[arg-type]

    return make


def presences(house: Household) -> set[str]:
    """Give how a house's devices are shown."""
    return {device["presence"] for device in house.status()["devices"].values()}


def test_a_press_on_one_host_makes_toast_on_the_other(hosts: Make) -> None:
    """Once, by the toaster's own record; and both mirrors show both hosts."""
    made = hosts()
    with begun(made) as at:
        press = at.press()
        at.hall.until(lambda hall: hall.shows("toaster", status=True))
        at.hall.until(lambda hall: hall.shows("toaster", ready=True))
        at.kitchen.until(lambda kitchen: kitchen.shows("tally", presses=1))
    assert made.starts("kitchen", "toaster") == {press: 1}
    for name in ("hall", "kitchen"):
        devices = made[name].status()["devices"]
        assert {device["host"] for device in devices.values()} == {"hall", "kitchen"}
        eventually(lambda name=name: presences(made[name]) == {"live"})  # type: ignore[misc]


@pytest.mark.parametrize("name", [name for name in ORDEALS if name != "quiet"])
def test_each_press_counts_once(hosts: Make, name: str) -> None:
    """Whatever the way between the hosts goes through: once within its grace, and never beyond it."""
    with begun(hosts()) as at:
        outcome = ORDEALS[name](at)
    assert outcome.is_right, outcome


@pytest.mark.parametrize(
    ("name", "hall", "kitchen"),
    [
        ("step_forward_while_cut", -240.0, 180.0),
        ("step_back_while_cut", 240.0, -180.0),
        ("steps_while_up", -240.0, 180.0),
    ],
)
def test_no_host_trusts_the_clock_of_the_other(hosts: Make, name: str, hall: float, kitchen: float) -> None:
    """Minutes apart, or set meanwhile: each press counts once within its grace, and never beyond it."""
    with begun(hosts(clocks={"hall": hall, "kitchen": kitchen})) as at:
        outcome = CLOCK_ORDEALS[name](at)
    assert outcome.is_right, outcome


def test_each_half_works_alone_and_says_that_the_other_is_offline(hosts: Make) -> None:
    """Cut: presses act on their own half, the other is shown with its age, commands are refused at once."""
    with begun(hosts()) as at:
        at.cut()
        at.press()
        at.hall.until(lambda hall: hall.shows("hall_lamp", status=True))
        at.hosts["kitchen"].house("send", "toaster", "start")
        at.kitchen.until(lambda kitchen: kitchen.shows("toaster", ready=True))
        began = time.monotonic()
        refused = at.hosts["hall"].send("toaster", "start")
        assert refused["outcome"] == "rejected"
        assert refused["reason"].startswith("kitchen cannot be reached (")
        assert time.monotonic() - began < SEND_SECONDS, "it waited for its deadline"
        toaster = at.hosts["hall"].status()["devices"]["toaster"]
        assert toaster["presence"] == "offline"
        assert toaster["reason"].startswith("kitchen cannot be reached (")
        assert toaster["age_seconds"] >= 3
        shown = at.hosts["hall"].status()["devices"]["hall_mirror"]
        assert shown["presence"] == "live"
        fault = at.hosts["hall"].status()["services"]["exchange"]["state"]["fault"]
        assert fault.startswith("kitchen cannot be reached (")
        at.heal()
        assert at.settled().is_right
        at.hall.until(lambda hall: hall.shows("exchange", phase="open", fault=None))


def test_a_cut_in_the_midst_of_toasting_toasts_once(hosts: Make) -> None:
    """It goes on, and is over when it should be; healed, the hall knows that there is toast."""
    with begun(hosts(TWO.replace("speed = 60", "speed = 20"))) as at:
        press = at.press()
        at.hall.until(lambda hall: hall.shows("toaster", status=True))
        at.cut()
        at.kitchen.until(lambda kitchen: kitchen.shows("toaster", ready=True))
        at.heal()
        at.hall.until(lambda hall: hall.shows("toaster", ready=True, starts=1))
        assert at.settled().is_right
        assert at.hosts.starts("kitchen", "toaster") == {press: 1}


@pytest.mark.parametrize("gone", ["hall", "kitchen"])
def test_a_host_that_loses_its_power_comes_back_as_it_was(hosts: Make, gone: str) -> None:
    """All its processes and its network are gone; what was pressed before and meanwhile counts once."""
    made = hosts()
    made.up()
    there = "kitchen" if gone == "hall" else "hall"
    with made.watch(there) as watch:
        made.together(watch)
        presses = [made["hall"].send("bathroom_light", "press")["id"]]
        watch.until(lambda watch: watch.shows("tally", presses=1))
        made.disappear(gone)
        lost = {"hall": "bathroom_light", "kitchen": "tally"}[gone]
        watch.until(lambda watch: watch.life(lost) == "offline")
        if gone == "kitchen":
            presses.append(made["hall"].send("bathroom_light", "press")["id"])
        made.reappear(gone)
        watch.until(lambda watch: watch.life(lost) == "running")
        if gone == "hall":
            presses.append(made["hall"].send("bathroom_light", "press")["id"])
        watch.until(lambda watch: watch.shows("tally", presses=2))
        watch.next_beat("bathroom_light")
        watch.next_beat("tally")
    assert made.acted("kitchen", "tally") == dict.fromkeys(presses, 1)


def test_what_a_person_does_works_across(hosts: Make) -> None:
    """`house restart`, `stop`, `start` and `logs` reach a device wherever it is."""
    with begun(hosts()) as at:
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
        told = hall.house("logs", "-n", "5", "--no-follow", "toaster").stdout
        assert "its log cannot be read: kitchen cannot be reached (" in told


def test_a_third_host_hears_both_others(hosts: Make) -> None:
    """And goes on hearing one of them while the way to the other is cut."""
    made = hosts(THREE, ("hall", "kitchen", "attic"))
    made.up()
    with made.watch("attic") as attic:
        made.together(attic)
        made["hall"].send("bathroom_light", "press")
        attic.until(lambda attic: attic.shows("attic_lamp", status=True))
        made["kitchen"].send("kitchen_switch", "press")
        attic.until(lambda attic: attic.shows("attic_lamp", status=False))
        made.wire.cut("hall", "attic")
        attic.until(lambda attic: attic.life("bathroom_light") == "offline")
        assert attic.life("kitchen_switch") == "running"
        made["hall"].send("bathroom_light", "press")
        made["hall"].send("bathroom_light", "press")
        made["kitchen"].send("kitchen_switch", "press")
        made["attic"].send("attic_lamp", "on")
        made["kitchen"].send("kitchen_switch", "press")
        attic.until(lambda attic: attic.shows("attic_lamp", status=False))
        made.wire.heal("hall", "attic")
        attic.until(lambda attic: attic.shows("attic_lamp", status=True))


def test_a_device_moves_to_another_host(hosts: Make) -> None:
    """A reload on each host moves it; who hears it goes on, though the clock of its new host is slow."""
    made = hosts(clocks={"hall": 0.0, "kitchen": -240.0})
    made.up()
    moved = TWO.replace('host = "hall"', 'host = "kitchen"', 1)
    assert moved != TWO
    with made.watch("hall") as hall, made.watch("kitchen") as kitchen:
        made.together(hall)
        made.together(kitchen)
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


def test_a_second_host_is_added_to_a_house_that_runs(hosts: Make) -> None:
    """A reload says once which host this is; what is elsewhere from now on ends here and begins there."""
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
    assert hall.process("bathroom_light") == pid, "what stays is not touched"
    assert hall.process("toaster") == hall.process("exchange"), "which stands in for it"
    with made.watch("hall") as watch:
        made.up("kitchen")
        made.together(watch)
        press = hall.send("bathroom_light", "press")["id"]
        watch.until(lambda watch: watch.shows("toaster", status=True))
    assert made.starts("kitchen", "toaster") == {press: 1}


def test_two_configurations_are_told(hosts: Make) -> None:
    """A host that was forgotten when the file was copied is told on the others, and goes on."""
    with begun(hosts()) as at:
        at.hosts.write(TWO.replace("speed = 60", "speed = 50"), "hall")
        at.hosts["hall"].house("reload")
        fault = "{} runs another configuration; copy house.toml there, and `house reload`"
        at.hall.until(lambda hall: hall.shows("exchange", fault=fault.format("kitchen")))
        at.kitchen.until(lambda kitchen: kitchen.shows("exchange", fault=fault.format("hall")))
        at.press()
        assert at.settled().is_right
