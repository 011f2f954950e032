"""Checks the file systems of the run directory and of the history: space, type, read-only or not."""

import os
from pathlib import Path
from typing import NamedTuple

from daemons.cli.checks.finding import Finding, unknown, well, wrong
from daemons.storage.history import PATH as HISTORY

CHECK = "disk"
LEAST_FREE_BYTES = 200_000_000
LEAST_FREE_INODES = 1000
IN_MEMORY = ("tmpfs", "ramfs")
LAYERED = ("overlay", "aufs")
WITHOUT_RIGHTS = ("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk")
OF_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p")


class Disk(NamedTuple):
    """The file system of one folder."""

    what: str
    """What the folder is, such as "the run directory"."""
    path: Path
    kind: str
    """The type of the file system, such as "ext4"; empty if it is not known."""
    is_read_only: bool
    free_bytes: int
    total_bytes: int
    free_inodes: int | None
    """None if the file system does not limit them."""


def read_findings(run: Path) -> list[Finding]:
    """Return the findings about the run directory, and about the history if it is elsewhere."""
    folder = existing(run)
    mounts = read_mounts()
    found = disk_findings(read_disk("the run directory", folder, mounts))
    history = run / HISTORY.parent
    if history.is_symlink() and not history.exists():
        text = f"the folder of the history is missing: {history.resolve()}"
        return [*found, wrong(CHECK, text, "mount its disk, or remove the link and make a folder")]
    if history.exists() and history.stat().st_dev != folder.stat().st_dev:
        found += disk_findings(read_disk("the history", history.resolve(), mounts))
    if (run / HISTORY).exists():
        size = (run / HISTORY).stat().st_size
        found.append(well(CHECK, f"the history has {size / 1e6:,.1f} MB"))
    return found


def existing(path: Path) -> Path:
    """Return a path, or the folder above it that exists: a house that was never up has no run directory."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def read_disk(what: str, path: Path, mounts: dict[int, tuple[str, bool]]) -> Disk:
    """Return the file system of a folder."""
    disk = os.statvfs(path)
    kind, is_read_only = mounts.get(path.stat().st_dev, ("", False))
    return Disk(
        what,
        path,
        kind,
        is_read_only or bool(disk.f_flag & os.ST_RDONLY),
        disk.f_bavail * disk.f_frsize,
        disk.f_blocks * disk.f_frsize,
        disk.f_favail if disk.f_files else None,
    )


def read_mounts() -> dict[int, tuple[str, bool]]:
    """Return by the number of the device the type of each file system, and whether it is read-only."""
    try:
        return parse_mounts(Path("/proc/self/mountinfo").read_text(errors="replace"))
    except OSError:
        return {}


def parse_mounts(text: str) -> dict[int, tuple[str, bool]]:
    """Parse /proc/self/mountinfo (proc_pid_mountinfo(5))."""
    found = {}
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, more = before.split(), after.split()
        if not separator or len(fields) < 3 or len(more) < 3:  # noqa: PLR2004  its third field is the device
            continue
        major, _, minor = fields[2].partition(":")
        found[os.makedev(int(major), int(minor))] = (more[0], "ro" in more[2].split(","))
    return found


def disk_findings(disk: Disk) -> list[Finding]:
    """Return what is wrong with the file system of a folder, or that all is well."""
    where = f"{disk.what} {disk.path}"
    found = []
    if disk.is_read_only:
        remedy = "repair the disk (`sudo fsck` while it is not mounted), or mount it writable"
        found.append(wrong(CHECK, f"{where} is on a read-only file system", remedy))
    if disk.total_bytes and disk.free_bytes < LEAST_FREE_BYTES:
        text = f"{where} has only {disk.free_bytes / 1e6:,.0f} MB of space left"
        found.append(wrong(CHECK, text, "delete what you do not need, or use a larger disk"))
    if disk.free_inodes is not None and disk.free_inodes < LEAST_FREE_INODES:
        text = f"{where} has space for only {disk.free_inodes} more files (inodes)"
        found.append(wrong(CHECK, text, "delete folders with many small files; `df -i` shows the disks"))
    found += kind_finding(disk.kind, where)
    if found:
        return found
    free = f"{disk.free_bytes / 1e9:,.1f} GB of {disk.total_bytes / 1e9:,.1f} GB free"
    kind = f", {disk.kind}" if disk.kind else ""
    return [well(CHECK, f"{where}: {free}{kind}")]


def kind_finding(kind: str, where: str) -> list[Finding]:
    """Return a finding if the type of a file system does not suit a house."""
    elsewhere = "move it to a disk with ext4: --run or HOUSE_RUN names another run directory"
    if kind in IN_MEMORY:
        return [wrong(CHECK, f"{where} is in memory ({kind}): a reboot deletes it", elsewhere)]
    if kind in LAYERED:
        text = f"{where} is on a file system of layers ({kind}): a new container, or a reboot, may delete it"
        return [wrong(CHECK, text, "put it on a volume of the container, or on a disk")]
    if kind in WITHOUT_RIGHTS:
        return [wrong(CHECK, f"{where} is on {kind}, which cannot hold private files and sockets", elsewhere)]
    if kind in OF_NETWORK:
        return [
            wrong(CHECK, f"{where} is on a network disk ({kind}): SQLite may damage the history", elsewhere)
        ]
    if not kind:
        return [unknown(CHECK, f"{where} is on a file system of an unknown type")]
    return []
