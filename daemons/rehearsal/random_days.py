"""Random days of a house: much happens, and what must always hold is tested. What fails is made shorter."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from daemons.config.device import Device
from daemons.config.house import House
from daemons.kinds import Machine
from daemons.rehearsal.player import Outcome, play
from daemons.rehearsal.random_events import find_limits, random_clock_step, random_event
from daemons.rehearsal.room import Room
from daemons.rehearsal.story import Always, Moment, StartMoment, Step, Story
from daemons.values import Seconds, format_toml

STEPS_PER_DAY = (5, 60)
SHORT_GAPS = (1, 120)
"""The seconds between two steps of a burst: most faults need events that follow each other closely."""
LONG_GAPS = (120, 7200)
HALF = 0.5
BURST = 0.7
"""The share of steps that follow the step before closely, at its device or at a neighbour of it."""
CLOCK = 0.02
"""The share of steps that set the clock."""
FIRST_DAY = datetime(2026, 1, 1)  # noqa: DTZ001  it is a local time of the house


class Found(Struct, frozen=True):
    """A random day on which something does not hold, and the shortest story of it."""

    seed: int
    story: Story
    outcome: Outcome


def depends_on(house: House, always: Iterable[Always], rooms: Iterable[Room]) -> set[str]:
    """Return the devices of some conditions, with all devices on which these depend."""
    heaters = {room.sensor: room.heater for room in rooms}
    found: set[str] = set()
    queue = [condition.device for one in always for condition in one.never]
    while queue:
        name = queue.pop()
        if name not in found:
            found.add(name)
            device = house.devices[name]
            queue += device.subscriptions
            queue += [rule.process for rule in device.rules if rule.process in house.devices]
            queue += [heaters[name]] if name in heaters else []
    mirrors = {name for name, device in house.devices.items() if device.kind.role == "mirror"}
    return set(house.devices) if found & mirrors else found


def random_day(house: House, names: Iterable[str], seed: int, always: Iterable[Always] = ()) -> Story:
    """Return a day with random events of some devices; the same seed gives the same day.

    On every second day, no person switches what must be `untouched`.
    """
    chance = random.Random(seed)  # noqa: S311  it must be repeatable
    always = tuple(always)
    begin = FIRST_DAY + timedelta(days=chance.randrange(730))
    untouched = {name for one in always for name in one.untouched} if chance.random() < HALF else set[str]()
    devices = [house.devices[name] for name in sorted(names) if issubclass(house.devices[name].kind, Machine)]
    limits, near = find_limits(house, always), find_neighbours(devices)
    at, steps, last = begin, list[Step](), None
    for _ in range(chance.randint(*STEPS_PER_DAY) if devices else 0):
        is_burst = chance.random() < BURST
        at += timedelta(seconds=chance.randint(*SHORT_GAPS) if is_burst else chance.randint(*LONG_GAPS))
        if at >= begin + timedelta(days=1):
            break
        when = Moment(f"{at:%Y-%m-%d %H:%M:%S}")
        if chance.random() < CLOCK:
            steps.append(Step(at=when, **random_clock_step(chance)))
            continue
        device = chance.choice(near[last.name] if last and is_burst else devices)
        event = random_event(device, limits, chance, is_touched=device.name not in untouched)
        steps.append(Step(at=when, device=device.name, **event))
        last = device
    end = begin + timedelta(days=1)
    return Story(
        title=f"random day {seed}",
        from_=StartMoment(f"{begin:%Y-%m-%d %H:%M}"),
        until=StartMoment(f"{end:%Y-%m-%d %H:%M}"),
        do=tuple(steps),
    )


def find_neighbours(devices: Sequence[Device]) -> dict[str, list[Device]]:
    """Return for each device itself, those on which it depends, and those that depend on it."""
    return {
        one.name: [
            other
            for other in devices
            if one is other or other.name in one.subscriptions or one.name in other.subscriptions
        ]
        for one in devices
    }


def search(
    house: House,
    always: Sequence[Always],
    seed: int,
    may_go_on: Callable[[], bool],
    rooms: Sequence[Room] = (),
) -> tuple[int, Found | None]:
    """Play random days until one fails; return the number of days, and the shortest story of the failure.

    Each day is about one of `always`: only the devices on which it depends take part.
    """
    clusters = [depends_on(house, [one], rooms) for one in always]
    days = 0
    while may_go_on():
        names = clusters[(seed + days) % len(clusters)]
        play_day = partial(play, house=house, always=always, only=names, rooms=rooms)
        story = random_day(house, names, seed + days, always)
        outcome = play_day(story)
        days += 1
        if not outcome.holds:
            return days, shrink(Found(seed + days - 1, story, outcome), play_day)
    return days, None


def shrink(found: Found, play_day: Callable[[Story], Outcome]) -> Found:
    """Leave out steps as long as the same thing fails (delta debugging)."""
    expected = found.outcome.failures[0].expected
    size = max(1, len(found.story.do) // 2)
    while size:
        index = 0
        while index < len(found.story.do):
            shorter = found.story.do[:index] + found.story.do[index + size :]
            story = replace(found.story, do=shorter)
            outcome = play_day(story)
            if any(failure.expected == expected for failure in outcome.failures):
                found = replace(found, story=story, outcome=outcome)
            else:
                index += size
        size //= 2
    return found


def as_toml(story: Story) -> str:
    """Return a story as it is written in a story file."""
    lines = [
        "[[story]]",
        f"title = {format_toml(story.title, 200)}",
        f"from = {format_toml(str(story.from_))}",
        f"until = {format_toml(str(story.until))}",
        "do = [",
        *(f"  {step_as_toml(step)}," for step in story.do),
        "]",
    ]
    return "\n".join(lines)


def step_as_toml(step: Step) -> str:
    """Return a step as an inline table."""
    (verb,) = step.verbs()
    value = getattr(step, verb)
    text = format_toml(f"{value:g}s" if isinstance(value, Seconds) else value, 200)
    parts = [f"at = {format_toml(str(step.at))}", f"{verb} = {text}"]
    if step.device is not None:
        parts.insert(1, f"device = {format_toml(step.device)}")
    if step.with_:
        parts.append(f"with = {format_toml(step.with_, 200)}")
    return "{ " + ", ".join(parts) + " }"
