"""Renders supervisord's programs from the slices, and starts supervisord."""

import hashlib
import os
import resource
import shlex
import subprocess
from pathlib import Path

from daemons.bus.message import STEWARD
from daemons.config.slice import Slice
from daemons.errors import SupervisorError
from daemons.runtime.rotating_file import BACKUPS, MAX_BYTES, log_path
from daemons.storage.paths import STOPPED_BY_HAND, check_path, interpreter, replace_file

SOCKET = "supervisord.sock"
NEXT_SOCKET = "supervisord.next"
"""The socket of a second supervisord, until it takes over the name of the first one's; not longer than it."""
COPY, OTHER_COPY = "supervisord.conf", "supervisord.other.conf"
"""The copies of supervisord.conf in the run directory: a second supervisord has the one that is free."""
INCLUDED, NOTHING = "files=programs/*.conf", "files=programs/none"
"""What a supervisord.conf includes, and what that of a second supervisord includes at its start."""

STOP_SECONDS = 3
"""How long a process may take to end before supervisord kills it."""


LONGEST_SOCKET_PATH = 107 - len(".4194304")
"""A socket path has at most 107 bytes (unix(7)); supervisord first binds one with its PID appended."""


PROGRAM = """\
[{section}:{name}]
command={python} -P -m daemons {name}
directory={run}
environment=HOUSE_RUN="{run}",HOUSE_SLICE="{digest}"
autostart=true
autorestart=unexpected
exitcodes={stopped}
startsecs=0
startretries=10
stopsignal=TERM
stopwaitsecs={stop_seconds}
stopasgroup=true
killasgroup=true
{log}_logfile={run}/{log_path}
{log}_logfile_maxbytes={max_bytes}
{log}_logfile_backups={backups}
"""


DEVICE_PROGRAM = "redirect_stderr=true\n"


STEWARD_PROGRAM = "stdout_logfile=NONE\nevents=PROCESS_STATE,PROCESS_GROUP_REMOVED\nbuffer_size=10000\n"
"""The steward is supervisord's event listener: its standard output is protocol, so it logs to stderr."""


def render(slice_: Slice, run: Path) -> str:
    """Return the supervisord program of a process.

    It contains the digest of the slice. So `update` restarts exactly the processes whose slice changed.
    """
    python = interpreter()
    check_path(python)
    steward = slice_.name == STEWARD
    text = PROGRAM.format(
        section="eventlistener" if steward else "program",
        log="stderr" if steward else "stdout",
        stopped=STOPPED_BY_HAND,
        name=slice_.name,
        log_path=log_path(slice_.name),
        python=shlex.quote(str(python)),
        run=run,
        digest=hashlib.sha256(slice_.encode()).hexdigest()[:16],
        stop_seconds=STOP_SECONDS,
        max_bytes=MAX_BYTES,
        backups=BACKUPS,
    )
    return text + (STEWARD_PROGRAM if steward else DEVICE_PROGRAM)


def configuration(run: Path) -> Path:
    """Return the path of supervisord.conf for a run directory: the one of the project, or an adapted copy.

    Raises SupervisorError if there is none.
    """
    source = configuration_source()
    if run == source.parent / "run" and fits(run / SOCKET):
        return source
    return write_configuration(run, adapted(source, run))


def configuration_source() -> Path:
    """Return the path of the supervisord.conf that is in use; raises SupervisorError if there is none."""
    here = Path(__file__).parent.parent
    own = os.environ.get("HOUSE_SUPERVISORD")
    sources = [Path(own)] if own else [here.parent / "supervisord.conf", here / "supervisord.conf"]
    source = next((path for path in sources if path.exists()), None)
    if source is None:
        raise SupervisorError(
            f"{sources[0]} does not exist; set HOUSE_SUPERVISORD to the path of a supervisord.conf"
        )
    return source


def fits(file: Path) -> bool:
    """Return whether the path of a socket is short enough for supervisord."""
    return len(os.fsencode(file)) <= LONGEST_SOCKET_PATH


def adapted(source: Path, run: Path) -> str:
    """Return the text of a supervisord.conf for another run directory."""
    # Every process works in the run directory, so a socket path that is too long can start there.
    file = run / SOCKET
    sock = file if fits(file) else Path("/proc/self/cwd") / SOCKET
    text = source.read_text()
    text = text.replace(f"%(here)s/run/{SOCKET}", str(sock)).replace("%(here)s/run", str(run))
    return text.replace("files=run/programs", "files=programs")


def write_configuration(run: Path, text: str, name: str = COPY) -> Path:
    """Write the copy of supervisord.conf in the run directory, unless it is the same; return its path."""
    made = run / name
    if not made.is_file() or made.read_text() != text:
        replace_file(made, text.encode())
    return made


def launch_second(run: Path, first: int) -> None:
    """Start a supervisord beside the `first` one (a PID), with a socket of its own and without processes.

    It reads the usual configuration whenever it reads it again. Its file is never that of the first one,
    which would otherwise lose its processes with the next reload if this were killed. Raises SupervisorError.
    """
    text = adapted(configuration_source(), run)
    if not can_launch_second(run):
        raise SupervisorError("this supervisord.conf has another socket, or includes other files")
    used = Path(f"/proc/{first}/cmdline").read_bytes().split(b"\0")
    name = OTHER_COPY if os.fsencode(run / COPY) in used else COPY
    launch(write_configuration(run, text.replace(SOCKET, NEXT_SOCKET).replace(INCLUDED, NOTHING), name))
    write_configuration(run, text, name)


def can_launch_second(run: Path) -> bool:
    """Return whether supervisord.conf names the socket, the PID and the programs as that of House does."""
    text = adapted(configuration_source(), run)
    return SOCKET in text and INCLUDED in text and f"pidfile={run}/supervisord.pid" in text


LIMITS = (
    (
        "minimum number of file descriptors",
        resource.RLIMIT_NOFILE,
        "open files in a process",
        "Raise the limit (`ulimit -n 1024` as root, LimitNOFILE=1024 in a systemd unit), or lower `minfds`",
    ),
    (
        "minimum number of available processes",
        resource.RLIMIT_NPROC,
        "processes of this user",
        "Raise the limit (`ulimit -u 200` as root, LimitNPROC=200 in a systemd unit)",
    ),
)
"""What supervisord says (its set_rlimits_or_exit), the limit, what it counts, and the remedy."""


def launch(configuration: Path) -> None:
    """Start supervisord as a daemon; raises SupervisorError with its output if that fails."""
    done = subprocess.run(
        [str(interpreter()), "-P", "-m", "supervisor.supervisord", "-c", str(configuration)],
        umask=0o077,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    if done.returncode != 0:
        raise SupervisorError(
            f"supervisord did not start: {limit_reached(done.stdout) or done.stdout.strip()}"
        )


def limit_reached(output: str) -> str | None:
    """Return in our words which limit of the system is too low for supervisord.conf; None if none is."""
    for text, limit, what, remedy in LIMITS:
        if text in output:
            most = resource.getrlimit(limit)[1]
            return f"this system allows {most} {what}, and supervisord.conf asks for more. {remedy}"
    return None
