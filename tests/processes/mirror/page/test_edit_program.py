"""The program that answers quick requests may be killed at any moment."""

import asyncio
from pathlib import Path

import pytest

from daemons.editing.requests import ProgramRequest
from daemons.processes.mirror.page import edit_program
from daemons.processes.mirror.page.child_programs import ProgramStarter
from daemons.processes.mirror.page.edit_program import Answer, Checker, EditProgram, ProgramEnded
from daemons.processes.mirror.page.responses import HttpError

READ = ProgramRequest(action="read")


@pytest.mark.parametrize("is_at_work", [False, True])
def test_no_program_is_left_when_the_page_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_at_work: bool
) -> None:
    """One that waits for a request ends, and one that works on a request; no other one is started."""
    monkeypatch.chdir(tmp_path)
    program, has_started = EditProgram(), asyncio.Event()
    started: list[asyncio.subprocess.Process] = []
    start = edit_program.start_program

    async def start_and_note(*, is_job: bool) -> asyncio.subprocess.Process:
        started.append(await start(is_job=is_job))
        has_started.set()
        return started[-1]

    async def run() -> None:
        asking = asyncio.create_task(program.run(READ, "anna"))
        await (has_started.wait() if is_at_work else asking)
        await program.close()
        assert started[0].returncode is not None
        if is_at_work:
            with pytest.raises(HttpError):
                await asking
        with pytest.raises(HttpError, match="the mirror is ending"):
            await program.run(READ, "anna")

    monkeypatch.setattr(edit_program, "start_program", start_and_note)
    asyncio.run(run())
    assert len(started) == 1


@pytest.mark.parametrize("ends", [(False, True, False), (False, True, True), (True,)])
def test_a_request_is_asked_again_if_an_idle_program_had_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: tuple[bool, ...]
) -> None:
    """One whose new program ends is refused: the request itself may be the reason."""
    monkeypatch.chdir(tmp_path)
    asked: list[int] = []
    started: list[asyncio.subprocess.Process] = []
    start = edit_program.start_program

    async def start_and_note(*, is_job: bool) -> asyncio.subprocess.Process:
        started.append(await start(is_job=is_job))
        return started[-1]

    async def ask(process: asyncio.subprocess.Process, _: ProgramRequest, __: float) -> Answer:
        asked.append(process.pid)
        if ends[len(asked) - 1]:
            raise ProgramEnded
        return Answer(200, b"")

    async def run() -> None:
        checker = Checker(ProgramStarter())
        try:
            if not ends[0]:
                await checker.run(READ)
            await checker.run(READ)
        finally:
            for process in started:
                edit_program.kill(process)
                await process.communicate()

    monkeypatch.setattr(edit_program, "start_program", start_and_note)
    monkeypatch.setattr(edit_program, "ask", ask)
    if ends[-1]:
        with pytest.raises(ProgramEnded, match="the program that edits has failed"):
            asyncio.run(run())
    else:
        asyncio.run(run())
    assert len(asked) == len(ends)
    assert len(set(asked)) == sum(ends) + (not ends[-1])
