"""The promises, each with a fault caused on purpose: real processes are killed, stopped or misled.
Most tests run twice: with devices that the prefork plugin forks, and, in `make test-long`, with stock
supervisord's execve.
"""

import json
import os
import random
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import zmq

from daemons.storage.lock import NameLock
from daemons.supervision.supervisord import ended
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse, eventually
from tests.support.patience import patience

DEVICES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")
QUICK = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "1s"')


@pytest.fixture(params=["prefork", pytest.param("execve", marks=pytest.mark.long)])
def house(request: pytest.FixtureRequest, make_house: HouseFactory) -> TemporaryHouse:
    """Start the breakfast house, with and without prefork."""
    made = make_house(prefork=request.param == "prefork")
    made.house("up")
    return made


def device_status(house: TemporaryHouse, name: str) -> dict[str, object]:
    """Return the status of a device."""
    found: dict[str, object] = house.status()["devices"][name]
    return found


# 1 No other process is affected


@pytest.mark.long
def test_a_frozen_process_delays_no_other(house: TemporaryHouse) -> None:
    """While the mirror and the lamp are stopped (SIGSTOP), a press still makes breakfast."""
    frozen = [house.kill(name, signal.SIGSTOP) for name in ("mirror", "kitchen_lamp")]
    with house.listen("coffee_maker", "toaster") as listener:
        receipt = house.send("bathroom_light", "press")
        listener.wait_for(
            lambda listener: all(listener.has_state(name, starts=1) for name in ("coffee_maker", "toaster"))
        )
        assert {state.cause for state in listener.states.values()} == {receipt["id"]}
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.long
def test_a_hundred_kills_change_no_other_pid(make_house: HouseFactory) -> None:
    """However often and quickly processes are killed, the others keep their PIDs."""
    house = make_house()
    house.house("up")
    chance = random.Random(7)  # noqa: S311
    with house.listen(*DEVICES) as listener:
        listener.wait_for(
            lambda listener: all(name in listener.heartbeats and name in listener.states for name in DEVICES)
        )
        pids = {name: listener.heartbeats[name].pid for name in DEVICES}
        for _ in range(100):
            name = chance.choice(DEVICES)
            listener.kill(name)
            pids[name] = listener.heartbeats[name].pid
            assert {other: listener.heartbeats[other].pid for other in DEVICES} == pids
    assert house.pids() == pids


def fill_pipe(pid: int) -> None:
    """Fill the pipe to which a process logs."""
    pipe = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b"filler\n" * 9)
    with suppress(BlockingIOError):
        while True:
            os.write(pipe, b"\n")
    os.close(pipe)


@pytest.mark.long
def test_a_supervisord_that_hangs_delays_no_device(house: TemporaryHouse) -> None:
    """With supervisord stopped and the pipe of a device full, the device carries out and logs each command.
    The status shows every device live, and names supervisord.
    """
    supervisord = int((house.run / "supervisord.pid").read_text())
    lamp = house.pids()["kitchen_lamp"]
    os.kill(supervisord, signal.SIGSTOP)
    try:
        fill_pipe(lamp)
        receipts = [house.send("kitchen_lamp", "toggle") for _ in range(2)]
        assert [receipt["outcome"] for receipt in receipts] == ["applied"] * 2
        # A line follows its receipt. supervisord is stopped meanwhile.
        eventually(lambda: all(receipt["id"] in house.log("kitchen_lamp") for receipt in receipts))
        found = house.status()
    finally:
        os.kill(supervisord, signal.SIGCONT)
    assert {device["presence"] for device in found["devices"].values()} == {"live"}
    assert {device["process"]["state"] for device in found["devices"].values()} == {"UNKNOWN"}
    assert found["services"]["steward"]["presence"] == "live"
    assert found["up"]
    (warning,) = found["warnings"]
    assert warning.startswith("supervisord has not answered getAllProcessInfo within 3 s; ")
    assert "If it stays so, `house down` ends it, and `house up` starts it anew." in warning
    eventually(lambda: house.status()["warnings"] == [])
    eventually(lambda: "filler" in house.log("kitchen_lamp"))
    assert "of this log were lost" not in house.log("kitchen_lamp")
    assert "stood still" not in house.log("steward")


@contextmanager
def hung_supervisord(house: TemporaryHouse) -> Iterator[int]:
    """Stop supervisord by SIGSTOP, and yield its PID."""
    pid = int((house.run / "supervisord.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.long
def test_down_ends_a_house_whose_supervisord_hangs(house: TemporaryHouse) -> None:
    """Nothing is left, and the next `up` starts the house as usual."""
    pids = [*house.pids().values(), house.process("steward")]
    with hung_supervisord(house) as supervisord:
        assert house.house("down").stdout == (
            f"The house is down. supervisord (PID {supervisord}) did not end by itself and was killed.\n"
        )
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in [*pids, supervisord]))
    assert house.house("down").stdout == "The house was not up; nothing was done.\n"
    house.house("up")
    assert house.house("down").stdout == "The house is down.\n"


@pytest.mark.long
@pytest.mark.timeout(180)
def test_each_verb_ends_with_one_line_while_supervisord_hangs(make_house: HouseFactory) -> None:
    """A verb that needs supervisord says what to do, and changes nothing; the others work."""
    house = make_house()
    house.house("up")
    house.house("stop", "toaster")
    with hung_supervisord(house):
        for words in (["reload"], *([verb, "toaster"] for verb in ("restart", "start", "stop"))):
            done = house.house(*words, check=False, timeout_seconds=25)
            (line,) = done.stderr.splitlines()
            assert done.returncode == 1
            assert line.startswith("supervisord has not answered ")
            assert line.endswith("If it stays so, `house down` ends it, and `house up` starts it anew")
        for words in (["status"], ["plan"], ["logs", "--no-follow"]):
            assert house.house(*words, timeout_seconds=15).stderr == ""
    assert (house.run / "stopped" / "toaster").exists()


@pytest.mark.long
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_steward_reports_a_lost_supervisord_and_up_heals_the_house(
    house: TemporaryHouse, number: signal.Signals
) -> None:
    """The bus, the log and what deserves attention say it. The next `up` starts the house anew, and no
    appliance a second time.
    """
    house.send("bathroom_light", "press")
    with house.listen("coffee_maker", "toaster", "mirror", "steward") as listener:
        listener.wait_for(
            lambda listener: all(listener.has_state(name, starts=1) for name in ("coffee_maker", "toaster"))
        )
        listener.wait_for(lambda listener: {"steward", "mirror"} <= listener.states.keys())
        supervisord = int((house.run / "supervisord.pid").read_text())
        os.kill(supervisord, number)
        word = "has ended" if number == signal.SIGKILL else "hangs"
        listener.wait_for(
            lambda listener: f"supervisord {word}" in str(listener.states["steward"].state.get("fault")),
            60,
        )
        if number == signal.SIGSTOP:
            listener.wait_for(
                lambda listener: "supervisord hangs" in str(listener.states["mirror"].state["attention"])
            )
    assert f"ERROR   steward: supervisord {word}" in house.log("steward")
    assert "is up: 5 devices" in house.house("up").stdout
    assert int((house.run / "supervisord.pid").read_text()) != supervisord
    with ended(supervisord) as wait:
        assert wait(5)
    with house.listen("coffee_maker", "toaster", "steward") as listener:
        listener.wait_for(lambda listener: listener.has_state("coffee_maker", starts=1))
        listener.wait_for(lambda listener: listener.has_state("toaster", status=False, starts=1))
        listener.wait_for(lambda listener: "steward" in listener.states)
        assert listener.states["steward"].state.get("fault") is None
    for name in ("coffee_maker", "toaster"):
        assert [line.what for line in house.switchings(name)].count("on") == 1


# 2 A killed process is back at once


def test_a_killed_device_is_back_before_the_next_turn_of_supervisord(make_house: HouseFactory) -> None:
    """With prefork a killed device is replaced before stock supervisord would notice its end.
    Stock supervisord's loop turns once a second. Half a second is far above the noise of this machine.
    """
    house = make_house()
    house.house("up")
    with house.listen("toaster") as listener:
        times = [listener.kill("toaster") for _ in range(10)]
    assert sorted(times)[5] < patience(0.5)


# 3 A press counts once


@pytest.mark.parametrize("victim", ["bathroom_light", "coffee_maker", "toaster"])
def test_a_press_counts_once_when_any_process_is_killed(house: TemporaryHouse, victim: str) -> None:
    """A process is killed twice right after the receipt; each appliance starts exactly once."""
    with house.listen("bathroom_light", "coffee_maker", "toaster") as listener:
        listener.wait_for(lambda listener: victim in listener.heartbeats and len(listener.states) == 3)
        receipt = house.send("bathroom_light", "press")
        listener.kill(victim)
        os.kill(listener.heartbeats[victim].pid, signal.SIGKILL)
        listener.wait_for(
            lambda listener: all(
                listener.has_state(name, ready=True, starts=1) for name in ("coffee_maker", "toaster")
            )
        )
    for name in ("coffee_maker", "toaster"):
        ons = [line.cause for line in house.switchings(name) if line.what == "on"]
        assert ons == [receipt["id"]]


def test_an_appliance_acts_on_a_press_within_its_grace_after_it_was_stopped(house: TemporaryHouse) -> None:
    """The press happened while the toaster was stopped; it acts on the press after its start."""
    house.house("stop", "toaster")
    receipt = house.send("bathroom_light", "press")
    house.house("start", "toaster")
    with house.listen("toaster") as listener:
        listener.wait_for(lambda listener: listener.has_state("toaster", ready=True, starts=1))
        assert listener.states["toaster"].cause == receipt["id"]


@pytest.mark.long
def test_a_press_that_was_reversed_while_an_appliance_was_stopped_counts(house: TemporaryHouse) -> None:
    """The light went on and off while the toaster was stopped; the toaster starts once."""
    house.house("stop", "toaster")
    receipt = house.send("bathroom_light", "press")
    house.send("bathroom_light", "press")
    house.house("start", "toaster")
    with house.listen("toaster") as listener:
        listener.wait_for(lambda listener: listener.has_state("toaster", ready=True, starts=1))
        listener.kill("toaster")
        assert listener.has_state("toaster", ready=True, starts=1)
    assert [line.cause for line in house.switchings("toaster") if line.what == "on"] == [receipt["id"]]


def test_an_appliance_does_not_act_after_its_grace_and_logs_it(
    make_house: HouseFactory,
) -> None:
    """A press before the grace starts no toast."""
    house = make_house(BREAKFAST.replace("browning = 3", 'browning = 3\ngrace = "500ms"'))
    house.house("up")
    house.house("stop", "toaster")
    house.send("bathroom_light", "press")
    pressed = time.monotonic()
    with house.listen("bathroom_light") as listener:
        listener.wait_for(lambda _: time.monotonic() - pressed > 0.6)
    house.house("start", "toaster")
    eventually(lambda: "no start for bathroom_light: that was" in house.log("toaster"))
    assert house.switchings("toaster") == []


@pytest.mark.long
def test_a_press_before_a_crash_of_the_whole_house_is_not_repeated(house: TemporaryHouse) -> None:
    """All processes are killed after breakfast began; the next `up` resumes and starts nothing twice."""
    house.send("bathroom_light", "press")
    with house.listen("coffee_maker", "toaster") as listener:
        listener.wait_for(
            lambda listener: all(listener.has_state(name, starts=1) for name in ("coffee_maker", "toaster"))
        )
    supervisor = int((house.run / "supervisord.pid").read_text())
    pids = list(house.pids().values())
    for pid in (supervisor, *pids):
        with suppress(ProcessLookupError):  # the other processes end with supervisord
            os.kill(pid, signal.SIGKILL)
    for pid in (supervisor, *pids):
        with ended(pid) as wait:
            assert wait(5)
    house.house("up")
    with house.listen("coffee_maker", "toaster") as listener:
        listener.wait_for(lambda listener: listener.has_state("coffee_maker", ready=True, starts=1))
        listener.wait_for(lambda listener: listener.has_state("toaster", status=False, starts=1))
    for name in ("coffee_maker", "toaster"):
        assert [line.what for line in house.switchings(name)].count("on") == 1


def test_a_device_whose_disk_is_full_switches_nothing_on(breakfast: TemporaryHouse) -> None:
    """Commands are rejected with the reason, also after a kill; the fault ends with the fault of the disk."""
    with breakfast.listen("toaster") as listener:
        listener.wait_for(lambda listener: {"toaster"} <= listener.states.keys() & listener.heartbeats.keys())
        pid = listener.heartbeats["toaster"].pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        first = breakfast.send("toaster", "start", "browning=1")
        assert first["outcome"] == "rejected"
        assert "its memory cannot be written" in first["reason"]
        listener.wait_for(
            lambda listener: "cannot be written" in str(listener.states["toaster"].state["fault"])
        )
        assert "cannot be written" in json.dumps(device_status(breakfast, "toaster"))
        assert breakfast.send("toaster", "start", "browning=1")["outcome"] == "rejected"
        assert breakfast.send("toaster", "stop")["outcome"] == "applied"
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        listener.wait_for(lambda listener: listener.has_state("toaster", fault=None))
        assert breakfast.send("toaster", "start", "browning=1")["outcome"] == "applied"
    assert [line.what for line in breakfast.switchings("toaster")] == ["on"]


MOTION = """
[devices.motion]
kind = "light_switch"
driver = "simulated"
[devices.hall]
kind = "lamp"
driver = "simulated"
[[devices.hall.when]]
device = "motion"
turns = { status = true }
do = "on"
[[devices.hall.when]]
device = "motion"
turns = { status = false }
for = "500ms"
do = "off"
[devices.mirror]
kind = "mirror"
port = 0
"""


def test_a_motion_light_is_on_while_motion_lasts_although_its_process_was_away(
    make_house: HouseFactory,
) -> None:
    """While the lamp is stopped, motion ends for long enough, and comes back."""
    house = make_house(MOTION)
    house.house("up")
    house.send("motion", "press")
    with house.listen("hall") as listener:
        listener.wait_for(lambda listener: listener.has_state("hall", status=True))
    house.house("stop", "hall")
    house.send("motion", "press")
    quiet_at = time.monotonic()
    with house.listen("motion") as listener:
        listener.wait_for(lambda _: time.monotonic() - quiet_at > 0.6)
    receipt = house.send("motion", "press")
    house.house("start", "hall")
    with house.listen("hall") as listener:
        listener.wait_for(
            lambda listener: "hall" in listener.states and listener.states["hall"].cause == receipt["id"]
        )
        assert listener.has_state("hall", status=True)
    assert house.switchings("hall")[-1].what == "on"


# 4 Appliances that heat go off


def test_a_heating_appliance_goes_off_at_max_on_without_its_process(make_house: HouseFactory) -> None:
    """The coffee maker is stopped; the timer of its plug, set before, switches it off in time."""
    config = BREAKFAST.replace(
        'kind = "coffee_maker"',
        'kind = "coffee_maker"\nheat = "5s"\nbrew = "5s"\nkeep_warm = "60s"\nmax_on = "75s"',
    )
    house = make_house(config.replace("simulated.speed = 60 ", "simulated.speed = 5 "))
    house.house("up")
    house.send("coffee_maker", "start")
    house.house("stop", "coffee_maker")
    switched = house.switchings("coffee_maker")
    assert [line.what for line in switched] == ["on"]
    assert switched[0].off_at is not None
    assert switched[0].off_at - switched[0].at == pytest.approx(75, abs=0.5)


def test_a_deadline_survives_a_crash(house: TemporaryHouse) -> None:
    """A toaster that is killed while it toasts goes off at the original deadline."""
    house.send("toaster", "start", "browning=7")
    with house.listen("toaster") as listener:
        listener.kill("toaster")
        listener.wait_for(lambda listener: listener.has_state("toaster", ready=True, confirmed=True))
    on, off = house.switchings("toaster")
    assert off.at - on.at == pytest.approx(7 * 40 / 60, abs=1.5)


# 5 A stale state is never shown as live


def test_a_hanging_device_is_killed_and_restarted_with_a_reason(make_house: HouseFactory) -> None:
    """The steward kills a device that sends no heartbeat; its status has the reason."""
    house = make_house(QUICK)
    house.house("up")
    with house.listen("toaster") as listener:
        boot = listener.wait_for(lambda listener: "toaster" in listener.heartbeats).heartbeats["toaster"].boot
        os.kill(listener.heartbeats["toaster"].pid, signal.SIGSTOP)
        listener.wait_for(lambda listener: listener.heartbeats["toaster"].boot > boot)
    found = eventually(
        lambda: (found := device_status(house, "toaster"))["presence"] == "live" and found["reason"]
    )
    assert "it hung: silent" in found
    assert "toaster (PID" in house.log("steward")


@pytest.mark.long
def test_a_device_that_blocks_in_its_own_code_logs_its_stacks(
    make_house: HouseFactory, tmp_path: Path
) -> None:
    """The log has the Python stacks; here the device reads a pipe without a writer."""
    house = make_house(QUICK)
    hardware = house.run / "hardware" / "toaster"
    hardware.mkdir(parents=True)
    house.house("up")
    with house.listen("toaster") as listener:
        boot = listener.wait_for(lambda listener: "toaster" in listener.heartbeats).heartbeats["toaster"].boot
        os.mkfifo(hardware / "switchings.jsonl")  # opening it for reading blocks for ever
        eventually(lambda: "Current thread" in house.log("toaster"))
        (hardware / "switchings.jsonl").unlink()
        listener.wait_for(lambda listener: listener.heartbeats["toaster"].boot > boot)
    assert "read_lines" in house.log("toaster")


def test_a_crash_loop_is_held_back_reported_and_recovers(make_house: HouseFactory) -> None:
    """The device is retried with growing pauses; `failed` has the reason, and its recovery is logged."""
    house = make_house()
    house.house("up")
    (house.run / "hardware" / "toaster").rmdir()
    (house.run / "hardware" / "toaster").write_text("in the way")
    with house.listen("toaster") as listener:
        listener.wait_for(lambda listener: "toaster" in listener.heartbeats)
        os.kill(listener.heartbeats["toaster"].pid, signal.SIGKILL)
        found = eventually(  # during an attempt, the time of the next one is None
            lambda: (
                (found := device_status(house, "toaster"))["presence"] == "failed"
                and found["retry_at"]
                and found
            )
        )
        assert "exit status 1" in found["reason"]
        assert any("hardware/toaster" in line for line in found["last_lines"])
        assert found["retry_at"] > time.time() - 60
        boot = listener.heartbeats["toaster"].boot
        (house.run / "hardware" / "toaster").unlink()
        listener.wait_for(lambda listener: listener.heartbeats["toaster"].boot > boot)
    eventually(lambda: device_status(house, "toaster")["presence"] == "live")
    assert "toaster has recovered" in house.log("steward")


def test_a_killed_steward_is_back_and_watches_on(make_house: HouseFactory) -> None:
    """The new steward detects the next hang."""
    house = make_house(QUICK)
    house.house("up")
    with house.listen("steward", "toaster") as listener:
        listener.wait_for(lambda listener: len(listener.heartbeats) == 2)
        boots = {name: beat.boot for name, beat in listener.heartbeats.items()}
        os.kill(listener.heartbeats["steward"].pid, signal.SIGKILL)
        listener.wait_for(lambda listener: listener.heartbeats["steward"].boot > boots["steward"])
        os.kill(listener.heartbeats["toaster"].pid, signal.SIGSTOP)
        listener.wait_for(lambda listener: listener.heartbeats["toaster"].boot > boots["toaster"])


@pytest.mark.long
def test_a_device_that_was_stopped_by_a_person_stays_stopped(house: TemporaryHouse) -> None:
    """It stays stopped across `down` and `up`, until it is started by `house start`."""
    house.house("stop", "toaster")
    assert device_status(house, "toaster")["presence"] == "stopped"
    house.house("down")
    house.house("up")
    found = device_status(house, "toaster")
    assert (found["presence"], found["process"]["pid"]) == ("stopped", None)  # type: ignore[index]
    house.house("start", "toaster")
    eventually(lambda: device_status(house, "toaster")["presence"] == "live")


# 6 Every command is answered


def test_a_command_for_a_dead_device_is_not_carried_out_later(house: TemporaryHouse) -> None:
    """The client gets no answer; when the device is back, nothing happens."""
    house.house("stop", "toaster")
    assert house.house("send", "toaster", "start", "--timeout", "0.3", check=False).returncode == 4
    house.house("start", "toaster")
    with house.listen("toaster") as listener:
        listener.wait_for(
            lambda listener: listener.has_state("toaster", starts=0) and "toaster" in listener.heartbeats
        )
    assert house.switchings("toaster") == []


def test_a_repeated_command_is_answered_from_memory_even_after_a_crash(house: TemporaryHouse) -> None:
    """The new process answers the same id with the same receipt, and does not repeat the command."""
    command = {"id": "the-same", "command": "toggle", "deadline": time.time() + 60}
    first = raw_command(house, "kitchen_lamp", command)
    boot = house.pids()["kitchen_lamp"]
    house.kill("kitchen_lamp")
    eventually(lambda: house.pids()["kitchen_lamp"] not in (boot, None))
    assert raw_command(house, "kitchen_lamp", command) == first
    assert [line.what for line in house.switchings("kitchen_lamp")] == ["on"]
    expired = raw_command(
        house, "kitchen_lamp", {"id": "late", "command": "off", "deadline": time.time() - 1}
    )
    assert expired["outcome"] == "expired"


def raw_command(house: TemporaryHouse, name: str, command: dict[str, object]) -> dict[str, object]:
    """Send a command as any program can, without the code of the house."""
    before = Path.cwd()
    os.chdir(house.run)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.REQ) as client:
            client.connect(f"ipc://bus/{name}.command")
            client.send(json.dumps(command).encode())
            assert client.poll(10_000)
            answer: dict[str, object] = json.loads(client.recv())
            return answer
    finally:
        context.destroy(linger=0)
        os.chdir(before)


# 7 A bad configuration never touches the running house


@pytest.mark.long
def test_plan_shows_what_reload_does(breakfast: TemporaryHouse) -> None:
    """The plan names the device, the action and the values, and changes nothing."""
    before = breakfast.pids()
    breakfast.config.write_text(BREAKFAST.replace("browning = 3", "browning = 2"))
    plan = json.loads(breakfast.house("plan", "--json").stdout)["changes"]
    assert plan == [
        {"name": "toaster", "action": "restart", "differences": [{"key": "browning", "old": 3, "new": 2}]}
    ]
    assert "browning: 3 → 2" in breakfast.house("plan").stdout
    assert breakfast.pids() == before
    breakfast.house("reload")
    assert {name for name, pid in breakfast.pids().items() if pid != before[name]} == {"toaster"}
    assert "Nothing would change" in breakfast.house("plan").stdout


@pytest.mark.long
def test_plan_names_what_a_changed_rule_has_begun(make_house: HouseFactory) -> None:
    """The lamp waits for the end of a delay; a plan that changes this rule says that it is dropped."""
    rule = '[[devices.lamp.when]]\ndevice = "hall"\nturns = { status = true }\ndelay = "%s"\ndo = "on"\n'
    other = '[[devices.lamp.when]]\nat = "%s"\ndo = "off"\n'
    devices = "".join(
        f'[devices.{name}]\nkind = "{kind}"\ndriver = "simulated"\n'
        for name, kind in (("hall", "light_switch"), ("lamp", "lamp"))
    )
    house = make_house(devices + other % "03:00" + rule % "1h")
    house.house("up")
    house.send("hall", "on")
    journal = house.run / "journal"
    eventually(lambda: any(b'"due":1' in path.read_bytes() for path in journal.glob("lamp.*.json")))
    house.config.write_text(devices + other % "04:00" + rule % "1h")
    assert "dropped" not in house.house("plan", "--json").stdout
    house.config.write_text(devices + other % "03:00" + rule % "2h")
    (change,) = json.loads(house.house("plan", "--json").stdout)["changes"]
    assert change["dropped"] == ["when[1]: its running delay is dropped, and no on follows"]
    assert "    rule 2: its running delay is dropped, and no on follows" in house.house("plan").stdout


@pytest.mark.long
def test_a_reload_with_a_device_that_does_not_become_ready_is_rolled_back(
    breakfast: TemporaryHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new lamp cannot start because its name is locked: the house stays unchanged."""
    before = breakfast.pids()
    new = BREAKFAST + '\n[devices.hall_lamp]\nkind = "lamp"\ndriver = "simulated"\n'
    breakfast.config.write_text(new)
    monkeypatch.chdir(breakfast.run)
    lock = NameLock("hall_lamp")
    done = breakfast.house("reload", "--timeout", "40", check=False)  # it fails long before
    lock.release()
    assert done.returncode == 1
    assert "hall_lamp: fails again and again" in done.stderr
    assert "previous configuration was put back" in done.stderr
    breakfast.config.write_text(BREAKFAST)
    after = breakfast.pids()
    assert {name for name in before if before[name] != after[name]} <= {"mirror"}
    assert "Nothing would change" in breakfast.house("plan").stdout


# 8 Bad input is dropped


def test_garbage_on_every_socket_changes_nothing(breakfast: TemporaryHouse) -> None:
    """Invalid messages and invalid frames are counted, logged once and dropped."""
    before = breakfast.pids()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    chance = random.Random(11)  # noqa: S311
    with breakfast.listen(*DEVICES) as listener:
        listener.wait_for(lambda listener: len(listener.states) == len(listener.heartbeats) == len(DEVICES))
        states = {name: state.state for name, state in listener.states.items()}
        for name in DEVICES:
            with context.socket(zmq.DEALER) as client:
                client.connect(f"ipc://bus/{name}.command")
                for _ in range(200):
                    client.send_multipart(
                        [chance.randbytes(chance.randrange(200)) for _ in range(chance.randrange(1, 5))]
                    )
                client.send(b"[" * 100_000)
            with context.socket(zmq.XSUB) as subscriber:
                subscriber.connect(f"ipc://bus/{name}.publish")
                for _ in range(200):
                    subscriber.send(bytes([chance.randrange(256)]) + chance.randbytes(chance.randrange(100)))
            for kind in ("command", "publish"):
                with socket.socket(socket.AF_UNIX) as stranger:
                    stranger.connect(f"bus/{name}.{kind}")
                    stranger.sendall(chance.randbytes(500))
        context.destroy(linger=1000)
        boots = {name: beat.boot for name, beat in listener.heartbeats.items()}
        listener.heartbeats.clear()
        listener.wait_for(lambda listener: len(listener.heartbeats) == len(DEVICES))
        assert {name: beat.boot for name, beat in listener.heartbeats.items()} == boots
        assert {name: state.state for name, state in listener.states.items()} == states
    assert breakfast.pids() == before
    for name in DEVICES:
        assert breakfast.log(name).count("dropped a bad message on the command socket") == 1


@pytest.mark.long
def test_a_second_process_for_a_name_names_the_first_one(breakfast: TemporaryHouse) -> None:
    """One device has one process."""
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    pid = breakfast.pids()["toaster"]
    done = subprocess.run(
        [sys.executable, "-m", "daemons", "toaster"],
        env=breakfast.environment,
        capture_output=True,
        text=True,
        timeout=patience(30),
        check=False,
    )
    assert done.returncode == 1
    assert f"another process (PID {pid}) already runs under this name" in done.stderr


def test_a_run_directory_is_private(breakfast: TemporaryHouse) -> None:
    """Other users can reach no socket, and read no journal and no log."""
    assert breakfast.run.stat().st_mode & 0o777 == 0o700
    for path in breakfast.run.rglob("*"):
        with suppress(FileNotFoundError):  # a temporary file may be renamed meanwhile
            assert path.lstat().st_mode & 0o077 == 0 or path.is_symlink(), path


CLIMATE = """\
[house]
[recorder]
enabled = false
[devices.bath]
kind = "sensor"
driver = "simulated"
[devices.door]
kind = "light_switch"
driver = "simulated"
[devices.fan]
kind = "lamp"
driver = "simulated"
[[devices.fan.when]]
device = "bath"
above = { humidity_percent = 70 }
for = "2s"
only_if = [{ device = "door", is = { status = true } }]
do = "on"
[devices.mirror]
kind = "mirror"
port = 0
"""


@pytest.mark.long
def test_a_rule_on_a_measurement_acts_once_when_all_processes_are_killed(make_house: HouseFactory) -> None:
    """All processes are killed while the humidity must stay above the limit: the fan goes on once."""
    house = make_house(CLIMATE)
    house.house("up")
    house.send("door", "press")
    damp = house.run / "hardware" / "bath" / "measured.json"
    with house.listen("bath", "fan", "door") as listener:
        listener.wait_for(
            lambda listener: (
                listener.has_state("bath", humidity_percent=45.0) and listener.has_state("door", status=True)
            )
        )
        damp.write_text('{"humidity_percent": 82}')
        listener.wait_for(lambda listener: listener.has_state("bath", humidity_percent=82.0))
        for name in ("fan", "bath", "door"):
            listener.kill(name)
        listener.wait_for(lambda listener: listener.has_state("fan", status=True))
        for name in ("fan", "bath"):
            listener.kill(name)
        damp.write_text('{"humidity_percent": 83}')
        listener.wait_for(lambda listener: listener.has_state("bath", humidity_percent=83.0))
    assert [line.what for line in house.switchings("fan")] == ["on"]
