"""Each measurement really measures, in seconds: so none of them rots between two runs of `make bench`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import peers
from bench.measurements import measurements
from bench.peers import Peer
from bench.report import read
from tests.support.house import PROJECT
from tests.support.network import need_network
from tests.support.reaper import kill_all

KNOWN = measurements()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Have a temporary folder with a short name, for there are sockets in it."""
    with tempfile.TemporaryDirectory(prefix="b") as made:
        yield Path(made)


def workers(folder: Path) -> list[str]:
    """Name the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(str(folder)):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


@pytest.mark.parametrize("word", KNOWN)
def test_it_measures(word: str, folder: Path) -> None:
    """Every figure has a value in every table of its section, and nothing is left behind."""
    if word == "hosts":
        need_network()
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "bench", word, "--tiny", "--json", folder / "x.json"],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(work)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    left = workers(work)
    for run in work.glob("*/run"):
        kill_all(str(run))
    assert done.returncode == 0, done.stderr
    report = read(folder / "x.json")
    assert {figure.table for figure in report.figures} == {
        table.title for table in KNOWN[word].SECTION.tables
    }
    assert all(min(figure.rounds) >= 0 for figure in report.figures if "growth" not in figure.column)
    assert not left
    assert not list(work.iterdir())


def test_measurements_are_numbered_in_their_order() -> None:
    """From one on, and none twice."""
    assert [one.SECTION.number for one in KNOWN.values()] == list(range(1, len(KNOWN) + 1))


@pytest.mark.parametrize("word", KNOWN)
def test_a_measurement_says_what_it_measures_and_aims_at_what_it_has(word: str) -> None:
    """Its docstring is its text in the document, and its aims are about tables of its own."""
    section = KNOWN[word].SECTION
    assert (KNOWN[word].__doc__ or "").strip()
    titles = {table.title for table in section.tables}
    assert {aim.table for aim in section.aims} <= titles
    assert len(titles) == len(section.tables)


@pytest.mark.parametrize("word", peers.words())
def test_a_peer_is_one_class_that_says_what_it_lacks(word: str) -> None:
    """By its file's name; where something is missing, with what brings it."""
    found = peers.find(word)
    assert issubclass(found, Peer)
    lack = found.missing()
    assert lack is None or "apt install" in lack or "make bench" in lack


def test_a_peer_whose_server_is_not_here_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row then says so, instead of a figure."""
    monkeypatch.setattr(peers.find("mosquitto"), "program", "mosquitto-of-another-world")
    lack = peers.find("mosquitto").missing()
    assert lack == "there is no mosquitto-of-another-world; on Debian: apt install mosquitto"
