"""Figures as rows and columns, for a terminal and for Markdown, with ratios and aims."""

import statistics
from typing import Literal, NamedTuple

from bench.report import Figure, Report


class Table(NamedTuple):
    """The arrangement of figures."""

    title: str
    reference_row: str | None = None
    """Ratios to this row are shown: of the first column, or of the last one if the plot has lines."""
    reference_column: str | None = None
    """Ratios to this column are shown in each row."""
    plot: Literal["bars", "lines"] | None = None
    """Bars: one for each row. Lines: one point for each column, whose name begins with a number."""


class Aim(NamedTuple):
    """The upper limit for a figure, or for its ratio to another."""

    text: str
    table: str
    row: str
    column: str
    limit: float
    over: tuple[str, str] | None = None
    """The row and the column of the divisor."""
    fastest: tuple[str, ...] = ()
    """Rows of the same column; the lowest of them is the divisor."""
    beside: str | None = None
    """The row of the lower limit, which is shown if the aim is not reached."""


class Section(NamedTuple):
    """The subject of a measurement; the docstring of its module is the text."""

    number: int
    title: str
    tables: tuple[Table, ...]
    aims: tuple[Aim, ...] = ()
    is_long: bool = False
    """Whether it takes minutes to hours: then only `make bench-full`, or its name, runs it."""


def amount(value: float) -> str:
    """Return a number with as many digits as are useful."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(figure: Figure) -> str:
    """Return a figure as text: its median, and the lowest and the highest round."""
    low, high = figure.spread
    if len(figure.rounds) == 1 or amount(low) == amount(high):
        return amount(figure.median)
    return f"{amount(figure.median)} ({amount(low)}–{amount(high)})"


def measured(figure: Figure) -> str:
    """Return the median with its unit."""
    return f"{amount(figure.median)} {figure.unit}".strip()


def ratios(figure: Figure, reference: Figure) -> list[float]:
    """Return the ratio of each round: values of the same round had the same machine."""
    if len(figure.rounds) == len(reference.rounds):
        pairs = list(zip(figure.rounds, reference.rounds, strict=True))
    else:
        pairs = [(figure.median, reference.median)]
    return [above / below for above, below in pairs if below]


def grid(report: Report, section: str, table: Table) -> list[list[str]]:
    """Return a table's cells, with the heading first; an empty list if it has no figures."""
    figures = report.table_figures(section, table.title)
    if not figures:
        return []
    rows, columns = names(figures)
    units = {figure.column: figure.unit for figure in figures}
    same = len({figure.unit for figure in figures}) == 1
    heading = [
        figures[0].unit if same else "",
        *(head(column, "" if same else units[column]) for column in columns),
    ]
    by_row = len({units[figure.column] == figure.unit for figure in figures} - {True}) > 0
    if by_row:  # a row has a unit of its own
        heading = ["", *columns]
    lines = [heading]
    for row in rows:
        found = {figure.column: figure for figure in figures if figure.row == row}
        unit = next(iter(found.values())).unit
        cells = [cell(found[column]) if column in found else "–" for column in columns]
        lines.append([f"{row}, {unit}" if by_row and unit else row, *cells])
    for number, shown in enumerate(ratio_columns(figures, table, rows, columns)):
        lines[number].extend(shown)
    return lines


def ratio_columns(
    figures: list[Figure], table: Table, rows: list[str], columns: list[str]
) -> list[list[str]]:
    """Return the ratios of each line, with the heading first."""
    of = {(figure.row, figure.column): figure for figure in figures}
    if table.reference_row in rows:
        shown = [column for column in columns if (table.reference_row, column) in of]
        shown = shown[-1:] if table.plot == "lines" else shown[:1]
        lines = [[f"{column} ÷ {table.reference_row}" for column in shown]]
        pairs = [[((row, column), (table.reference_row, column)) for column in shown] for row in rows]
    elif table.reference_column in columns:
        shown = [column for column in columns if column != table.reference_column]
        lines = [[f"{column} ÷ {table.reference_column}" for column in shown]]
        pairs = [[((row, column), (row, table.reference_column)) for column in shown] for row in rows]
    else:
        return []
    for line in pairs:
        cells = []
        for above, below in line:
            found = ratios(of[above], of[below]) if above in of and below in of else []
            cells.append(amount(statistics.median(found)) if found else "–")
        lines.append(cells)
    return lines


def head(column: str, unit: str) -> str:
    """Return a column's name with its unit."""
    return f"{column}, {unit}" if unit else column


def names(figures: list[Figure]) -> tuple[list[str], list[str]]:
    """Return the rows and the columns, each in the order of their first figure."""
    return list(dict.fromkeys(f.row for f in figures)), list(dict.fromkeys(f.column for f in figures))


class AimResult(NamedTuple):
    """The result of an aim."""

    aim: Aim
    is_reached: bool | None
    """None if it was not measured."""
    found: str

    @property
    def text(self) -> str:
        """The result in a few words."""
        if self.is_reached is None:
            return "not measured"
        return f"{'reached' if self.is_reached else 'not reached'}, {self.found}"


def evaluate(report: Report, section: str, aim: Aim) -> AimResult:
    """Return whether an aim was reached, and the value."""
    figure = report.figure(section, aim.table, aim.row, aim.column)
    over = report.figure(section, aim.table, *aim.over) if aim.over else None
    rivals = [report.figure(section, aim.table, row, aim.column) for row in aim.fastest]
    if aim.fastest:
        over = min(filter(None, rivals), key=lambda rival: rival.median, default=None)
    if figure is None or (over is None and (aim.over or aim.fastest)):
        return AimResult(aim, None, "")
    if over is None:
        is_reached, found = figure.median <= aim.limit, measured(figure)
        limit = report.figure(section, aim.table, aim.beside, aim.column) if aim.beside else None
        if limit and not is_reached:
            found += f" (beside {limit.row.rpartition(', ')[0] or limit.row}: {measured(limit)})"
        return AimResult(aim, is_reached, found)
    times = statistics.median(ratios(figure, over))
    found = f"{amount(times)} times {over.row}" if aim.fastest else amount(times)
    return AimResult(aim, times <= aim.limit, found)


def plain(lines: list[list[str]]) -> str:
    """Return cells as text for a terminal."""
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    told = []
    for line in lines:
        first, *rest = (
            text.ljust(width) if index == 0 else text.rjust(width)
            for index, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        told.append("  ".join([first, *rest]).rstrip())
    return "\n".join(told)


def markdown(lines: list[list[str]]) -> str:
    """Return cells as a Markdown table."""
    written = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([written[0], "| " + " | ".join(["---"] * len(lines[0])) + " |", *written[1:]])
