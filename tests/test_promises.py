"""The promises, each broken on purpose: real processes are killed, frozen and fooled.

Most run both ways: with devices forked by the prefork plugin, and with stock supervisord's execve.
"""

import json
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from daemons.storage.lock import NameLock
from daemons.supervision.supervisord import ended
from tests.support.house import BREAKFAST, Household, eventually

Houses = Callable[..., Household]
DEVICES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")
QUICK = BREAKFAST.replace('watchdog = "60s"', 'watchdog = "1s"')


@pytest.fixture(params=["prefork", "execve"])
def house(request: pytest.FixtureRequest, household: Houses) -> Household:
    """Have the breakfast house up, each way."""
    made = household(prefork=request.param == "prefork")
    made.house("up")
    return made


def life(house: Household, name: str) -> dict[str, object]:
    """Give what `house status` says of a device."""
    found: dict[str, object] = house.status()["devices"][name]
    return found


# 1 Nobody else notices


def test_a_frozen_process_delays_no_other(house: Household) -> None:
    """With the mirror and the lamp stopped (SIGSTOP), a press still makes breakfast."""
    frozen = [house.kill(name, signal.SIGSTOP) for name in ("mirror", "kitchen_lamp")]
    with house.ear("coffee_maker", "toaster") as ear:
        receipt = house.send("bathroom_light", "press")
        ear.until(lambda ear: all(ear.shows(name, starts=1) for name in ("coffee_maker", "toaster")))
        assert {state.cause for state in ear.states.values()} == {receipt["id"]}
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)


def test_a_hundred_kills_change_no_other_pid(household: Houses) -> None:
    """Whoever is killed, however often and quickly: the others are the processes that they were."""
    house = household()
    house.house("up")
    chance = random.Random(7)  # noqa: S311
    with house.ear(*DEVICES) as ear:
        ear.until(lambda ear: all(name in ear.beats and name in ear.states for name in DEVICES))
        pids = {name: ear.beats[name].pid for name in DEVICES}
        for _ in range(100):
            name = chance.choice(DEVICES)
            ear.kill(name)
            pids[name] = ear.beats[name].pid
            assert {other: ear.beats[other].pid for other in DEVICES} == pids
    assert house.pids() == pids


# 2 Back before you blink


def test_back_at_once_and_not_at_the_next_tick(household: Houses) -> None:
    """With prefork a killed device is heard again long before stock supervisord would look for it.

    Stock supervisord's loop turns once a second; half of that is far beyond this machine's noise.
    """
    house = household()
    house.house("up")
    with house.ear("toaster") as ear:
        times = [ear.kill("toaster") for _ in range(10)]
    assert sorted(times)[5] < 0.5


# 3 A press counts once


@pytest.mark.parametrize("victim", ["bathroom_light", "coffee_maker", "toaster"])
def test_a_press_counts_once_whoever_is_killed(house: Household, victim: str) -> None:
    """Killed right after the receipt, and again: the appliances have started exactly once."""
    with house.ear("bathroom_light", "coffee_maker", "toaster") as ear:
        ear.until(lambda ear: victim in ear.beats and len(ear.states) == 3)
        receipt = house.send("bathroom_light", "press")
        ear.kill(victim)
        os.kill(ear.beats[victim].pid, signal.SIGKILL)
        ear.until(
            lambda ear: all(ear.shows(name, ready=True, starts=1) for name in ("coffee_maker", "toaster"))
        )
    for name in ("coffee_maker", "toaster"):
        ons = [line.cause for line in house.witness(name) if line.what == "on"]
        assert ons == [receipt["id"]]


def test_an_appliance_that_was_down_acts_when_it_is_back_within_its_grace(house: Household) -> None:
    """The press happened without it; started again, it hears of it and acts."""
    house.house("stop", "toaster")
    receipt = house.send("bathroom_light", "press")
    house.house("start", "toaster")
    with house.ear("toaster") as ear:
        ear.until(lambda ear: ear.shows("toaster", ready=True, starts=1))
        assert ear.states["toaster"].cause == receipt["id"]


def test_a_press_that_was_over_before_it_was_heard_counts_all_the_same(house: Household) -> None:
    """The light went on and off again while the toaster was away: it makes the toast of that press, once."""
    house.house("stop", "toaster")
    receipt = house.send("bathroom_light", "press")
    house.send("bathroom_light", "press")
    house.house("start", "toaster")
    with house.ear("toaster") as ear:
        ear.until(lambda ear: ear.shows("toaster", ready=True, starts=1))
        ear.kill("toaster")
        assert ear.shows("toaster", ready=True, starts=1)
    assert [line.cause for line in house.witness("toaster") if line.what == "on"] == [receipt["id"]]


def test_an_appliance_that_comes_back_after_its_grace_does_not_act_and_says_so(household: Houses) -> None:
    """Toast that nobody waits for any more is not made."""
    house = household(BREAKFAST.replace("browning = 3", 'browning = 3\ngrace = "500ms"'))
    house.house("up")
    house.house("stop", "toaster")
    house.send("bathroom_light", "press")
    pressed = time.monotonic()
    with house.ear("bathroom_light") as ear:
        ear.until(lambda _: time.monotonic() - pressed > 0.6)
    house.house("start", "toaster")
    eventually(lambda: "no start for bathroom_light: that was" in house.log("toaster"))
    assert house.witness("toaster") == []


def test_a_press_before_a_crash_of_the_whole_house_is_not_made_again(house: Household) -> None:
    """Everything is killed after breakfast began; the next `up` goes on and starts nothing twice."""
    house.send("bathroom_light", "press")
    with house.ear("coffee_maker", "toaster") as ear:
        ear.until(lambda ear: all(ear.shows(name, starts=1) for name in ("coffee_maker", "toaster")))
    supervisor = int((house.run / "supervisord.pid").read_text())
    pids = list(house.pids().values())
    for pid in (supervisor, *pids):
        with suppress(ProcessLookupError):  # with supervisord all others end
            os.kill(pid, signal.SIGKILL)
    for pid in (supervisor, *pids):
        with ended(pid) as wait:
            assert wait(5)
    house.house("up")
    with house.ear("coffee_maker", "toaster") as ear:
        ear.until(lambda ear: ear.shows("coffee_maker", ready=True, starts=1))
        ear.until(lambda ear: ear.shows("toaster", status=False, starts=1))
    for name in ("coffee_maker", "toaster"):
        assert [line.what for line in house.witness(name)].count("on") == 1


# 4 Hot things go off


def test_what_heats_goes_off_at_max_on_though_its_process_is_dead(household: Houses) -> None:
    """The coffee maker is held down; its plug's own timer, armed before, switches it off in time."""
    config = BREAKFAST.replace(
        'kind = "coffee_maker"',
        'kind = "coffee_maker"\nheat = "5s"\nbrew = "5s"\nkeep_warm = "60s"\nmax_on = "75s"',
    )
    house = household(config.replace("simulated.speed = 60 ", "simulated.speed = 5 "))
    house.house("up")
    house.send("coffee_maker", "start")
    house.house("stop", "coffee_maker")
    switched = house.witness("coffee_maker")
    assert [line.what for line in switched] == ["on"]
    assert switched[0].off_at is not None
    assert switched[0].off_at - switched[0].at == pytest.approx(75, abs=0.5)


def test_a_deadline_survives_the_crash_and_is_not_begun_anew(house: Household) -> None:
    """Killed while hot, the toaster pops when it would have popped anyway."""
    house.send("toaster", "start", "browning=7")
    with house.ear("toaster") as ear:
        ear.kill("toaster")
        ear.until(lambda ear: ear.shows("toaster", ready=True))
    on, off = house.witness("toaster")
    assert off.at - on.at == pytest.approx(7 * 40 / 60, abs=1.5)


# 5 Never stale as live


def test_a_hang_is_seen_its_stacks_are_kept_and_it_is_revived(household: Houses) -> None:
    """A device that answers nothing any more is killed by the steward and comes back; the reason is told."""
    house = household(QUICK)
    house.house("up")
    with house.ear("toaster") as ear:
        boot = ear.until(lambda ear: "toaster" in ear.beats).beats["toaster"].boot
        os.kill(ear.beats["toaster"].pid, signal.SIGSTOP)
        ear.until(lambda ear: ear.beats["toaster"].boot > boot)
    found = eventually(lambda: (found := life(house, "toaster"))["presence"] == "live" and found["reason"])
    assert "it hung: silent" in found
    assert "toaster (PID" in house.log("steward")


def test_a_device_stuck_in_its_own_code_leaves_its_stacks(household: Houses, tmp_path: Path) -> None:
    """What it was doing stands in its log, as Python saw it; here it reads a pipe that nobody writes."""
    house = household(QUICK)
    hardware = house.run / "hardware" / "toaster"
    hardware.mkdir(parents=True)
    house.house("up")
    with house.ear("toaster") as ear:
        boot = ear.until(lambda ear: "toaster" in ear.beats).beats["toaster"].boot
        os.mkfifo(hardware / "switchings.jsonl")  # opening it to read blocks for ever
        eventually(lambda: "Current thread" in house.log("toaster"))
        (hardware / "switchings.jsonl").unlink()
        ear.until(lambda ear: ear.beats["toaster"].boot > boot)
    assert "read_switchings" in house.log("toaster")


def test_a_crash_loop_is_held_back_told_with_its_reason_and_recovers(household: Houses) -> None:
    """Retried for ever, ever more slowly; `failed` says why, and a word is said when it is over."""
    house = household()
    house.house("up")
    (house.run / "hardware" / "toaster").rmdir()
    (house.run / "hardware" / "toaster").write_text("in the way")
    with house.ear("toaster") as ear:
        ear.until(lambda ear: "toaster" in ear.beats)
        os.kill(ear.beats["toaster"].pid, signal.SIGKILL)
        found = eventually(  # while it is tried once more, there is no next time yet
            lambda: (found := life(house, "toaster"))["presence"] == "failed" and found["retry_at"] and found
        )
        assert "exit status 1" in found["reason"]
        assert any("hardware/toaster" in line for line in found["last_lines"])
        assert found["retry_at"] > time.time() - 60
        boot = ear.beats["toaster"].boot
        (house.run / "hardware" / "toaster").unlink()
        ear.until(lambda ear: ear.beats["toaster"].boot > boot)
    eventually(lambda: life(house, "toaster")["presence"] == "live")
    assert "toaster has recovered" in house.log("steward")


def test_the_steward_killed_is_back_and_takes_up_where_things_stand(household: Houses) -> None:
    """It is a process like any other: revived, it sees the next hang."""
    house = household(QUICK)
    house.house("up")
    with house.ear("steward", "toaster") as ear:
        ear.until(lambda ear: len(ear.beats) == 2)
        boots = {name: beat.boot for name, beat in ear.beats.items()}
        os.kill(ear.beats["steward"].pid, signal.SIGKILL)
        ear.until(lambda ear: ear.beats["steward"].boot > boots["steward"])
        os.kill(ear.beats["toaster"].pid, signal.SIGSTOP)
        ear.until(lambda ear: ear.beats["toaster"].boot > boots["toaster"])


def test_what_a_person_stopped_stays_stopped(house: Household) -> None:
    """Over `down` and `up`, and whatever else starts it; until it is started by hand."""
    house.house("stop", "toaster")
    assert life(house, "toaster")["presence"] == "stopped"
    house.house("down")
    house.house("up")
    found = life(house, "toaster")
    assert (found["presence"], found["process"]["pid"]) == ("stopped", None)  # type: ignore[index]
    house.house("start", "toaster")
    eventually(lambda: life(house, "toaster")["presence"] == "live")


# 6 Every command is answered


def test_a_command_for_a_dead_device_is_not_carried_out_later(house: Household) -> None:
    """Nobody answers, the client is told; and when the device is back, nothing happens."""
    house.house("stop", "toaster")
    assert house.house("send", "toaster", "start", "--timeout", "0.3", check=False).returncode == 4
    house.house("start", "toaster")
    with house.ear("toaster") as ear:
        ear.until(lambda ear: ear.shows("toaster", starts=0) and "toaster" in ear.beats)
    assert house.witness("toaster") == []


def test_a_repeated_command_is_answered_from_memory_even_after_a_crash(house: Household) -> None:
    """The same id gets the same receipt from the next life, and is done once."""
    wish = {"id": "the-same", "command": "toggle", "deadline": time.time() + 60}
    first = raw_command(house, "kitchen_lamp", wish)
    boot = house.pids()["kitchen_lamp"]
    house.kill("kitchen_lamp")
    eventually(lambda: house.pids()["kitchen_lamp"] not in (boot, None))
    assert raw_command(house, "kitchen_lamp", wish) == first
    assert [line.what for line in house.witness("kitchen_lamp")] == ["on"]
    expired = raw_command(
        house, "kitchen_lamp", {"id": "late", "command": "off", "deadline": time.time() - 1}
    )
    assert expired["outcome"] == "expired"


def raw_command(house: Household, name: str, wish: dict[str, object]) -> dict[str, object]:
    """Send a command as any program could, with nothing of ours."""
    before = Path.cwd()
    os.chdir(house.run)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.REQ) as client:
            client.connect(f"ipc://bus/{name}.command")
            client.send(json.dumps(wish).encode())
            assert client.poll(10_000)
            answer: dict[str, object] = json.loads(client.recv())
            return answer
    finally:
        context.destroy(linger=0)
        os.chdir(before)


# 7 A bad configuration never touches the running house


def test_plan_says_what_reload_then_does(breakfast: Household) -> None:
    """It names the device, the action and the values, and changes nothing itself."""
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


def test_what_does_not_become_ready_is_rolled_back(
    breakfast: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new lamp cannot come up, for its name is taken; the house is as it was, and the person is told."""
    before = breakfast.pids()
    new = BREAKFAST + '\n[devices.hall_lamp]\nkind = "lamp"\ndriver = "simulated"\n'
    breakfast.config.write_text(new)
    monkeypatch.chdir(breakfast.run)
    lock = NameLock("hall_lamp")
    done = breakfast.house("reload", "--timeout", "40", check=False)  # it is known to fail long before
    lock.release()
    assert done.returncode == 1
    assert "hall_lamp: fails again and again" in done.stderr
    assert "previous configuration was put back" in done.stderr
    breakfast.config.write_text(BREAKFAST)
    after = breakfast.pids()
    assert {name for name in before if before[name] != after[name]} <= {"mirror"}
    assert "Nothing would change" in breakfast.house("plan").stdout


# 8 Nothing is let in


def test_garbage_on_every_socket_changes_nothing(breakfast: Household) -> None:
    """Frames that are no messages, and bytes that are no frames: counted, told once, dropped."""
    before = breakfast.pids()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    chance = random.Random(11)  # noqa: S311
    with breakfast.ear(*DEVICES) as ear:
        ear.until(lambda ear: len(ear.states) == len(ear.beats) == len(DEVICES))
        states = {name: state.state for name, state in ear.states.items()}
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
        boots = {name: beat.boot for name, beat in ear.beats.items()}
        ear.beats.clear()
        ear.until(lambda ear: len(ear.beats) == len(DEVICES))
        assert {name: beat.boot for name, beat in ear.beats.items()} == boots
        assert {name: state.state for name, state in ear.states.items()} == states
    assert breakfast.pids() == before
    for name in DEVICES:
        assert breakfast.log(name).count("dropped a bad message on the command socket") == 1


def test_a_second_process_for_a_name_refuses_and_names_the_holder(breakfast: Household) -> None:
    """One appliance has one process."""
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    pid = breakfast.pids()["toaster"]
    done = subprocess.run(
        [sys.executable, "-m", "daemons", "toaster"],
        env=breakfast.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert f"another process (PID {pid}) already runs under this name" in done.stderr


def test_a_run_directory_is_its_owners_alone(breakfast: Household) -> None:
    """Nobody else can reach a socket, read a journal or see a log."""
    assert breakfast.run.stat().st_mode & 0o777 == 0o700
    for path in breakfast.run.rglob("*"):
        with suppress(FileNotFoundError):  # what is being written gets its name in the end
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


def test_a_rule_on_a_measurement_acts_once_whoever_is_killed(household: Houses) -> None:
    """The air gets damp, and everybody is killed while it must stay so: the fan goes on once."""
    house = household(CLIMATE)
    house.house("up")
    house.send("door", "press")
    damp = house.run / "hardware" / "bath" / "measured.json"
    with house.ear("bath", "fan", "door") as ear:
        ear.until(lambda ear: ear.shows("bath", humidity_percent=45.0) and ear.shows("door", status=True))
        damp.write_text('{"humidity_percent": 82}')
        ear.until(lambda ear: ear.shows("bath", humidity_percent=82.0))
        for name in ("fan", "bath", "door"):
            ear.kill(name)
        ear.until(lambda ear: ear.shows("fan", status=True))
        for name in ("fan", "bath"):
            ear.kill(name)
        damp.write_text('{"humidity_percent": 83}')
        ear.until(lambda ear: ear.shows("bath", humidity_percent=83.0))
    assert [line.what for line in house.witness("fan")] == ["on"]
