"""The journal on a disk that tears files, is full, or fails."""

import logging
from binascii import crc32
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from daemons.runtime.log import Log
from daemons.storage.journal import VERSION, Journal, Page, peek
from tests.support import factories

FILE, OTHER, SAFE = (Path(f"journal/lamp.{which}.json") for which in ("1", "0", "safe"))
"""The first file of a new device, the next one, and the safe copy."""
DAMAGED = Path("journal/lamp.1.damaged")


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
    memory = msgspec.Raw(msgspec.json.encode({"presses": presses}))
    return msgspec.json.encode(Page(VERSION, memory, number, crc32(memory)))


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


def test_a_power_cut_falls_back_to_the_safe_copy() -> None:
    """When both files are torn, the copy that was last forced to the disk counts."""
    one = journal()
    one.save(Memory(1))
    one.secure()
    one.save(Memory(2))
    FILE.write_bytes(b"")
    OTHER.write_bytes(b"")
    assert journal().load() == Memory(1)


def test_the_newest_readable_file_counts() -> None:
    """The newest of the three files counts: after a power cut this may be the safe copy."""
    for number, path in enumerate((SAFE, OTHER, FILE)):
        path.write_bytes(page(number, number + 1))
        assert journal().load() == Memory(number)
    SAFE.write_bytes(page(3, 4))
    assert journal().load() == Memory(3)


def test_a_kill_during_a_write_leaves_the_memory_before(caplog: pytest.LogCaptureFixture) -> None:
    """A write that stops at any byte leaves the previous memory whole in the other file."""
    journal().save(Memory(0))
    for presses in range(1, 9):
        one = journal()
        assert one.load() == Memory(presses - 1)
        before = {path: path.read_bytes() for path in (FILE, OTHER) if path.exists()}
        one.save(Memory(presses))
        (path,) = (path for path in (FILE, OTHER) if path.exists() and path.read_bytes() != before.get(path))
        whole, old = path.read_bytes(), before.get(path, b"")
        for written in range(len(whole)):
            path.write_bytes(content := whole[:written] + old[written:])
            assert journal().load() == Memory(presses - (content != whole))
        path.write_bytes(whole)


def test_a_missing_file_falls_back_to_the_safe_copy() -> None:
    """A missing file does not hide the safe copy."""
    SAFE.write_bytes(page(3))
    assert journal().load() == Memory(3)


def test_a_truncated_file_is_never_loaded(caplog: pytest.LogCaptureFixture) -> None:
    """A file that was truncated at any byte is set aside and logged, and no part of it is loaded."""
    whole = page(7)
    for cut in range(len(whole)):
        caplog.clear()
        FILE.write_bytes(whole[:cut])
        assert journal().load() is None
        assert DAMAGED.read_bytes() == whole[:cut]
        assert not FILE.exists()
        assert "journal/lamp.1.json cannot be read and was set aside as lamp.1.damaged: " in caplog.text


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.none() | st.binary(max_size=80))
def test_no_content_of_the_files_raises(content: bytes, copy: bytes | None) -> None:
    """With any content of the two files, loading returns a memory or None."""
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
        (msgspec.json.encode({"version": VERSION + 1, "memory": {}}), f"it is of version {VERSION + 1}"),
        (b'{"version": 1, "memory": ' + b"[" * 100_000, "."),
        (b"\xff\xfe", "."),
    ],
    ids=["foreign", "empty", "of another type", "torn", "newer", "deep", "binary"],
)
def test_a_file_that_is_not_valid_is_set_aside_and_logged(
    content: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An invalid, damaged or newer file is renamed, and one log line has the reason."""
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


def test_securing_writes_only_new_content() -> None:
    """The copy is written after a change, and left alone when there is none."""
    one = journal()
    one.secure()
    assert not SAFE.exists()
    one.save(Memory(5))
    one.secure()
    written = SAFE.stat()
    one.secure()
    copy: Any = msgspec.json.decode(SAFE.read_bytes())
    assert (copy["version"], copy["memory"]) == (VERSION, {"presses": 5, "cause": None})
    assert SAFE.stat().st_ino == written.st_ino


def test_a_failed_copy_is_retried(caplog: pytest.LogCaptureFixture) -> None:
    """A failed copy is logged once, and is written as soon as possible, without another change."""
    one = journal()
    one.save(Memory(6))
    SAFE.mkdir()  # nothing can be renamed onto a folder
    one.secure()
    one.secure()
    assert len(caplog.records) == 1
    SAFE.rmdir()
    one.secure()
    copy: Any = msgspec.json.decode(SAFE.read_bytes())
    assert copy["memory"]["presses"] == 6


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
    before = {path.name: path.read_bytes() for path in Path("journal").iterdir()}
    assert peek("lamp", Memory) == Memory(1)
    assert {path.name: path.read_bytes() for path in Path("journal").iterdir()} == before
    assert not caplog.records
