"""Figures as rows and columns, for a terminal and for Markdown; ratios and aims beside them."""

import statistics
from typing import Literal, NamedTuple

from bench.report import Figure, Report


class Table(NamedTuple):
    """How figures stand beside each other."""

    title: str
    reference_row: str | None = None
    """Ratios to this row are shown, of the first column; where there are lines, of the last."""
    reference_column: str | None = None
    """Ratios to this column are shown, in each row."""
    plot: Literal["bars", "lines"] | None = None
    """Bars have a group for each row, lines a point for each column, whose names begin with numbers."""


class Aim(NamedTuple):
    """What a figure, or its ratio to another, shall be at the most."""

    text: str
    table: str
    row: str
    column: str
    limit: float
    over: tuple[str, str] | None = None
    """The row and the column that it is divided by."""
    beside: str | None = None
    """The row of the limit, which is told where the aim is not reached."""


class Section(NamedTuple):
    """What a measurement is about; its module's docstring is the rest."""

    number: int
    title: str
    tables: tuple[Table, ...]
    aims: tuple[Aim, ...] = ()
    is_long: bool = False
    """Whether it takes minutes to hours, so that only `make bench-full`, or who names it, measures it."""


def amount(value: float) -> str:
    """Write a number with as many digits as are worth reading."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(figure: Figure) -> str:
    """Write a figure: its median, and the lowest and the highest round."""
    low, high = figure.spread
    if len(figure.rounds) == 1 or amount(low) == amount(high):
        return amount(figure.median)
    return f"{amount(figure.median)} ({amount(low)}–{amount(high)})"


def measured(figure: Figure) -> str:
    """Write its median with its unit."""
    return f"{amount(figure.median)} {figure.unit}".strip()


def ratios(figure: Figure, reference: Figure) -> list[float]:
    """Divide round by round, for what was measured in the same round had the same machine."""
    if len(figure.rounds) == len(reference.rounds):
        pairs = list(zip(figure.rounds, reference.rounds, strict=True))
    else:
        pairs = [(figure.median, reference.median)]
    return [above / below for above, below in pairs if below]


def grid(report: Report, section: str, table: Table) -> list[list[str]]:
    """Give a table's cells, its heading first; nothing when none of its figures was measured."""
    figures = report.of(section, table.title)
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
    """Give the ratios of each line, the heading's first."""
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
    """Name a column with its unit."""
    return f"{column}, {unit}" if unit else column


def names(figures: list[Figure]) -> tuple[list[str], list[str]]:
    """Give the rows and the columns, each in the order in which it was first seen."""
    return list(dict.fromkeys(f.row for f in figures)), list(dict.fromkeys(f.column for f in figures))


class Verdict(NamedTuple):
    """What became of an aim."""

    aim: Aim
    is_reached: bool | None
    """Nothing when it was not measured."""
    found: str

    @property
    def told(self) -> str:
        """Say it in a few words."""
        if self.is_reached is None:
            return "not measured"
        return f"{'reached' if self.is_reached else 'not reached'}, {self.found}"


def judge(report: Report, section: str, aim: Aim) -> Verdict:
    """Say whether an aim was reached, and by what."""
    figure = report.figure(section, aim.table, aim.row, aim.column)
    over = report.figure(section, aim.table, *aim.over) if aim.over else None
    if figure is None or (aim.over and over is None):
        return Verdict(aim, None, "")
    if over is None:
        is_reached, found = figure.median <= aim.limit, measured(figure)
        limit = report.figure(section, aim.table, aim.beside, aim.column) if aim.beside else None
        if limit and not is_reached:
            found += f" (beside {limit.row.rpartition(', ')[0] or limit.row}: {measured(limit)})"
        return Verdict(aim, is_reached, found)
    times = statistics.median(ratios(figure, over))
    return Verdict(aim, times <= aim.limit, amount(times))


def plain(lines: list[list[str]]) -> str:
    """Write cells for a terminal."""
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
    """Write cells as a table of Markdown."""
    written = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([written[0], "| " + " | ".join(["---"] * len(lines[0])) + " |", *written[1:]])
