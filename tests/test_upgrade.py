"""A house in a clone of the project, and new versions of the project: `make upgrade` as its owner uses it."""

import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clone import Clone
from tests.support.house import eventually

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def running(clone: Clone) -> Clone:
    """Start the house of a clone."""
    clone.make("up")
    return clone


SYSTEMCTL = """\
#!/bin/sh
# Runs one unit as systemd does: `start` returns when the house answers, and `stop` when it has ended.
echo "$*" >>"$FAKE/calls"
is_active() { [ -e "$FAKE/pid" ] && grep -q '^[^)]*) [^Z]' "/proc/$(cat "$FAKE/pid")/stat" 2>/dev/null; }
stop() { is_active && kill "$(cat "$FAKE/pid")"; while is_active; do sleep 0.1; done; }
start() {
	setsid $(sed -n 's/^ExecStart=//p' "$XDG_CONFIG_HOME/systemd/user/house.service") >"$FAKE/log" 2>&1 &
	echo $! >"$FAKE/pid"
	cd "$FAKE/../home"
	while is_active && ! .venv/bin/house status --json | grep -Eq '"up": ?true'; do sleep 0.1; done
}
case "$2" in
is-active) is_active && echo active || echo inactive ;;
start) start ;;
stop) stop ;;
restart) stop; start ;;
esac
"""


@pytest.fixture
def make_clone(tmp_path: Path) -> Iterator[Callable[..., Clone]]:
    """Return a function that makes a clone in which `make up` has started the house."""
    made: list[Clone] = []

    def make(**options: bool) -> Clone:
        made.append(Clone(tmp_path, **options))
        return running(made[-1])

    try:
        yield make
    finally:
        for clone in made:
            if (clone.home / ".venv").exists():
                clone.house("down", check=False)


@pytest.fixture
def clone(make_clone: Callable[..., Clone]) -> Clone:
    """Return a running house whose environments are made in a second."""
    return make_clone(is_quick=True)


def break_the_toaster(clone: Clone) -> str:
    """Publish a version whose toasters end at their start; return the commit."""
    clone.edit(
        "daemons/__main__.py",
        "slice_.add_extensions()\n",
        "slice_.add_extensions()\n        if name == 'toaster':\n            raise OSError('no toast')\n",
    )
    return clone.publish()


def presences(clone: Clone) -> dict[str, str]:
    """Return the presence of each device."""
    return {name: one["presence"] for name, one in clone.status()["devices"].items()}


def state(clone: Clone, name: str) -> dict[str, Any]:
    """Return the state that a device shows."""
    found: dict[str, Any] = clone.status()["devices"][name]["state"]
    return found


def commit(clone: Clone) -> str:
    """Return the commit of the home of the house."""
    return clone.run("git", "rev-parse", "--short=12", "HEAD").strip()


def environments(clone: Clone) -> list[str]:
    """Return the names of the environments, without the link."""
    return sorted(path.name for path in clone.home.glob(".venv.*"))


def content(folder: Path) -> dict[str, str]:
    """Return what a folder has, without what a running house writes all the time."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_symlink() or (path.is_file() and "run" not in path.relative_to(folder).parts[:1])
    }


def test_an_owner_upgrades_with_the_packages_of_pip(make_clone: Callable[..., Clone]) -> None:
    """After `git pull`, devices go on with the old source. A bad version changes nothing, a good one runs."""
    clone = make_clone()
    first = clone.git("rev-parse", "--short=12", "HEAD")
    assert clone.house("--version").strip().endswith(f" (commit {first})")
    clone.edit("daemons/kinds/toaster.py", "\nfrom ", "\nraise RuntimeError('new source')\nfrom ")
    clone.publish()
    clone.run("git", "pull", "--quiet", "--ff-only")
    clone.house("restart", "toaster")
    before = clone.pid("kitchen_lamp")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: clone.status()["devices"]["kitchen_lamp"]["process"]["pid"] not in (None, before))
    eventually(lambda: set(presences(clone).values()) == {"live"})
    assert first in clone.status()["version"]
    assert "The project has changed since .venv was set up; `make upgrade` installs it." in clone.make("up")
    clone.house("on", "kitchen_lamp")
    present, pids = (clone.home / ".venv").readlink(), clone.status()["devices"]["toaster"]["process"]["pid"]
    refused = clone.make("upgrade", check=False)
    assert "the house was not touched" in refused
    assert ((clone.home / ".venv").readlink(), clone.pid("toaster")) == (present, pids)
    clone.edit("daemons/kinds/toaster.py", "\nraise RuntimeError('new source')\n", "\n")
    new = clone.publish()
    printed = clone.make("upgrade")
    assert f"House 1.0.0 (commit {new}) runs the house." in printed
    assert state(clone, "kitchen_lamp")["status"] is True
    assert new in clone.status()["version"]


def test_a_house_of_pip_upgrades_to_a_wheel(make_clone: Callable[..., Clone], tmp_path: Path) -> None:
    """Its environment is a folder, which becomes a link in the same step; `--back` goes back to it."""
    clone = make_clone()
    clone.house("down")
    home = tmp_path / "pip"
    home.mkdir()
    (first,) = (clone.home / ".venv" / "wheel").iterdir()
    clone.edit("daemons/__init__.py", '__version__ = "1.0.0"', '__version__ = "1.0.1"')
    clone.publish()
    python = str(clone.home / ".venv" / "bin" / "python3")
    wheel = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path / "wheels"))
    clone.run(python, *wheel, str(clone.author))
    (second,) = (tmp_path / "wheels").iterdir()
    clone.run(python, "-m", "venv", str(home / ".venv"))
    clone.run(str(home / ".venv" / "bin" / "python3"), "-m", "pip", "install", "--quiet", str(first))
    clone.home = home
    clone.house("init")
    clone.house("up")
    clone.house("on", "kitchen_lamp")
    printed = clone.house("upgrade", str(second))
    assert "House 1.0.1" in printed
    assert "Away for at most" in printed
    assert clone.house("--version").startswith("house, version 1.0.1")
    assert clone.status()["version"].startswith("1.0.1")
    assert (home / ".venv").is_symlink()
    assert state(clone, "kitchen_lamp")["status"] is True
    clone.house("upgrade", "--back")
    assert clone.status()["version"].startswith("1.0.0")
    assert clone.house("--version").startswith("house, version 1.0.0")
    assert state(clone, "kitchen_lamp")["status"] is True


def test_toast_goes_on_over_an_upgrade_and_the_way_back(clone: Clone) -> None:
    """A lamp stays on, toast is ready in its time, a stopped device stays stopped; `--back` goes back."""
    first, present = commit(clone), (clone.home / ".venv").readlink()
    clone.edit("daemons/kinds/toaster.py", "\nfrom ", "\n# new\nfrom ")
    new = clone.publish()
    clone.house("on", "kitchen_lamp")
    clone.house("stop", "coffee_maker")
    clone.house("send", "toaster", "start")
    began = state(clone, "toaster")
    printed = clone.make("upgrade")
    assert f"Fetch: commit {first} → {new}." in printed
    assert "3 of 3 stories hold." in printed
    assert "The processes restart one after the other" in printed
    assert re.search(r"Away for at most [0-9.]+ s: .*kitchen_lamp [0-9.]+ s.*toaster [0-9.]+ s", printed)
    assert state(clone, "kitchen_lamp")["status"] is True
    assert presences(clone)["coffee_maker"] == "stopped"
    assert began["phase"] == "toasting"
    # On a busy machine the time of `ready` is over after the upgrade; the history has it.
    eventually(lambda: " ready" in clone.house("history", "toaster"))
    assert state(clone, "toaster")["starts"] == began["starts"]
    assert clone.status()["warnings"] == []
    assert str(present) in environments(clone)
    assert "there is no newer version" in clone.make("upgrade")
    back = clone.house("upgrade", "--back")
    assert f"House 1.0.0 (commit {first}) runs the house." in back
    assert ((clone.home / ".venv").readlink(), first in clone.status()["version"]) == (present, True)
    assert state(clone, "kitchen_lamp")["status"] is True
    assert commit(clone) == new


def test_a_version_whose_toaster_does_not_start_is_rolled_back(clone: Clone) -> None:
    """The old version runs the house again, the project is at the old commit, and an edit of it stays."""
    first, before = commit(clone), content(clone.home)
    edited = clone.home / "README.md"
    edited.write_text("mine\n")
    break_the_toaster(clone)
    clone.house("on", "kitchen_lamp")
    clone.house("stop", "coffee_maker")
    printed = clone.make("upgrade", check=False)
    assert "toaster was ready before, and is not with the new version" in printed
    assert "toaster: no toast" in printed
    assert f"The upgrade has failed. House 1.0.0 (commit {first}) runs the house, as before." in printed
    assert presences(clone) == {
        name: "stopped" if name == "coffee_maker" else "live" for name in presences(clone)
    }
    assert state(clone, "kitchen_lamp")["status"] is True
    assert (commit(clone), edited.read_text()) == (first, "mine\n")
    clone.run("git", "checkout", "--quiet", "README.md")
    after = content(clone.home)
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {
        name for name in before | after if name.startswith(".git/")
    }


def test_a_version_whose_supervisord_does_not_start_touches_no_process(clone: Clone) -> None:
    """The way back restarts nothing, because nothing was handed over."""
    pids = {name: clone.pid(name) for name in presences(clone)}
    clone.edit(
        "daemons/supervision/handover.py",
        "def prepare() -> int:\n",
        "def prepare() -> int:\n    raise NotUp\n",
    )
    clone.publish()
    printed = clone.make("upgrade", check=False)
    assert "The new version does not start a supervisord: " in printed
    assert "runs the house, as before." in printed
    assert {name: clone.pid(name) for name in pids} == pids
    clone.house("restart", "toaster")


def test_a_device_that_was_broken_before_does_not_stop_an_upgrade(clone: Clone) -> None:
    """Only a device that was ready before must be ready again."""
    (clone.home / "run" / "devices" / "toaster.json").write_text("{")
    clone.house("restart", "toaster", "--timeout", "5", check=False)
    eventually(lambda: presences(clone)["toaster"] == "failed")
    break_the_toaster(clone)
    printed = clone.house("upgrade", "--timeout", "5")
    assert f"House 1.0.0 (commit {commit(clone)}) runs the house." in printed
    assert {**presences(clone), "toaster": "live"} == dict.fromkeys(presences(clone), "live")


def test_a_version_that_breaks_a_story_is_not_installed(clone: Clone) -> None:
    """No process is restarted, the project is put back, and what the upgrade built is removed."""
    first, before = commit(clone), content(clone.home)
    pids = {name: clone.pid(name) for name in presences(clone)}
    clone.edit("config/house.test.toml", "off", "unheard_of")
    clone.publish()
    printed = clone.make("upgrade", check=False)
    assert "A story does not hold with the new version; the house was not touched." in printed
    assert "The project has changed" not in clone.make("up")
    assert {name: clone.pid(name) for name in pids} == pids
    assert commit(clone) == first
    after = content(clone.home)
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {
        name for name in before | after if name.startswith(".git/")
    }


def test_a_unit_of_systemd_goes_on_over_an_upgrade(clone: Clone, tmp_path: Path) -> None:
    """Its process becomes one of the new version and keeps its PID; a bad version does not change it."""
    clone.house("down")
    fake = tmp_path / "fake"
    fake.mkdir()
    for name, text in {"systemctl": SYSTEMCTL, "loginctl": "#!/bin/sh\n"}.items():
        (fake / name).write_text(text)
        (fake / name).chmod(0o755)
    clone.environment["PATH"] = f"{fake}:{clone.environment['PATH']}"
    clone.environment |= {"FAKE": str(fake), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    clone.house("install", "--user")
    assert "systemd runs the house" in clone.house("up")
    clone.edit("daemons/kinds/toaster.py", "\nfrom ", "\n# new\nfrom ")
    new = clone.publish()
    (fake / "calls").unlink()
    main_pid = (fake / "pid").read_text().strip()

    def environment() -> str:
        """Return the environment of the process that systemd has started."""
        return Path(f"/proc/{main_pid}/cmdline").read_text().partition("\0")[0]

    printed = clone.house("upgrade")
    assert f"House 1.0.0 (commit {new}) runs the house." in printed
    assert "one after the other" in printed
    assert new in clone.status()["version"]
    present = clone.home / (clone.home / ".venv").readlink()
    eventually(lambda: environment() == f"{present}/bin/python3")
    break_the_toaster(clone)
    printed = clone.house("upgrade", check=False)
    assert f"House 1.0.0 (commit {new}) runs the house, as before." in printed
    assert (environment(), new in clone.status()["version"]) == (f"{present}/bin/python3", True)
    assert {call.split()[1] for call in (fake / "calls").read_text().splitlines()} == {"is-active"}
    assert "systemd has stopped house.service" in clone.house("down")
    assert "ERROR" not in (fake / "log").read_text()


def run_files(clone: Clone) -> list[str]:
    """Return the files of the run directory, but for the journals, which the running house writes."""
    run = clone.home / "run"
    found = [path.relative_to(run) for path in run.rglob("*")]
    return sorted(str(path) for path in found if path.parts[0] != "journal")


def test_a_dry_run_changes_nothing(clone: Clone) -> None:
    """It says what would happen; no file of the project, of git or of the run directory is another one."""
    before = content(clone.home)
    files = run_files(clone)
    pids = {name: clone.pid(name) for name in presences(clone)}
    new = break_the_toaster(clone)
    printed = clone.house("upgrade", "--dry-run")
    assert f"(commit {new}), beside 1.0.0" in printed
    assert "7 processes would restart. Nothing was changed." in printed
    assert content(clone.home) == before
    assert run_files(clone) == files
    assert {name: clone.pid(name) for name in pids} == pids


def test_a_house_that_is_down_stays_down(clone: Clone) -> None:
    """The new version is checked and installed; `house up` starts it."""
    clone.house("down")
    clone.edit("daemons/kinds/toaster.py", "\nfrom ", "\n# new\nfrom ")
    new = clone.publish()
    assert "The house is down, and was not started; `house up` starts it." in clone.house("upgrade")
    assert not clone.status()["up"]
    clone.house("up")
    assert new in clone.status()["version"]


def restart_pid(clone: Clone, verb: "subprocess.Popen[str]") -> int:
    """Wait until an upgrade restarts the house, and return the PID of the process that does so."""

    def find() -> int | None:
        record = clone.home / "run" / "upgrade" / "record.json"
        if not record.exists() or json.loads(record.read_bytes())["step"] != "restart":
            return None
        pid = clone.pid("upgrade")
        return pid if pid != verb.pid else None

    return int(eventually(find, 120))


@pytest.mark.parametrize("victim", ["the command", "the restart", "both"])
def test_a_kill_in_the_restart_leaves_a_house_that_runs(clone: Clone, victim: str) -> None:
    """The other of both processes completes the upgrade; without both, a second upgrade does so."""
    clone.edit("daemons/kinds/toaster.py", "\nfrom ", "\n# new\nfrom ")
    new = clone.publish()
    clone.house("on", "kitchen_lamp")
    verb = clone.start("upgrade")
    pid = restart_pid(clone, verb)
    if victim != "the restart":
        os.killpg(verb.pid, signal.SIGKILL)  # as if its terminal were closed
        verb.communicate()
    if victim != "the command":
        os.kill(pid, signal.SIGKILL)
    if victim == "the restart":
        assert verb.communicate()[0].count("is begun again") == 1
        assert verb.returncode == 0
    if victim == "the command":
        assert "another upgrade of this house runs" in clone.house("upgrade", check=False)
        eventually(lambda: not Path(f"/proc/{pid}").exists(), 120)
    if victim == "both":
        printed = clone.house("upgrade")
        assert "An upgrade was interrupted while it restarted the house" in printed
    assert new in clone.status()["version"]
    assert set(presences(clone).values()) == {"live"}
    assert state(clone, "kitchen_lamp")["status"] is True


def test_what_is_in_the_way_of_a_fetch_is_named(clone: Clone) -> None:
    """An edit that the new version overwrites, an own commit and a missing remote change nothing."""
    first = commit(clone)
    clone.edit("README.md", "House", "A house")
    clone.publish()
    (clone.home / "README.md").write_text("mine\n")
    assert "the new version has others in: README.md; commit" in clone.make("upgrade", check=False)
    assert (commit(clone), (clone.home / "README.md").read_text()) == (first, "mine\n")
    clone.run("git", "commit", "--quiet", "--all", "--message=mine")
    assert "has 1 commit of its own that the remote does not have" in clone.make("upgrade", check=False)
    clone.run("git", "remote", "remove", "origin")
    assert "follows no branch of a remote; --no-fetch" in clone.make("upgrade", check=False)
    assert "runs the house." in clone.make("upgrade", "NO_FETCH=1")
