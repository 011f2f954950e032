"""The program that reads the history: its answer, its errors, and its end."""

import asyncio
import gzip
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from daemons.errors import HistoryError
from daemons.processes.mirror.page import history_reader
from daemons.processes.mirror.page.history_reader import HistoryReader
from daemons.storage.history import PATH, read
from daemons.storage.history_query import HistoryQuery
from daemons.storage.history_row import Change, Sample
from daemons.storage.history_table import format_history
from daemons.storage.history_writer import HistoryWriter
from tests.support.patience import patience

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


@asynccontextmanager
async def reading() -> AsyncIterator[HistoryReader]:
    """Yield a reader, and end its programs."""
    reader = HistoryReader()
    try:
        yield reader
    finally:
        await reader.close()


def ask(query: HistoryQuery = QUERY) -> bytes:
    """Read the history once."""

    async def once() -> bytes:
        async with reading() as reader:
            return await reader.read(query)

    return asyncio.run(once())


def children() -> set[str]:
    """Return the PIDs of this thread's children."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.subprocess.Process]:
    """Return the programs that were started."""
    programs, start = list[asyncio.subprocess.Process](), history_reader.start_program

    async def start_and_note(query: HistoryQuery) -> asyncio.subprocess.Process:
        programs.append(await start(query))
        return programs[-1]

    monkeypatch.setattr(history_reader, "start_program", start_and_note)
    return programs


def test_the_answer_is_the_history() -> None:
    """The program writes what `history.read` returns; compressed it is the same."""
    write_history()
    expected = read(PATH, QUERY.names, QUERY.since, QUERY.until, QUERY.points)
    assert expected["devices"]["lamp"]["stretches"]
    assert msgspec.json.decode(ask()) == expected
    assert msgspec.json.decode(gzip.decompress(ask(replace(QUERY, zipped=True)))) == expected


def test_a_table_has_the_times_of_the_house() -> None:
    """The table is that of `house history --csv`."""
    write_history()
    zone = ZoneInfo("Asia/Tokyo")
    expected = read(PATH, QUERY.names, QUERY.since, QUERY.until, QUERY.points, zone=zone)
    assert ask(replace(QUERY, csv=True, timezone="Asia/Tokyo")).decode() == format_history(expected, zone)


def test_one_program_answers_one_request_after_the_other(
    started: list[asyncio.subprocess.Process],
) -> None:
    """It is kept; one that has ended meanwhile is replaced, and in the end there is none."""
    write_history()
    before = children()

    async def ask_often() -> list[bytes]:
        async with reading() as reader:
            answers = [await reader.read(QUERY) for _ in range(3)]
            assert len(started) == 1
            started[0].kill()
            await started[0].wait()
            return [*answers, await reader.read(QUERY)]

    assert len(set(asyncio.run(ask_often()))) == 1
    assert len(started) == 2
    assert children() <= before


def test_a_program_that_nothing_asks_ends(
    started: list[asyncio.subprocess.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not keep its memory."""
    monkeypatch.setattr(history_reader, "WARM_SECONDS", 0.0)
    write_history()

    async def ask_once() -> None:
        reader = HistoryReader()
        await reader.read(QUERY)
        async with asyncio.timeout(patience()):
            await started[0].communicate()

    asyncio.run(ask_once())
    assert started[0].returncode == 0


def test_without_a_history_the_reason_is_told() -> None:
    """The error has the text of the error in the program."""
    with pytest.raises(HistoryError, match="there is no history yet"):
        ask()


def test_a_damaged_history_is_told() -> None:
    """The error has the file and the remedy."""
    PATH.parent.mkdir()
    PATH.write_bytes(b"x" * 4096)
    with pytest.raises(HistoryError, match=r"history\.db: .*house restart recorder"):
        ask()


def test_reading_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do, and the program has ended."""
    monkeypatch.setattr(history_reader, "READ_SECONDS", 0.0)
    before = children()
    with pytest.raises(HistoryError, match="fewer devices or less time"):
        ask()
    assert children() <= before


def test_a_program_ends_when_its_client_has_gone(started: list[asyncio.subprocess.Process]) -> None:
    """A cancelled request kills its program."""
    before = children()

    async def leave() -> None:
        async with reading() as reader:
            request = asyncio.create_task(reader.read(QUERY))
            async with asyncio.timeout(patience()):
                while not started:  # noqa: ASYNC110  the program is started somewhere in between
                    await asyncio.sleep(0)
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request

    asyncio.run(leave())
    assert children() <= before


def test_no_more_than_two_programs_run_at_once(started: list[asyncio.subprocess.Process]) -> None:
    """Other requests wait, and are all answered."""
    write_history()

    async def ask_often() -> list[bytes]:
        async with reading() as reader:
            return await asyncio.gather(*(reader.read(QUERY) for _ in range(5)))

    assert len(set(asyncio.run(ask_often()))) == 1
    assert len(started) == 2


def test_a_program_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the reason of the system."""
    monkeypatch.setattr(history_reader, "interpreter", lambda: Path("/nowhere/python"))
    with pytest.raises(HistoryError, match="cannot be started: No such file"):
        ask()
    monkeypatch.setattr(history_reader, "interpreter", lambda: Path("/bin/false"))
    with pytest.raises(HistoryError, match="its reader failed"):
        ask()


@pytest.mark.parametrize("turns", range(6))
def test_an_event_loop_ends_while_a_program_is_starting(turns: int) -> None:
    """Its end cancels all tasks; a start that is cancelled in the middle would wait for ever."""

    async def end_while_starting() -> None:
        async with reading() as reader:
            asking = asyncio.create_task(reader.read(QUERY))
            for _ in range(turns):
                await asyncio.sleep(0)
        assert not asking.done() or isinstance(asking.exception(), HistoryError)

    before = children()
    thread = threading.Thread(target=lambda: asyncio.run(end_while_starting()), daemon=True)
    thread.start()
    thread.join(patience())
    assert not thread.is_alive()
    assert children() == before
