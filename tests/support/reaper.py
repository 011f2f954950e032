"""Kill the processes that a killed test run leaves behind.
usage: reaper.py [MARK]

The reaper reads run directories from its standard input. When the input closes, it kills every process
that belongs to one of them, however the tests ended, and every process whose environment has the mark of
the run. A name that is no path is the name of a network namespace, which is removed.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

NETNS = Path("/run/netns")
"""The folder with the names of network namespaces (ip-netns(8))."""
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
MARK = "HOUSE_TEST_RUN"
"""The variable with the mark of a test run, which all processes inherit that it starts."""


def processes_of(run: str) -> list[int]:
    """Return the PIDs whose environment has this run directory."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # A process that has set its title has no environment here; its working directory is enough.
            in_environment = f"HOUSE_RUN={run}".encode() in (folder / "environ").read_bytes().split(b"\0")
            in_folder = str((folder / "cwd").readlink()).removesuffix(" (deleted)") == run
            if (in_environment or in_folder) and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue  # the process has ended, or belongs to another user
    return found


def kill_all(run: str) -> list[int]:
    """Kill these processes, supervisord first because it would restart the others; return their PIDs."""
    found = sorted(processes_of(run))
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return found


def kill_marked(mark: str) -> None:
    """Kill the processes with the mark of a run, also those that they start meanwhile."""
    wanted = entry(mark)
    while True:
        pids = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
        if not (found := [pid for pid in pids if has(pid, wanted)]):
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def entry(mark: str) -> bytes:
    """Return the entry of an environment with this mark."""
    return f"{MARK}={mark}".encode()


def has(pid: int, entry: bytes) -> bool:
    """Return whether the environment of another process has this entry."""
    try:
        return pid != os.getpid() and entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False  # the process has ended, or belongs to another user


def remove_namespace(name: str) -> None:
    """Remove a network namespace, if it exists."""
    if (NETNS / name).exists() and (program := shutil.which("ip", path=SEARCH)):
        subprocess.run([program, "netns", "del", name], check=False)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    registered = [line.rstrip("\n") for line in sys.stdin]
    for run in filter(os.path.isabs, registered):
        kill_all(run)
    for mark in sys.argv[1:]:
        kill_marked(mark)
    for name in registered:
        if not os.path.isabs(name):  # noqa: PTH117
            remove_namespace(name)
