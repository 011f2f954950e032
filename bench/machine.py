"""Describes the machine and the libraries that the figures were measured with."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import zmq
from msgspec import Struct

LIBRARIES = (
    *("house-daemons", "pyzmq", "msgspec", "h11", "wsproto", "supervisor"),
    *("paho-mqtt", "redis", "nats-py"),
)
"""The libraries whose versions are part of the description."""


class Machine(Struct, kw_only=True, frozen=True):
    """The conditions that a figure depends on besides the code."""

    processor: str
    cores: int
    memory_mb: int
    kernel: str
    python: str
    libzmq: str
    libraries: dict[str, str]
    filesystem: str
    """The filesystem of the temporary folder, where the measured houses write."""
    load: float
    """How many processes were runnable on average in the minute before (getloadavg(3))."""


def describe(folder: Path) -> Machine:
    """Return the description of this machine; the measurements work in `folder`."""
    libraries = {}
    for name in LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
    return Machine(
        processor=processor(Path("/proc/cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
        kernel=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=f"{platform.python_implementation()} {sys.version.split()[0]}",
        libzmq=zmq.zmq_version(),
        libraries=libraries,
        filesystem=filesystem(folder.resolve(), Path("/proc/mounts").read_text()),
        load=round(os.getloadavg()[0], 2),
    )


def processor(cpuinfo: str) -> str:
    """Return the processor's model from /proc/cpuinfo; ARM machines call it Model or Hardware."""
    for key in ("model name", "Model", "Hardware"):
        for line in cpuinfo.splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return platform.machine()


def filesystem(folder: Path, mounts: str) -> str:
    """Return the filesystem type of a folder: that of the longest mount point above it."""
    found = [line.split()[1:3] for line in mounts.splitlines()]
    above = [(len(Path(point).parts), kind) for point, kind in found if folder.is_relative_to(point)]
    return max(above, default=(0, "unknown"))[1]
