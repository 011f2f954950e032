"""Writes docs/benchmarks.md and its plots from a report.

usage: python -m bench.document [docs/benchmarks.json]

`make bench` writes the document and its data. After a change of the text, this command writes the
document again from the same data.
"""

import argparse
import time
from pathlib import Path

import msgspec

from bench import plot
from bench.machine import Machine
from bench.measurements import Measurement, measurements
from bench.report import Report, Run, read
from bench.table import Table, evaluate, grid, markdown

LONG_SECONDS = 120
HEAD = """\
# Benchmarks

This page shows the speed and the size of the house, beside other systems (its *peers*). It is generated.
These commands measure on your machine:

    make bench                  # the short measurements, some minutes; updates this file
    make bench-full             # all measurements, more rounds, about two hours; updates this file
    python -m bench press cost  # only these, printed; with --document they update this file
    python -m bench.document    # this file again, from docs/benchmarks.json

These commands show what a change made slower beyond the noise. They compare with the file of the last commit:

    git show HEAD:docs/benchmarks.json > before.json
    make bench
    bench/compare before.json docs/benchmarks.json

{machine}

A figure is the median over the rounds of one run, with the lowest and the highest round in brackets.
Rounds are interleaved: each round measures all systems, so that all have the same machine. Ratios are
computed round by round. Absolute figures are valid for this machine only, and no test asserts one. The end
of each section tells when and how it was measured.
"""


def text(report: Report, known: dict[str, Measurement], pictures: dict[tuple[str, str], str]) -> str:
    """Return the whole document."""
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
        remarks = [f"{aim.text}: {evaluate(report, word, aim).text}" for aim in section.aims]
        remarks += [note.text for note in report.notes if note.section == word]
        remarks += [when(run, report)] if (run := report.run(word)) else []
        parts.append("\n".join(f"- {line}" for line in remarks))
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def aims(report: Report, known: dict[str, Measurement]) -> str:
    """Return a table of all aims and their results."""
    lines = [["section", "aim", "result"]]
    for word, one in known.items():
        for aim in one.SECTION.aims:
            lines.append([one.SECTION.title, aim.text, evaluate(report, word, aim).text])
    return "## The aims\n\n" + markdown(lines) + "\n"


def describe(report: Report) -> str:
    """Return a paragraph about the machine of the latest run."""
    if (last := latest(report)) is None:
        return "Nothing has been measured yet."
    m = last.machine
    libraries = ", ".join(f"{name} {number}" for name, number in m.libraries.items())
    return (
        f"The machine: {m.processor}, {m.cores} cores, {m.memory_mb:,} MB, {m.kernel}, {m.filesystem}; "
        f"{interpreter(m)}, libzmq {m.libzmq}, {libraries}."
    )


def interpreter(machine: Machine) -> str:
    """Return the interpreter, and how it was built."""
    return f"{machine.python} ({machine.build})" if machine.build else machine.python


def when(run: Run, report: Report) -> str:
    """Return when and how a section was measured; name its machine if the head names another one."""
    day, m, last = time.strftime("%-d %B %Y", time.gmtime(run.began_at)), run.machine, latest(report)
    took = (
        f"{run.took_seconds:.0f} s" if run.took_seconds < LONG_SECONDS else f"{run.took_seconds / 60:.0f} min"
    )
    how = ", with `--full`" if run.scale == "full" else ""
    told = f"Measured on {day} in {took}{how}, after a load of {m.load}"
    if last and msgspec.structs.replace(m, load=0.0) != msgspec.structs.replace(last.machine, load=0.0):
        told += f", on {m.processor}, {m.cores} cores, {interpreter(m)}, libzmq {m.libzmq}"
    return f"{told}."


def latest(report: Report) -> Run | None:
    """Return the run that began last."""
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
        # Without matplotlib the existing pictures stay: they show the same data.
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
