"""A whole house of real processes: what a person can do with it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.storage.lock import NameLock
from daemons.supervision.supervisord import ended
from tests.support.house import BREAKFAST, Ear, Household, eventually

COOKS = ("coffee_maker", "toaster")
DEVICES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")
PROCESSES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "recorder", "steward", "toaster")
Houses = Callable[..., Household]


def test_one_press_makes_breakfast_and_the_mirror_says_so(breakfast: Household) -> None:
    """A press starts both appliances once, each gets ready, and the mirror tells when both are."""
    receipt = breakfast.send("bathroom_light", "press")
    assert receipt["outcome"] == "applied"
    with breakfast.ear(*DEVICES) as ear:
        ear.until(lambda ear: ear.shows("mirror", phase="ready", message="Breakfast is ready."))
        ear.until(lambda ear: all(ear.shows(name, ready=True, starts=1) for name in COOKS))
        for name in (*COOKS, "kitchen_lamp", "bathroom_light"):
            assert ear.states[name].cause == receipt["id"]
    for name in COOKS:
        switchings = breakfast.witness(name)
        assert [line.what for line in switchings].count("on") == 1
        assert switchings[0].cause == receipt["id"]
        assert switchings[0].off_at is not None
    assert [line.brightness_percent for line in breakfast.witness("kitchen_lamp")] == [60]
    eventually(lambda: "Breakfast is ready." in breakfast.log("mirror"))
    eventually(lambda: receipt["id"] in breakfast.log("toaster"))


def test_second_press_turns_the_light_off_and_makes_no_second_breakfast(breakfast: Household) -> None:
    """Off is no reason to toast: rules act on what they name, and the lamp's other rule follows."""
    with breakfast.ear("bathroom_light", "kitchen_lamp", "toaster") as ear:
        breakfast.send("bathroom_light", "press")
        ear.until(lambda ear: ear.shows("kitchen_lamp", status=True) and ear.shows("toaster", status=True))
        breakfast.send("bathroom_light", "press")
        ear.until(lambda ear: ear.shows("kitchen_lamp", status=False))
        ear.until(lambda ear: ear.shows("toaster", ready=True, starts=1))


def test_two_mirrors_say_the_same(household: Houses) -> None:
    """Neither waits for the other, or takes what that shows for something that gets ready."""
    house = household(BREAKFAST + '\n[devices.hall_mirror]\nkind = "mirror"\nport = 0\n')
    house.house("up")
    said: set[str] = set()

    def is_ready(ear: Ear) -> bool:
        mirrors = [ear.states[name].state for name in ("mirror", "hall_mirror") if name in ear.states]
        said.update(str(state["message"]) for state in mirrors)
        return len(mirrors) == 2 and all(state["message"] == "Breakfast is ready." for state in mirrors)

    with house.ear("mirror", "hall_mirror") as ear:
        house.send("bathroom_light", "press")
        ear.until(is_ready)
    assert not [message for message in said if "irror" in message]


def is_live(house: Household) -> bool:
    """Tell whether every device is shown as live, which the mirror has by the steward's word."""
    return {device["presence"] for device in house.status()["devices"].values()} == {"live"}


def has_said_all(ear: Ear, name: str) -> bool:
    """Tell whether a device was heard, and a mirror's page as well."""
    return name in ear.states and ear.states[name].state.get("url", "") is not None


@pytest.mark.parametrize("victim", DEVICES)
def test_killing_one_process_leaves_every_other_pid(breakfast: Household, victim: str) -> None:
    """The killed one comes back as another process, with the same state; no other one changes."""
    before = breakfast.pids()
    with breakfast.ear(victim) as ear:
        # The mirror shows where its page is a moment after it is up.
        first = ear.until(lambda ear: victim in ear.beats and has_said_all(ear, victim)).states[victim]
        os.kill(before[victim], signal.SIGKILL)
        ear.until(lambda ear: min(ear.states[victim].boot, ear.beats[victim].boot) > first.boot)
        ear.until(lambda ear: has_said_all(ear, victim))
        assert ear.states[victim].state == first.state
        assert ear.beats[victim].restarts == 1
    after = breakfast.pids()
    assert after.pop(victim) != before.pop(victim)
    assert after == before


def test_restart_replaces_one_process_and_keeps_its_state(breakfast: Household) -> None:
    """`house restart` ends when the device is ready again; the others stay."""
    breakfast.send("kitchen_lamp", "on", "brightness_percent=30")
    before = breakfast.pids()
    breakfast.house("restart", "kitchen_lamp")
    after = breakfast.pids()
    assert after.pop("kitchen_lamp") != before.pop("kitchen_lamp")
    assert after == before
    state = breakfast.status()["devices"]["kitchen_lamp"]["state"]
    assert (state["status"], state["brightness_percent"]) == (True, 30)
    assert [line.what for line in breakfast.witness("kitchen_lamp")] == ["on"]


def test_up_twice_is_harmless_and_says_so(breakfast: Household) -> None:
    """The second `up` changes nothing."""
    before = breakfast.pids()
    assert "up already" in breakfast.house("up").stdout
    assert breakfast.pids() == before


def test_two_houses_run_side_by_side(household: Houses) -> None:
    """Another run directory is another house: a press in one is not heard in the other."""
    one, other = household(folder="one"), household(folder="other")
    one.house("up")
    other.house("up")
    with one.ear("toaster") as ear:
        one.send("bathroom_light", "press")
        ear.until(lambda ear: ear.shows("toaster", status=True))
    eventually(lambda: is_live(other))
    assert other.status()["devices"]["toaster"]["state"]["starts"] == 0
    one.house("down")
    eventually(lambda: is_live(other))


def test_a_long_path_with_spaces_is_no_obstacle(household: Houses) -> None:
    """A run directory beyond what a socket's path can hold works like any other."""
    house = household(folder="a house with spaces/" + "quite/" * 20 + "deep")
    assert len(str(house.run)) > 107
    house.house("up")
    assert house.send("bathroom_light", "press")["outcome"] == "applied"
    eventually(lambda: (house.status()["devices"]["toaster"]["state"] or {}).get("starts") == 1)


def test_a_device_that_does_not_become_ready_is_named_with_its_last_words(
    household: Houses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`up` ends non-zero and shows why; here another process holds the toaster's name."""
    house = household()
    (house.run / "lock").mkdir(parents=True)
    monkeypatch.chdir(house.run)
    lock = NameLock("toaster")
    done = house.house("up", "--timeout", "30", check=False)
    lock.release()
    assert done.returncode == 1
    assert "toaster: fails again and again" in done.stderr
    assert f"another process (PID {os.getpid()}) already runs under this name" in done.stderr
    assert "nor are" not in done.stderr


def test_send_tells_by_its_exit_status_what_came_of_it(household: Houses) -> None:
    """0 applied, 3 rejected with the reason, 4 no answer within the deadline, 2 no such device."""
    breakfast = household(BREAKFAST.replace("speed = 60", "speed = 1"))
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


def test_reload_touches_exactly_what_changed(breakfast: Household) -> None:
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


def test_a_broken_file_changes_nothing(breakfast: Household) -> None:
    """`reload` refuses it as a whole, and a device that restarts meanwhile does not read it either."""
    before = breakfast.pids()
    breakfast.config.write_text(BREAKFAST.replace("browning = 3", 'browning = "golden"'))
    done = breakfast.house("reload", check=False)
    assert done.returncode == 2
    line = BREAKFAST.splitlines().index("browning = 3") + 1
    assert f"house.toml:{line}: [devices.toaster] browning:" in done.stderr
    breakfast.config.write_text(BREAKFAST)
    assert breakfast.pids() == before
    breakfast.config.write_text("what is this")
    with breakfast.ear("toaster") as ear:
        boot = ear.until(lambda ear: "toaster" in ear.states).states["toaster"].boot
        os.kill(before["toaster"], signal.SIGKILL)
        ear.until(lambda ear: ear.states["toaster"].boot > boot)


def test_logs_follow_every_process_across_a_restart(breakfast: Household) -> None:
    """Each line is labelled; what a successor writes is shown like what its predecessor wrote."""
    with breakfast.house_running("logs", "toaster", "bathroom_light") as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("toaster" in line and "is up" in line for line in lines)
        breakfast.house("restart", "toaster")
        assert any("restarts 1" in line for line in lines)
        breakfast.send("bathroom_light", "press")
        assert any(re.match(r"bathroom_light .* is on \[\w+\]", line) for line in lines)


def test_watch_shows_the_bus_a_line_a_message(breakfast: Household) -> None:
    """With --json each line is one document with its topic."""
    with breakfast.house_running("watch", "toaster", "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["topic"] in ("toaster/state", "toaster/heartbeat")
        assert first["device"] == "toaster"


def test_status_says_what_the_devices_say_when_the_mirror_is_gone(breakfast: Household) -> None:
    """Without its aggregator the house is asked device by device."""
    pid = breakfast.kill("mirror", signal.SIGSTOP)
    found = eventually(  # it listens for a moment only
        lambda: (found := breakfast.status())["devices"]["toaster"]["presence"] == "live" and found
    )
    os.kill(pid, signal.SIGCONT)
    assert found["devices"]["toaster"]["state"]["phase"] == "idle"
    assert "mirror does not answer" in found["message"]


def test_a_silent_device_is_shown_stale_then_offline(household: Houses) -> None:
    """A value that is no longer confirmed is not shown as live."""
    house = household(
        BREAKFAST.replace('kind = "mirror"', 'kind = "mirror"\nstale_after = "1500ms"\noffline_after = "10s"')
    )
    house.house("up")
    pid = house.kill("toaster", signal.SIGSTOP)
    seen = []

    def offline() -> bool:
        found = house.status()
        if "mirror does not answer" in (found["message"] or ""):
            return False  # then it says what it hears itself
        seen.append(presence := found["devices"]["toaster"]["presence"])
        return bool(presence == "offline")

    eventually(offline)
    os.kill(pid, signal.SIGCONT)
    assert "stale" in seen
    eventually(lambda: house.status()["devices"]["toaster"]["presence"] == "live")


def test_down_ends_every_process(breakfast: Household) -> None:
    """Nothing lives on, and `down` once more is harmless."""
    supervisor = int((breakfast.run / "supervisord.pid").read_text())
    pids = [*breakfast.pids().values(), supervisor]
    breakfast.house("down")
    for pid in pids:
        with ended(pid) as wait:
            assert wait(0)
    assert "was not up" in breakfast.house("down").stdout
    assert breakfast.house("restart", "toaster", check=False).returncode == 1
    assert not breakfast.status()["up"]


def test_no_ghost_outlives_supervisord(breakfast: Household) -> None:
    """With supervisord killed every device ends by itself, and `up` finds a clean house."""
    pids = breakfast.pids().values()
    os.kill(int((breakfast.run / "supervisord.pid").read_text()), signal.SIGKILL)
    for pid in pids:
        with ended(pid) as wait:
            assert wait(5), f"PID {pid} lives on"
    breakfast.house("up")
    eventually(lambda: is_live(breakfast))


def test_stock_supervisorctl_works_on_the_house(breakfast: Household) -> None:
    """`status`, `tail` and `restart` of the stock tool do what they always do."""

    def supervisorctl(*words: str) -> str:
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(breakfast.supervisord), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout

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


def test_a_foreign_reader_reads_the_house_with_the_documented_lines(breakfast: Household) -> None:
    """The very text of docs/wire.md, with nothing of ours imported, hears the house and commands it."""
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
            timeout=30,
            capture_output=True,
        )
        assert any("toasting" in line for line in iter(process.stdout.readline, ""))
        process.kill()
