"""Kill the processes that a killed test run leaves behind.
The reaper reads run directories from its standard input. When the input closes, it kills every process
that belongs to one of them, however the tests ended. A name that is no path is the name of a network
namespace, which is removed.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

NETNS = Path("/run/netns")
"""The folder with the names of network namespaces (ip-netns(8))."""
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


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


def remove_namespace(name: str) -> None:
    """Remove a network namespace, if it exists."""
    if (NETNS / name).exists() and (program := shutil.which("ip", path=SEARCH)):
        subprocess.run([program, "netns", "del", name], check=False)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    registered = [line.rstrip("\n") for line in sys.stdin]
    for run in filter(os.path.isabs, registered):
        kill_all(run)
    for name in registered:
        if not os.path.isabs(name):  # noqa: PTH117
            remove_namespace(name)
