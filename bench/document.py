"""docs/benchmarks.md and its plots, from a report.

usage: python -m bench.document [docs/benchmarks.json]

`make bench` writes it and the data; this writes it again from the data, when its words have changed.
"""

import argparse
import time
from pathlib import Path

import msgspec

from bench import plot
from bench.measurements import Measurement, measurements
from bench.report import Report, Run, read
from bench.table import Table, grid, judge, markdown

LONG_SECONDS = 120
HEAD = """\
# Benchmarks

How fast and how small the house is, beside its peers. This file is made by the bench; measure yours:

    make bench                  # in some minutes, all but what takes long; puts it into this file
    make bench-full             # in some two hours, more of everything, and what takes long
    python -m bench press cost  # only these, printed; with --document they are put into this file
    python -m bench.document    # this file again, from docs/benchmarks.json

Whether a change made something slower, beyond the noise, by the file of the commit before it:

    git show HEAD:docs/benchmarks.json > before.json
    make bench
    bench/compare before.json docs/benchmarks.json

{machine}

A figure is the median over the rounds of one run, with the lowest and the highest round in brackets. Rounds
are interleaved: each measures everybody, so that all have the same machine, and ratios are taken round by
round. Absolute figures are of this machine only, and no test asserts one. When a section was measured, and
how, is told at its end.
"""


def text(report: Report, known: dict[str, Measurement], pictures: dict[tuple[str, str], str]) -> str:
    """Give the whole document."""
    parts = [HEAD.format(machine=describe(report)), aims(report, known)]
    for word, one in known.items():
        section = one.SECTION
        parts.append(f"## {section.number}. {section.title}\n")
        parts.append((one.__doc__ or "").strip() + "\n")
        parts.append(f"    python -m bench {word}\n")
        for table in section.tables:
            lines = grid(report, word, table)
            if not lines:
                continue
            if len(section.tables) > 1:
                parts.append(f"### {table.title}\n")
            parts.append(markdown(lines) + "\n")
            if picture := pictures.get((word, table.title)):
                parts.append(f"![{table.title}]({picture})\n")
        said = [f"{aim.text}: {judge(report, word, aim).told}" for aim in section.aims]
        said += [note.text for note in report.notes if note.section == word]
        said += [when(run, report)] if (run := report.run(word)) else []
        parts.append("\n".join(f"- {line}" for line in said))
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def aims(report: Report, known: dict[str, Measurement]) -> str:
    """Give every aim and what became of it, as one table."""
    lines = [["", "aim", "what became of it"]]
    for word, one in known.items():
        for aim in one.SECTION.aims:
            lines.append([one.SECTION.title, aim.text, judge(report, word, aim).told])
    return "## The aims\n\n" + markdown(lines) + "\n"


def describe(report: Report) -> str:
    """Tell of the machine in a paragraph: of that which was measured on last."""
    if (last := latest(report)) is None:
        return "Nothing has been measured yet."
    m = last.machine
    libraries = ", ".join(f"{name} {number}" for name, number in m.libraries.items())
    return (
        f"The machine: {m.processor}, {m.cores} cores, {m.memory_mb:,} MB, {m.kernel}, {m.filesystem}; "
        f"{m.python}, libzmq {m.libzmq}, {libraries}."
    )


def when(run: Run, report: Report) -> str:
    """Tell when and how a section was measured, and on what, where that is not what the head says."""
    day, m, last = time.strftime("%-d %B %Y", time.gmtime(run.began_at)), run.machine, latest(report)
    took = (
        f"{run.took_seconds:.0f} s" if run.took_seconds < LONG_SECONDS else f"{run.took_seconds / 60:.0f} min"
    )
    how = ", with `--full`" if run.scale == "full" else ""
    told = f"Measured on {day} in {took}{how}, after a load of {m.load}"
    if last and msgspec.structs.replace(m, load=0.0) != msgspec.structs.replace(last.machine, load=0.0):
        told += f", on {m.processor}, {m.cores} cores, {m.python}, libzmq {m.libzmq}"
    return f"{told}."


def latest(report: Report) -> Run | None:
    """Give the run that began last."""
    return max(report.runs, key=lambda run: run.began_at, default=None)


def write(report: Report, known: dict[str, Measurement], folder: Path) -> None:
    """Write the document and its plots into a folder."""
    pictures: dict[tuple[str, str], str] = {}
    tables: list[tuple[str, Table]] = [
        (word, table) for word, one in known.items() for table in one.SECTION.tables
    ]
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for word, table in tables:
        number = sum(key[0] == word for key in pictures) + 1
        path = f"pictures/bench-{word}{f'-{number}' if number > 1 else ''}.svg"
        # Without matplotlib the pictures that are there stay: they are of the same data.
        if table.plot and (plot.draw(report, word, table, folder / path) or (folder / path).exists()):
            pictures[word, table.title] = path
    (folder / "benchmarks.md").write_text(text(report, known, pictures))


def main() -> None:
    """Write the document of a report again."""
    docs = Path(__file__).parent.parent / "docs"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path, nargs="?", default=docs / "benchmarks.json")
    write(read(parser.parse_args().report), measurements(), docs)


if __name__ == "__main__":
    main()
