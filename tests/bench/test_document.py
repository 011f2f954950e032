"""docs/benchmarks.md is made of a report, and is what the one in the repository was made by."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import document, plot
from bench.measurements import Measurement, measurements
from bench.report import Sheet, read
from tests.bench import made
from tests.household import PROJECT

KNOWN = cast(
    "dict[str, Measurement]", {"speed": SimpleNamespace(SECTION=made.SECTION, __doc__="How fast it is.")}
)


def test_a_document_has_the_machine_the_tables_the_aims_and_the_notes() -> None:
    """And the command that made it."""
    report = made.report(House=[4.0], limit=[1.0])
    Sheet(report, "speed").note("NATS was not measured: there is no nats-server.")
    text = document.text(report, KNOWN, {("speed", made.TITLE): "pictures/x.svg"})
    for part in (
        "made by `make bench`",
        "Abacus, 2 cores",
        "## 3. Speed",
        "How fast it is.",
        "python -m bench speed",
        "| House | 4 | 4 |",
        "![How soon](pictures/x.svg)",
        "| Speed | at most twice the limit | not reached, 4 |",
        "- under 5 ms: reached, 4 ms",
        "- NATS was not measured: there is no nats-server.",
    ):
        assert part in text


def test_the_document_in_the_repository_is_what_its_data_say() -> None:
    """It is generated; whoever edits it by hand, or edits the bench and does not run it again, is told."""
    docs = PROJECT / "docs"
    text = (docs / "benchmarks.md").read_text()
    pictures = {}
    known = measurements()
    for path in re.findall(r"\((pictures/bench-[^)]+)\)", text):
        title = re.search(rf"!\[(.*)\]\({re.escape(path)}\)", text)
        assert title is not None
        pictures[next(key for key in titles(known) if key[1] == title[1])] = path
        assert (docs / path).exists()
    assert document.text(read(docs / "benchmarks.json"), known, pictures) == text, "python -m bench.document"


def titles(known: dict[str, Any]) -> list[tuple[str, str]]:
    """Give every table of every section."""
    return [(word, table.title) for word, one in known.items() for table in one.SECTION.tables]


def test_plots_are_small_pictures(tmp_path: Path) -> None:
    """Bars and lines; a table without figures has none."""
    pytest.importorskip("matplotlib")
    report = made.report(House=[4.0, 5.0], limit=[1.0, 2.0])
    sheet = Sheet(report, "speed")
    for devices in (4, 20):
        sheet.add(made.SIZES, "House", f"{devices} devices", devices / 10, "s")
    for table in made.SECTION.tables:
        file = tmp_path / "x.svg"
        assert plot.draw(report, "speed", table, file)
        assert "House" in file.read_text()
        assert file.stat().st_size < 60_000
    assert not plot.draw(made.report(), "speed", made.SECTION.tables[0], tmp_path / "none.svg")
