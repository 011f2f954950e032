"""Measure, print, and write the report and the document: `python -m bench`."""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from bench import document, machine
from bench.measurements import Measurement, measurements
from bench.report import Report, Scale, Sheet
from bench.table import grid, judge, plain

DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """Measure what was asked for; exit status 1 when a measurement failed."""
    known = measurements()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "only", nargs="*", choices=[[], *known], metavar="MEASUREMENT", help=f"one of {', '.join(known)}"
    )
    parser.add_argument("--full", dest="scale", action="store_const", const="full", default="small")
    parser.add_argument(
        "--tiny", dest="scale", action="store_const", const="tiny", help="only try whether it works"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the report")
    parser.add_argument(
        "--docs", type=Path, metavar="FOLDER", default=DOCS, help="where to write the document"
    )
    given = parser.parse_args()
    chosen = {word: one for word, one in known.items() if not given.only or word in given.only}
    report = Report(
        machine=machine.describe(Path(tempfile.gettempdir())),
        scale=given.scale,
        command="make bench-full" if given.scale == "full" else "make bench",
        began_at=time.time(),
    )
    failed = [word for word, one in chosen.items() if not run(word, one, given.scale, report)]
    report.took_seconds = round(time.time() - report.began_at, 1)
    if len(chosen) == len(known) and given.scale != "tiny":
        given.json = given.json or given.docs / "benchmarks.json"
        document.write(report, known, given.docs)
    if given.json:
        given.json.write_bytes(report.encode())
    print(f"That took {report.took_seconds:.0f} s.", file=sys.stderr)
    if failed:
        sys.exit(f"These measurements failed: {', '.join(failed)}")


def run(word: str, one: Measurement, scale: Scale, report: Report) -> bool:
    """Do one measurement and print its tables; false when it failed, which ends no other one."""
    print(f"Measuring: {word}", file=sys.stderr, flush=True)
    began, failed = time.monotonic(), False
    try:
        one.measure(scale, Sheet(report, word))
    except Exception as error:  # noqa: BLE001  the others are measured all the same
        traceback.print_exc()
        failed = True
        why = next(iter(str(error).splitlines()), "")
        Sheet(report, word).note(f"It failed before its end: {type(error).__name__}: {why}")
    print(f"{one.SECTION.title} ({time.monotonic() - began:.0f} s)")
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
