"""The recorder in real houses: no change is missing or recorded twice, and a bad disk delays no process."""

import json
import logging
import os
import re
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zmq
from msgspec.structs import replace

from daemons.bus.input import Inputs, PressInput
from daemons.bus.message import RECORDER, Command
from daemons.bus.requests.blocking import send_command
from daemons.config.house import load_house
from daemons.config.roster import Peer
from daemons.config.tables import Recording
from daemons.errors import HistoryError
from daemons.processes.process import Process
from daemons.processes.process_run import ProcessRun
from daemons.processes.recorder.input_rows import InputRows
from daemons.processes.recorder.recorder import Recorder
from daemons.runtime.clock import uptime
from daemons.runtime.log import Log
from daemons.storage.history import PATH, read
from daemons.storage.installed import INSTALLED, fingerprint
from daemons.storage.lock import NameLock
from daemons.storage.paths import replace_file
from daemons.storage.recorded_inputs import read_inputs
from daemons.values import Seconds
from tests.support import factories
from tests.support.house import BREAKFAST, HouseFactory, Listener, TemporaryHouse, eventually

MAX_WAITING_ROWS = 5000
"""The most rows that wait for a disk that cannot be written."""

LAMPS = """\
[house]
watchdog = "60s"
[devices.switch]
kind = "light_switch"
driver = "simulated"
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
device = "switch"
turns = { status = true }
do = "on"
[[devices.lamp.when]]
device = "switch"
turns = { status = false }
do = "off"
"""
NOW = 1_795_000_000.0
HOUR = Recording(keep_seconds=Seconds(3600))
FOR_EVER = Recording(keep_seconds=Seconds(1e10))
HEAVY = ("asyncio", "click", "rich", "http", "h11", "tomli", "supervisor", "difflib", "xmlrpc", "email")


def history(house: TemporaryHouse, *names: str) -> dict[str, Any]:
    """Read the last minutes of some devices; empty while there is no history."""
    now = time.time()
    try:
        return read(house.run / PATH, names, now - 600, now, 300)["devices"]  # type: ignore[no-any-return]
    except HistoryError:
        return {name: {"stretches": [], "measurements": {}, "processes": []} for name in names}


def changes(house: TemporaryHouse, name: str) -> list[tuple[float, str, str | None]]:
    """Return each recorded change of a device: time, state and cause."""
    with closing(sqlite3.connect(f"file:{house.run / PATH}?mode=ro", uri=True)) as db:
        query = (
            "SELECT at, state, cause FROM change JOIN device ON id = change.device WHERE name = ? ORDER BY at"
        )
        return db.execute(query, (name,)).fetchall()


def shows(listener: Listener, phase: str) -> bool:
    """Return whether the latest state of the recorder has a phase."""
    return listener.has_state("recorder", phase=phase)


def press(context: "zmq.Context[zmq.Socket[bytes]]", number: int) -> str:
    """Press the switch, inside the run directory, and return the id of the command."""
    command = Command(id=f"press-{number}", command="press", deadline=time.time() + 10)
    assert send_command(context, "switch", command).outcome == "applied"
    return command.id


def press_count(listener: Listener) -> int:
    """Return how often the switch was pressed, according to its latest state."""
    return int(listener.states["switch"].state["presses"] or 0)


def written(house: TemporaryHouse, *names: str) -> bool:
    """Return whether at least one change of each of these devices was recorded."""
    return all(found["stretches"] for found in history(house, *names).values())


def press_repeatedly(ends: threading.Event) -> int:
    """Press the switch ten times a second until the event is set, and return the number of presses.
    A recorder that is killed at any time misses some presses; until its restart, they are fewer than the
    eight past changes in a state.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    number = 0
    while not ends.wait(0.1):
        number += 1
        press(context, number)
    context.destroy(linger=0)
    return number


def test_a_press_is_recorded_with_its_consequences(make_house: HouseFactory) -> None:
    """The press is the recorded cause of the switch, the coffee, the toast and the mirror."""
    breakfast = make_house(f"[recorder]\nsync = '0s'\n{BREAKFAST}")
    breakfast.house("up")
    names = ("bathroom_light", "coffee_maker", "toaster", "mirror")
    eventually(lambda: written(breakfast, *names))
    id_ = breakfast.send("bathroom_light", "press")["id"]
    phases = {"bathroom_light": "on", "coffee_maker": "ready", "toaster": "ready", "mirror": "ready"}
    with breakfast.listen(*names) as listener:
        listener.wait_for(
            lambda listener: all(listener.has_state(name, phase=phase) for name, phase in phases.items())
        )
        moments = {name: listener.states[name].since for name in names}

    def recorded() -> Any:
        found = history(breakfast, *names)
        last = {name: found[name]["stretches"][-1] for name in names}
        return all(last[name]["state"]["phase"] == phase for name, phase in phases.items()) and found

    found = eventually(recorded)
    for name in names:
        assert found[name]["stretches"][-1]["from"] == moments[name]
        assert found[name]["stretches"][-1]["cause"] == id_
    lamp, toaster = (found[name]["stretches"][-1] for name in ("bathroom_light", "toaster"))
    assert lamp["reason"]["by"] == "command"
    rule = {"by": "rule", "who": "bathroom_light", "rule": 1, "at": moments["bathroom_light"]}
    assert toaster["reason"] == rule
    assert toaster["origin"] == lamp["origin"]
    toast = [stretch["state"]["phase"] for stretch in found["toaster"]["stretches"]]
    assert toast == ["idle", "toasting", "ready"]

    def is_cold() -> Any:  # the power before the press may not be recorded
        watts = history(breakfast, "toaster")["toaster"]["measurements"].get("power_watts", [])
        return len(watts) > 1 and watts[-1][1:] == [0.0, 0.0, 0.0]

    eventually(is_cold)
    kept = set(found["toaster"]["measurements"])
    assert kept == {"power_watts", "energy_watt_hours"}, "what follows from the phase is not kept"


def test_kills_during_many_presses_lose_and_repeat_no_change(
    make_house: HouseFactory,
) -> None:
    """Each change of the switch and of the lamp is recorded once, in order, with its own cause.

    So is each command, unless a gap counts it.
    """
    house = make_house(LAMPS)
    house.house("up")
    eventually(lambda: written(house, "switch", "lamp"))
    ends = threading.Event()
    with house.listen("recorder", "switch") as listener, ThreadPoolExecutor() as pool:
        presses = pool.submit(press_repeatedly, ends)
        try:
            for kill in range(1, 9):
                listener.wait_for(
                    lambda listener, least=9 * kill: (  # type: ignore[misc]
                        listener.has_state("switch") and press_count(listener) >= least
                    )
                )
                listener.kill("recorder")
        finally:
            ends.set()
        pressed = presses.result()
    for name in ("switch", "lamp"):  # a new recorder receives one device before the other
        eventually(lambda name=name: len(changes(house, name)) > pressed)  # type: ignore[misc]
    for name, field in (("switch", "presses"), ("lamp", "starts")):
        found = changes(house, name)[1:]
        assert [cause for _, _, cause in found] == [f"press-{number + 1}" for number in range(pressed)]
        assert [json.loads(state)["status"] for _, state, _ in found] == [n % 2 == 0 for n in range(pressed)]
        counted = [json.loads(state)[field] for _, state, _ in found]
        assert counted == sorted(counted)

    def commands() -> Any:
        found = [one for one in read_inputs(house.run / PATH, 0, time.time() + 60) if one.device == "switch"]
        missing = sum(one.details["missing"] for one in found if one.what == "gap")
        ids = [one.details["id"] for one in found if one.what == "command"]
        return len(ids) + missing == pressed and ids

    numbers = [int(id_.removeprefix("press-")) for id_ in eventually(commands)]
    assert numbers == sorted(set(numbers))


@pytest.mark.long
def test_changes_while_the_recorder_was_stopped_are_recorded_later(make_house: HouseFactory) -> None:
    """The recorder reads up to eight missed changes from the past of a state."""
    house = make_house(LAMPS)
    house.house("up")
    house.house("stop", "recorder")
    with house.listen("switch") as listener:
        listener.wait_for(lambda listener: listener.has_state("switch"))
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        ids = [press(context, number) for number in range(6)]
        context.destroy(linger=0)
    house.house("start", "recorder")
    for name in ("switch", "lamp"):
        eventually(lambda name=name: [cause for _, _, cause in changes(house, name)][-6:] == ids)  # type: ignore[misc]


@pytest.mark.long
def test_the_death_of_a_process_is_recorded_with_its_reason(breakfast: TemporaryHouse) -> None:
    """The new process is recorded with its PID."""

    def recorded() -> Any:
        return history(breakfast, "toaster")["toaster"]["processes"]

    eventually(lambda: recorded() and recorded()[-1]["life"] == "running")
    before = breakfast.kill("toaster")
    with breakfast.listen("toaster") as listener:
        after = listener.wait_for(
            lambda listener: "toaster" in listener.heartbeats and listener.heartbeats["toaster"].pid != before
        )
        pid = after.heartbeats["toaster"].pid
    eventually(lambda: (recorded()[-1]["pid"], recorded()[-1]["life"]) == (pid, "running"))
    events = recorded()
    assert events[-1]["reason"] == "terminated by SIGKILL"
    assert [event["pid"] for event in events if event["life"] == "running"] == [before, pid]


def test_the_recorder_publishes_its_status_and_rejects_commands(breakfast: TemporaryHouse) -> None:
    """The rejection refers to `house history`."""
    with breakfast.listen("recorder") as listener:
        state = listener.wait_for(lambda listener: shows(listener, "recording")).states["recorder"].state
    assert (state["status"], state["fault"], state["dropped_rows"]) == (True, None, 0)
    assert isinstance(state["size_bytes"], int)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    here = Path.cwd()
    os.chdir(breakfast.run)
    try:
        command = Command(id="x", command="forget", deadline=time.time() + 5)
        receipt = send_command(context, "recorder", command)
    finally:
        os.chdir(here)
        context.destroy(linger=0)
    assert (receipt.outcome, "house history" in (receipt.reason or "")) == ("rejected", True)


@pytest.mark.long
def test_a_damaged_file_is_set_aside_and_reported(breakfast: TemporaryHouse) -> None:
    """The damage is found at the start; the new file begins with the present state of every device."""
    eventually(lambda: written(breakfast, "bathroom_light"))
    breakfast.send("bathroom_light", "press")
    eventually(lambda: len(history(breakfast, "bathroom_light")["bathroom_light"]["stretches"]) == 2)
    breakfast.house("stop", "recorder")
    path = breakfast.run / PATH
    path.write_bytes(b"x" * 10_000)
    breakfast.house("start", "recorder")
    (light,) = eventually(lambda: history(breakfast, "bathroom_light")["bathroom_light"]["stretches"])
    assert light["state"]["phase"] == "on"
    (aside,) = path.parent.glob("history-*.db")
    assert aside.read_bytes() == b"x" * 10_000
    assert (
        f"file is not a database; it was set aside as {aside.name}, and a new one is begun"
        in breakfast.log("recorder")
    )
    assert "records again; nothing was lost" in breakfast.log("recorder")
    assert breakfast.send("kitchen_lamp", "toggle")["outcome"] == "applied"


@pytest.mark.long
def test_a_deleted_file_is_created_again(breakfast: TemporaryHouse) -> None:
    """The new file begins with the present states, and with the past changes in them."""
    eventually(lambda: history(breakfast, "toaster")["toaster"]["stretches"])
    for file in (breakfast.run / PATH).parent.iterdir():
        file.unlink(missing_ok=True)
    id_ = breakfast.send("kitchen_lamp", "toggle")["id"]
    eventually(lambda: history(breakfast, "toaster")["toaster"]["stretches"])
    eventually(lambda: [cause for _, _, cause in changes(breakfast, "kitchen_lamp")][-1:] == [id_])
    assert (breakfast.log("recorder")).count("cannot record: ") == 1


@pytest.mark.long
def test_a_full_disk_delays_no_process_and_all_changes_are_written_later(breakfast: TemporaryHouse) -> None:
    """The fault is logged once, writing is retried every second, and no change is lost."""
    with breakfast.listen("recorder", "kitchen_lamp") as listener:
        pid = (
            listener.wait_for(
                lambda listener: shows(listener, "recording") and "recorder" in listener.heartbeats
            )
            .heartbeats["recorder"]
            .pid
        )
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        first = breakfast.send("kitchen_lamp", "toggle")["id"]
        listener.wait_for(lambda listener: shows(listener, "waiting"))
        assert listener.states["recorder"].state["fault"]
        second = breakfast.send("kitchen_lamp", "toggle")["id"]
        beat = listener.heartbeats["recorder"].at
        listener.wait_for(lambda listener: listener.heartbeats["recorder"].at > beat + 2)
        assert listener.heartbeats["recorder"].pid == pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        listener.wait_for(lambda listener: shows(listener, "recording"))
    causes = [cause for _, _, cause in changes(breakfast, "kitchen_lamp")]
    assert causes[-2:] == [first, second]
    eventually(lambda: "records again; nothing was lost" in breakfast.log("recorder"))
    log = breakfast.log("recorder")
    assert (log.count("cannot record: "), log.count("records again; nothing was lost")) == (1, 1)


@pytest.mark.long
def test_a_house_can_disable_the_recorder(make_house: HouseFactory) -> None:
    """There is no recorder process and no file; `house history` reports it."""
    house = make_house(f"[recorder]\nenabled = false\n{BREAKFAST}")
    house.house("up")
    assert "recorder" not in house.status()["services"]
    assert not (house.run / PATH).exists()
    done = house.house("history", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "keeps no history" in done.stderr


def test_history_is_printed_as_text_json_and_csv(breakfast: TemporaryHouse) -> None:
    """`house history` prints all formats, and reports an invalid time."""
    names = ("kitchen_lamp", "bathroom_light")
    eventually(lambda: written(breakfast, *names))
    id_ = breakfast.send("bathroom_light", "press")["id"]
    for name in names:
        eventually(lambda name=name: len(history(breakfast, name)[name]["stretches"]) == 2)  # type: ignore[misc]
    text = breakfast.house("history", "kitchen_lamp", "bathroom_light").stdout
    assert re.search(r"kitchen_lamp  \S+  \S+ s so far  on  Bathroom light on at [0-9:]{8}\n", text)
    assert f"command {id_}" in text
    found = json.loads(breakfast.house("history", "--json", "--since", "1h").stdout)
    assert found["devices"].keys() == load_house(breakfast.config).devices.keys()
    assert found["causes"][id_]["device"] == "bathroom_light"

    def measured() -> Any:  # a measurement is written after the change that it arrived with
        table = breakfast.house("history", "kitchen_lamp", "--csv").stdout
        return "power_watts_mean" in table.splitlines()[0] and table

    assert eventually(measured).startswith("device,from,to,lasted_seconds,cause,")
    command = f"command press from terminal, applied [{id_}]"
    eventually(lambda: command in breakfast.house("history", "--inputs").stdout)
    inputs = json.loads(breakfast.house("history", "--inputs", "bathroom_light", "--json").stdout)
    sent = {"id": id_, "command": "press", "outcome": "applied", "who": "terminal", "args": {}}
    assert [one["details"] for one in inputs if one["what"] == "command"] == [sent]
    assert {one["device"] for one in inputs} == {"bathroom_light"}
    both = breakfast.house("history", "--inputs", "--csv", check=False)
    assert (both.returncode, "--inputs does not go with --csv" in both.stderr) == (2, True)
    wrong = breakfast.house("history", "--since", "soon", check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--since: 'soon' is no time; allowed: how long ago" in wrong.stderr


def test_the_recorder_loads_few_modules(make_house: HouseFactory) -> None:
    """The recorder loads SQLite, and none of the heavy modules."""
    house = make_house()
    slices = load_house(house.config).slices()
    for folder in ("devices", "bus", "lock", "journal"):
        (house.run / folder).mkdir(parents=True)
    (house.run / "devices" / "recorder.json").write_bytes(slices["recorder"].encode())
    code = (
        "import sys\nfrom daemons.runtime import loop\nloop.Loop.run = lambda self: 'the test'\n"
        "from daemons.__main__ import start\nstart('recorder')\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=house.environment, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "_sqlite3" in loaded
    assert not {module for module in loaded if module.partition(".")[0] in HEAVY}


def test_waiting_rows_are_limited_and_dropped_rows_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While a disk is full, memory stays bounded: the oldest rows are dropped and counted."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    peers = {"lamp": Peer("Lamp", "House", "lamp")}
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder(peers, HOUR, process)
        began = time.time()
        with factories.full_disk():
            for index in range(MAX_WAITING_ROWS + 10):
                at = began + index / 1000
                recorder._add_rows(
                    factories.state("lamp", turned=at, status=index % 2 == 0, phase="on", power_watts=index)
                )
                if index % 1000 == 0:
                    recorder.on_timer()
        recorder.on_timer()
        recorder.close()
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    dropped = re.search(r"records again; ([0-9]+) rows were lost meanwhile", caplog.text)
    assert dropped is not None
    assert int(dropped[1]) >= 10
    with closing(sqlite3.connect(PATH)) as db:
        assert db.execute("SELECT max(at) FROM change").fetchone() == (began + (MAX_WAITING_ROWS + 9) / 1000,)
        (kept,) = db.execute(
            "SELECT (SELECT count(*) FROM change) + (SELECT count(*) FROM sample)"
        ).fetchone()
    assert kept <= MAX_WAITING_ROWS


def test_a_measurement_is_written_at_most_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the latest value of a second is written, and only if it has changed."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder({"lamp": Peer("Lamp", "House", "lamp")}, HOUR, process)
        for second, watts in enumerate([(7.0, 8.0, 9.0), (5.0, 9.0), (9.0,), (3.0,)]):
            for value in watts:
                recorder._add_rows(
                    factories.state("lamp", turned=NOW, status=True, phase="on", power_watts=value)
                )
            waiting = [sample.at for sample in recorder._samples.values()]
            assert len(waiting) == (second in (0, 3))
            recorder.on_timer()
        recorder.close()


def test_measurements_are_gathered_and_changes_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New values are committed and forced to the disk every 10 s, and each minute. A change is not put off.

    With `sync = "0s"`, values are committed each second.
    """
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    forced: list[int] = []
    force = os.fdatasync

    def count(file: int) -> None:
        forced.append(file)
        force(file)

    monkeypatch.setattr(os, "fdatasync", count)
    monkeypatch.setattr(os, "fsync", count)
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        began, clock = uptime(), [0.0]
        monkeypatch.setattr(process.loop, "now", lambda: began + clock[0])
        peers = {"lamp": Peer("Lamp", "House", "lamp")}

        def minute(sync: float, at: float) -> tuple[list[int], int]:
            """Return the number of committed values after each second, and how often the disk was forced."""
            recorder = Recorder(
                peers, Recording(keep_seconds=Seconds(1e10), sync_seconds=Seconds(sync)), process
            )
            recorder.on_timer()  # the first one commits what is there
            forced.clear()
            counts = []
            for second in range(60):
                clock[0] += 1
                state = factories.state("lamp", turned=at, status=True, phase="on", power_watts=second)
                recorder._add_rows(replace(state, at=at + second))
                recorder.on_batch()
                recorder.on_timer()
                with closing(sqlite3.connect(PATH)) as db:
                    query = "SELECT (SELECT count(*) FROM sample WHERE at >= ?), count(*) FROM change"
                    samples, changed = db.execute(query, (at,)).fetchone()
                counts.append(samples)
                assert changed >= 1
            times = len(forced)
            recorder.close()
            return counts, times

        now = time.time()
        counts, times = minute(10, now - 3000)
        assert counts == [1 + second // 10 * 10 for second in range(59)] + [60]
        assert times == 8, "seven times for the values, and once for the silence of the device"
        counts, times = minute(0, now - 2000)
        assert counts == list(range(1, 61))
        assert times >= 60


def test_many_measurements_are_committed_early_and_a_stop_commits_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large house does not fill the rows that wait for a full disk."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    names = [f"lamp_{number}" for number in range(1000)]
    recording = Recording(keep_seconds=Seconds(1e10), sync_seconds=Seconds(60))
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder({name: Peer("", "", "lamp") for name in names}, recording, process)
        recorder.on_timer()
        written, now = [], time.time()
        for second in range(4):
            for name in names:
                state = factories.state(name, turned=NOW, status=True, phase="on", power_watts=second)
                recorder._add_rows(replace(state, at=now + second))
            recorder.on_timer()
            with closing(sqlite3.connect(PATH)) as db:
                written += db.execute("SELECT count(*) FROM sample").fetchone()
        recorder.close()
    with closing(sqlite3.connect(PATH)) as db:
        written += db.execute("SELECT count(*) FROM sample").fetchone()
    assert written == [1000, 1000, 3000, 3000, 4000]


@pytest.mark.long
def test_a_killed_recorder_loses_ten_seconds_of_measurements_and_no_change(make_house: HouseFactory) -> None:
    """What was pressed just before the kill is recorded. The values after the kill are, too."""
    house = make_house(
        f"{LAMPS}[devices.room]\nkind = 'sensor'\ndriver = 'simulated'\n"
        "simulated = { temperature_celsius = 20.0 }\n"
    )
    house.house("up")
    path = house.run / "hardware" / "room" / "measured.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    ends = threading.Event()

    def change_values() -> None:
        number = 0
        while not ends.wait(1.0):
            number += 1
            replace_file(path, f'{{"temperature_celsius": {20 + number % 50 / 10}}}'.encode())

    def times() -> list[float]:
        with closing(sqlite3.connect(f"file:{house.run / PATH}?mode=ro", uri=True)) as db:
            query = "SELECT at FROM sample JOIN series ON id = series WHERE name = ? ORDER BY at"
            return [at for (at,) in db.execute(query, ("temperature_celsius",))]

    with ThreadPoolExecutor() as pool:
        changing = pool.submit(change_values)
        try:
            eventually(lambda: len(times()) >= 8)
            eventually(lambda: time.time() - times()[-1] > 4)
            id_ = house.send("switch", "press")["id"]
            killed_at = time.time()
            with house.listen("recorder", "room") as listener:
                listener.kill("recorder")
                listener.kill("room")
                listener.wait_for(lambda listener: listener.has_state("room", phase="measuring"))
            eventually(lambda: [cause for _, _, cause in changes(house, "lamp")][-1:] == [id_])
            eventually(lambda: times()[-1] > killed_at)
        finally:
            ends.set()
        changing.result()
    found = times()
    assert len(set(found)) == len(found)
    gap = max(after - before for before, after in pairwise(found))
    assert gap < 10 + 5, "the start of a recorder takes a moment"


def test_the_history_may_be_a_link_to_another_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While that disk is missing, the rows wait."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    disk = tmp_path / "disk"
    PATH.parent.symlink_to(disk)
    log = Log(logging.getLogger("test_recorder"))
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder({"lamp": Peer("Lamp", "House", "lamp")}, FOR_EVER, process)
        state = factories.state("lamp", turned=NOW, status=True, phase="on", power_watts=7.0)
        recorder._add_rows(replace(state, at=time.time()))
        recorder.on_timer()
        disk.mkdir()
        recorder.on_timer()
        recorder.close()
    with closing(sqlite3.connect(disk / PATH.name)) as db:
        assert db.execute("SELECT (SELECT count(*) FROM change), count(*) FROM sample").fetchone() == (1, 1)
    assert "records again; nothing was lost" in caplog.text


def presses(boot: int, numbers: range, earlier: int = 0, device: str = "lamp") -> Inputs:
    """Return a message with numbered presses."""
    found = tuple(PressInput(at=NOW + n, touch="single", id=f"p{n}") for n in numbers)
    return Inputs(device=device, boot=boot, at=NOW, number=numbers.stop - 1, earlier=earlier, inputs=found)


def test_inputs_are_recorded_once_and_gaps_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message repeats earlier inputs; one of an earlier run, or of an unknown device, has no effect."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder({"lamp": Peer("Lamp", "House", "lamp")}, FOR_EVER, process)
        for sent in (
            presses(5, range(1, 3)),
            presses(5, range(1, 4)),
            presses(5, range(1, 2)),
            presses(4, range(1, 9)),
            presses(5, range(6, 7)),
            presses(6, range(9, 9), earlier=8),
            presses(6, range(9, 10), earlier=8),
            presses(6, range(1, 2), device="stranger"),
        ):
            recorder._add_inputs(sent)
            if sent.number == 3:
                recorder.on_timer()
        recorder.close()
    found = [(one.what, *one.details.values()) for one in read_inputs(PATH, NOW, NOW + 60)]
    assert found == [
        ("gap", 2),
        *(("press", "single", f"p{number}") for number in (1, 2, 3)),
        ("gap", 2),
        *(("press", "single", f"p{number}") for number in (6, 9)),
    ]


def test_a_flood_of_inputs_does_not_fill_the_history() -> None:
    """Of each device so many are recorded, and a gap shows the others."""
    rows = InputRows({name: Peer("", "", "lamp") for name in ("lamp", "other")}, uptime)
    flood = [len(list(rows.published(presses(5, range(n, n + 100))))) for n in range(1, 2001, 100)]
    assert 500 <= sum(flood) <= 520
    assert len(list(rows.published(presses(5, range(1, 11), device="other")))) == 10


def test_the_configuration_and_steps_of_the_clock_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recorder notices both without a restart. A new file begins with the configuration in force."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder({"lamp": Peer("Lamp", "House", "lamp")}, FOR_EVER, process)
        for text in ("[house]", "[house]", "[house]\nname = 'x'"):
            replace_file(INSTALLED, text.encode())
            recorder.on_timer()
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() - 7200)
        recorder.on_timer()
        monkeypatch.setattr(time, "time", clock)
        first = [(one.device, one.what) for one in read_inputs(PATH, 0, NOW * 2)]
        PATH.unlink()
        for _ in range(2):
            recorder.on_timer()
        recorder.close()
    assert first == [(None, "configuration"), (None, "configuration"), (None, "clock")]
    last = fingerprint(b"[house]\nname = 'x'")
    assert [one.details for one in read_inputs(PATH, 0, NOW * 2)][-1] == {"digest": last}


def test_measurements_by_which_rules_go_are_recorded_as_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are in the series alone."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    peers = {name: Peer("", "", "lamp", ruled=ruled) for name, ruled in (("a", ("power_watts",)), ("b", ()))}
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder(peers, FOR_EVER, process)
        for name in peers:
            recorder._add_rows(factories.state(name, turned=NOW, status=True, phase="on", power_watts=7.0))
        recorder.on_timer()
        recorder.close()
    found = [one for one in read_inputs(PATH, 0, NOW * 2) if one.what == "values"]
    assert [(one.device, one.details) for one in found] == [("a", {"power_watts": 7.0})]


def test_damage_to_a_file_in_use_is_found_within_the_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The cache of SQLite hides the damage, so the file is reopened and checked each hour."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    log = Log(logging.getLogger("test_recorder"))
    with Process(RECORDER, ProcessRun(1, 1, 0), NameLock(RECORDER), log, uptime) as process:
        recorder = Recorder({"lamp": Peer("Lamp", "House", "lamp")}, HOUR, process)
        recorder._latest["State lamp"] = state = factories.state(
            "lamp", turned=time.time(), status=True, phase="on"
        )
        recorder._add_rows(state)
        recorder.on_timer()
        for path in (PATH, Path(f"{PATH}-wal")):
            path.write_bytes(b"x" * path.stat().st_size)
        recorder._check_at = 0.0
        for _ in range(4):
            recorder.on_timer()
        recorder.close()
    assert "file is not a database; it was set aside as " in caplog.text
    assert "records again; nothing was lost" in caplog.text
    with closing(sqlite3.connect(PATH)) as db:
        assert db.execute("SELECT count(*) FROM change").fetchone() == (1,)
