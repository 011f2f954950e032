"""What a replay cannot know, in sentences. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from daemons.config.house import House
from daemons.rehearsal.record import FROM_PEOPLE, Inferred, Record, needed_measurements
from daemons.values import format_seconds

PEOPLE = "People might have done otherwise in a house that did otherwise."
START_SECONDS = 3.0
"""All processes of a house that is started begin within this time."""
MOST_NAMES = 5
"""How many devices a sentence names at most."""


def limits(installed: House, edited: House, record: Record, digest: str) -> list[str]:
    """Return what a replay of a record cannot know. `digest` is that of the installed configuration."""
    zone = installed.settings.calendar.zone
    houses = (installed, edited)
    return [
        PEOPLE,
        *_room_warmth(houses),
        *_minutes(record, zone),
        *_gaps(record),
        *_other_hosts(installed),
        *_starts(installed, record, zone),
        *_configurations(record, digest, zone),
        *_new_devices(installed, edited),
        *_random_offsets(houses),
        *_clock_steps(record, zone),
    ]


def _room_warmth(houses: Iterable[House]) -> Iterator[str]:
    sensors = {name for name, field in needed_measurements(houses) if field == "temperature_celsius"}
    if sensors:
        yield (
            f"What {names(sensors)} measured follows the record: a room gets neither warmer nor colder by "
            "what a rehearsed heater does otherwise."
        )


def _minutes(record: Record, zone: tzinfo) -> Iterator[str]:
    """Yield until when measurements are known to the minute only."""
    latest: dict[str, float] = {}
    for one in record.inputs:
        if isinstance(one, Inferred) and one.what == "values" and one.is_uncertain:
            latest[one.device] = one.at
    if latest:
        until = when(max(latest.values()), zone)
        yield (
            f"Until {until}, what {names(latest)} measured is known to the minute: a limit may have been "
            "crossed up to a minute earlier or later, and for a moment more or less."
        )


def _gaps(record: Record) -> Iterator[str]:
    missing: dict[str, int] = {}
    for one in record.inputs:
        if one.what == "gap" and one.device is not None:
            missing[one.device] = missing.get(one.device, 0) + int(one.details["missing"])
    inferred = sum(isinstance(one, Inferred) and one.what in FROM_PEOPLE for one in record.inputs)
    if missing:
        total = sum(missing.values())
        verb = "is" if total == 1 else "are"
        text = f"{count(total, 'input')} of {names(missing)} {verb} not recorded: a process ended before."
        yield text + (f" {inferred} of them follow from the changes that they made." if inferred else "")


def _other_hosts(installed: House) -> Iterator[str]:
    if distant := [name for name in installed.devices if installed.roster.is_distant(name)]:
        yield (
            f"The inputs of {names(distant)} are recorded on another host. Here, only those are known that "
            "follow from recorded changes."
        )


def _starts(installed: House, record: Record, zone: tzinfo) -> Iterator[str]:
    """Yield when all processes of this host were started together, for no reason."""
    started: dict[str, float] = {}
    for one in record.inputs:
        if one.what != "process" or one.details["life"] != "restarting" or "reason" in one.details:
            continue
        started = {name: at for name, at in started.items() if one.at - at < START_SECONDS}
        started[one.device or ""] = one.at
        if started.keys() >= {*installed.own} and one.at > record.since:
            yield (
                f"All processes were started at {when(one.at, zone)}. If the house had been down before, it "
                "is not recorded for how long: in the replay, it was up."
            )
            started.clear()


def _configurations(record: Record, digest: str, zone: tzinfo) -> Iterator[str]:
    """Yield since when the installed configuration is in force, if that is not the whole range."""
    known = [one for one in record.inputs if one.what == "configuration"]
    others = [one for one in known if one.details["digest"] != digest]
    if record.configuration not in (None, digest) or others:
        since = next((one.at for one in reversed(known) if one.details["digest"] == digest), None)
        if since is None:
            yield (
                "In this range, the house had another configuration than the installed one. What it did is "
                "compared with the installed one."
            )
            return
        yield (
            f"The installed configuration is in force since {when(since, zone)}. Before that, the house had "
            "another one: what it did then is compared with the installed one."
        )


def _new_devices(installed: House, edited: House) -> Iterator[str]:
    if new := [name for name in edited.devices if name not in installed.devices]:
        verb, they = ("is", "It has") if len(new) == 1 else ("are", "They have")
        yield f"{names(new)} {verb} new in the file. {they} no record, and nothing comes from outside."


def _random_offsets(houses: Iterable[House]) -> Iterator[str]:
    found = {
        name
        for house in houses
        for name, device in house.devices.items()
        if any(rule.random_offset is not None for rule in device.rules)
    }
    if found:
        yield (
            f"Rules of {names(found)} have a random_offset. An edited rule has other random times than "
            "before, in the replay as in the house."
        )


def _clock_steps(record: Record, zone: tzinfo) -> Iterator[str]:
    for one in record.inputs:
        if one.what == "clock" and one.details["seconds"] < 0:
            yield (
                f"The clock was set back by {format_seconds(-one.details['seconds'])} at "
                f"{when(one.at, zone)}: what was recorded with the same time before and after it may be in a "
                "wrong order."
            )


def when(at: float, zone: tzinfo) -> str:
    """Return a local time with its day, in words."""
    return f"{datetime.fromtimestamp(at, zone):%a %d %b %H:%M}"


def names(found: Iterable[str]) -> str:
    """Return some names as text; of many, only the first ones."""
    ordered = sorted(found)
    shown = ordered[:MOST_NAMES]
    if len(ordered) > MOST_NAMES:
        return f"{', '.join(shown)} and {len(ordered) - MOST_NAMES} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'s' * (number != 1)}"
