"""The program that answers quick requests may be killed at any moment."""

import asyncio
from pathlib import Path

import pytest

from daemons.editing.requests import ProgramRequest
from daemons.processes.mirror.page import edit_program
from daemons.processes.mirror.page.edit_program import Answer, Checker, ProgramEnded

READ = ProgramRequest(action="read")


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
        checker = Checker()
        try:
            if not ends[0]:
                await checker.run(READ)
            await checker.run(READ)
        finally:
            for process in started:
                edit_program.end(process)
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
