"""Invented benchmark reports."""

from bench.machine import Machine
from bench.report import Report, Run, Sheet
from bench.table import Aim, Section, Table

MACHINE = Machine(
    processor="Abacus",
    cores=2,
    memory_mb=64,
    kernel="Linux 6",
    python="CPython 3.11",
    libzmq="4.3.5",
    libraries={"pyzmq": "27"},
    filesystem="ext4",
    load=0.5,
)
TITLE, SIZES = "How soon", "By size"
SECTION = Section(
    3,
    "Speed",
    (Table(TITLE, reference_row="limit", plot="bars"), Table(SIZES, plot="lines")),
    (
        Aim("at most twice the limit", TITLE, "House", "p50", 2, ("limit", "p50")),
        Aim("under 5 ms", TITLE, "House", "p50", 5),
        Aim("under 1 ms by moonlight", TITLE, "House", "p51", 1),
    ),
)


def run(section: str, began_at: float = 1.8e9) -> Run:
    """Return a run of a section."""
    return Run(section=section, machine=MACHINE, scale="small", began_at=began_at, took_seconds=30)


def report(**rows: list[float]) -> Report:
    """Return a report of one table: the time of each row in milliseconds; the row `limit` is a peer."""
    made = Report(runs=[run("speed")])
    sheet = Sheet(made, "speed")
    for row, values in rows.items():
        for value in values:
            sheet.add(TITLE, row, "p50", value, "ms", is_control=row == "limit")
    return made
