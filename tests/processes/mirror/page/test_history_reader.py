"""The program that reads the history: its answer, its errors, and its end."""

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemons.errors import HistoryError
from daemons.processes.mirror.page import history_reader
from daemons.processes.mirror.page.history_reader import HistoryReader
from daemons.storage.history import PATH, read
from daemons.storage.history_program import HistoryQuery
from daemons.storage.history_row import Change, Sample
from daemons.storage.history_writer import HistoryWriter

NOW = 1_795_000_000.0
QUERY = HistoryQuery(names=("lamp", "toaster"), since=NOW - 3600, until=NOW, points=100)


@pytest.fixture(autouse=True)
def _run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_history() -> None:
    """Write the history of one lamp."""
    writer = HistoryWriter()
    writer.write(
        [
            Change("lamp", NOW - 1000, {"status": True, "phase": "on"}, "a"),
            Sample("lamp", "power_watts", NOW - 900, 9.0),
        ]
    )
    writer.close()


async def ask(reader: HistoryReader) -> bytes:
    """Read the history."""
    return await reader.read(QUERY)


def children() -> set[str]:
    """Return the PIDs of this thread's children."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_the_answer_is_the_history() -> None:
    """The program writes what `history.read` returns."""
    write_history()
    expected = read(PATH, QUERY.names, QUERY.since, QUERY.until, QUERY.points)
    assert expected["devices"]["lamp"]["stretches"]
    assert msgspec.json.decode(asyncio.run(ask(HistoryReader()))) == expected


def test_without_a_history_the_reason_is_told() -> None:
    """The error has the text of the error in the program."""
    with pytest.raises(HistoryError, match="there is no history yet"):
        asyncio.run(ask(HistoryReader()))


def test_a_damaged_history_is_told() -> None:
    """The error has the file and the remedy."""
    PATH.parent.mkdir()
    PATH.write_bytes(b"x" * 4096)
    with pytest.raises(HistoryError, match=r"history\.db: .*house restart recorder"):
        asyncio.run(ask(HistoryReader()))


def test_reading_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do, and the program has ended."""
    monkeypatch.setattr(history_reader, "READ_SECONDS", 0.0)
    before = children()
    with pytest.raises(HistoryError, match="fewer devices or less time"):
        asyncio.run(ask(HistoryReader()))
    assert children() <= before


def test_a_program_ends_when_its_client_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled request kills its program."""
    before, start = children(), history_reader.start_program

    async def leave() -> None:
        started = asyncio.Event()

        async def start_and_tell(query: HistoryQuery) -> asyncio.subprocess.Process:
            program = await start(query)
            started.set()
            return program

        monkeypatch.setattr(history_reader, "start_program", start_and_tell)
        request = asyncio.create_task(ask(HistoryReader()))
        await started.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(leave())
    assert children() <= before


def test_no_more_than_two_programs_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other requests wait, and are all answered."""
    write_history()
    running = most = 0
    start = history_reader.start_program

    async def count(query: HistoryQuery) -> asyncio.subprocess.Process:
        nonlocal running, most
        running += 1
        most = max(most, running)
        program = await start(query)
        wait = program.communicate

        async def communicate(_: Any = None) -> tuple[bytes, bytes]:
            nonlocal running
            try:
                return await wait()
            finally:
                running -= 1

        program.communicate = communicate  # type: ignore[method-assign, assignment]
        return program

    monkeypatch.setattr(history_reader, "start_program", count)

    async def ask_often() -> list[bytes]:
        reader = HistoryReader()
        return await asyncio.gather(*(ask(reader) for _ in range(5)))

    assert len(set(asyncio.run(ask_often()))) == 1
    assert most == 2


def test_a_program_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the reason of the system."""
    monkeypatch.setattr(history_reader, "interpreter", lambda: Path("/nowhere/python"))
    with pytest.raises(HistoryError, match="cannot be started: No such file"):
        asyncio.run(ask(HistoryReader()))
    monkeypatch.setattr(history_reader, "interpreter", lambda: Path("/bin/false"))
    with pytest.raises(HistoryError, match="its reader failed"):
        asyncio.run(ask(HistoryReader()))
