"""The verb that rehearses a house: test."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, tzinfo
from datetime import time as dt_time
from pathlib import Path
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.context import Context, json_option
from daemons.values import Seconds

INTERRUPTED = 130
"""The exit status after Ctrl-C, as of a shell."""
TRACE_LINES = 12
"""How many changes before a failure are printed."""
START_SECONDS = 1.0
"""How long before the next day all processes start."""
SHOWN_FAULTS = 3
"""How many faults with which a story does not hold are printed."""


class Duration(click.ParamType[Seconds]):
    """A duration such as 90s or 1m."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Seconds:
        """Return the seconds."""
        try:
            return value if isinstance(value, Seconds) else Seconds.parse(value)
        except ValueError as error:
            self.fail(f"{value!r} is not {error}", param, ctx)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--faults", "with_faults", is_flag=True, help="Play each story again with every fault.")
@click.option("--random", "duration", type=Duration(), help="Test random days for so long, such as 1m.")
@click.option("--seed", type=int, default=1, show_default=True, help="The first random day.")
@click.option("--only", metavar="TITLE", help="Only the story or the [[always]] with this title.")
@click.option("--trace", is_flag=True, help="Print every change of every story.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write a JUnit report, too.")
@json_option
@click.pass_obj
@click.pass_context
def test(
    ctx: click.Context,
    context: Context,
    files: tuple[Path, ...],
    with_faults: bool,
    duration: Seconds | None,
    seed: int,
    only: str | None,
    trace: bool,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Play stories of the house in virtual time; exit status 1 if one does not hold, 2 for a mistake.

    Without FILES, the stories are those beside the configuration: house.test.toml for house.toml. A file
    that it includes may have stories beside it, too.
    """
    check_options(ctx, duration, others={"--faults": with_faults, "--trace": trace, "--junit": junit})
    house = context.load_house()
    own = story_files(house)
    if not files and not own:
        missing = story_file(context.config)
        click.echo(
            f"There is no story yet: {missing} does not exist. docs/rehearsal.md shows how to write one."
        )
        return
    always, stories, rooms = load(house, files or own, only)
    zone = house.settings.calendar.zone
    results = []
    try:
        if duration is not None:
            ctx.exit(
                0 if test_random_days(house, always, rooms, duration, seed, zone, as_json=as_json) else 1
            )
        for story in stories:
            result = tell(story, house, always, rooms, with_faults=with_faults)
            results.append(result)
            if not as_json:
                print_result(result, zone, trace=trace)
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
        ctx.exit(INTERRUPTED)
    if junit is not None:
        from daemons.cli.junit import junit_report

        junit.write_bytes(junit_report(house.settings.name, results))
    failed = sum(not result["holds"] for result in results)
    if as_json:
        click.echo(msgspec.json.encode({"ok": not failed, "stories": results}))
    else:
        click.echo(f"{len(results) - failed} of {len(results)} stories hold.")
    ctx.exit(1 if failed else 0)


def check_options(ctx: click.Context, duration: Seconds | None, others: dict[str, Any]) -> None:
    """Raise UsageError for options that do not go together: random days play no stories."""
    if duration is None and ctx.get_parameter_source("seed") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--seed is the first of the random days, and goes with --random")
    for name in (name for name, value in others.items() if value and duration is not None):
        raise click.UsageError(f"{name} goes with stories, and --random plays none of them")


def refuse_failing_stories(house: Any) -> None:
    """Play the stories beside a configuration; raise HouseError if one does not hold.

    Raises ConfigurationError if their files have mistakes. A house without stories passes.
    """
    own = story_files(house)
    if not own:
        return
    from daemons.rehearsal.player import play

    always, stories, rooms = load(house, own, None)
    zone = house.settings.calendar.zone
    texts = [
        f"{story.title!r} does not hold: expected {failure.expected}, but {failure.found}, at "
        f"{clock_time(failure.wall, zone)}"
        for story in stories
        for failure in play(story, house, always, rooms=rooms).failures[:1]
    ]
    if texts:
        advice = (
            "nothing was changed; `house test` shows more, `house reload --untested` reloads all the same"
        )
        raise errors.HouseError("\n".join([*texts, advice]))


def story_file(config: Path) -> Path:
    """Return the path of the stories beside a file of the configuration."""
    return config.with_suffix(".test.toml")


def story_files(house: Any) -> list[Path]:
    """Return the files with stories that stand beside the files of the configuration."""
    return [path for path in (story_file(file.path) for file in house.files) if path.exists()]


def load(house: Any, files: Iterable[Path], only: str | None) -> tuple[list[Any], list[Any], list[Any]]:
    """Return what must always hold, the stories, and the rooms of all files.

    Raises ConfigurationError with all mistakes.
    """
    from daemons.rehearsal.story_file import load_stories

    problems: list[Any] = []
    loaded = []
    for path in files:
        try:
            loaded.append(load_stories(path, house))
        except errors.ConfigurationError as error:
            problems += error.problems
    if problems:
        raise errors.ConfigurationError(problems)
    always: list[Any] = [one for file in loaded for one in file.always]
    stories: list[Any] = [story for file in loaded for story in file.stories]
    rooms: list[Any] = [room for file in loaded for room in file.rooms]
    if only is None:
        return always, stories, rooms
    chosen = [story for story in stories if story.title == only]
    kept: list[Any] = [one for one in always if one.title == only]
    if not chosen and not kept:
        titles = ", ".join(repr(one.title) for one in (*always, *stories))
        raise click.UsageError(f"there is no {only!r}; there are {titles or 'no stories'}")
    return kept or always, chosen, rooms


def tell(story: Any, house: Any, always: list[Any], rooms: list[Any], *, with_faults: bool) -> dict[str, Any]:
    """Play a story, with its seeds and with faults; return its result as a document for JSON."""
    from daemons.rehearsal import faults
    from daemons.rehearsal.player import play

    began = time.perf_counter()
    outcome = play(story, house, always, rooms=rooms)
    differing = [
        seed
        for seed in range(story.seeds)
        if play(story, house, always, seed=seed, rooms=rooms).holds != outcome.holds
    ]
    played, broken = 0, list[Any]()
    if with_faults and outcome.holds:
        played, broken = faults.play_with_faults(story, house, always, rooms)
    return {
        "title": story.title,
        "holds": outcome.holds and not differing and not broken,
        "seconds": round(time.perf_counter() - began, 6),
        "failures": outcome.failures,
        "depends_on_seeds": differing,
        "faults": played,
        "broken_by": broken,
        "changes": outcome.changes,
    }


def test_random_days(
    house: Any,
    always: list[Any],
    rooms: list[Any],
    duration: float,
    seed: int,
    zone: tzinfo,
    *,
    as_json: bool,
) -> bool:
    """Play random days for so many seconds; return whether all that must hold has held."""
    from daemons.rehearsal import random_days

    if not always:
        raise click.UsageError("random days test what must always hold, and there is no [[always]] yet")
    end = time.monotonic() + duration
    days, found = random_days.search(house, always, seed, before(end), rooms)
    story = random_days.as_toml(found.story) if found else None
    if as_json:
        document = {"ok": found is None, "days": days, "seed": found.seed if found else None, "story": story}
        click.echo(msgspec.json.encode(document))
    elif found is None:
        click.echo(f"{days} random days, and all that must hold has held.")
    else:
        click.echo(f"Random day {found.seed} does not hold; this is its shortest story:\n\n{story}\n")
        print_failures(found.outcome.failures, zone)
        print_changes(around(found.outcome.changes, found.outcome.failures), zone)
    return found is None


def print_tomorrow(house: Any, *, as_json: bool) -> None:
    """Print what the next day brings by itself: it begins with all devices off.

    The rooms are those of the stories beside the configuration.
    """
    from daemons.rehearsal.world import World

    zone = house.settings.calendar.zone
    day = datetime.now(zone).date() + timedelta(days=1)
    start, end = (datetime.combine(day + timedelta(days=n), dt_time(0), zone).timestamp() for n in (0, 1))
    world = World(house, start - START_SECONDS)
    world.begin()
    for room in load(house, story_files(house), None)[2]:
        world.add_room(room)
    world.run(start)
    count = len(world.changes)
    world.run(end)
    changes = [change for change in world.changes[count:] if "phase" in change.fields]
    if as_json:
        click.echo(msgspec.json.encode({"day": str(day), "changes": changes}))
        return
    if not changes:
        click.echo(f"On {day:%A, %d %B}, nothing happens by itself.")
        return
    click.echo(
        f"{day:%A, %d %B} ({datetime.fromtimestamp(start, zone):%Z}), if all devices are off at midnight:"
    )
    for change in changes:
        at = datetime.fromtimestamp(change.wall, zone)
        click.echo(f"{at:%H:%M}  {change.device}  {change.fields['phase']}")


def before(end: float) -> Callable[[], bool]:
    """Return a function that says whether a time of the monotonic clock lies ahead."""
    return lambda: time.monotonic() < end


def print_result(result: dict[str, Any], zone: tzinfo, *, trace: bool) -> None:
    """Print a line about a story; if it does not hold, also what was expected and what was."""
    mark = click.style("holds", fg="green") if result["holds"] else click.style("fails", fg="red", bold=True)
    broken, played = result["broken_by"], result["faults"]
    faults = f"; {played - len(broken)} of {played} with a fault" if played else ""
    click.echo(f"{mark}  {result['title']}  ({result['seconds'] * 1000:.0f} ms{faults})")
    print_failures(result["failures"], zone)
    if seeds := result["depends_on_seeds"]:
        click.secho(
            f"    It depends on the order of messages: with seeds {seeds} the result is another one",
            fg="yellow",
        )
    for one in broken[:SHOWN_FAULTS]:
        click.echo(f"    when {one.fault}:")
        print_failures(one.outcome.failures, zone)
        print_changes(around(one.outcome.changes, one.outcome.failures), zone)
    if len(broken) > SHOWN_FAULTS:
        click.echo(f"    and {len(broken) - SHOWN_FAULTS} more")
    failures = result["failures"]
    print_changes(result["changes"] if trace else around(result["changes"], failures), zone)


def print_failures(failures: Any, zone: tzinfo) -> None:
    """Print what was expected, and what was."""
    for failure in failures:
        click.echo(f"    expected  {failure.expected}")
        click.echo(f"    but       {failure.found}, at {clock_time(failure.wall, zone)}")


def print_changes(changes: Any, zone: tzinfo) -> None:
    """Print changes, one a line."""
    for change in changes:
        fields = " ".join(f"{name}={value}" for name, value in change.fields.items() if value is not None)
        cause = f" [{change.cause}]" if change.cause else ""
        click.echo(f"      {clock_time(change.wall, zone)}  {change.device}  {fields}{cause}")


def around(changes: Any, failures: Any) -> list[Any]:
    """Return the last changes before each failure."""
    found: list[Any] = []
    start = changes[0].at if changes else 0.0  # what each device shows at its start tells nothing
    for failure in failures:
        earlier = [change for change in changes if start < change.at and change.wall <= failure.wall]
        found += [change for change in earlier[-TRACE_LINES:] if change not in found]
    return found


def clock_time(wall: float, zone: tzinfo) -> str:
    """Return a time (Unix seconds) as the clock of the house shows it."""
    return f"{datetime.fromtimestamp(wall, zone):%a %Y-%m-%d %H:%M:%S %Z}"
