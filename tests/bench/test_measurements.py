"""Each measurement runs for a few seconds, so that none breaks unnoticed between two runs of `make bench`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt", reason="needs the extra mqtt")

from bench import peers
from bench.measurements import measurements
from bench.measurements.card import block_device
from bench.peers import Peer
from bench.report import read
from tests.support.house import PROJECT
from tests.support.network import skip_without_network
from tests.support.patience import patience
from tests.support.reaper import kill_all

KNOWN = measurements()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a temporary folder with a short name, because it holds sockets."""
    with tempfile.TemporaryDirectory(prefix="b") as made:
        yield Path(made)


def workers(folder: Path) -> list[str]:
    """Return the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(str(folder)):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # the process has ended, or belongs to another user
    return found


@pytest.mark.long
@pytest.mark.parametrize("word", KNOWN)
def test_a_section_can_be_measured(word: str, folder: Path) -> None:
    """Every table of the section gets figures, and no process or file is left behind."""
    if word == "hosts":
        skip_without_network()
    if word == "card" and block_device(folder) is None:
        pytest.skip("the temporary folder has no block device")
    work = folder / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "bench", word, "--tiny", "--json", folder / "x.json"],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(work)},
        capture_output=True,
        text=True,
        timeout=patience(110),
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
    """The numbers start at one, without gaps or repetitions."""
    assert [one.SECTION.number for one in KNOWN.values()] == list(range(1, len(KNOWN) + 1))


@pytest.mark.parametrize("word", KNOWN)
def test_a_section_describes_its_tables_and_aims(word: str) -> None:
    """The docstring is the text of the section, and its aims refer to its own tables."""
    section = KNOWN[word].SECTION
    assert (KNOWN[word].__doc__ or "").strip()
    titles = {table.title for table in section.tables}
    assert {aim.table for aim in section.aims} <= titles
    assert len(titles) == len(section.tables)


@pytest.mark.parametrize("word", peers.words())
def test_a_peer_is_one_class_that_names_its_missing_library(word: str) -> None:
    """A peer is found by its file name, and names the package that is missing."""
    found = peers.find(word)
    assert issubclass(found, Peer)
    lack = found.missing()
    assert lack is None or "apt install" in lack or "make bench" in lack


def test_a_peer_without_its_server_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The missing server and its Debian package are named."""
    monkeypatch.setattr(peers.find("mosquitto"), "program", "mosquitto-of-another-world")
    lack = peers.find("mosquitto").missing()
    assert lack == "there is no mosquitto-of-another-world; on Debian: apt install mosquitto"
