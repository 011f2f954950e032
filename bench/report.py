"""A report as JSON: figures with one value a round, and the run and the machine of each section."""

import statistics
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from bench.machine import Machine

Scale = Literal["tiny", "small", "full"]
"""The length of a measurement: seconds for tests, minutes for `make bench`, hours for `make bench-full`."""
FORMAT = 2


class ReportError(Exception):
    """A file is not a report of this bench."""


class Figure(Struct, kw_only=True):
    """One measured quantity: a cell of a table."""

    section: str
    table: str
    row: str
    column: str
    unit: str
    rounds: list[float]
    """One value for each round, in the order of measurement."""
    is_control: bool = False
    """Whether the figure belongs to a peer: it depends on the machine, not on the house."""
    more_is_better: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The names that identify the figure."""
        return self.section, self.table, self.row, self.column

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest round."""
        return min(self.rounds), max(self.rounds)


class Note(Struct):
    """A remark that a reader of a section needs besides its figures."""

    section: str
    text: str


class Run(Struct, kw_only=True):
    """When and how the figures of one section were measured."""

    section: str
    machine: Machine
    scale: Scale
    began_at: float
    """Unix seconds."""
    took_seconds: float = 0.0


class Report(Struct, kw_only=True):
    """The figures of the latest run of each section."""

    runs: list[Run] = []
    figures: list[Figure] = []
    notes: list[Note] = []
    format: int = FORMAT

    def run(self, section: str) -> Run | None:
        """Return the run of a section, if there is one."""
        return next((run for run in self.runs if run.section == section), None)

    def replace_sections(self, newer: "Report") -> None:
        """Replace the sections that the newer report contains."""
        taken = {run.section for run in newer.runs}
        for name in ("runs", "figures", "notes"):
            kept = [one for one in getattr(self, name) if one.section not in taken]
            setattr(self, name, kept + getattr(newer, name))

    def figure(self, section: str, table: str, row: str, column: str) -> Figure | None:
        """Return a figure, if it was measured."""
        key = (section, table, row, column)
        return next((figure for figure in self.figures if figure.key == key), None)

    def table_figures(self, section: str, table: str) -> list[Figure]:
        """Return the figures of a table, in the order of their first measurement."""
        return [figure for figure in self.figures if (figure.section, figure.table) == (section, table)]

    def encode(self) -> bytes:
        """Return the report as JSON, one figure a line, so that a changed figure is a changed line."""
        fields = []
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, list):
                lines = ",\n".join("    " + msgspec.json.encode(one).decode() for one in value)
                fields.append(f'  "{name}": [\n{lines}\n  ]')
            else:
                fields.append(f'  "{name}": {msgspec.json.encode(value).decode()}')
        return ("{\n" + ",\n".join(fields) + "\n}\n").encode()


class Sheet:
    """Collects the figures of one section."""

    def __init__(self, report: Report, section: str) -> None:
        self._report = report
        self._section = section

    def add(
        self,
        table: str,
        row: str,
        column: str,
        value: float,
        unit: str,
        *,
        is_control: bool = False,
        more_is_better: bool = False,
    ) -> None:
        """Add one round's value; all values added under the same names are the rounds of one figure."""
        figure = self._report.figure(self._section, table, row, column)
        if figure is None:
            figure = Figure(
                section=self._section,
                table=table,
                row=row,
                column=column,
                unit=unit,
                rounds=[],
                is_control=is_control,
                more_is_better=more_is_better,
            )
            self._report.figures.append(figure)
        figure.rounds.append(round(value, 6))

    def figure(self, table: str, row: str, column: str) -> Figure | None:
        """Return a figure of this section, if it was measured."""
        return self._report.figure(self._section, table, row, column)

    def table_figures(self, table: str) -> list[Figure]:
        """Return the figures of a table of this section."""
        return self._report.table_figures(self._section, table)

    def note(self, text: str) -> None:
        """Add a note."""
        self._report.notes.append(Note(self._section, text))


def read(path: Path) -> Report:
    """Read a report; ReportError describes what is wrong with the file."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReportError(f"{path} is no report of `make bench`: {error}") from error
    if report.format != FORMAT:
        raise ReportError(f"{path} is of format {report.format}, this bench reads {FORMAT}: measure again")
    if any(not figure.rounds for figure in report.figures):
        raise ReportError(f"{path} has a figure without a round")
    return report
