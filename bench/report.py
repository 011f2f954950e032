"""What was measured: figures, one value a round, with the runs and the machine they are of; kept as JSON."""

import statistics
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from bench.machine import Machine

Scale = Literal["tiny", "small", "full"]
"""How much is measured: seconds, for tests; minutes, `make bench`; hours, `make bench-full`."""
FORMAT = 2


class ReportError(Exception):
    """A file is no report of ours."""


class Figure(Struct, kw_only=True):
    """One thing that was measured: a cell of a table."""

    section: str
    table: str
    row: str
    column: str
    unit: str
    rounds: list[float]
    """One value for each round, in the order in which they were measured."""
    is_control: bool = False
    """Whether it is of a peer: it tells of the machine, not of the house."""
    more_is_better: bool = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Say which figure it is."""
        return self.section, self.table, self.row, self.column

    @property
    def median(self) -> float:
        """Give the middle of the rounds."""
        return statistics.median(self.rounds)

    @property
    def spread(self) -> tuple[float, float]:
        """Give the lowest and the highest round."""
        return min(self.rounds), max(self.rounds)


class Note(Struct):
    """What a reader of a section has to know beside its figures."""

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
    """What is known: of each section the figures of its latest run."""

    runs: list[Run] = []
    figures: list[Figure] = []
    notes: list[Note] = []
    format: int = FORMAT

    def run(self, section: str) -> Run | None:
        """Give the run that measured a section, if one did."""
        return next((run for run in self.runs if run.section == section), None)

    def take(self, newer: "Report") -> None:
        """Have the sections of another report in the place of one's own."""
        taken = {run.section for run in newer.runs}
        for name in ("runs", "figures", "notes"):
            kept = [one for one in getattr(self, name) if one.section not in taken]
            setattr(self, name, kept + getattr(newer, name))

    def figure(self, section: str, table: str, row: str, column: str) -> Figure | None:
        """Give a figure, if it was measured."""
        key = (section, table, row, column)
        return next((figure for figure in self.figures if figure.key == key), None)

    def of(self, section: str, table: str) -> list[Figure]:
        """Give the figures of a table, in the order in which they were first measured."""
        return [figure for figure in self.figures if (figure.section, figure.table) == (section, table)]

    def encode(self) -> bytes:
        """Give it as JSON, one figure a line, so that a change of one is a change of a line."""
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
    """Where the measurements of one section write their figures."""

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
        """Add one round's value; the rounds of a figure are those that were added under the same names."""
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
        """Give a figure of this section, if it was measured."""
        return self._report.figure(self._section, table, row, column)

    def note(self, text: str) -> None:
        """Add what a reader has to know."""
        self._report.notes.append(Note(self._section, text))


def read(path: Path) -> Report:
    """Read a report; ReportError says what is wrong with the file."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReportError(f"{path} is no report of `make bench`: {error}") from error
    if report.format != FORMAT:
        raise ReportError(f"{path} is of format {report.format}, this bench reads {FORMAT}: measure anew")
    if any(not figure.rounds for figure in report.figures):
        raise ReportError(f"{path} has a figure without a round")
    return report
