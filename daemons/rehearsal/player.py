"""Plays a story in a rehearsed house, and finds out whether what it expects holds."""

from collections.abc import Callable, Iterable
from datetime import tzinfo

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import State
from daemons.config.house import House
from daemons.config.rule import Condition, StateFields
from daemons.rehearsal.room import Room
from daemons.rehearsal.stage import Stage
from daemons.rehearsal.story import Always, Expectation, Step, Story, format_times
from daemons.rehearsal.world import Change, World
from daemons.values import format_seconds, format_toml

LATENCY_SECONDS = (0.0, 0.05)
"""How long a message takes in a story with random orders of arrival."""


class Failure(Struct, frozen=True):
    """One expectation that does not hold."""

    expected: str
    found: str
    wall: float
    """When that was known, in Unix seconds."""


class Outcome(Struct, frozen=True):
    """What came of one story."""

    title: str
    failures: tuple[Failure, ...]
    changes: tuple[Change, ...]

    @property
    def holds(self) -> bool:
        """Whether everything that was expected was so."""
        return not self.failures


Arrange = Callable[[World], None]
"""Adds what else happens in a story, such as faults."""


def play(
    story: Story,
    house: House,
    always: Iterable[Always],
    *,
    seed: int | None = None,
    arrange: Arrange | None = None,
    rooms: Iterable[Room] = (),
    delay_seconds: float = 0.0,
    only: Iterable[str] | None = None,
) -> Outcome:
    """Play a story. With a `seed`, each message takes a random time of some milliseconds.

    `arrange` is called before anything happens. What is expected within a time has `delay_seconds` more.
    With `only`, the house has no other devices.
    """
    zone = house.settings.calendar.zone
    latency = (0.0, 0.0) if seed is None else LATENCY_SECONDS
    world = World(house, story.from_.unix(zone), only=only, seed=seed or 0, latency_seconds=latency)
    judge = Judge(world, zone, story, always, delay_seconds)
    if arrange is not None:
        arrange(world)
    world.begin()
    for room in rooms:
        world.add_room(room)
    failures = tell(story, world, zone, judge)
    return Outcome(story.title, failures, tuple(world.changes))


def tell(story: Story, world: Stage, zone: tzinfo, judge: "Judge") -> tuple[Failure, ...]:
    """Carry out the steps of a story in a house that has begun, and return what does not hold."""
    for step in story.do:
        for moment in story.moments(step.at, zone):
            world.at(moment, lambda step=step: happen(world, step))  # type: ignore[misc]
    judge.expect(story)
    world.run(story.until.unix(zone))
    judge.finish()
    return tuple(judge.failures)


def happen(world: Stage, step: Step) -> None:
    """Carry out one step of a story."""
    name = step.device or ""
    if step.press is not None:
        world.press(name, step.press)
    elif step.send is not None:
        world.send(name, step.send, step.with_)
    elif step.hand is not None:
        world.switch_by_hand(name, on=step.hand == "on")
    elif step.detects is not None:
        world.switch_by_hand(name, on=step.detects)
    elif step.measures is not None:
        world.measure(name, step.measures)
    elif step.events is not None:
        world.set_events(name, step.events)
    elif step.kill:
        world.kill(name)
    elif step.dead is not None:
        world.kill(name, step.dead)
    elif step.stop:
        world.stop(name)
    elif step.start:
        world.start_device(name)
    elif step.unreachable is not None:
        world.lose_hardware(name, step.unreachable)
    elif step.cut is not None:
        world.cut([name], step.cut)
    elif step.clock is not None:
        world.step_clock(step.clock.seconds)


class Judge:
    """Compares what happens with what is expected."""

    def __init__(
        self, world: Stage, zone: tzinfo, story: Story, always: Iterable[Always], delay_seconds: float
    ) -> None:
        self.failures: list[Failure] = []
        self._world = world
        self._zone = zone
        self._delay_seconds = delay_seconds
        self._story = story
        self._waiting: list[Expectation] = []
        """The expectations that may still come true."""
        self._counts: list[tuple[Expectation, Counter]] = []
        self._watches = [
            Watch(world, one, self) for one in always if one.concerns(story) and known(one.never, world)
        ]
        world.on_state = self._on_state

    def expect(self, story: Story) -> None:
        """Set the times at which the expectations are judged."""
        zone, start = self._zone, story.from_.unix(self._zone)
        first = min((min(story.moments(step.at, zone)) for step in story.do), default=start)
        for expected in story.expect:
            if expected.turns is not None:
                self._counts.append((expected, Counter(expected)))
            elif expected.at is not None:
                for moment in story.moments(expected.at, zone):
                    self._world.at(moment, lambda expected=expected: self._test(expected))  # type: ignore[misc]
            elif expected.within is not None:
                begins = [*story.moments(expected.after, zone)] if expected.after else [first]
                for moment in begins:
                    self._world.at(moment, lambda expected=expected: self._begin(expected))  # type: ignore[misc]

    def finish(self) -> None:
        """Judge what is expected at the end."""
        for expected in self._story.expect:
            if expected.condition and expected.at is None and expected.within is None:
                self._test(expected)
        for expected, counter in self._counts:
            if counter.count != expected.times:
                self.fail(str(expected), format_times(counter.count))
        for watch in self._watches:
            watch.check()

    def fail(self, expected: str, found: str) -> None:
        """Note that something is not as expected."""
        self.failures.append(Failure(expected, found, self._world.wall))

    def holds(self, condition: Condition) -> bool:
        """Return whether a condition is known to hold now."""
        return condition.holds(self._world.latest(condition.device), self._world.wall) is True

    def is_as_expected(self, condition: Condition) -> bool:
        """Return whether a device shows what is expected, also while its hardware cannot be reached."""
        latest = self._world.latest(condition.device)
        if latest is not None and "reachable" not in (condition.is_ or {}):
            latest = replace(latest, state={**latest.state, "reachable": True})
        return condition.holds(latest, self._world.wall) is True

    def _fields(self, device: str) -> StateFields | None:
        return self._world.state(device)

    def _begin(self, expected: Expectation) -> None:
        """Wait for an expectation to come true within its time."""
        if expected.condition is None or self.is_as_expected(expected.condition) or expected.within is None:
            return
        self._waiting.append(expected)

        def end() -> None:
            if expected in self._waiting:
                self._waiting.remove(expected)
                self._test(expected)

        self._world.at(self._world.now + expected.within + self._delay_seconds, end)

    def _test(self, expected: Expectation) -> None:
        """Judge a condition now."""
        condition = expected.condition
        if condition is not None and not self.is_as_expected(condition):
            fields = self._fields(expected.device)
            names = [*(condition.is_ or condition.above or condition.below or {})]
            found = "it does not run" if fields is None else describe(fields, names)
            if fields is not None and condition.origins:
                latest = self._world.latest(expected.device)
                reason = latest.reason if latest else None
                found = ", ".join(filter(None, [found, f"it was by {reason or 'nothing known'}"]))
            self.fail(str(expected), found)

    def _on_state(self, name: str, before: State | None, state: State) -> None:
        """Judge what has become true, and what has turned."""
        for expected in [one for one in self._waiting if one.device == name]:
            if expected.condition and self.is_as_expected(expected.condition):
                self._waiting.remove(expected)
        for expected, counter in self._counts:
            if expected.device == name:
                counter.on_state(before, state)
        for watch in self._watches:
            if name in watch.devices:
                watch.on_state(name, before, state)


class Counter:
    """Counts how often the state of a device turns to some values."""

    def __init__(self, expected: Expectation) -> None:
        self.count = 0
        self._values = expected.turns or {}

    def on_state(self, before: State | None, state: State) -> None:
        """Count a state that has the values, after one that had not."""
        was_met = before is not None and self._is_met(before)
        self.count += before is not None and self._is_met(state) and not was_met

    def _is_met(self, state: State) -> bool:
        return all(state.state.get(name) == value for name, value in self._values.items())


class Watch:
    """Watches the conditions of one Always: they must not hold together for longer than allowed."""

    def __init__(self, world: Stage, always: Always, judge: Judge) -> None:
        self.devices = {condition.device for condition in always.never}
        self._world, self._always, self._judge = world, always, judge
        self._since: float | None = None
        self._has_failed = False

    def on_state(self, name: str, before: State | None, state: State) -> None:
        """Handle a state. A value that has come anew in between, as with a press, has not lasted."""
        fields = {field for one in self._always.never if one.device == name for field in one.is_ or ()}
        if before is not None and any(before.turned.get(one) != state.turned.get(one) for one in fields):
            self._since = None
        self.check()

    def check(self) -> None:
        """Note since when the conditions hold, and fail if that is too long."""
        world = self._world
        if not all(self._judge.holds(condition) for condition in self._always.never):
            self._since = None
            return
        if self._since is None:
            self._since = world.now
            if self._always.for_seconds:
                world.at(world.now + self._always.for_seconds + 0.001, self.check)
        if not self._has_failed and world.now - self._since >= self._always.for_seconds:
            self._has_failed = True
            conditions = " and ".join(map(str, self._always.never))
            lasting = f" for {format_seconds(self._always.for_seconds)}" if self._always.for_seconds else ""
            self._judge.fail(f"always: {self._always.title}", f"{conditions}{lasting}")


def known(conditions: Iterable[Condition], world: Stage) -> bool:
    """Return whether all devices of some conditions are in the house of the story."""
    return all(
        condition.device in world.devices or condition.device in world.mirrors for condition in conditions
    )


def describe(fields: StateFields, names: Iterable[str]) -> str:
    """Return some fields as text."""
    return ", ".join(f"{name} was {format_toml(fields.get(name))}" for name in names)
