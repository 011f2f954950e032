"""A drill of a real house: its report is correct, for kept and for broken promises."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from daemons.bus.message import Heartbeat
from daemons.cli import drill, main
from daemons.cli.drill import has_relay, real_hardware, triggered_devices
from daemons.cli.drill_faults import BusyLoops, UnwritableDisks, doors
from daemons.cli.drill_monitor import DrillMonitor, HardwareLog
from daemons.config.house import House, load_house
from daemons.drivers.simulated import Simulated
from daemons.storage.installed import INSTALLED
from daemons.storage.paths import replace_file
from daemons.supervision import running
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
    assert found["faults"].keys() <= {
        "kill", "freeze", "hang", "restart", "reload", "flood", "full", "readonly", "slow", "mute", "starve",
    }  # fmt: skip
    for fault in found["faults"].values():
        assert fault["number"] >= 1
        assert 0 <= fault["p50_ms"] <= fault["p99_ms"] <= fault["max_ms"]
    presses = found["presses"]
    assert presses["with_receipt"] >= 5
    excused = sum(
        found["faults"].get(fault, {"number": 0})["number"] for fault in ("full", "readonly", "mute")
    )
    assert 4 * (presses["with_receipt"] - excused) <= presses["acted_once"] <= 4 * presses["with_receipt"]
    assert (presses["acted_twice"], presses["acted_never"]) == (0, 0)
    assert found["commands"].keys() == {"applied"} or "rejected" in found["commands"]
    assert found["hot"].keys() == {"coffee_maker", "toaster"}
    for hot in found["hot"].values():
        assert 0 < hot["longest_on_seconds"] <= hot["max_on_seconds"]
    assert "Nothing would change" in breakfast.house("plan").stdout
    eventually(lambda: {of["presence"] for of in breakfast.status()["devices"].values()} == {"live"})


@pytest.mark.long
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


def test_the_list_of_faults_changes_nothing(tmp_path: Path) -> None:
    """`house drill --list` needs no house; each fault stands on one line with its effect."""
    words = ["--run", str(tmp_path / "run"), "drill", "--list"]
    lines = CliRunner().invoke(main.main, words).stdout.splitlines()
    assert lines[0] == "kill     The process gets SIGKILL."
    names = [
        "kill", "freeze", "hang", "restart", "reload", "flood", "full", "readonly", "slow", "mute", "starve",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines] == names
    assert list(json.loads(CliRunner().invoke(main.main, [*words, "--json"]).stdout)) == names
    assert not (tmp_path / "run").exists()


def test_a_victim_between_two_lives_is_awaited() -> None:
    """The process of the last heartbeat has ended; the signal goes to the next process of the device."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as running:

        class Waiting(DrillMonitor):
            def __init__(self) -> None:
                self.hang_limit = 20.0
                self.beats = {"toaster": Heartbeat(device="toaster", boot=1, seq=1, at=0, pid=ended.pid)}

            def wait(self, condition: Callable[[], Any], seconds: float = 0) -> float | None:
                assert not condition()
                self.beats["toaster"] = Heartbeat(device="toaster", boot=2, seq=1, at=0, pid=running.pid)
                assert condition()
                return 0.1

        assert Waiting().signal("toaster", signal.SIGKILL).boot == 2
        assert running.wait() == -signal.SIGKILL


def test_a_full_disk_fails_a_write_to_an_open_file(tmp_path: Path) -> None:
    """The fault acts on a file that was opened before; afterwards the process can write again."""
    code = (
        "import sys\nfile = open(sys.argv[1], 'wb', buffering=0)\n"
        "for _ in sys.stdin:\n"
        "    try:\n        file.write(b'x')\n        print('written', flush=True)\n"
        "    except OSError as error:\n        print(error.strerror, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "journal")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        disks, answers = UnwritableDisks(os.getpid()), []
        for fault in ("none", "full", "over"):
            if fault == "full":
                disks.forbid(process.pid)
            elif fault == "over":
                disks.clear([process.pid])
            process.stdin.write("\n")
            answers.append(process.stdout.readline().strip())
    assert answers == ["written", "File too large", "written"]


def test_busy_loops_end_with_the_drill() -> None:
    """The loops run until they are stopped; a second start adds none."""
    loops = BusyLoops()
    loops.start()
    started = list(loops._loops)
    loops.start()
    try:
        assert loops._loops == started
        assert len(started) == 8 * (os.cpu_count() or 1)
        assert all(loop.poll() is None for loop in started)
    finally:
        loops.stop()
    assert [loop.returncode for loop in started] == [-signal.SIGKILL] * len(started)


def test_the_doors_of_a_process() -> None:
    """Each process has two sockets; the mirror has its page too, and the exchange its three ports."""
    bus = [Path("bus/mirror.command"), Path("bus/mirror.publish")]
    assert doors("mirror", {}, None) == bus
    assert doors("mirror", {"url": "http://127.0.0.1:8080/"}, None) == [*bus, ("127.0.0.1", 8080)]
    assert doors("mirror", {"url": "http://[::1]:8080"}, ("10.0.0.2", 7000))[2:] == [
        ("::1", 8080), ("10.0.0.2", 7000), ("10.0.0.2", 7001), ("10.0.0.2", 7002),
    ]  # fmt: skip


def test_a_drill_of_a_house_that_is_not_up_fails(make_house: HouseFactory) -> None:
    """The exit status is 1, with an error at once."""
    done = make_house().house("drill", "--minutes", "0.05", check=False)
    assert done.returncode == 1
    assert "The house is not up" in done.stderr


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
    replace_file(INSTALLED, BREAKFAST.encode())
    monkeypatch.setattr(drill, "real_hardware", lambda _: ["toaster", "kettle"])
    began: list[int] = []

    class Drilled(Exception):
        pass

    def begin(_house: House, _run: Path, seed: int) -> None:
        began.append(seed)
        raise Drilled

    monkeypatch.setattr(drill, "Drill", begin)
    monkeypatch.setattr(running, "check_up", lambda: None)
    words = ["--run", str(tmp_path), "drill", "--seed", "7", *(["--yes-real-hardware"] if allowed else [])]
    done = CliRunner().invoke(main.main, words)
    assert began == ([7] if allowed else [])
    if not allowed:
        assert done.exit_code == 2
        assert "toaster, kettle would be switched on for real; --yes-real-hardware allows it" in done.stderr


@pytest.mark.parametrize(
    ("kind", "expected"), [("lamp", True), ("sensor", True), ("flag", False), ("messenger", False)]
)
def test_only_a_relay_or_a_detector_is_compared_with_its_state(kind: str, expected: bool) -> None:
    """The status of a messenger says that messages wait, and that of a flag what a person has set."""
    assert has_relay(factories.device(kind)) is expected


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
