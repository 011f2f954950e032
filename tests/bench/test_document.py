"""docs/benchmarks.md is generated from a report; the one in the repository matches its data."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from bench import document, plot
from bench.measurements import Measurement, measurements
from bench.report import Report, Sheet, read
from tests.support import bench_reports
from tests.support.house import PROJECT

KNOWN = cast(
    "dict[str, Measurement]",
    {"speed": SimpleNamespace(SECTION=bench_reports.SECTION, __doc__="How fast it is.")},
)


def test_a_document_has_the_machine_the_tables_the_aims_and_the_notes() -> None:
    """The document also has the time of the measurement."""
    report = bench_reports.report(House=[4.0], limit=[1.0])
    Sheet(report, "speed").note("NATS was not measured: there is no nats-server.")
    text = document.text(report, KNOWN, {("speed", bench_reports.TITLE): "pictures/x.svg"})
    for part in (
        "The machine: Abacus, 2 cores",
        "## 3. Speed",
        "How fast it is.",
        "python -m bench speed",
        "| House | 4 | 4 |",
        "![How soon](pictures/x.svg)",
        "| Speed | at most twice the limit | not reached, 4 |",
        "- under 5 ms: reached, 4 ms",
        "- NATS was not measured: there is no nats-server.",
        "- Measured on 15 January 2027 in 30 s, after a load of 0.5.",
    ):
        assert part in text


def test_a_section_of_another_machine_or_scale_is_marked() -> None:
    """The head describes the machine of the latest run; other machines are named in their sections."""
    report = bench_reports.report(House=[4.0])
    report.runs[0].scale, report.runs[0].took_seconds = "full", 3700
    later = bench_reports.run("cost", 1.9e9)
    later.machine = msgspec.structs.replace(bench_reports.MACHINE, processor="Slide rule", load=3.0)
    report.runs.append(later)
    text = document.text(report, KNOWN, {})
    assert "The machine: Slide rule" in text
    assert "in 62 min, with `--full`, after a load of 0.5, on Abacus, 2 cores, CPython 3.11" in text


def test_the_interpreter_is_named_with_its_build() -> None:
    """Older data do not contain the build."""
    report = bench_reports.report(House=[4.0])
    assert "CPython 3.11, libzmq" in document.text(report, KNOWN, {})
    report.runs[0].machine = msgspec.structs.replace(bench_reports.MACHINE, build="with PGO")
    assert "CPython 3.11 (with PGO), libzmq" in document.text(report, KNOWN, {})


def test_without_a_run_a_section_is_marked_as_not_measured() -> None:
    """An empty report makes a document, too."""
    assert "Nothing has been measured yet." in document.text(Report(), KNOWN, {})


def test_the_document_in_the_repository_agrees_with_its_data() -> None:
    """The document is generated: it and the text of the bench are changed only together."""
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
    """Return every table of every section."""
    return [(word, table.title) for word, one in known.items() for table in one.SECTION.tables]


def test_plots_are_small_pictures(tmp_path: Path) -> None:
    """Bars and lines are drawn; a table without figures is not."""
    pytest.importorskip("matplotlib")
    report = bench_reports.report(House=[4.0, 5.0], limit=[1.0, 2.0])
    sheet = Sheet(report, "speed")
    for devices in (4, 20):
        sheet.add(bench_reports.SIZES, "House", f"{devices} devices", devices / 10, "s")
    for table in bench_reports.SECTION.tables:
        file = tmp_path / "x.svg"
        assert plot.draw(report, "speed", table, file)
        assert "House" in file.read_text()
        assert file.stat().st_size < 60_000
    assert not plot.draw(
        bench_reports.report(), "speed", bench_reports.SECTION.tables[0], tmp_path / "none.svg"
    )
