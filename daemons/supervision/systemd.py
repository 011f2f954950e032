"""The units of houses on this machine, and the calls of systemctl and loginctl."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from daemons.errors import HouseError, StorageError, SupervisorError
from daemons.storage.paths import describe
from daemons.supervision.supervisord import Supervisor
from daemons.supervision.unit import Scope, UnitOptions, read_marks, unit_text

SYSTEM_FOLDER = Path("/etc/systemd/system")
CALL_SECONDS = 400
"""How long systemctl may take: longer than any timeout of the unit."""


class Unit(NamedTuple):
    """The unit of a house."""

    scope: Scope
    path: Path
    run: Path
    config: Path

    @property
    def name(self) -> str:
        """The name by which systemctl knows it."""
        return self.path.name

    def start(self) -> bool:
        """Start the unit; return False if the house is up already.

        The unit of a house whose supervisord does not answer is restarted. Raises HouseError if it does not
        start.
        """
        if not self.is_active():
            self.call("start")
            return True
        try:
            if Supervisor().is_up():
                return False
        except SupervisorError:
            pass
        self.call("restart")
        return True

    def stop(self) -> bool:
        """Stop the unit; return False if it does not run. Raises HouseError if it does not stop."""
        if not self.is_active():
            return False
        self.call("stop")
        return True

    def is_active(self) -> bool:
        """Return whether systemd runs the unit, or is about to."""
        done = run_systemctl(self.scope, "is-active", self.name)
        return done.stdout.strip() in ("active", "activating", "reloading")

    def call(self, verb: str) -> None:
        """Call systemctl for the unit; raises HouseError with what it printed, and what to do."""
        done = run_systemctl(self.scope, verb, self.name)
        if done.returncode != 0:
            flag = " --user" if self.scope == "user" else ""
            remedy = f"`journalctl{flag} -u {self.name}` has its log; `house uninstall` removes the unit"
            if self.scope == "system" and os.geteuid() != 0:
                remedy = f"a unit of the system needs root: sudo systemctl {verb} {self.name}"
            why = done.stderr.strip() or done.returncode
            raise HouseError(f"systemctl{flag} {verb} {self.name} failed: {why}\n{remedy}")


def unit_folder(scope: Scope) -> Path:
    """Return the folder of the units of the system, or of this user."""
    if scope == "system":
        return SYSTEM_FOLDER
    return config_home() / "systemd" / "user"


def config_home() -> Path:
    """Return the folder of this user's configuration files."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def find_unit(run: Path) -> Unit | None:
    """Return the unit of the house in a run directory; None without one, or without systemctl."""
    if not shutil.which("systemctl"):
        return None
    scopes: tuple[Scope, ...] = ("user", "system")
    for scope in scopes:
        for path in sorted(unit_folder(scope).glob("*.service")):
            unit = read_unit(scope, path)
            if unit and unit.run == run:
                return unit
    return None


def unit_for_root(run: Path) -> Unit | None:
    """Return the unit of the system that runs the house of another user, if this process is root.

    Root may not use the run directory of another user, but may start and stop the unit.
    """
    if os.geteuid() != 0 or not run.exists() or run.stat().st_uid == 0:
        return None
    unit = find_unit(run)
    return unit if unit and unit.scope == "system" else None


def read_unit(scope: Scope, path: Path) -> Unit | None:
    """Return a unit; None for a file that is missing, or is not one of House."""
    try:
        marks = read_marks(path.read_text(errors="replace"))
    except OSError:
        return None
    return Unit(scope, path, *marks) if marks else None


def install_unit(path: Path, options: UnitOptions) -> Unit:
    """Write the unit and enable it; a unit of a user starts at boot, because the user lingers.

    Raises HouseError if the name belongs to another house, or if a step fails.
    """
    other = read_unit(options.scope, path)
    if path.exists() and (other is None or other.run != options.run):
        what = f"the house in {other.run}" if other else "something else"
        raise HouseError(f"{path} belongs to {what}; choose another name with --name")
    write_public_file(path, unit_text(options).encode())
    unit = Unit(options.scope, path, options.run, options.config)
    reload_units(options.scope)
    unit.call("enable")
    if options.scope == "user":
        user = pwd.getpwuid(os.geteuid()).pw_name
        done = run_program(["loginctl", "enable-linger", user])
        if done.returncode != 0:
            raise HouseError(
                f"{path} is written and enabled, but the house starts only when {user} logs in: loginctl "
                f"enable-linger failed ({done.stderr.strip()}); run `sudo loginctl enable-linger {user}`"
            )
    return unit


def uninstall_unit(unit: Unit) -> None:
    """Stop and disable the unit, and delete its file."""
    run_systemctl(unit.scope, "disable", "--now", unit.name)
    delete_file(unit.path)
    reload_units(unit.scope)


def reload_units(scope: Scope) -> None:
    """Make systemd read its units again; raises HouseError with what systemctl printed."""
    done = run_systemctl(scope, "daemon-reload")
    if done.returncode != 0:
        flag = " --user" if scope == "user" else ""
        raise HouseError(
            f"systemctl{flag} daemon-reload failed: {done.stderr.strip()}; does systemd run on this machine?"
        )


def run_systemctl(
    scope: Scope, *words: str, seconds: float = CALL_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run systemctl for the system or for this user, and return what it printed."""
    return run_program(["systemctl", *(["--user"] if scope == "user" else []), *words], seconds)


def run_program(words: list[str], seconds: float = CALL_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a program of systemd and return what it printed; raises HouseError if it does not exist or end."""
    environment = dict(os.environ)
    runtime = Path(f"/run/user/{os.geteuid()}")
    if runtime.is_dir():
        environment.setdefault("XDG_RUNTIME_DIR", str(runtime))  # `su` and cron do not set it
    try:
        return subprocess.run(
            words,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except FileNotFoundError as error:
        raise HouseError(f"there is no {words[0]}: this machine does not run systemd") from error
    except subprocess.TimeoutExpired as error:
        raise HouseError(f"{' '.join(words)} has not ended within {seconds:g} s") from error


def write_public_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file outside the run directory, and create its folder; raises StorageError."""
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(content)
        new.chmod(mode)
        new.replace(path)
    except OSError as error:
        raise StorageError(describe(error, f"{path} cannot be written")) from error


def delete_file(path: Path) -> None:
    """Delete a file that may be missing; raises StorageError if that is not possible."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(describe(error, f"{path} cannot be deleted")) from error
