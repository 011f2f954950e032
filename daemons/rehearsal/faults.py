"""The faults with which `house test --faults` tells each story again."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from daemons.config.house import House
from daemons.rehearsal.device import METER_SECONDS, RehearsedDevice
from daemons.rehearsal.player import Outcome, play
from daemons.rehearsal.room import Room
from daemons.rehearsal.story import Always, Story
from daemons.rehearsal.world import World

AWAY_SECONDS = 30.0
"""How long a link is cut, or hardware is lost."""
CLOCK_STEP_SECONDS = 30.0
JUST_BEFORE_SECONDS = 0.01
MOST_METERED_KILLS = 15
"""A meter and its sources publish all the time: each is killed at about so many of its steps."""


class Fault(Struct, frozen=True):
    """One fault in a story."""

    text: str
    """What happens, in words."""
    arrange: Callable[[World], None]
    """Arranges it; called before the story begins."""
    delay_seconds: float = 0.0
    """What it may delay, without any loss."""


class Broken(Struct, frozen=True):
    """A story that does not hold with a fault."""

    fault: str
    outcome: Outcome


def faults_of(story: Story, house: House, rooms: Iterable[Room] = ()) -> Iterator[Fault]:
    """Yield all faults of a story: each process killed at each of its steps, and others at each change."""
    worlds: list[World] = []
    outcome = play(story, house, (), arrange=worlds.append, rooms=rooms)
    (world,) = worlds
    for name, device in world.devices.items():
        for step in range(0, device.steps, step_size(device)):
            yield kill_at(name, step)
    moments = sorted({change.at for change in outcome.changes if change.at > world.start})
    for moment in moments:
        at, when = moment - JUST_BEFORE_SECONDS, world.calendar.local_time(moment)
        for name, device in world.devices.items():
            if device.sources or device.subscribers:
                yield cut_at(name, at, f"{when:%H:%M:%S}")
            yield lost_at(name, at, f"{when:%H:%M:%S}")
        for seconds in (CLOCK_STEP_SECONDS, -CLOCK_STEP_SECONDS):
            yield step_at(seconds, at, f"{when:%H:%M:%S}")


def step_size(device: RehearsedDevice) -> int:
    """Return at every how many-th of its steps a device is killed: a metered one makes too many."""
    return -(-device.steps // MOST_METERED_KILLS) or 1 if device.tick_seconds == METER_SECONDS else 1


def kill_at(name: str, step: int) -> Fault:
    """Return the fault that kills a process before one of its steps: write, publish or set."""

    def arrange(world: World) -> None:
        world.devices[name].steps_left = step

    return Fault(f"{name} is killed before its step {step + 1}", arrange)


def cut_at(name: str, at: float, when: str) -> Fault:
    """Return the fault that cuts a device off from all others."""
    return later(
        f"{name} is cut off for {AWAY_SECONDS:g} s at {when}",
        at,
        lambda world: world.cut([name], AWAY_SECONDS),
        AWAY_SECONDS,
    )


def lost_at(name: str, at: float, when: str) -> Fault:
    """Return the fault that takes the hardware from a device."""
    return later(
        f"the hardware of {name} is lost for {AWAY_SECONDS:g} s at {when}",
        at,
        lambda world: world.lose_hardware(name, AWAY_SECONDS),
        AWAY_SECONDS,
    )


def step_at(seconds: float, at: float, when: str) -> Fault:
    """Return the fault that sets the clock of the house."""
    return later(f"the clock is set by {seconds:+g} s at {when}", at, lambda world: world.step_clock(seconds))


def later(text: str, at: float, act: Callable[[World], None], delay_seconds: float = 0.0) -> Fault:
    """Return a fault that happens at a time, in steady seconds, and may delay what follows."""

    def arrange(world: World) -> None:
        world.at(at, lambda: act(world))

    return Fault(text, arrange, delay_seconds)


def play_with_faults(
    story: Story, house: House, always: Iterable[Always], rooms: Iterable[Room] = ()
) -> tuple[int, list[Broken]]:
    """Play a story once with each fault; return how often, and the ones that do not hold."""
    always, rooms, played, broken = tuple(always), tuple(rooms), 0, []
    for fault in faults_of(story, house, rooms):
        outcome = play(
            story,
            house,
            always,
            arrange=fault.arrange,
            rooms=rooms,
            delay_seconds=fault.delay_seconds,
        )
        played += 1
        if not outcome.holds:
            broken.append(Broken(fault.text, outcome))
    return played, broken
