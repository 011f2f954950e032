"""Ends what a killed test run leaves behind: it reads run directories from its standard input, and
when that closes, however the tests have ended, it kills every process that belongs to one of them.
A name that is no path is that of a network namespace, which is removed.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

NETNS = Path("/run/netns")
"""Where network namespaces have their names (ip-netns(8))."""
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def processes_of(run: str) -> list[int]:
    """Give the PIDs whose environment says that they belong to the house in this run directory."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # By what it was given, or by where it works: one with a title of its own shows no environment.
            given = f"HOUSE_RUN={run}".encode() in (folder / "environ").read_bytes().split(b"\0")
            works = str((folder / "cwd").readlink()).removesuffix(" (deleted)") == run
            if (given or works) and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def kill_all(run: str) -> list[int]:
    """Kill them, supervisord first, for it would start the others again; give whom."""
    found = sorted(processes_of(run))
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return found


def remove_namespace(name: str) -> None:
    """Remove a network namespace, if it is there."""
    if (NETNS / name).exists() and (program := shutil.which("ip", path=SEARCH)):
        subprocess.run([program, "netns", "del", name], check=False)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    told = [line.rstrip("\n") for line in sys.stdin]
    for run in filter(os.path.isabs, told):
        kill_all(run)
    for name in told:
        if not os.path.isabs(name):  # noqa: PTH117
            remove_namespace(name)
