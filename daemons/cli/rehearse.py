"""The verb that rehearses a house: test."""

import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.context import Context, json_option

TRACE_LINES = 12
"""How many changes around a failure are printed."""


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--trace", is_flag=True, help="Print every change of every story.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write a JUnit report, too.")
@json_option
@click.pass_obj
@click.pass_context
def test(
    ctx: click.Context,
    context: Context,
    files: tuple[Path, ...],
    trace: bool,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Tell stories to the house in virtual time; exit status 1 if one does not hold, 2 for a mistake.

    Without FILES, the stories are those beside the configuration: house.test.toml for house.toml.
    """
    from daemons.rehearsal.story import load_stories

    house = context.load_house()
    chosen = files or (context.config.with_suffix(".test.toml"),)
    problems: list[Any] = []
    loaded = []
    for path in chosen:
        try:
            loaded.append(load_stories(path, house))
        except errors.ConfigurationError as error:
            problems += error.problems
    if problems:
        raise errors.ConfigurationError(problems)
    always = [one for file in loaded for one in file.always]
    results = []
    zone = house.settings.calendar.zone
    for file in loaded:
        for story in file.stories:
            result = tell(story, house, always)
            results.append(result)
            if not as_json:
                print_result(result, zone, trace=trace)
    if junit is not None:
        from daemons.cli.junit import junit_report

        junit.write_bytes(junit_report(house.settings.name, results))
    failed = sum(not result["holds"] for result in results)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not failed, "stories": results}))
    elif not results:
        click.echo("There is no story yet; docs/rehearsal.md shows how to write one.")
    else:
        click.echo(f"{len(results) - failed} of {len(results)} stories hold.")
    ctx.exit(1 if failed else 0)


def tell(story: Any, house: Any, always: list[Any]) -> dict[str, Any]:
    """Play a story, and with each of its seeds; return its result as a document for JSON."""
    from daemons.rehearsal.player import play

    began = time.perf_counter()
    outcome = play(story, house, always)
    differing = [
        seed for seed in range(story.seeds) if play(story, house, always, seed=seed).holds != outcome.holds
    ]
    return {
        "title": story.title,
        "holds": outcome.holds and not differing,
        "seconds": round(time.perf_counter() - began, 6),
        "failures": outcome.failures,
        "depends_on_seeds": differing,
        "changes": outcome.changes,
    }


def print_result(result: dict[str, Any], zone: tzinfo, *, trace: bool) -> None:
    """Print a line about a story; if it does not hold, also what was expected and what was."""
    mark = click.style("holds", fg="green") if result["holds"] else click.style("fails", fg="red", bold=True)
    click.echo(f"{mark}  {result['title']}  ({result['seconds'] * 1000:.0f} ms)")
    for failure in result["failures"]:
        click.echo(f"    expected  {failure.expected}")
        click.echo(f"    but       {failure.found}, at {clock_time(failure.wall, zone)}")
    if seeds := result["depends_on_seeds"]:
        click.secho(f"    It depends on the order in which messages arrive: seeds {seeds}", fg="yellow")
    shown = result["changes"] if trace else around(result["changes"], result["failures"])
    for change in shown:
        fields = " ".join(f"{name}={value}" for name, value in change.fields.items() if value is not None)
        cause = f" [{change.cause}]" if change.cause else ""
        click.echo(f"      {clock_time(change.wall, zone)}  {change.device}  {fields}{cause}")


def around(changes: Any, failures: Any) -> list[Any]:
    """Return the last changes before each failure."""
    found: list[Any] = []
    for failure in failures:
        before = [change for change in changes if change.wall <= failure.wall]
        found += [change for change in before[-TRACE_LINES:] if change not in found]
    return found


def clock_time(wall: float, zone: tzinfo) -> str:
    """Return a time (Unix seconds) as the clock of the house shows it."""
    return f"{datetime.fromtimestamp(wall, zone):%a %Y-%m-%d %H:%M:%S}"
