"""The journal on a disk that tears files, is full, or fails."""

import errno
import json
import logging
import os
import shutil
import subprocess
import sys
from binascii import crc32
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

import daemons
from daemons.runtime.log import Log
from daemons.storage import record
from daemons.storage.journal import Journal, peek
from daemons.storage.record import VERSION, encode
from tests.support import factories
from tests.support.small_disk import missing_for_small_disk, small_disk

FILE, OTHER, SAFE, SAFE2 = (Path(f"journal/lamp.{which}.json") for which in ("0", "1", "safe", "safe2"))
"""The files of the first save and of the next one; those of the first force and of the next one."""
DAMAGED = Path("journal/lamp.0.damaged")
PAGE_BYTES = 8192


class Memory(Struct, frozen=True):
    """The memory of a test."""

    presses: int = 0
    cause: str | None = None


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.enter_run_directory(tmp_path, monkeypatch)


def journal() -> Journal[Memory]:
    """Return the journal as a new process opens it."""
    return Journal("lamp", Memory, Log(logging.getLogger("test_journal")))


def page(presses: object, number: int = 1) -> bytes:
    """Return the content of one file."""
    beginning, end = encode(number, msgspec.json.encode({"presses": presses}))
    return beginning.ljust(PAGE_BYTES - len(end)) + end


def old_page(presses: object, number: int = 1) -> bytes:
    """Return the content of one file of the old version."""
    memory = msgspec.json.encode({"presses": presses})
    return b'{"version":2,"memory":%b,"number":%d,"check":%d}' % (memory, number, crc32(memory))


def contents() -> dict[Path, bytes]:
    """Return the content of each file of the journal."""
    return {path: path.read_bytes() for path in Path("journal").glob("*.json")}


def test_nothing_is_remembered_at_first(caplog: pytest.LogCaptureFixture) -> None:
    """The first start of a device finds no file, and logs nothing."""
    assert journal().load() is None
    assert not caplog.records


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(Memory, presses=st.integers(-(2**63), 2**63 - 1), cause=st.none() | st.text(max_size=20)))
def test_the_next_process_loads_what_was_saved(memory: Memory) -> None:
    """A new journal of the same name loads an equal memory."""
    journal().save(memory)
    assert journal().load() == memory


def test_a_person_can_read_a_file() -> None:
    """A file is one line of JSON. It begins with the number and ends with the end of the page."""
    one = journal()
    one.save(Memory(3, "p1"))
    content = FILE.read_bytes()
    assert content.startswith(b'{"version":3,"number":1,"memory":{"presses":3,"cause":"p1"} ')
    assert content.endswith(b"}\n")
    assert content.count(b"\n") == 1
    assert json.loads(content)["memory"] == {"presses": 3, "cause": "p1"}


def test_the_newest_readable_file_counts() -> None:
    """The newest of the files counts, wherever it is."""
    for number, path in enumerate((SAFE, OTHER, SAFE2, FILE)):
        path.write_bytes(page(number, number + 1))
        assert journal().load() == Memory(number)


class Killed(BaseException):
    """The process is killed."""


STEPS = (
    "save",
    "save",
    "secure",
    "secure",
    "restart",
    "killed at its first force",
    "killed at its second force",
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=14), st.sampled_from([b"", bytes(PAGE_BYTES), b"{"])
)
def test_a_power_cut_falls_back_to_what_was_last_forced(steps: list[str], torn: bytes) -> None:
    """When each page is torn that was written since it was last forced, the forced memory counts."""
    for path in contents():
        path.unlink()
    disk: dict[int, bytes] = {}
    calls_left = 99

    def force(descriptor: int) -> None:
        nonlocal calls_left
        calls_left -= 1
        if calls_left < 0:
            raise Killed
        disk[os.fstat(descriptor).st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    one, presses, forced = journal(), 0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", force)
        for step in steps:
            calls_left = {"killed at its first force": 0, "killed at its second force": 1}.get(step, 99)
            if step == "save":
                presses += 1
                one.save(Memory(presses))
                continue
            try:
                if step != "restart":
                    one.secure()
                    forced = presses
            except Killed:
                step = "restart"  # noqa: PLW2901
            if step == "restart":
                one.close()
                one = journal()
                assert one.load() == (Memory(presses) if presses else None)
                presses += 1
                one.save(Memory(presses))
    one.close()
    for path, content in contents().items():
        if disk.get(path.stat().st_ino) != content:
            path.write_bytes(torn)
    memory = journal().load()
    assert (memory.presses if memory else 0) >= forced


def test_saves_during_a_force_change_nothing_of_it() -> None:
    """Another thread forces the journal. A kill meanwhile leaves the newest memory; it is forced next."""
    one = journal()
    one.save(Memory(1))
    one.secure()
    one.save(Memory(2))
    real, before = os.fdatasync, SAFE.read_bytes()

    def force(descriptor: int) -> None:
        for presses in range(3, 9):
            one.save(Memory(presses))
            assert journal().load() == Memory(presses)
        real(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fdatasync", force)
        one.secure()
    assert SAFE.read_bytes() == before
    assert b'"presses":2' in SAFE2.read_bytes()
    one.secure()
    assert b'"presses":8' in SAFE.read_bytes()


def test_a_kill_during_a_write_leaves_the_memory_before(caplog: pytest.LogCaptureFixture) -> None:
    """A write that stops at any byte leaves the previous memory whole in another file."""
    for presses in range(1, 9):
        one = journal()
        assert one.load() == (Memory(presses - 1) if presses > 1 else None)
        before = contents()
        one.save(Memory(presses))
        one.close()
        (path,) = (path for path, content in contents().items() if content != before.get(path))
        whole, old = path.read_bytes(), before.get(path, bytes(PAGE_BYTES))
        text = len(whole.rstrip(b"\n")) - whole.count(b" ")
        for written in (*range(text), 512, 4096, *range(PAGE_BYTES - 40, PAGE_BYTES)):
            path.write_bytes(content := whole[:written] + old[written:])
            expected = presses if content == whole else presses - 1
            assert journal().load() == (Memory(expected) if expected else None)
        path.write_bytes(whole)


@pytest.mark.parametrize("first", range(0, PAGE_BYTES, 512))
def test_a_zeroed_part_of_a_page_is_noticed(first: int) -> None:
    """Zeros in any sector leave the memory of the other file."""
    one = journal()
    one.save(Memory(1))
    one.save(Memory(2))
    content = OTHER.read_bytes()
    OTHER.write_bytes(content[:first] + bytes(512) + content[first + 512 :])
    assert journal().load() == Memory(1)


def test_a_truncated_file_is_never_loaded(caplog: pytest.LogCaptureFixture) -> None:
    """A file that was truncated at any byte is set aside and logged, and no part of it is loaded."""
    whole = page(7)
    for cut in (*range(80), 512, 4096, *range(PAGE_BYTES - 40, PAGE_BYTES - 1)):
        caplog.clear()
        FILE.write_bytes(whole[:cut])
        assert journal().load() is None
        assert DAMAGED.read_bytes() == whole[:cut]
        assert not FILE.exists()
        assert "journal/lamp.0.json cannot be read and was set aside as lamp.0.damaged: " in caplog.text


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.none() | st.binary(max_size=80))
def test_no_content_of_the_files_raises(content: bytes, copy: bytes | None) -> None:
    """With any content of two files, loading returns a memory or None."""
    FILE.write_bytes(content)
    SAFE.unlink(missing_ok=True)
    if copy is not None:
        SAFE.write_bytes(copy)
    assert journal().load() is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field"),
        (page("one"), "presses"),
        (page(1).replace(b'"presses":1', b'"presses":2'), "it is torn"),
        (page(1).replace(b'"number":1', b'"number":7'), "it is torn"),
        (old_page(1).replace(b'"presses":1', b'"presses":2'), "it is torn"),
        (msgspec.json.encode({"version": 1, "memory": {}}), "it is of version 1, this house reads 2 to 3"),
        (b'{"version": 1, "memory": ' + b"[" * 100_000, "."),
        (b"\xff\xfe", "."),
    ],
    ids=[
        "foreign",
        "empty",
        "of another type",
        "torn",
        "torn number",
        "torn old",
        "too old",
        "deep",
        "binary",
    ],
)
def test_a_file_that_is_not_valid_is_set_aside_and_logged(
    content: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An invalid, damaged or too old file is renamed, and one log line has the reason."""
    FILE.write_bytes(content)
    assert journal().load() is None
    assert DAMAGED.read_bytes() == content
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert why in record.getMessage()


def test_a_folder_in_the_place_of_the_file_is_set_aside() -> None:
    """Even a folder where the file should be does not keep the device from starting."""
    FILE.mkdir()
    journal().load()
    journal().save(Memory(4))
    assert journal().load() == Memory(4)


def test_a_full_disk_is_logged_once_and_the_last_whole_file_remains(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """While nothing can be written, the process continues with one log line; later saving works again."""
    one = journal()
    one.save(Memory(1))
    with factories.full_disk():
        for presses in (2, 3):
            one.save(Memory(presses))
            one.secure()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "a crash now would forget the latest: " in caplog.text
    assert journal().load() == Memory(1)
    one.save(Memory(4))
    assert journal().load() == Memory(4)


def test_a_failure_that_returns_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """Each new failure is logged once."""
    one = journal()
    for _ in range(2):
        with factories.full_disk():
            one.save(Memory(1))
            one.save(Memory(2))
        one.save(Memory(3))
    assert len(caplog.records) == 2


@pytest.mark.parametrize("bytes_left", [1, 100, 4096, 4200, PAGE_BYTES - 30])
@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_disk_that_is_full_within_a_page_leaves_the_memory_before(bytes_left: int, saves: int) -> None:
    """A part of the page is written, then the write fails: this memory is never loaded."""
    one = journal()
    for presses in range(1, saves + 1):
        one.save(Memory(presses))
    with factories.full_disk(bytes_left):
        for presses in (101, 102, 103):
            one.save(Memory(presses))
            assert one.error is not None
            assert "File too large" in one.error
            assert journal().load() == Memory(saves)
    one.save(Memory(104))
    assert one.error is None
    assert journal().load() == Memory(104)


def test_a_memory_may_grow_and_shrink(caplog: pytest.LogCaptureFixture) -> None:
    """A page is doubled until the memory fits. A next process has small pages again."""
    one = journal()
    for number, length in enumerate((10, 8100, 40_000, 5, 200_000, 7)):
        one.save(memory := Memory(number, "x" * length))
        assert journal().load() == memory
        one.secure()
    assert max(path.stat().st_size for path in contents()) == 262_144
    one.close()
    one = journal()
    one.load()
    for number in range(6):
        one.save(Memory(number))
        one.secure()
    assert {path.stat().st_size for path in contents()} == {PAGE_BYTES}
    assert not caplog.records


def test_a_memory_that_cannot_grow_leaves_the_one_before() -> None:
    """There is room for the page, but not for a larger one."""
    one = journal()
    one.save(Memory(1))
    one.save(Memory(2))
    with factories.full_disk(PAGE_BYTES):
        one.save(Memory(3, "x" * PAGE_BYTES))
        assert one.error is not None
        assert journal().load() == Memory(2)
        one.save(Memory(4))
        assert one.error is None
    assert journal().load() == Memory(4)


@pytest.mark.skipif(missing_for_small_disk() is not None, reason=str(missing_for_small_disk()))
def test_a_page_that_exists_is_written_on_a_full_disk(tmp_path: Path) -> None:
    """Each page has all its space since it was first written, so that a full disk changes nothing for it."""
    code = """
import logging, os, sys
from msgspec import Struct
from daemons.storage.journal import Journal
class Memory(Struct):
    presses: int
os.mkdir("journal")
one = Journal("lamp", Memory, logging.getLogger())
for presses in range(3):
    one.save(Memory(presses))
    one.secure()
with open("filler", "wb", 0) as filler:
    try:
        while True: filler.write(bytes(512))
    except OSError as error:
        print(error.strerror)
for presses in range(3, 9):
    one.save(Memory(presses))
    one.secure()
print(one.error, Journal("lamp", Memory, logging.getLogger()).load())
"""
    with small_disk(tmp_path / "disk") as prefix:
        command = [*prefix, "env", "-C", str(tmp_path / "disk"), sys.executable, "-c", code]
        environment = {**os.environ, "PYTHONPATH": str(Path(daemons.__file__).parent.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "No space left on device\nNone Memory(presses=8)\n", done.stderr


def replace_by_copy(path: Path) -> None:
    """Replace a file by one with the same content."""
    Path(shutil.copy(path, "copy")).replace(path)


HARMS: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "moved": lambda path: path.rename(path.with_suffix(".moved")),
    "replaced": replace_by_copy,
    "cut short": lambda path: os.truncate(path, 100),
    "folder removed": lambda path: shutil.rmtree(path.parent, ignore_errors=True),
    "folder moved": lambda path: path.parent.exists() and path.parent.rename("elsewhere"),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("next_step", ["save", "secure"])
@pytest.mark.parametrize("paths", [(FILE, OTHER), (FILE, OTHER, SAFE, SAFE2)], ids=["saved", "all"])
def test_files_that_vanish_while_a_process_runs_are_written_again(
    harm: str, next_step: str, paths: tuple[Path, ...]
) -> None:
    """The next save, or the next force within a second, writes the memory to new files."""
    one = journal()
    for presses in range(1, 6):
        one.save(Memory(presses))
        one.secure()
    for path in paths:
        HARMS[harm](path)
    if next_step == "save":
        one.save(Memory(6))
    else:
        one.secure()
    assert one.error is None
    assert journal().load() == Memory(6 if next_step == "save" else 5)


@pytest.mark.parametrize("harm", ["removed", "moved", "cut short"])
def test_a_copy_that_vanishes_is_forced_again(harm: str) -> None:
    """The next force within a second notices it without a save."""
    one = journal()
    one.save(Memory(1))
    one.secure()
    HARMS[harm](SAFE)
    one.secure()
    assert b'"presses":1' in SAFE2.read_bytes()


def test_a_disk_that_works_again_is_noticed_without_a_save(caplog: pytest.LogCaptureFixture) -> None:
    """The memory is written again at the next force."""
    caplog.set_level(logging.INFO)
    one = journal()
    one.save(Memory(1))
    with factories.full_disk():
        one.save(Memory(2))
        one.secure()
        assert one.error is not None
    one.secure()
    assert one.error is None
    assert journal().load() == Memory(2)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def open_files() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_files_stay_open_and_are_closed_at_the_end() -> None:
    """No number of saves opens more than four files; a closed journal has none."""
    before = open_files()
    one = journal()
    for presses in range(20):
        one.save(Memory(presses))
        one.secure()
        one.save(Memory(presses))
    assert open_files() == before + 4
    one.close()
    assert open_files() == before


def test_a_force_without_a_new_memory_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is forced after a change, and left alone when there is none."""
    forced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", forced.append)
    one = journal()
    one.secure()
    assert not contents()
    one.save(Memory(5))
    for _ in range(3):
        one.secure()
    assert len(forced) == 1
    assert journal().load() == Memory(5)


def test_a_journal_that_cannot_be_forced_is_not_writable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A save does not end this error; the next force does. The copy before remains until then."""
    one = journal()
    one.save(Memory(1))
    one.secure()
    one.save(Memory(2))

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", fail)
    for presses in (3, 4):
        one.secure()
        assert one.error is not None
        assert one.error.endswith(" cannot be forced to the disk: Input/output error")
        one.save(Memory(presses))
        assert one.error is not None
        assert journal().load() == Memory(presses)
        assert b'"presses":1' in SAFE.read_bytes()
    assert len(caplog.records) == 1
    assert "a power cut now would forget the latest: " in caplog.text
    monkeypatch.setattr(os, "fdatasync", real)
    one.secure()
    assert one.error is None
    assert b'"presses":4' in SAFE2.read_bytes()


# The old version


def test_files_of_the_old_version_are_taken_over(caplog: pytest.LogCaptureFixture) -> None:
    """The newest of them is loaded, and each file of the old version is kept until it is overwritten."""
    FILE.write_bytes(old_page(6, 40))
    OTHER.write_bytes(old_page(7, 41))
    SAFE.write_bytes(old_page(5, 39))
    assert peek("lamp", Memory) == Memory(7)
    one = journal()
    assert one.load() == Memory(7)
    for presses in range(8, 14):
        one.save(Memory(presses))
        assert (journal().load(), peek("lamp", Memory)) == (Memory(presses), Memory(presses))
        if presses == 8:
            assert (OTHER.read_bytes(), SAFE.read_bytes()) == (old_page(7, 41), old_page(5, 39))
        one.secure()
        assert SAFE.exists()
    assert {path.stat().st_size for path in (FILE, OTHER, SAFE, SAFE2)} == {PAGE_BYTES}
    assert not caplog.records


def test_the_forced_copy_of_the_old_version_counts_after_a_power_cut() -> None:
    """When both files are torn, the copy counts, and the process continues its numbers."""
    SAFE.write_bytes(old_page(5, 39))
    FILE.write_bytes(b"")
    OTHER.write_bytes(b"")
    one = journal()
    assert one.load() == Memory(5)
    one.save(Memory(6))
    assert journal().load() == Memory(6)


def test_a_peek_returns_the_newest_memory_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A torn file is skipped, and neither set aside nor logged: the running process writes it again."""
    assert peek("lamp", Memory) is None
    one = journal()
    one.save(Memory(1))
    one.secure()
    assert peek("lamp", Memory) == Memory(1)
    one.save(Memory(2))
    assert peek("lamp", Memory) == Memory(2)
    newest = next(path for path in (FILE, OTHER) if b'"presses":2' in path.read_bytes())
    newest.write_bytes(newest.read_bytes()[:-3])
    before = contents()
    assert peek("lamp", Memory) == Memory(1)
    assert contents() == before
    assert not caplog.records


def later_page(presses: int, number: int) -> bytes:
    """Return a file of the next version: its fields and its checksum are not those of this one."""
    memory = msgspec.json.encode({"presses": presses, "more": True})
    return b'{"version":%d,"generation":%d,"memory":%b}' % (VERSION + 1, number, memory)


def test_a_memory_of_a_later_version_is_set_aside_whole(caplog: pytest.LogCaptureFixture) -> None:
    """After a downgrade, a device starts anew: what this version wrote is older than the rest."""
    one = journal()
    for presses in (1, 2):
        one.save(Memory(presses))
        one.secure()
    one.close()
    OTHER.write_bytes(later_page(3, 9))
    before = contents()
    assert peek("lamp", Memory) is None
    assert journal().load() is None
    assert contents() == {}
    (folder,) = Path("later").iterdir()
    assert {Path("journal") / path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert str(folder.absolute()) in caplog.text
    assert f"of format {VERSION + 1}" in caplog.text


def test_a_second_downgrade_keeps_what_the_first_one_set_aside() -> None:
    """Two folders are there, also if both downgrades happen within one second."""
    for presses in (1, 2):
        FILE.write_bytes(later_page(presses, 1))
        assert journal().load() is None
    found = {path.read_bytes() for path in Path("later").glob("lamp-*/lamp.0.json")}
    assert found == {later_page(1, 1), later_page(2, 1)}


def test_a_memory_of_an_earlier_version_takes_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A house that skips releases takes the steps one after another; the next save has the present format."""

    def rename(name: str, memory: dict[str, object]) -> dict[str, object]:
        assert name == "lamp"
        return {"presses": memory["times"]}

    def double(_: str, memory: dict[str, object]) -> dict[str, object]:
        return {"presses": memory["presses"] * 2, "cause": "step"}  # type: ignore[operator]

    monkeypatch.setattr(record, "VERSION", 5)
    monkeypatch.setattr(record, "STEPS", {3: rename, 4: double})
    body = b'{"times":7}'
    check = crc32(body, crc32(b"1"))
    FILE.write_bytes(b'{"version":3,"number":1,"memory":%b,"check":%d}\n' % (body, check))
    assert peek("lamp", Memory) == Memory(14, "step")
    one = journal()
    assert one.load() == Memory(14, "step")
    one.save(Memory(15))
    assert json.loads(OTHER.read_bytes().strip() or FILE.read_bytes())["version"] == 5
    assert journal().load() == Memory(15)
