"""Logs over HTTP: the last lines, then the new ones, also over a rotation, and within bounds."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from daemons.runtime.rotating_file import log_path
from tests.support.page_client import HttpResponse, http_request
from tests.support.page_server import PageStub, serve_page


async def read(stub: PageStub, query: str = "", name: str = "lamp") -> HttpResponse:
    """Read a log."""
    return await asyncio.to_thread(http_request, stub.url, f"/api/logs/{name}{query}")


def write(*lines: str) -> None:
    """Append lines to the log of the lamp."""
    log_path("lamp").parent.mkdir(exist_ok=True)
    with log_path("lamp").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


async def lines_of(stub: PageStub, query: str) -> tuple[list[str], Any]:
    """Return the lines and the cursor of an answer."""
    found = (await read(stub, query)).json
    return found["lines"], found["cursor"]


async def test_a_reader_gets_each_line_once(run: Path) -> None:
    """The last lines, then those since the cursor, at once or when they come."""
    write("a", "b", "c")
    async with serve_page(stub := PageStub()):
        lines, cursor = await lines_of(stub, "?lines=2")
        assert lines == ["b", "c"]
        lines, cursor = await lines_of(stub, f"?after={cursor}")
        assert lines == []
        write("d", "e\x1b[31m")
        lines, cursor = await lines_of(stub, f"?after={cursor}&wait=20")
        assert lines[0] == "d"
        assert "\x1b" not in lines[1]
        waiting = asyncio.create_task(lines_of(stub, f"?after={cursor}&wait=20"))
        await read(stub)  # meanwhile the first request has arrived
        write("f")
        assert (await waiting)[0] == ["f"]


async def test_no_line_is_lost_over_a_rotation(run: Path) -> None:
    """The lines at the end of the old file come first."""
    write("a")
    async with serve_page(stub := PageStub()):
        _, cursor = await lines_of(stub, "")
        write("b")
        log_path("lamp").rename(log_path("lamp").with_suffix(".log.1"))
        write("c")
        assert (await lines_of(stub, f"?after={cursor}"))[0] == ["b", "c"]


async def test_an_answer_has_its_bounds(run: Path) -> None:
    """Too many new lines are counted, a long line is cut, and a wrong parameter is refused."""
    write("a")
    async with serve_page(stub := PageStub()):
        cursor = (await read(stub)).json["cursor"]
        write(*map(str, range(700)), "x" * 5000)
        found = (await read(stub, f"?after={cursor}&lines=500")).json
        assert (len(found["lines"]), found["skipped"], len(found["lines"][-1])) == (500, 201, 2000)
        for query in ("?lines=0", "?lines=501", "?wait=26", "?lines=x", "?more=1", f"?after={'1' * 61}"):
            assert (await read(stub, query)).status == 400
        assert (await read(stub, name="nothing")).status == 404
        assert (await read(stub, name="..%2Ftoken")).status == 404


async def test_few_requests_wait_at_once(run: Path) -> None:
    """The fifth of one address is refused; the others get the next line."""
    write("a")
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(16))  # page and clients share it
    async with serve_page(stub := PageStub()):
        _, cursor = await lines_of(stub, "")
        waiting = [asyncio.create_task(read(stub, f"?after={cursor}&wait=25")) for _ in range(5)]
        (first,), others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert first.result().status == 429
        write("b")
        assert [(await task).json["lines"] for task in others] == [["b"]] * 4


async def test_a_log_that_does_not_exist_yet_is_empty(run: Path) -> None:
    """Its first line comes to a reader that waits."""
    async with serve_page(stub := PageStub()):
        lines, cursor = await lines_of(stub, "")
        assert lines == []
        write("first")
        assert (await lines_of(stub, f"?after={cursor}&wait=5"))[0] == ["first"]
