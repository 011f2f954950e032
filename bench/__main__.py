"""Run measurements, print the figures, and put them into the document and its data: `python -m bench`.

Without names it runs all short measurements. The document keeps its figures of the long ones.
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
from bench.table import evaluate, grid, plain

DOCS = Path(__file__).parent.parent / "docs"
DATA = "benchmarks.json"


def main() -> None:
    """Run the chosen measurements; the exit status is 1 if one failed."""
    known = measurements()
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "only", nargs="*", choices=[[], *known], metavar="MEASUREMENT", help=f"one of {', '.join(known)}"
    )
    parser.add_argument("--full", dest="scale", action="store_const", const="full", default="small")
    parser.add_argument(
        "--tiny", dest="scale", action="store_const", const="tiny", help="check that it works, in seconds"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument(
        "--document",
        type=Path,
        metavar="FOLDER",
        nargs="?",
        const=DOCS,
        help=f"put the figures into benchmarks.md and benchmarks.json there; the default is {DOCS.name}/",
    )
    options = parser.parse_args()
    try:  # before minutes of measuring are lost
        whole = existing_report(options.document) if options.document else Report()
    except ReportError as error:
        parser.error(str(error))
    is_all = options.scale == "full"
    chosen = options.only or [word for word, one in known.items() if is_all or not one.SECTION.is_long]
    report, failed, began = Report(), [], time.monotonic()
    for word in chosen:
        found = Report()
        if run(word, known[word], options.scale, found):
            report.replace_sections(found)
        else:
            failed.append(word)
    if options.json:
        options.json.write_bytes(report.encode())
    if options.document:
        whole.replace_sections(report)
        (options.document / DATA).write_bytes(whole.encode())
        document.write(whole, known, options.document)
    print(f"That took {time.monotonic() - began:.0f} s.", file=sys.stderr)
    if failed:
        sys.exit(f"These measurements failed: {', '.join(failed)}")


def existing_report(folder: Path) -> Report:
    """Return the report behind the document in a folder; ReportError if its data cannot be read."""
    return read(folder / DATA) if (folder / DATA).exists() else Report()


def run(word: str, one: Measurement, scale: Scale, report: Report) -> bool:
    """Run one measurement and print its tables; return False if it failed. The others run all the same."""
    described = machine.describe(Path(tempfile.gettempdir()))
    print(f"Measuring: {word}, on {document.interpreter(described)}", file=sys.stderr, flush=True)
    began, failed = time.monotonic(), False
    how = Run(section=word, machine=described, scale=scale, began_at=time.time())
    report.runs.append(how)
    try:
        one.measure(scale, Sheet(report, word))
    except Exception as error:  # noqa: BLE001  the other measurements run all the same
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
        print(f"{aim.text}: {evaluate(report, word, aim).text}")
    for note in report.notes:
        if note.section == word:
            print(note.text)
    print(flush=True)
    return not failed


if __name__ == "__main__":
    main()
