"""A cover: a blind or a roller shutter that opens and closes, and stops in between.

It computes its position from the time of its moves, unless its hardware reports the position. If the
process is killed during a move, the move continues to its goal after the restart. The hardware gets the
longest time of each move in advance.
"""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds import Ability, Direction, Load, Machine, PrimaryCommand, Reading, Result, Setting
from daemons.values import Seconds

Percent = Annotated[int, Meta(ge=0, le=100)]
Phase = Literal["unknown", "open", "closed", "between", "opening", "closing", "turning"]
OVERRUN_SECONDS = 2.0
"""How much longer it runs towards an end, where the motor stops by itself: then the position is exact."""
TURN_SECONDS = 0.5
"""How long a motor rests before it runs in the other direction."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a cover."""

    open_seconds: Seconds = field(name="open_time", default=Seconds(30))
    """How long it takes from closed to open."""
    close_seconds: Seconds = field(name="close_time", default=Seconds(30))
    """How long it takes from open to closed."""

    def __post_init__(self) -> None:
        """Raise ValueError for a time outside 1 s to 10 min."""
        if not (1 <= self.open_seconds <= 600 and 1 <= self.close_seconds <= 600):  # noqa: PLR2004
            raise ValueError("open_time and close_time must be from 1s to 10m")


class CoverMemory(Struct, frozen=True):
    """The memory of a cover."""

    position_percent: float | None = field(name="position", default=None)
    """How far open it was when it last began or ended a move; None: unknown."""
    direction: Direction | None = None
    """The direction of the move; None while it stands."""
    began: float = 0.0
    """When this move or this rest began."""
    until: float | None = None
    """When this move, or the rest before the next, ends."""
    goal_percent: int | None = field(name="goal", default=None)
    """The position to which it moves."""
    starts: int = 0


class State(Struct, frozen=True, kw_only=True):
    """The published state of a cover."""

    status: bool
    """Whether it moves."""
    phase: Phase
    position_percent: float | None
    """How far open it is: 0 is closed, 100 is open; None until it has reached an end."""
    target_position_percent: float | None
    """The position to which it moves; None while it stands."""
    remaining_seconds: float | None
    """The time until the move ends; None while it stands."""
    starts: int
    """How often it has begun to move in its life."""
    power_watts: float | None
    fault: str | None = None


class Open(Struct, frozen=True):
    """Open it completely."""


class Close(Struct, frozen=True):
    """Close it completely."""


class Stop(Struct, frozen=True):
    """Stop where it is."""


class Set(Struct, frozen=True):
    """Move it to a position: 0 is closed, 100 is open."""

    position_percent: Percent


class Cover(Machine[Options, CoverMemory]):
    """A cover: a blind or a roller shutter that opens and closes, and stops in between."""

    needs = frozenset[Ability]({"move"})
    options_type = Options
    memory_type = CoverMemory
    state_type = State
    commands = (Open, Close, Stop, Set)
    primary_commands = (
        PrimaryCommand("stop", "Stop", when={"status": (True,)}),
        PrimaryCommand("close", "Close", when={"phase": ("open",)}),
        PrimaryCommand("open", "Open"),
    )
    buttons = (
        PrimaryCommand("open", "Open", when={"phase": ("unknown", "closed", "between", "closing")}, sign="▲"),
        PrimaryCommand("stop", "Stop", when={"phase": ("opening", "closing", "turning")}, sign="■"),
        PrimaryCommand("close", "Close", when={"phase": ("unknown", "open", "between", "opening")}, sign="▼"),
    )
    values = ("position_percent",)
    resting_phases = ("unknown", "open", "closed", "between")
    results = (
        Result("close", {"position_percent": 0}),
        Result("open", {"position_percent": 100}),
        Result("set", {}, {"position_percent": "position_percent"}),
    )
    entity_class = "cover"

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases: it moves in two of them."""
        return tuple({"phase": phase, "status": phase in ("opening", "closing")} for phase in get_args(Phase))

    @classmethod
    def settle_seconds(cls, options: Options) -> float:
        """Return the time of a move to an end and back: the first one may have to find the position."""
        return options.open_seconds + options.close_seconds + 2 * OVERRUN_SECONDS + TURN_SECONDS

    def handle_command(
        self, memory: CoverMemory, command: Open | Close | Stop | Set, now: float
    ) -> CoverMemory:
        """Start a move, or stop."""
        memory = self.advance(memory, now)
        match command:
            case Open():
                return self._start_move(memory, 100, now)
            case Close():
                return self._start_move(memory, 0, now)
            case Set():
                return self._start_move(memory, command.position_percent, now)
        return self._stop(memory, now)

    def resume(self, memory: CoverMemory, now: float) -> CoverMemory:
        """Count a move as long as the motor ran: without this process, until its own timer ended."""
        if memory.direction is None or memory.until is None or now <= memory.until:
            return memory
        stopped = self._stop(memory, min(now, memory.until + OVERRUN_SECONDS))
        if memory.position_percent is None and memory.goal_percent not in (None, 0, 100):
            return self._start_move(stopped, memory.goal_percent, now)  # the move was to find the position
        return stopped

    def advance(self, memory: CoverMemory, now: float) -> CoverMemory:
        """End a move when its time has passed; begin one when the motor has rested."""
        while memory.until is not None and now >= memory.until:
            ended = memory.until
            if memory.direction is None:
                memory = self._run_motor(memory, ended)
                continue
            goal, memory = memory.goal_percent, self._stop(memory, ended)
            if goal is not None and round(memory.position_percent or 0.0) != goal:
                memory = self._start_move(memory, goal, ended)  # the first move was to find the position
        return memory

    def adopt(self, memory: CoverMemory, reading: Reading, now: float) -> CoverMemory:
        """Follow a manual move, or hardware that has stopped by itself."""
        memory = self._stop(self.advance(memory, now), now)
        if not reading.on:
            return memory
        return self._run_motor(replace(memory, goal_percent=0 if reading.direction == "close" else 100), now)

    def begin_again(self, memory: CoverMemory, reading: Reading, now: float) -> CoverMemory:
        """Move to the goal from where it stands: that is unknown, unless the hardware reports it."""
        if memory.direction is None or memory.goal_percent is None:
            return memory
        stood = CoverMemory(
            reading.position_percent, goal_percent=memory.goal_percent, starts=memory.starts - 1
        )
        return self._run_motor(stood, now)

    def update_measurements(self, memory: CoverMemory, reading: Reading, now: float) -> CoverMemory:
        """Store the position that the hardware reports while it stands."""
        reported = reading.position_percent
        if reported is None or memory.until is not None or reading.on or memory.position_percent == reported:
            return memory
        return replace(memory, position_percent=float(reported))

    def next_deadline(self, memory: CoverMemory) -> float | None:
        """Return the end of the move, or of the rest."""
        return memory.until

    def desired_setting(self, memory: CoverMemory) -> Setting:
        """Return the direction of the motor, with a timer that ends the move if the process dies."""
        if memory.direction is None or memory.until is None:
            return Setting(on=False)
        longest = memory.until - memory.began + OVERRUN_SECONDS
        return Setting(on=True, direction=memory.direction, off_after_seconds=longest)

    def state(self, memory: CoverMemory, reading: Reading, now: float) -> State:
        """Return the position, as far as it is known."""
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
            target_position_percent=None if memory.until is None else memory.goal_percent,
            remaining_seconds=None if left is None else round(left, 1),
            starts=memory.starts,
            power_watts=reading.power_watts,
            fault=reading.fault,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return one constant power."""
        return ((1.0, 150.0),)

    def _phase(self, memory: CoverMemory) -> Phase:
        if memory.until is not None:
            return {"open": "opening", "close": "closing", None: "turning"}[memory.direction]  # type: ignore[return-value]
        if memory.position_percent is None:
            return "unknown"
        if 0 < memory.position_percent < 100:  # noqa: PLR2004
            return "between"
        return "closed" if memory.position_percent <= 0 else "open"

    def _travel(self, direction: Direction) -> float:
        return self.options.open_seconds if direction == "open" else self.options.close_seconds

    def _position(self, memory: CoverMemory, now: float) -> float | None:
        """Return how far open it is in percent, by the time of the move; None if unknown."""
        if memory.position_percent is None or memory.direction is None:
            return memory.position_percent
        moved = 100 * max(0.0, now - memory.began) / self._travel(memory.direction)
        return max(
            0.0, min(100.0, memory.position_percent + (moved if memory.direction == "open" else -moved))
        )

    def _stop(self, memory: CoverMemory, now: float) -> CoverMemory:
        """Stop, and store the moment: the motor must rest before it turns round."""
        if memory.direction is None:
            return CoverMemory(memory.position_percent, began=memory.began, starts=memory.starts)
        position = self._position(memory, now)
        if position is None and now - memory.began >= self._travel(memory.direction):
            position = 100.0 if memory.direction == "open" else 0.0
        return CoverMemory(position, began=now, starts=memory.starts)

    def _start_move(self, memory: CoverMemory, goal: int, now: float) -> CoverMemory:
        """Start a move to a goal in percent; a motor that has just stopped, or turns round, rests first."""
        stood = replace(self._stop(memory, now), goal_percent=goal)
        if stood.position_percent is not None and 0 < goal < 100 and abs(stood.position_percent - goal) < 1:  # noqa: PLR2004
            return replace(stood, goal_percent=None)
        moved = self._run_motor(stood, now)
        if moved.direction == memory.direction:
            return replace(moved, starts=memory.starts)  # the move continues
        rested = stood.began + TURN_SECONDS
        return replace(stood, began=now, until=rested) if stood.began and now < rested else moved

    def _run_motor(self, memory: CoverMemory, now: float) -> CoverMemory:
        """Run the motor towards its goal; from an unknown position it runs to the nearer end first."""
        goal = memory.goal_percent or 0
        if memory.position_percent is None:
            goal = 100 if goal > 50 else 0  # noqa: PLR2004
        at_end = goal in (0, 100)
        here = memory.position_percent if memory.position_percent is not None else 100.0 - goal
        opens = goal == 100 or (goal > here and not at_end)  # noqa: PLR2004
        direction: Direction = "open" if opens else "close"
        seconds = abs(here - goal) / 100 * self._travel(direction) + (OVERRUN_SECONDS if at_end else 0.0)
        return replace(memory, direction=direction, began=now, until=now + seconds, starts=memory.starts + 1)
