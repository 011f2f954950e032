"""A cover: a blind or a roller shutter that opens and closes, and stops in between.

It knows how far it is from how long it moved, unless its hardware tells. Nothing it does is
remembered as done before it is: killed while it moves, it goes on to where it was going, and its
motor is told beforehand how long it may run at the most.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.kinds import Ability, Direction, Load, Machine, Reading, Setting
from daemons.values import Seconds

Percent = Annotated[int, Meta(ge=0, le=100)]
Phase = Literal["unknown", "open", "closed", "between", "opening", "closing", "turning"]
OVERRUN_SECONDS = 2.0
"""How much longer it runs at an end, where the motor stops by itself: so it knows again where it is."""
TURN_SECONDS = 0.5
"""How long a motor rests before it runs the other way."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    open_seconds: Seconds = field(name="open_time", default=Seconds(30))
    """How long it takes from closed to open."""
    close_seconds: Seconds = field(name="close_time", default=Seconds(30))
    """How long it takes from open to closed."""

    def __post_init__(self) -> None:
        """Refuse a cover that takes no time, or an hour."""
        if not (1 <= self.open_seconds <= 600 and 1 <= self.close_seconds <= 600):  # noqa: PLR2004
            raise ValueError("open_time and close_time must be from 1s to 10m")


class Memory(Struct, frozen=True):
    """What it remembers."""

    position: float | None = None
    """How far open it was, in percent, when it last began or ended a move; nothing: it is not known."""
    direction: Direction | None = None
    """Which way it moves."""
    began: float = 0.0
    until: float | None = None
    """When this move, or the rest before the next, is over."""
    goal: int | None = None
    """Where it is going, in percent."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """What it shows."""

    status: bool
    """Whether it moves."""
    phase: Phase
    position_percent: float | None
    """How far open it is: 0 is closed, 100 is open; nothing until an end has been reached."""
    remaining_seconds: float | None
    starts: int
    """How often it has begun to move in its life."""
    power_watts: float | None
    fault: str | None = None


class Open(Struct, frozen=True):
    """Open it wholly."""


class Close(Struct, frozen=True):
    """Close it wholly."""


class Stop(Struct, frozen=True):
    """Stop where it is."""


class Set(Struct, frozen=True):
    """Move it to a position: 0 is closed, 100 is open."""

    position_percent: Percent


class Cover(Machine[Options, Memory]):
    """A cover: a blind or a roller shutter that opens and closes, and stops in between."""

    needs = frozenset[Ability]({"move"})
    options_type = Options
    memory_type = Memory
    state_type = State
    commands = (Open, Close, Stop, Set)

    def handle_command(self, memory: Memory, command: Open | Close | Stop | Set, now: float) -> Memory:
        """Move, or stop."""
        memory = self.advance(memory, now)
        match command:
            case Open():
                return self._go(memory, 100, now)
            case Close():
                return self._go(memory, 0, now)
            case Set():
                return self._go(memory, command.position_percent, now)
        return self._stop(memory, now)

    def advance(self, memory: Memory, now: float) -> Memory:
        """End a move when its time is over; begin one when the motor has rested."""
        while memory.until is not None and now >= memory.until:
            ended = memory.until
            if memory.direction is None:
                memory = self._move(memory, ended)
                continue
            goal, memory = memory.goal, self._stop(memory, ended)
            if goal is not None and round(memory.position or 0.0) != goal:
                memory = self._go(memory, goal, ended)  # it went to an end first, to know where it is
        return memory

    def adopt(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Follow the hand, or the hardware that has stopped by itself."""
        memory = self._stop(self.advance(memory, now), now)
        if not reading.on:
            return memory
        return self._move(replace(memory, goal=0 if reading.direction == "close" else 100), now)

    def update_measurements(self, memory: Memory, reading: Reading, now: float) -> Memory:
        """Believe hardware that knows where it is, once it stands."""
        told = reading.position_percent
        if told is None or memory.until is not None or reading.on or memory.position == told:
            return memory
        return replace(memory, position=float(told))

    def next_deadline(self, memory: Memory) -> float | None:
        """Wait for the end of the move, or of the rest."""
        return memory.until

    def desired_setting(self, memory: Memory) -> Setting:
        """Have the motor run, and by itself no longer than it has to."""
        if memory.direction is None or memory.until is None:
            return Setting(on=False)
        longest = memory.until - memory.began + OVERRUN_SECONDS
        return Setting(on=True, direction=memory.direction, off_after_seconds=longest)

    def state(self, memory: Memory, reading: Reading, now: float) -> State:
        """Show where it is, as far as that is known."""
        position = self._position(memory, now)
        left = (
            None if memory.until is None else min(max(0.0, memory.until - now), memory.until - memory.began)
        )
        if memory.direction is not None and reading.position_percent is not None:
            position = reading.position_percent
        return State(
            status=memory.direction is not None,
            phase=self._phase(memory),
            position_percent=None if position is None else float(round(position)),
            remaining_seconds=None if left is None else round(left, 1),
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Draw the same all the time."""
        return ((1.0, 150.0),)

    def _phase(self, memory: Memory) -> Phase:
        if memory.until is not None:
            return {"open": "opening", "close": "closing", None: "turning"}[memory.direction]  # type: ignore[return-value]
        if memory.position is None:
            return "unknown"
        return "closed" if memory.position <= 0 else "open" if memory.position >= 100 else "between"  # noqa: PLR2004

    def _travel(self, direction: Direction) -> float:
        return self.options.open_seconds if direction == "open" else self.options.close_seconds

    def _position(self, memory: Memory, now: float) -> float | None:
        """Give how far open it is, from how long it has moved."""
        if memory.position is None or memory.direction is None:
            return memory.position
        moved = 100 * max(0.0, now - memory.began) / self._travel(memory.direction)
        return max(0.0, min(100.0, memory.position + (moved if memory.direction == "open" else -moved)))

    def _stop(self, memory: Memory, now: float) -> Memory:
        """Stand still, and know since when: a motor does not turn at once."""
        if memory.direction is None:
            return Memory(memory.position, began=memory.began, starts=memory.starts)
        position = self._position(memory, now)
        if position is None and now - memory.began >= self._travel(memory.direction):
            position = 100.0 if memory.direction == "open" else 0.0
        return Memory(position, began=now, starts=memory.starts)

    def _go(self, memory: Memory, goal: int, now: float) -> Memory:
        """Set out for a goal; a motor that ran the other way, or has just stopped, rests first."""
        stood = replace(self._stop(memory, now), goal=goal)
        if stood.position is not None and 0 < goal < 100 and abs(stood.position - goal) < 1:  # noqa: PLR2004
            return replace(stood, goal=None)
        moved = self._move(stood, now)
        if moved.direction == memory.direction:
            return replace(moved, starts=memory.starts)  # it goes on
        rested = stood.began + TURN_SECONDS
        return replace(stood, began=now, until=rested) if stood.began and now < rested else moved

    def _move(self, memory: Memory, now: float) -> Memory:
        """Let the motor run towards its goal; from it knows not where it runs to the nearer end first."""
        goal = memory.goal or 0
        if memory.position is None:
            goal = 100 if goal > 50 else 0  # noqa: PLR2004
        at_end = goal in (0, 100)
        here = memory.position if memory.position is not None else 100.0 - goal
        opens = goal == 100 or (goal > here and not at_end)  # noqa: PLR2004
        direction: Direction = "open" if opens else "close"
        seconds = abs(here - goal) / 100 * self._travel(direction) + (OVERRUN_SECONDS if at_end else 0.0)
        return replace(memory, direction=direction, began=now, until=now + seconds, starts=memory.starts + 1)
