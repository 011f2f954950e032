"""A whole house of real processes, controlled as by a person."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from daemons.bus.origin import Reason
from daemons.storage.lock import NameLock
from daemons.supervision.supervisord import ended
from tests.support.house import BREAKFAST, HouseFactory, Listener, TemporaryHouse, eventually
from tests.support.patience import patience

COOKS = ("coffee_maker", "toaster")
DEVICES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")
SOME_DEVICES = ("coffee_maker", "mirror")
PROCESSES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "recorder", "steward", "toaster")


def test_one_press_makes_breakfast_and_the_mirror_announces_it(breakfast: TemporaryHouse) -> None:
    """A press starts both appliances once; the mirror shows the message when both are ready."""
    receipt = breakfast.send("bathroom_light", "press")
    assert receipt["outcome"] == "applied"
    with breakfast.listen(*DEVICES) as listener:
        listener.wait_for(
            lambda listener: listener.has_state("mirror", phase="ready", message="Breakfast is ready.")
        )
        listener.wait_for(
            lambda listener: all(listener.has_state(name, ready=True, starts=1) for name in COOKS)
        )
        for name in (*COOKS, "kitchen_lamp", "bathroom_light"):
            assert listener.states[name].cause == receipt["id"]
    for name in COOKS:
        switchings = breakfast.switchings(name)
        assert [line.what for line in switchings].count("on") == 1
        assert switchings[0].cause == receipt["id"]
        assert switchings[0].off_at is not None
    assert [line.brightness_percent for line in breakfast.switchings("kitchen_lamp")] == [60]
    eventually(lambda: "Breakfast is ready." in breakfast.log("mirror"))
    eventually(lambda: receipt["id"] in breakfast.log("toaster"))


@pytest.mark.long
def test_second_press_turns_the_light_off_and_makes_no_second_breakfast(breakfast: TemporaryHouse) -> None:
    """A rule acts only on the change that it names, and the lamp has a second rule for off."""
    with breakfast.listen("bathroom_light", "kitchen_lamp", "toaster") as listener:
        breakfast.send("bathroom_light", "press")
        listener.wait_for(
            lambda listener: (
                listener.has_state("kitchen_lamp", status=True) and listener.has_state("toaster", status=True)
            )
        )
        breakfast.send("bathroom_light", "press")
        listener.wait_for(lambda listener: listener.has_state("kitchen_lamp", status=False))
        listener.wait_for(lambda listener: listener.has_state("toaster", ready=True, starts=1))


@pytest.mark.long
def test_two_mirrors_show_the_same_message(make_house: HouseFactory) -> None:
    """A mirror neither waits for another mirror, nor shows one as an appliance that gets ready."""
    house = make_house(BREAKFAST + '\n[devices.hall_mirror]\nkind = "mirror"\nport = 0\n')
    house.house("up")
    messages: set[str] = set()

    def is_ready(listener: Listener) -> bool:
        mirrors = [
            listener.states[name].state for name in ("mirror", "hall_mirror") if name in listener.states
        ]
        messages.update(str(state["message"]) for state in mirrors)
        return len(mirrors) == 2 and all(state["message"] == "Breakfast is ready." for state in mirrors)

    with house.listen("mirror", "hall_mirror") as listener:
        house.send("bathroom_light", "press")
        listener.wait_for(is_ready)
    assert not [message for message in messages if "irror" in message]


def is_live(house: TemporaryHouse) -> bool:
    """Return whether the presence of every device is `live`."""
    return {device["presence"] for device in house.status()["devices"].values()} == {"live"}


def is_complete(listener: Listener, name: str) -> bool:
    """Return whether a device has published its state, and a mirror also the URL of its page."""
    return name in listener.states and listener.states[name].state.get("url", "") is not None


@pytest.mark.parametrize(
    "victim",
    [
        *SOME_DEVICES,
        *(pytest.param(name, marks=pytest.mark.long) for name in sorted({*DEVICES} - {*SOME_DEVICES})),
    ],
)
def test_killing_one_process_leaves_every_other_pid(breakfast: TemporaryHouse, victim: str) -> None:
    """The killed process is replaced by a new one with the same state; no other process changes."""
    before = breakfast.pids()
    with breakfast.listen(victim) as listener:
        # The mirror publishes the URL of its page a moment after its first state.
        first = listener.wait_for(
            lambda listener: victim in listener.heartbeats and is_complete(listener, victim)
        ).states[victim]
        os.kill(before[victim], signal.SIGKILL)
        listener.wait_for(
            lambda listener: min(listener.states[victim].boot, listener.heartbeats[victim].boot) > first.boot
        )
        listener.wait_for(lambda listener: is_complete(listener, victim))
        assert listener.states[victim].state == first.state
        assert listener.heartbeats[victim].restarts == 1
    after = breakfast.pids()
    assert after.pop(victim) != before.pop(victim)
    assert after == before


def test_restart_replaces_one_process_and_preserves_its_state(breakfast: TemporaryHouse) -> None:
    """`house restart` ends when the device is ready again; the other processes stay."""
    breakfast.send("kitchen_lamp", "on", "brightness_percent=30")
    before = breakfast.pids()
    breakfast.house("restart", "kitchen_lamp")
    after = breakfast.pids()
    assert after.pop("kitchen_lamp") != before.pop("kitchen_lamp")
    assert after == before
    state = breakfast.status()["devices"]["kitchen_lamp"]["state"]
    assert (state["status"], state["brightness_percent"]) == (True, 30)
    assert [line.what for line in breakfast.switchings("kitchen_lamp")] == ["on"]


@pytest.mark.long
def test_a_second_up_is_harmless_and_reports_it(breakfast: TemporaryHouse) -> None:
    """The second `up` changes nothing."""
    before = breakfast.pids()
    assert "up already" in breakfast.house("up").stdout
    assert breakfast.pids() == before


@pytest.mark.long
def test_two_houses_run_side_by_side(make_house: HouseFactory) -> None:
    """Each run directory is a separate house: a press in one has no effect in the other."""
    one, other = make_house(folder="one"), make_house(folder="other")
    one.house("up")
    other.house("up")
    with one.listen("toaster") as listener:
        one.send("bathroom_light", "press")
        listener.wait_for(lambda listener: listener.has_state("toaster", status=True))
    eventually(lambda: is_live(other))
    assert other.status()["devices"]["toaster"]["state"]["starts"] == 0
    one.house("down")
    eventually(lambda: is_live(other))


@pytest.mark.long
def test_a_long_path_with_spaces_is_no_obstacle(make_house: HouseFactory) -> None:
    """A run directory works even if its path is longer than the path of a socket may be."""
    house = make_house(folder="a house with spaces/" + "quite/" * 20 + "deep")
    assert len(str(house.run)) > 107
    house.house("up")
    assert house.send("bathroom_light", "press")["outcome"] == "applied"
    eventually(lambda: (house.status()["devices"]["toaster"]["state"] or {}).get("starts") == 1)


def test_a_device_that_does_not_become_ready_is_named_with_the_reason(
    make_house: HouseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up` fails and shows the reason; here another process has the lock of the toaster."""
    house = make_house()
    (house.run / "lock").mkdir(parents=True)
    monkeypatch.chdir(house.run)
    lock = NameLock("toaster")
    done = house.house("up", "--timeout", "30", check=False)
    lock.release()
    assert done.returncode == 1
    assert "toaster: fails again and again" in done.stderr
    assert f"another process (PID {os.getpid()}) already runs under this name" in done.stderr
    assert "nor are" not in done.stderr


@pytest.mark.long
def test_the_exit_status_of_send_is_the_outcome(make_house: HouseFactory) -> None:
    """0: applied, 2: unknown device, 3: rejected, 4: no answer within the deadline."""
    breakfast = make_house(BREAKFAST.replace("speed = 60", "speed = 1"))
    breakfast.house("up")
    assert breakfast.house("send", "toaster", "start", "browning=5").returncode == 0
    rejected = breakfast.house("send", "toaster", "start", check=False)
    assert (rejected.returncode, "already toasting" in rejected.stdout) == (3, True)
    wrong = breakfast.house("send", "toaster", "start", "browning=9", check=False)
    assert (wrong.returncode, "a whole number from 1 to 7" in wrong.stdout) == (3, True)
    pid = breakfast.kill("kitchen_lamp", signal.SIGSTOP)
    silent = breakfast.house("send", "kitchen_lamp", "on", "--timeout", "0.3", check=False)
    os.kill(pid, signal.SIGCONT)
    assert silent.returncode == 4
    assert re.search(r"kitchen_lamp: no answer within 0\.\d s", silent.stderr)
    unknown = breakfast.house("send", "toster", "start", check=False)
    assert (unknown.returncode, "did you mean 'toaster'?" in unknown.stderr) == (2, True)


def test_the_reason_of_a_state_names_the_terminal(breakfast: TemporaryHouse) -> None:
    """It is in the origin as well, which the followers of the press share."""
    with breakfast.listen("bathroom_light", "toaster") as listener:
        pressed = breakfast.send("bathroom_light", "press")["id"]
        listener.wait_for(
            lambda it: {state.cause for state in it.states.values()} == {pressed} and "toaster" in it.states
        )
    light, toaster = (listener.states[name] for name in ("bathroom_light", "toaster"))
    assert light.reason == Reason("command", "terminal")
    assert light.origin == toaster.origin
    assert toaster.origin is not None
    assert toaster.origin.who == "terminal"


def test_reload_affects_only_changed_processes(breakfast: TemporaryHouse) -> None:
    """One device is changed, one added, one removed; the others keep their processes."""
    before = breakfast.pids()
    new = BREAKFAST.replace("browning = 3", "browning = 2")
    new = new[: new.index("[devices.kitchen_lamp]")]
    new += '[devices.hall_lamp]\nkind = "lamp"\ndriver = "simulated"\n'
    breakfast.config.write_text(new)
    done = breakfast.house("reload")
    assert "Started: hall_lamp." in done.stdout
    assert "Stopped: kitchen_lamp." in done.stdout
    assert "Restarted: mirror, recorder, toaster." in done.stdout
    after = breakfast.pids()
    assert after.keys() == (before.keys() | {"hall_lamp"}) - {"kitchen_lamp"}
    assert {name for name in before.keys() & after.keys() if before[name] == after[name]} == {
        "bathroom_light",
        "coffee_maker",
    }
    assert "Nothing has changed" in breakfast.house("reload").stdout
    assert breakfast.pids() == after


def test_a_broken_configuration_changes_nothing(breakfast: TemporaryHouse) -> None:
    """`reload` refuses the file as a whole, and a device that restarts meanwhile does not read it."""
    before = breakfast.pids()
    breakfast.config.write_text(BREAKFAST.replace("browning = 3", 'browning = "golden"'))
    done = breakfast.house("reload", check=False)
    assert done.returncode == 2
    line = BREAKFAST.splitlines().index("browning = 3") + 1
    assert f"house.toml:{line}: [devices.toaster] browning:" in done.stderr
    breakfast.config.write_text(BREAKFAST)
    assert breakfast.pids() == before
    breakfast.config.write_text("what is this")
    with breakfast.listen("toaster") as listener:
        boot = listener.wait_for(lambda listener: "toaster" in listener.states).states["toaster"].boot
        os.kill(before["toaster"], signal.SIGKILL)
        listener.wait_for(lambda listener: listener.states["toaster"].boot > boot)


ROOM = """\
[devices.hall_lamp]
kind = "lamp"

[[devices.hall_lamp.when]]
device = "bathroom_light"
turns = { status = true }
do = "on"
"""


@pytest.mark.long
def test_a_half_edited_included_file_changes_nothing(make_house: HouseFactory) -> None:
    """No verb touches the running house, its devices restart without the files, and then all is applied."""
    house = make_house(
        'include = ["rooms/*.toml"]\n[defaults.kinds.lamp]\ndriver = "simulated"\n'
        f"brightness_percent = 40\n{BREAKFAST}"
    )
    room = house.config.parent / "rooms" / "hall.toml"
    room.parent.mkdir()
    room.write_text(ROOM)
    house.house("up")
    before = house.pids()
    assert "hall_lamp" in before
    for verb, text, line, words in (
        ("check", ROOM.replace('"on"', '"onn"'), 7, "do: "),
        ("plan", ROOM + '[devices.toaster]\nkind = "toaster"\n', 8, "stands already in"),
        ("reload", "", 1, "there is no device"),
        ("reload", ROOM[: ROOM.index("turns") + 9], 6, "[TOML]"),
        ("up", ROOM[: ROOM.index("turns") + 9], 6, "[TOML]"),
    ):
        room.write_text(text)
        done = house.house(verb, check=False)
        assert done.returncode == 2
        assert re.search(rf"^{room}:{line}: .*{re.escape(words)}", done.stderr, re.MULTILINE)
    with house.listen("hall_lamp") as listener:
        listener.kill("hall_lamp")
        listener.wait_for(lambda listener: listener.has_state("hall_lamp", status=False))
        house.send("bathroom_light", "press")
        listener.wait_for(
            lambda listener: listener.has_state("hall_lamp", status=True, brightness_percent=40)
        )
    after = house.pids()
    assert {name for name in before if before[name] != after[name]} == {"hall_lamp"}
    room.write_text(ROOM.replace("true", "false"))
    plan = house.house("plan").stdout
    rule = "when bathroom_light turns {}: on"
    assert plan.startswith(
        f"restart hall_lamp\n    rule 1 was: {rule.format('on')}\n"
        f"    rule 1 becomes: {rule.format('off')}  (rooms/hall.toml:6)\n"
    )
    assert "Restarted: hall_lamp." in house.house("reload").stdout
    room.rename(room.with_name("entry.toml"))
    assert "Nothing would change" in house.house("plan").stdout


@pytest.mark.long
def test_a_reload_that_fails_puts_back_the_devices_of_all_files(
    make_house: HouseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device of a new file does not become ready: the changed device of another file is as before."""
    house = make_house(f'include = ["rooms/*.toml"]\n{BREAKFAST}')
    room = house.config.parent / "rooms" / "hall.toml"
    room.parent.mkdir()
    room.write_text(ROOM.replace('"lamp"', '"lamp"\ndriver = "simulated"'))
    house.house("up")
    installed = (house.run / "house.toml").read_bytes()
    before = room.read_text()
    room.write_text(before.replace("true", "false"))
    attic = '[devices.attic_lamp]\nkind = "lamp"\ndriver = "simulated"\n'
    room.with_name("attic.toml").write_text(attic)
    monkeypatch.chdir(house.run)
    lock = NameLock("attic_lamp")
    done = house.house("reload", "--timeout", "40", check=False)  # it fails long before
    lock.release()
    assert (done.returncode, "attic_lamp: fails again and again" in done.stderr) == (1, True)
    assert (house.run / "house.toml").read_bytes() == installed
    room.write_text(before)
    room.with_name("attic.toml").unlink()
    assert "Nothing would change" in house.house("plan").stdout
    assert "attic_lamp" not in house.pids()


def test_logs_follow_every_process_across_a_restart(breakfast: TemporaryHouse) -> None:
    """Each line is labelled. The lines of a new process follow those of its predecessor."""
    with breakfast.house_running("logs", "toaster", "bathroom_light") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("toaster" in line and "is up" in line for line in lines)
        breakfast.house("restart", "toaster")
        assert any("restarts 1" in line for line in lines)
        breakfast.send("bathroom_light", "press")
        assert any(re.match(r"bathroom_light .* is on \[\w+\]", line) for line in lines)


@pytest.mark.long
def test_watch_prints_one_line_per_message(breakfast: TemporaryHouse) -> None:
    """With --json, each line is one document with its topic."""
    with breakfast.house_running("watch", "toaster", "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["topic"] in ("toaster/state", "toaster/heartbeat")
        assert first["device"] == "toaster"


def test_status_asks_the_devices_when_the_mirror_does_not_answer(breakfast: TemporaryHouse) -> None:
    """`house status` subscribes to each device itself."""
    pid = breakfast.kill("mirror", signal.SIGSTOP)
    found = eventually(  # status listens only for a moment
        lambda: (found := breakfast.status())["devices"]["toaster"]["presence"] == "live" and found
    )
    os.kill(pid, signal.SIGCONT)
    assert found["devices"]["toaster"]["state"]["phase"] == "idle"
    assert "mirror does not answer" in found["message"]


@pytest.mark.long
def test_a_silent_device_is_shown_stale_then_offline(make_house: HouseFactory) -> None:
    """A silent device is not shown as live."""
    house = make_house(
        BREAKFAST.replace('kind = "mirror"', 'kind = "mirror"\nstale_after = "1500ms"\noffline_after = "10s"')
    )
    house.house("up")
    pid = house.kill("toaster", signal.SIGSTOP)
    seen = []

    def offline() -> bool:
        found = house.status()
        if "mirror does not answer" in (found["message"] or ""):
            return False  # this status is not from the mirror
        seen.append(presence := found["devices"]["toaster"]["presence"])
        return bool(presence == "offline")

    eventually(offline)
    os.kill(pid, signal.SIGCONT)
    assert "stale" in seen
    eventually(lambda: house.status()["devices"]["toaster"]["presence"] == "live")


def test_down_ends_every_process(breakfast: TemporaryHouse) -> None:
    """No process survives, and a second `down` is harmless."""
    supervisor = int((breakfast.run / "supervisord.pid").read_text())
    pids = [*breakfast.pids().values(), supervisor]
    breakfast.house("down")
    for pid in pids:
        with ended(pid) as wait:
            assert wait(0)
    assert "was not up" in breakfast.house("down").stdout
    assert breakfast.house("restart", "toaster", check=False).returncode == 1
    assert not breakfast.status()["up"]


@pytest.mark.long
def test_no_process_survives_supervisord(breakfast: TemporaryHouse) -> None:
    """Every device ends when supervisord is killed, and `up` then starts a new house."""
    pids = breakfast.pids().values()
    os.kill(int((breakfast.run / "supervisord.pid").read_text()), signal.SIGKILL)
    for pid in pids:
        with ended(pid) as wait:
            assert wait(5), f"PID {pid} lives on"
    breakfast.house("up")
    eventually(lambda: is_live(breakfast))


@pytest.mark.long
def test_stock_supervisorctl_works_on_the_house(breakfast: TemporaryHouse) -> None:
    """`status`, `tail` and `restart` of the stock tool work as usual."""

    def supervisorctl(*words: str) -> str:
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(breakfast.supervisord), *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=patience(30)
        ).stdout

    assert [line.split()[:2] for line in supervisorctl("status").splitlines()] == [
        [name, "RUNNING"] for name in PROCESSES
    ]
    assert "is up" in supervisorctl("tail", "toaster")
    before = breakfast.pids()
    assert "toaster: started" in supervisorctl("restart", "toaster")
    after = eventually(
        lambda: (pids := breakfast.pids())["toaster"] not in (None, before["toaster"]) and pids
    )
    assert {name for name in DEVICES if before[name] != after[name]} == {"toaster"}


@pytest.mark.long
def test_the_programs_of_docs_wire_work(breakfast: TemporaryHouse) -> None:
    """The programs in docs/wire.md import nothing of the house. They receive states and send a command."""
    text = (Path(__file__).parent.parent / "docs" / "wire.md").read_text()
    reader, sender = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[:2]
    assert len(reader.strip().splitlines()) <= 10
    assert "daemons" not in reader + sender
    command = [sys.executable, "-c", reader, "bathroom_light", "toaster"]
    with subprocess.Popen(command, env=breakfast.environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("toaster/state" in line for line in iter(process.stdout.readline, ""))
        subprocess.run(
            [sys.executable, "-c", sender, "bathroom_light", "press"],
            env=breakfast.environment,
            check=True,
            timeout=patience(30),
            capture_output=True,
        )
        assert any("toasting" in line for line in iter(process.stdout.readline, ""))
        process.kill()
