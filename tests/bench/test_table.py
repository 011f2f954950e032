"""Figures become rows and columns: medians with their spread, ratios by round, and aims."""

import pytest

from bench.report import Report, Sheet
from bench.table import Aim, Table, amount, evaluate, grid, markdown, plain, ratios
from tests.support import bench_reports


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (0.123, "0.12"),
        (9.999, "10.00"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (-0.5, "-0.50"),
    ],
)
def test_an_amount_has_as_many_digits_as_are_worth_reading(value: float, written: str) -> None:
    """A number has about three digits."""
    assert amount(value) == written


def test_a_cell_has_the_median_the_spread_and_the_ratio() -> None:
    """The ratio of the reference row to itself is one."""
    lines = grid(
        bench_reports.report(House=[4.0, 6.0, 5.0], limit=[2.5, 2.5, 2.5]),
        "speed",
        bench_reports.SECTION.tables[0],
    )
    assert lines == [
        ["ms", "p50", "p50 ÷ limit"],
        ["House", "5 (4–6)", "2"],
        ["limit", "2.50", "1"],
    ]


def test_a_table_without_figures_is_none() -> None:
    """A table without figures is left out."""
    assert grid(bench_reports.report(House=[1.0]), "speed", bench_reports.SECTION.tables[1]) == []


def test_ratios_are_computed_per_round() -> None:
    """A slow moment of the machine cancels out if it affects both values of a round."""
    report = bench_reports.report(House=[2.0, 20.0], limit=[1.0, 10.0])
    house, limit = report.table_figures("speed", bench_reports.TITLE)
    assert ratios(house, limit) == [2.0, 2.0]


def test_figures_of_different_numbers_of_rounds_are_compared_by_their_medians() -> None:
    """Without pairs of rounds, the medians are compared."""
    report = bench_reports.report(House=[2.0, 4.0, 9.0], limit=[1.0, 3.0])
    house, limit = report.table_figures("speed", bench_reports.TITLE)
    assert ratios(house, limit) == [2.0]


def mixed() -> Report:
    """Return a report with two tables: the rows of one have different units, and the columns of the other."""
    report = bench_reports.report()
    sheet = Sheet(report, "speed")
    for row, unit in (("memory", "MB"), ("time", "s")):
        for column in ("shipped", "stock"):
            sheet.add("By row", row, column, 2.0 if column == "shipped" else 5.0, unit)
            sheet.add("By column", column, row, 1.0, unit)
    return report


def test_a_common_unit_is_in_the_heading() -> None:
    """Units are shown with the rows or with the columns; ratios to a column are shown in each row."""
    assert grid(mixed(), "speed", Table("By row", reference_column="shipped")) == [
        ["", "shipped", "stock", "stock ÷ shipped"],
        ["memory, MB", "2", "5", "2.50"],
        ["time, s", "2", "5", "2.50"],
    ]
    assert grid(mixed(), "speed", Table("By column"))[0] == ["", "memory, MB", "time, s"]


def test_a_missing_value_is_a_dash() -> None:
    """A missing figure leaves a dash, in its cell and in its ratio."""
    report = mixed()
    Sheet(report, "speed").add("By row", "kills", "shipped", 1.0, "ms")
    assert grid(report, "speed", Table("By row", reference_column="shipped"))[-1] == [
        "kills, ms",
        "1",
        "–",
        "–",
    ]


def test_an_aim_is_reached_or_not_or_was_not_measured() -> None:
    """An aim limits a ratio, or the figure itself."""
    report = bench_reports.report(House=[4.5], limit=[1.5])
    texts = [evaluate(report, "speed", aim).text for aim in bench_reports.SECTION.aims]
    assert texts == ["not reached, 3", "reached, 4.50 ms", "not measured"]
    assert (
        evaluate(bench_reports.report(House=[3.0]), "speed", bench_reports.SECTION.aims[0]).text
        == "not measured"
    )


def test_an_aim_compares_with_the_fastest_of_several_rows() -> None:
    """Rows that were not measured do not count, and the result names the fastest row."""
    aim = Aim("at most the fastest", bench_reports.TITLE, "House", "p50", 1, fastest=("a", "b", "c"))
    report = bench_reports.report(House=[3.0, 3.0], a=[4.0, 4.0], b=[2.0, 2.0])
    assert evaluate(report, "speed", aim).text == "not reached, 1.50 times b"
    assert evaluate(bench_reports.report(House=[3.0]), "speed", aim).text == "not measured"
    assert evaluate(bench_reports.report(a=[3.0]), "speed", aim).text == "not measured"


def test_a_missed_aim_is_shown_with_its_limit() -> None:
    """The lower limit is shown if it was measured."""
    aim = Aim("under 1 ms", bench_reports.TITLE, "House", "p50", 1, beside="limit")
    assert (
        evaluate(bench_reports.report(House=[3.0], limit=[2.0]), "speed", aim).text
        == "not reached, 3 ms (beside limit: 2 ms)"
    )
    assert evaluate(bench_reports.report(House=[3.0]), "speed", aim).text == "not reached, 3 ms"
    assert evaluate(bench_reports.report(House=[0.5], limit=[2.0]), "speed", aim).text == "reached, 0.50 ms"


def test_a_table_is_written_for_a_terminal_and_for_markdown() -> None:
    """Columns are aligned in the terminal, and separated by bars in Markdown."""
    lines = [["ms", "p50"], ["House", "5"]]
    assert plain(lines) == "ms     p50\nHouse    5"
    assert markdown(lines) == "| ms | p50 |\n| --- | --- |\n| House | 5 |"
