"""docs/benchmarks.md, its data and its plots, from one report.

usage: python -m bench.document [docs/benchmarks.json]

`make bench` writes it; this writes it again from the data, when its words have changed.
"""

import argparse
import time
from pathlib import Path

from bench import plot
from bench.measurements import Measurement, measurements
from bench.report import Report, read
from bench.table import Table, grid, judge, markdown

HEAD = """\
# Benchmarks

How fast and how small the house is, beside its peers. This file is made by `{command}`; measure yours:

    make bench                  # every measurement, in some minutes; writes this file, its data and its plots
    make bench-full             # the same with more of everything, and an hour's soak
    python -m bench press cost  # only these, printed
    python -m bench.document    # this file again, from docs/benchmarks.json

Whether a change made something slower, beyond the noise, by the file of the commit before it:

    git show HEAD:docs/benchmarks.json > before.json
    make bench
    bench/compare before.json docs/benchmarks.json

{machine}

A figure is the median over the rounds of one run, with the lowest and the highest round in brackets. Rounds
are interleaved: each measures everybody, so that all have the same machine, and ratios are taken round by
round. Absolute figures are of this machine only, and no test asserts one.
"""


def text(report: Report, known: dict[str, Measurement], pictures: dict[tuple[str, str], str]) -> str:
    """Give the whole document."""
    parts = [HEAD.format(command=report.command, machine=describe(report)), aims(report, known)]
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
    """Tell of the machine and the run in a paragraph."""
    m = report.machine
    day = time.strftime("%-d %B %Y", time.gmtime(report.began_at))
    libraries = ", ".join(f"{name} {number}" for name, number in m.libraries.items())
    return (
        f"Measured on {day} in {report.took_seconds / 60:.0f} minutes: {m.processor}, {m.cores} cores, "
        f"{m.memory_mb:,} MB, {m.kernel}, {m.filesystem}, a load of {m.load} at the start; {m.python}, "
        f"libzmq {m.libzmq}, {libraries}."
    )


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
