"""`house doctor` judges the file system of the house, and the wear of its disk."""

import os
from pathlib import Path

import pytest

from daemons.cli.checks import disk, wear
from daemons.cli.checks.disk import Disk
from daemons.cli.checks.wear import Block

MOUNTINFO = (
    "22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw\n"
    "60 22 0:44 / /srv ro,relatime shared:9 master:3 - tmpfs tmpfs ro,size=5k\nno line\n"
)
GOOD = Disk("the run directory", Path("/run"), "ext4", False, 10**10, 10**11, 10**6)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ""),
        ({"is_read_only": True}, "is on a read-only file system"),
        ({"free_bytes": 150_000_000}, "has only 150 MB of space left"),
        ({"free_inodes": 12}, "has space for only 12 more files"),
        ({"kind": "tmpfs"}, "a reboot deletes it"),
        ({"kind": "overlay"}, "a new container, or a reboot, may delete it"),
        ({"kind": "vfat"}, "cannot hold private files"),
        ({"kind": "nfs4"}, "may damage the history"),
    ],
)
def test_what_is_wrong_with_a_file_system_is_named(change: dict[str, object], expected: str) -> None:
    """One fault is one finding, with a remedy."""
    (finding,) = disk.disk_findings(GOOD._replace(**change))  # type: ignore[arg-type]
    assert finding.ok is not bool(expected)
    assert expected in finding.text
    assert (finding.remedy is not None) is bool(expected)


def test_the_mounts_are_read() -> None:
    """The type and the flag stand behind a separator that has optional fields before it."""
    assert disk.parse_mounts(MOUNTINFO) == {
        os.makedev(179, 2): ("ext4", False),
        os.makedev(0, 44): ("tmpfs", True),
    }


def test_a_history_on_a_disk_that_is_away_is_named(tmp_path: Path) -> None:
    """The run directory has a link that leads nowhere."""
    (tmp_path / "history").symlink_to("/no/such/disk")
    assert disk.read_findings(tmp_path)[-1].text == "the folder of the history is missing: /no/such/disk"


def test_the_counters_of_a_card_are_read(tmp_path: Path) -> None:
    """The number is that of a partition, and the counters are those of its card."""
    card = tmp_path / "mmcblk0"
    (card / "mmcblk0p2").mkdir(parents=True)
    (card / "mmcblk0p2" / "partition").write_text("2\n")
    (card / "stat").write_text(" 1 0 8 1 200 7 2000 9 0 0 0\n")
    (card / "device").mkdir()
    (card / "device" / "life_time").write_text("0x03 0x09\n")
    (card / "device" / "pre_eol_info").write_text("0x02\n")
    (tmp_path / "179:2").symlink_to(card / "mmcblk0p2")
    block = wear.read_block(os.makedev(179, 2), tmp_path)
    assert block == Block("mmcblk0", 2000 * 512, (3, 9), 2)
    assert [one.text for one in wear.wear_findings(block, 7200) if one.ok is False] == [
        "mmcblk0 has used 80 to 90 % of its lifetime",
        "mmcblk0 says that 80 % of its reserve blocks are used",
    ]
    assert wear.read_block(os.makedev(0, 44), tmp_path) is None


def test_a_card_that_is_written_too_much_is_named() -> None:
    """A rate is judged after an hour, and on a card only."""
    card = Block("mmcblk0", 3_000_000_000, (), None)
    assert wear.written_finding(card, 7200).ok is False
    assert wear.written_finding(card, 1800).ok is True
    assert wear.written_finding(card, 86_400).ok is True
    assert wear.written_finding(card._replace(name="sda"), 7200).ok is True
