"""A report collects the rounds of each figure, and JSON preserves them."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report import Figure, Report, ReportError, Sheet, read
from tests.support import bench_reports


def test_values_added_under_one_name_are_the_rounds_of_one_figure() -> None:
    """The figure has the median and the spread of its rounds."""
    figure = bench_reports.report(House=[3.0, 1.0, 2.0]).figure("speed", bench_reports.TITLE, "House", "p50")
    assert figure is not None
    assert figure.rounds == [3.0, 1.0, 2.0]
    assert (figure.median, figure.spread) == (2.0, (1.0, 3.0))


def test_without_a_round_there_is_no_figure() -> None:
    """Another name is another figure."""
    assert bench_reports.report(House=[1.0]).figure("speed", bench_reports.TITLE, "House", "p99") is None


NUMBERS = st.floats(0, 1e9).map(lambda number: round(number, 6))


@given(st.dictionaries(st.text(min_size=1), st.lists(NUMBERS, min_size=1), max_size=5), st.text())
def test_a_report_survives_json(rows: dict[str, list[float]], note: str) -> None:
    """A report that is written and read again is equal, for any names in it."""
    report = bench_reports.report(**rows)
    Sheet(report, "speed").note(note)
    assert msgspec.json.decode(report.encode(), type=Report) == report


def test_each_figure_is_a_line_of_the_file() -> None:
    """A change of one figure is then a change of one line."""
    lines = bench_reports.report(House=[1.0], limit=[2.0]).encode().decode().splitlines()
    assert len([line for line in lines if '"rounds"' in line]) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is no report"),
        (b"\xff", "is no report"),
        (b"[]", "is no report"),
        (b'{"figures": 5}', "is no report"),
    ],
)
def test_an_invalid_report_is_an_error(tmp_path: Path, content: bytes, why: str) -> None:
    """The error names the file."""
    file = tmp_path / "x.json"
    file.write_bytes(content)
    with pytest.raises(ReportError, match=f"x.json {why}"):
        read(file)


def test_a_missing_report_is_an_error(tmp_path: Path) -> None:
    """The error contains the system's own message."""
    with pytest.raises(ReportError, match="No such file"):
        read(tmp_path / "gone.json")


def test_a_report_of_another_format_is_an_error(tmp_path: Path) -> None:
    """Figures of another format are never compared."""
    file = tmp_path / "x.json"
    report = bench_reports.report(House=[1.0])
    report.format = 1
    file.write_bytes(report.encode())
    with pytest.raises(ReportError, match="is of format 1"):
        read(file)


def test_a_figure_without_a_round_is_an_error(tmp_path: Path) -> None:
    """A figure without rounds has no median."""
    file = tmp_path / "x.json"
    report = bench_reports.report(House=[1.0])
    report.figures[0].rounds = []
    file.write_bytes(report.encode())
    with pytest.raises(ReportError, match="without a round"):
        read(file)


def test_a_newer_report_replaces_only_the_sections_that_it_measured() -> None:
    """The figures, notes and runs of a measured section are replaced together."""
    whole = bench_reports.report(House=[1.0], limit=[2.0])
    Sheet(whole, "speed").note("old")
    whole.runs.append(bench_reports.run("cost"))
    Sheet(whole, "cost").add("Memory", "House", "PSS", 7.0, "MB")
    newer = bench_reports.report(House=[3.0])
    newer.runs[0].began_at += 60
    whole.replace_sections(newer)
    assert [figure.key[::2] for figure in whole.figures] == [("cost", "House"), ("speed", "House")]
    assert whole.figures[-1].rounds == [3.0]
    assert whole.notes == []
    assert [(run.section, run.began_at) for run in whole.runs] == [("cost", 1.8e9), ("speed", 1.8e9 + 60)]
    assert whole.run("cost") == bench_reports.run("cost")
    assert whole.run("page") is None


def test_figures_of_a_table_keep_their_order() -> None:
    """The figures stay in the order of measurement."""
    report = bench_reports.report(b=[1.0], a=[2.0])
    found: list[Figure] = report.table_figures("speed", bench_reports.TITLE)
    assert [figure.row for figure in found] == ["b", "a"]
