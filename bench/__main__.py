"""Measure, print, and put what was found into the document and its data: `python -m bench`.

Without names it measures everything but what takes long; what the document has of that stays.
"""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from bench import document, machine
from bench.measurements import Measurement, measurements
from bench.report import Report, ReportError, Run, Scale, Sheet, read
from bench.table import grid, judge, plain

DOCS = Path(__file__).parent.parent / "docs"
DATA = "benchmarks.json"


def main() -> None:
    """Measure what was asked for; exit status 1 when a measurement failed."""
    known = measurements()
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "only", nargs="*", choices=[[], *known], metavar="MEASUREMENT", help=f"one of {', '.join(known)}"
    )
    parser.add_argument("--full", dest="scale", action="store_const", const="full", default="small")
    parser.add_argument(
        "--tiny", dest="scale", action="store_const", const="tiny", help="only try whether it works"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write what was measured")
    parser.add_argument(
        "--document",
        type=Path,
        metavar="FOLDER",
        nargs="?",
        const=DOCS,
        help=f"put it into benchmarks.md and benchmarks.json there, of {DOCS.name}/ if no other is named",
    )
    given = parser.parse_args()
    try:  # before minutes are spent on what could not be put there
        whole = standing(given.document) if given.document else Report()
    except ReportError as error:
        parser.error(str(error))
    is_all = given.scale == "full"
    chosen = given.only or [word for word, one in known.items() if is_all or not one.SECTION.is_long]
    report, failed, began = Report(), [], time.monotonic()
    for word in chosen:
        found = Report()
        if run(word, known[word], given.scale, found):
            report.take(found)
        else:
            failed.append(word)
    if given.json:
        given.json.write_bytes(report.encode())
    if given.document:
        whole.take(report)
        (given.document / DATA).write_bytes(whole.encode())
        document.write(whole, known, given.document)
    print(f"That took {time.monotonic() - began:.0f} s.", file=sys.stderr)
    if failed:
        sys.exit(f"These measurements failed: {', '.join(failed)}")


def standing(folder: Path) -> Report:
    """Give what the document there has so far; ReportError when its data cannot be read."""
    return read(folder / DATA) if (folder / DATA).exists() else Report()


def run(word: str, one: Measurement, scale: Scale, report: Report) -> bool:
    """Do one measurement and print its tables; false when it failed, which ends no other one."""
    print(f"Measuring: {word}", file=sys.stderr, flush=True)
    began, failed = time.monotonic(), False
    how = Run(
        section=word,
        machine=machine.describe(Path(tempfile.gettempdir())),
        scale=scale,
        began_at=time.time(),
    )
    report.runs.append(how)
    try:
        one.measure(scale, Sheet(report, word))
    except Exception as error:  # noqa: BLE001  the others are measured all the same
        traceback.print_exc()
        failed = True
        why = next(iter(str(error).splitlines()), "")
        Sheet(report, word).note(f"It failed before its end: {type(error).__name__}: {why}")
    how.took_seconds = round(time.monotonic() - began, 1)
    print(f"{one.SECTION.title} ({how.took_seconds:.0f} s)")
    for table in one.SECTION.tables:
        if lines := grid(report, word, table):
            print(f"\n{table.title}\n{plain(lines)}")
    for aim in one.SECTION.aims:
        print(f"{aim.text}: {judge(report, word, aim).told}")
    for note in report.notes:
        if note.section == word:
            print(note.text)
    print(flush=True)
    return not failed


if __name__ == "__main__":
    main()
