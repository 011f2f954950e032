"""The second half of an upgrade: swaps the environments, restarts the house, and goes back if that fails.

The processes restart one after the other, by a handover to a supervisord of the new version. Where that is
not possible, the whole house ends and starts.

A record in the run directory names what is done. After a kill at any moment, `finish` goes on from it.
The process that runs this may lose its environment, so nothing is imported after the swap.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, NoReturn

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from daemons.errors import AlreadyRunning, HouseError, NotReady, StorageError, SupervisorError
from daemons.storage.installed import INSTALLED as CONFIGURATION
from daemons.storage.journal import later_format
from daemons.storage.lock import FOREGROUND, NameLock, holder
from daemons.storage.paths import replace_file, stopped_path
from daemons.storage.release import RUNNING
from daemons.storage.versions import keep_version
from daemons.supervision import handover, systemd
from daemons.supervision.away import AwayWatch
from daemons.supervision.environment import FOREIGN, Environment, present, remove_others, swap
from daemons.supervision.install import forget_stops, installed_files, restore_files
from daemons.supervision.logs import last_lines
from daemons.supervision.observed import has_failed, not_ready, pids, read_status, text_of
from daemons.supervision.operations import locked_house
from daemons.supervision.programs import can_launch_second
from daemons.supervision.source_tree import Fetched, SourceTree
from daemons.supervision.supervisord import Supervisor, is_handed_over

FOLDER = Path("upgrade")
RECORD = FOLDER / "record.json"
JOURNALS = FOLDER / "journal"
"""The journals before the restart: the old version may not read what the new one has written."""
INSTALLED = FOLDER / "installed"
"""The slices, the programs and the configuration that the old version has installed."""
SECOND = FOLDER / "second.json"
"""What the start of the second supervisord came to, if the process in the foreground has started it."""
SECOND_LOG = FOLDER / "second.log"
"""What it has printed."""
DOWN = FOLDER / "down"
"""The mark that the house was stopped meanwhile, so that it is not started again."""
SECOND_SECONDS = 300.0
"""How long that start may take: a slow machine may compile every file."""
LOCKS = ("house", "edit")
"""Locks of what changes a house: a verb, or an edit on the page."""
LOCK_SECONDS = 60.0
"""How long such a change may take."""
STAY_SECONDS = 5.0
"""So long the devices must stay ready after the restart."""
POLL_SECONDS = 0.5
LOG_LINES = 10

Say = Callable[[str], None]
Step = Literal["restart", "back", "done"]


class Record(Struct, frozen=True):
    """An upgrade: what it goes from and to, and how far it is."""

    step: Step
    link: str
    old: str
    """The environment before. If a folder is in the place of the link, this is the name that it gets."""
    new: str
    config: str
    run: str
    host: str | None
    was_up: bool
    ready: tuple[str, ...]
    """The processes that were ready before."""
    timeout_seconds: float
    root: str | None = None
    """The project folder, if a commit was fetched into it."""
    before: str = ""
    """The commit before; `after` is the one that was fetched."""
    after: str = ""
    stamp: str | None = None
    """The file that tells when the old environment was made, if the project was no newer before the fetch."""
    kept: str = ""
    """The environment to which `house upgrade --back` would go, if this upgrade fails."""

    def environment(self, path: str) -> Environment:
        """Return one of the environments, for this house."""
        return Environment(Path(path), Path(self.config), Path(self.run), self.host)

    def put_tree_back(self) -> str:
        """Go back to the commit before, and return a sentence about it."""
        if not self.root:
            return ""
        stamp = Path(self.stamp) if self.stamp else None
        return SourceTree(Path(self.root)).put_back(Fetched(self.before, self.after), stamp)


class Failed(HouseError):
    """The new version does not run the house, so the old one runs it again."""


def read_record() -> Record | None:
    """Return the record of the last upgrade; None without one, or if it cannot be read."""
    try:
        return msgspec.json.decode(RECORD.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None


def write_record(record: Record) -> None:
    """Write the record; raises StorageError."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    replace_file(RECORD, msgspec.json.encode(record))


def is_interrupted(record: Record | None) -> bool:
    """Return whether an upgrade has not ended, and its environments are still those of the link."""
    if record is None or record.step == "done":
        return False
    now = present(Path(record.link))
    return str(now) in (record.old, record.new, record.link) and Path(record.new).is_dir()


def begin(record: Record) -> None:
    """Note what is done from now on; raises StorageError."""
    forget_journals()
    DOWN.unlink(missing_ok=True)
    write_record(record)


def finish(record: Record, say: Say) -> None:
    """Restart the house with the new version, from wherever an earlier attempt has ended.

    Raises Failed if the new version does not run it; then the old one runs it again.
    """
    if record.step == "back":
        go_back(record, say)
    try:
        wait_for_locks()
    except AlreadyRunning as error:
        say(f"The house was not restarted, because another command changes it (PID {error.pid}).")
        give_up(record, say)
    if not record.was_up:
        swap_link(record, record.new)
        end(record, {}, say)
        return
    before = read_status(record.environment(str(present(Path(record.link)))))
    watch = AwayWatch(pids(before, record.ready))
    try:
        why = restart(record, say)
    finally:
        watch.close()
    if why:
        say(why)
        give_up(record, say)
    end(record, watch.seconds(), say)


def restart(record: Record, say: Say) -> str | None:
    """Swap the environments and restart the house; return why the new version does not run it, or None."""
    if not JOURNALS.exists():
        keep_journals()
    try:
        if can_hand_over(record):
            return hand_over(record, say)
        printed = restart_all(record, say)
    except NotReady as error:
        return about([error.device])
    except HouseError as error:
        return str(error)
    return fault(record, record.environment(record.new), printed)


def can_hand_over(record: Record) -> bool:
    """Return whether the processes can restart one after the other.

    A folder that becomes a link cannot: the old version needs it under its name. The new version must know
    how to begin, and a service manager must have a process of the house that it may ask. A supervisord.conf
    of the user's own may have other places for its files.
    """
    if is_handed_over():
        return True
    if not Path(record.link).is_symlink() or not can_launch_second(Path(record.run)):
        return False
    unit = systemd.find_unit(Path(record.run))
    if unit and unit.is_active() and holder(FOREGROUND) is None:
        return False
    try:
        with closing(Supervisor()) as first:
            if not first.is_up():
                return False
    except SupervisorError:
        return False
    return record.environment(record.new).house("up", "--second", "--help").returncode == 0


def hand_over(record: Record, say: Say) -> str | None:
    """Swap the environments, and restart one process after the other; return as `restart` does.

    No verb changes the house before the first supervisord has ended: until then, the way back is open.
    Raises HouseError.
    """
    with locked_house():
        keep_installed()
        swap_link(record, record.new)
        say("The processes restart one after the other, with the new version.")
        if not is_handed_over():
            begin_second(record)
        with closing(handover.Handover()) as both:
            both.forward(record.ready, record.timeout_seconds, keep_journal)
        if why := fault(record, record.environment(record.new), ""):
            return why
        handover.end_others()
        keep_version(CONFIGURATION.read_bytes().decode(errors="replace"), "upgrade")
        forget_stops()
    return None


def begin_second(record: Record) -> None:
    """Start the supervisord of the new version beside the one that runs; raises HouseError.

    A service manager counts only what its own process has started. So that process is asked to do it.
    """
    SECOND.unlink(missing_ok=True)
    pid = holder(FOREGROUND)
    if pid is None:
        process = open_second(record)
        process.wait()
        note_second(process)
    else:
        os.kill(pid, signal.SIGUSR1)
    end = time.monotonic() + SECOND_SECONDS
    while not SECOND.exists():
        if time.monotonic() > end or holder(FOREGROUND) != pid:
            raise HouseError(f"`house up --foreground` (PID {pid}) has not started another supervisord")
        time.sleep(POLL_SECONDS)
    if printed := str(msgspec.json.decode(SECOND.read_bytes())):
        raise HouseError(f"The new version does not start a supervisord: {printed}")


def open_second(record: Record) -> "subprocess.Popen[bytes]":
    """Begin to start the supervisord of the new version; `note_second` is called when that has ended."""
    with SECOND_LOG.open("wb") as log:
        return subprocess.Popen(
            record.environment(record.new).command("up", "--second"),
            env={key: value for key, value in os.environ.items() if key not in FOREIGN},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def note_second(process: "subprocess.Popen[bytes]") -> None:
    """Note what the start has come to: an empty text, or the reason why it has failed."""
    printed = SECOND_LOG.read_text(errors="replace").strip() or f"exit status {process.wait()}"
    replace_file(SECOND, msgspec.json.encode(printed if process.wait() else ""))


def restart_all(record: Record, say: Say) -> str:
    """End the whole house, swap the environments, and start it; return what a failed start has printed.

    Raises HouseError.
    """
    done = record.environment(str(present(Path(record.link)))).house("down")
    if done.returncode != 0:
        raise HouseError(f"The house cannot be stopped: {text_of(done)}")
    swap_link(record, record.new)
    say("The house starts with the new version.")
    done = record.environment(record.new).house("up", "--timeout", f"{record.timeout_seconds:g}")
    return text_of(done) if done.returncode else ""


def fault(record: Record, new: Environment, printed: str) -> str | None:
    """Return why a house is not as it was before; None if every device that was ready is so again.

    `printed` is what the failed start has printed; the devices that it names may have failed before, too.
    """
    wanted = new.version()
    end = time.monotonic() + record.timeout_seconds
    while True:
        status = read_status(new)
        missing: list[str] = []
        if not status.get("up"):
            why = f"The new version does not start the house: {printed or status.get('fault')}"
            if "up" in status:
                return why
        elif status.get("version") != wanted:
            return (
                f"The house was started with House {status.get('version')}, and not with {wanted}; if a unit "
                "starts it, `house install` writes the unit again"
            )
        else:
            missing = not_ready(status, wanted_names(record))
            why = about(missing) if missing else ""
        if not why:
            break
        if time.monotonic() > end or has_failed(status, missing):
            return why
        time.sleep(POLL_SECONDS)
    before = pids(status, wanted_names(record))
    time.sleep(STAY_SECONDS)
    status = read_status(new)
    after = pids(status, before)
    if ended := sorted(name for name, pid in before.items() if after.get(name) != pid):
        return f"{about(ended)}\nIt became ready, and ended again within {STAY_SECONDS:g} s."
    return None


def wanted_names(record: Record) -> list[str]:
    """Return the processes that must be ready: a person may have stopped one since the record was made."""
    return [name for name in record.ready if not stopped_path(name).exists()]


def give_up(record: Record, say: Say) -> NoReturn:
    """Note that the old version is to run the house again, and go back; always raises Failed."""
    record = replace(record, step="back")
    write_record(record)
    go_back(record, say)


def go_back(record: Record, say: Say) -> NoReturn:
    """Start the old version again, and put the project folder back; always raises Failed."""
    link, new = Path(record.link), record.environment(record.new)
    say("Going back to the old version.")
    try:
        if take_back():
            swap_link(record, record.old)
        elif present(link) == new.path:
            if new.house("down").returncode != 0:
                record.environment(record.old).house("down")
            restore_journals(record)
            swap_link(record, record.old)
    except (HouseError, OSError) as error:
        raise Failed(f"Going back has failed: {error}\n`house upgrade` tries it again.") from error
    old = record.environment(str(present(link)))
    was_up = record.was_up and not DOWN.exists()
    done = old.house("up", "--timeout", f"{record.timeout_seconds:g}") if was_up else None
    if done and not read_status(old).get("up"):
        raise Failed(f"The old version does not start: {text_of(done)}\n`house upgrade` tries it again.")
    if sentence := record.put_tree_back():
        say(sentence)
    kept = record.kept if record.kept and Path(record.kept).is_dir() else str(old.path)
    write_record(replace(record, step="done", new=str(old.path), old=kept, root=None))
    forget_journals()
    remove_others(link, Path(kept))
    if record.was_up and not was_up:
        text = f"House {old.version()} is installed, as before. The house was stopped meanwhile."
    else:
        text = f"House {old.version()} runs the house, as before."
    raise Failed(f"The upgrade has failed. {text}")


def end(record: Record, away: Mapping[str, float], say: Say) -> None:
    """Note that the upgrade is complete, remove older environments, and say what the user wants to know."""
    write_record(replace(record, step="done"))
    forget_journals()
    removed = remove_others(Path(record.link), Path(record.old), Path(record.new))
    version = record.environment(record.new).version()
    say(f"House {version} runs the house." if record.was_up else f"House {version} is installed.")
    if away:
        longest = max(away.values())
        listed = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in away.items())
        say(f"Away for at most {longest:.1f} s: {listed}.")
    elif not record.was_up:
        say("The house is down, and was not started; `house up` starts it.")
    kept = f"The version before is kept in {record.old}; `house upgrade --back` goes back to it."
    say(kept + f" {len(removed)} older one{'s are' if len(removed) != 1 else ' is'} removed." * bool(removed))


def swap_link(record: Record, to: str) -> None:
    """Make the link lead to one of the environments; raises StorageError."""
    link = Path(record.link)
    if present(link) != Path(to):
        swap(link, Path(to), Path(record.old))


def wait_for_locks() -> None:
    """Wait until no verb and no edit on the page changes the house; raises AlreadyRunning."""
    end = time.monotonic() + LOCK_SECONDS
    for name in LOCKS:
        while not is_free(name, end):
            time.sleep(POLL_SECONDS)


def is_free(name: str, end: float) -> bool:
    """Return whether a lock is free; after `end` (monotonic seconds), raise AlreadyRunning if it is not."""
    try:
        NameLock(name).release()
    except AlreadyRunning:
        if time.monotonic() > end:
            raise
        return False
    return True


def about(names: list[str]) -> str:
    """Return the sentence about processes that are not ready, with the last lines of the first one's log."""
    lines = "\n".join(f"    {line}" for line in last_lines(names[0], LOG_LINES)) or "    (its log is empty)"
    others = f" (nor are: {', '.join(names[1:])})" if names[1:] else ""
    return f"{names[0]} was ready before, and is not with the new version{others}. Its log ends:\n{lines}"


def keep_journals() -> None:
    """Copy the journals, for the case that the old version must go on from them; raises StorageError."""
    made = FOLDER / "journal.new"
    try:
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree("journal", made)
        made.rename(JOURNALS)
    except OSError as error:
        raise StorageError(f"the journals cannot be copied into {FOLDER.absolute()}: {error}") from error


def keep_journal(name: str) -> None:
    """Copy the journal of a process that has just ended; raises StorageError."""
    for path in JOURNALS.glob(f"{name}.*.json"):
        path.unlink(missing_ok=True)
    for path in Path("journal").glob(f"{name}.*.json"):
        replace_file(JOURNALS / path.name, path.read_bytes())


def restore_journals(record: Record) -> None:
    """Put back each journal that the new version has written in a format that the old one cannot read."""
    for name in record.ready:
        restore_journal(name)


def restore_journal(name: str) -> None:
    """Put back the journal of one process, if the new version has written it in a later format."""
    if not JOURNALS.exists() or later_format(name) is None:
        return
    for path in Path("journal").glob(f"{name}.*.json"):
        path.unlink(missing_ok=True)
    for path in JOURNALS.glob(f"{name}.*.json"):
        replace_file(Path("journal") / path.name, path.read_bytes())


def take_back() -> bool:
    """Return whether the supervisord of the old version runs, and has all processes again.

    Otherwise the whole house has to restart. Raises HouseError.
    """
    if not INSTALLED.exists():
        return False  # no handover was begun
    wait_for_locks()
    with locked_house():
        handover.end_next()
        restore_installed()
        if is_handed_over():
            with closing(handover.Handover()) as both:
                return both.back(restore_journal)
        with closing(Supervisor()) as first:
            return first.is_up()  # nothing was handed over, or all is back already


def note_down() -> None:
    """Note that the house was stopped during an upgrade."""
    if FOLDER.is_dir():
        replace_file(DOWN, b"")


def forget_journals() -> None:
    """Delete the copies of the journals and of what was installed."""
    for folder in (JOURNALS, INSTALLED):
        with suppress(OSError):
            shutil.rmtree(folder)


def keep_installed() -> None:
    """Copy what the old version has installed, in case that it must go on from it; raises StorageError."""
    if INSTALLED.exists():
        return
    made = INSTALLED.with_name("installed.new")
    try:
        shutil.rmtree(made, ignore_errors=True)
        for path in [*installed_files(), RUNNING]:
            (made / path.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, made / path)
        made.rename(INSTALLED)
    except OSError as error:
        raise StorageError(f"what is installed cannot be copied into {FOLDER.absolute()}: {error}") from error


def restore_installed() -> None:
    """Put back what the old version has installed; raises StorageError."""
    if INSTALLED.exists():
        paths = [path for path in INSTALLED.rglob("*") if path.is_file()]
        restore_files({path.relative_to(INSTALLED): path.read_bytes() for path in paths})
