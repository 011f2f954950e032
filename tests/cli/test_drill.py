"""A drill of a real house: its report is correct, for kept and for broken promises."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from daemons.cli import drill, main
from daemons.cli.drill import HardwareLog, real_hardware, triggered_devices
from daemons.config.house import House, load_house
from daemons.drivers.simulated import Simulated
from daemons.storage.paths import replace_file
from daemons.supervision import install
from tests.support import factories
from tests.support.house import BREAKFAST, HouseFactory, eventually

WATCHED = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "3s"')
"""The breakfast house with a watchdog that is short enough for the fault "hang"."""


class Plug(Simulated):
    """A simulated driver that claims to be real hardware."""

    real = True


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return the configuration of the breakfast house."""
    return made(tmp_path, BREAKFAST)


def made(folder: Path, text: str) -> House:
    """Return the house of a configuration."""
    file = folder / "house.toml"
    file.write_text(text)
    return load_house(file)


def test_a_short_drill_keeps_every_promise_and_restores_the_house(make_house: HouseFactory) -> None:
    """After twelve seconds of faults, every promise is kept and the configuration is unchanged."""
    breakfast = make_house(WATCHED)
    breakfast.house("up")
    done = breakfast.house("drill", "--minutes", "0.2", "--seed", "5", "--json", check=False)
    found = json.loads(done.stdout)
    assert found["broken"] == []
    assert (done.returncode, found["kept"], found["seed"], found["live_but_wrong"]) == (0, True, 5, 0)
    assert found["seconds"] >= 12
    assert found["faults"].keys() <= {"kill", "freeze", "restart", "flood", "reload", "hang"}
    for fault in found["faults"].values():
        assert fault["number"] >= 1
        assert 0 <= fault["p50_ms"] <= fault["p99_ms"] <= fault["max_ms"]
    presses = found["presses"]
    assert presses["with_receipt"] >= 5
    assert presses["acted_once"] == 4 * presses["with_receipt"]
    assert (presses["acted_twice"], presses["acted_never"]) == (0, 0)
    assert found["commands"].keys() == {"applied"} or "rejected" in found["commands"]
    assert found["hot"].keys() == {"coffee_maker", "toaster"}
    for hot in found["hot"].values():
        assert 0 < hot["longest_on_seconds"] <= hot["max_on_seconds"]
    assert "Nothing would change" in breakfast.house("plan").stdout
    eventually(lambda: {of["presence"] for of in breakfast.status()["devices"].values()} == {"live"})


def test_a_drill_reports_the_broken_promises_of_a_house(make_house: HouseFactory) -> None:
    """A toaster that never switches acts on no press: the exit status is 1, and each sentence names it."""
    house = make_house(WATCHED.replace("browning = 3", 'browning = 3\nsimulated.fault = "disagree"'))
    house.house("up")
    done = house.house("drill", "--minutes", "0.05", "--seed", "1", "--json", check=False)
    found = json.loads(done.stdout)
    assert (done.returncode, found["kept"]) == (1, False)
    assert found["presses"]["acted_never"] == found["presses"]["with_receipt"] >= 1
    assert any(sentence.startswith("toaster acted 0 times on press ") for sentence in found["broken"])
    assert all("toaster" in sentence for sentence in found["broken"])


def test_a_drill_of_a_house_that_is_not_up_fails(make_house: HouseFactory) -> None:
    """The exit status is 1, with an error at once."""
    done = make_house().house("drill", "--minutes", "0.05", check=False)
    assert done.returncode == 1
    assert "the house is not up" in done.stderr


def test_a_drill_without_a_switch_fails(make_house: HouseFactory) -> None:
    """Without a switch that triggers a device, no promise can be checked."""
    house = make_house('[devices.lamp]\nkind = "lamp"\ndriver = "simulated"\n')
    house.house("up")
    done = house.house("drill", "--minutes", "0.05", check=False)
    assert (done.returncode, "needs a switch that triggers another device" in done.stderr) == (1, True)


def test_real_hardware_lists_the_devices_with_a_real_driver(house: House) -> None:
    """Simulated hardware is not real; a mirror has no driver, so it is not listed."""
    assert real_hardware(house) == []
    for name in ("toaster", "kitchen_lamp"):
        house.devices[name] = msgspec.structs.replace(house.devices[name], driver=Plug)
    assert real_hardware(house) == ["toaster", "kitchen_lamp"]


@pytest.mark.parametrize("allowed", [False, True])
def test_a_drill_of_real_hardware_needs_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, allowed: bool
) -> None:
    """The error names the devices and the option that allows the drill, and nothing is switched."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    replace_file(install.INSTALLED, BREAKFAST.encode())
    monkeypatch.setattr(drill, "real_hardware", lambda _: ["toaster", "kettle"])
    began: list[int] = []

    class Drilled(Exception):
        pass

    def begin(_house: House, _run: Path, seed: int) -> None:
        began.append(seed)
        raise Drilled

    monkeypatch.setattr(drill, "Drill", begin)
    words = ["--run", str(tmp_path), "drill", "--seed", "7", *(["--yes-real-hardware"] if allowed else [])]
    done = CliRunner().invoke(main.main, words)
    assert began == ([7] if allowed else [])
    if not allowed:
        assert done.exit_code == 2
        assert "toaster, kettle would be switched on for real; --yes-real-hardware allows it" in done.stderr


def test_the_triggered_devices_are_read_from_the_rules(house: House) -> None:
    """The switch itself is included; a device that triggers no other device has no result."""
    assert set(triggered_devices(house, "bathroom_light")) == {
        "bathroom_light",
        "coffee_maker",
        "toaster",
        "kitchen_lamp",
    }
    for name in ("toaster", "mirror", "kitchen_lamp", "no_such_device"):
        assert triggered_devices(house, name) == ()


@pytest.mark.parametrize(
    "more", ['between = ["06:00", "09:30"]', 'days = ["mon"]', 'cooldown = "5s"', 'delay = "1s"']
)
def test_a_conditional_or_delayed_rule_does_not_count(tmp_path: Path, more: str) -> None:
    """A rule with a time window, weekdays, a cooldown or a delay is not expected to act at once."""
    rule = 'device = "bathroom_light"\nturns = { status = true }\ndo = "on"'
    assert rule.replace('do = "on"', "") in BREAKFAST
    house = made(tmp_path, BREAKFAST.replace(rule, f"{rule}\n{more}"))
    assert "kitchen_lamp" not in triggered_devices(house, "bathroom_light")
    assert "toaster" in triggered_devices(house, "bathroom_light")


def test_the_hardware_log_continues_where_the_last_read_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each read adds only new lines, in order; hardware that was never switched has none."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    hardware_log = HardwareLog(["toaster"])
    assert hardware_log.read("toaster") == []
    path = Path("hardware/toaster/switchings.jsonl")
    path.parent.mkdir()
    path.write_text('{"at":1,"what":"on","on":true,"cause":"p"}\n')
    assert [line.at for line in hardware_log.read("toaster")] == [1]
    with path.open("a") as file:
        file.write('{"at":2,"what":"off","on":false}\n')
    assert [(line.at, line.on) for line in hardware_log.read("toaster")] == [(1, True), (2, False)]
    assert len(hardware_log.read("toaster")) == 2
