"""Random days of a house: much happens, and what must always hold is tested. What fails is made shorter."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from daemons.config.device import Device
from daemons.config.house import House
from daemons.kinds import TOUCHES, Machine
from daemons.rehearsal.player import Outcome, play
from daemons.rehearsal.room import Room
from daemons.rehearsal.story import Always, Moment, StartMoment, Step, Story
from daemons.values import Seconds, format_toml

STEPS_PER_DAY = (5, 60)
SHORT_GAPS = (1, 120)
"""The seconds between two steps of a burst: most faults need events that follow each other closely."""
AWAY_SECONDS = (1, 90)
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
            queue += house.devices[name].subscriptions
            queue += [heaters[name]] if name in heaters else []
    mirrors = {name for name, device in house.devices.items() if device.kind.role == "mirror"}
    return set(house.devices) if found & mirrors else found


def random_day(house: House, names: Iterable[str], seed: int) -> Story:
    """Return a day with random events of some devices; the same seed gives the same day."""
    chance = random.Random(seed)  # noqa: S311  it must be repeatable
    begin = FIRST_DAY + timedelta(days=chance.randrange(730))
    devices = [house.devices[name] for name in sorted(names) if issubclass(house.devices[name].kind, Machine)]
    at, steps = begin, list[Step]()
    for _ in range(chance.randint(*STEPS_PER_DAY) if devices else 0):
        is_burst = chance.random() < 0.7  # noqa: PLR2004
        at += timedelta(seconds=chance.randint(*SHORT_GAPS) if is_burst else chance.randint(120, 7200))
        if at >= begin + timedelta(days=1):
            break
        steps.append(random_step(chance.choice(devices), f"{at:%Y-%m-%d %H:%M:%S}", chance))
    end = begin + timedelta(days=1)
    return Story(
        title=f"random day {seed}",
        from_=StartMoment(f"{begin:%Y-%m-%d %H:%M}"),
        until=StartMoment(f"{end:%Y-%m-%d %H:%M}"),
        do=tuple(steps),
    )


def random_step(device: Device, at: str, chance: random.Random) -> Step:
    """Return something that can happen to a device."""
    kind: Any = device.kind
    seconds = Seconds(chance.randint(*AWAY_SECONDS))
    choices: list[dict[str, Any]] = [{"kill": True}, {"cut": seconds}, {"unreachable": seconds}]
    if kind.detects(device.options):
        choices += [{"detects": chance.random() < 0.5}] * 6  # noqa: PLR2004
    if "press" in kind.needs:
        choices += [{"press": chance.choice(TOUCHES)}] * 6
    if "sense" in kind.needs and not kind.detects(device.options):
        choices += [{"measures": {"temperature_celsius": float(chance.randint(-10, 35))}}] * 6
    if kind.drives:
        choices += [{"hand": chance.choice(("on", "off"))}] * 2
    simple = [word for word in ("on", "off", "start", "stop", "toggle", "press") if word in words(kind)]
    if simple:
        choices += [{"send": chance.choice(simple)}] * 3
    return Step(at=Moment(at), device=device.name, **chance.choice(choices))


def words(kind: Any) -> set[str]:
    """Return the words of a kind's commands."""
    return {command.__name__.lower() for command in kind.commands}


def search(
    house: House,
    always: Sequence[Always],
    seed: int,
    may_go_on: Callable[[], bool],
    rooms: Sequence[Room] = (),
) -> tuple[int, Found | None]:
    """Play random days until one fails; return the number of days, and the shortest story of the failure."""
    names = depends_on(house, always, rooms)
    play_day = partial(play, house=house, always=always, only=names, rooms=rooms)
    days = 0
    while may_go_on():
        story = random_day(house, names, seed + days)
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
