"""What a device of another host says, told in the time of this one. Pure.

Its moments are of another clock. Rules act once on a moment, so one that is heard again, after any
restart and with the clocks further apart by then, must be the same moment here: what was made of
each is remembered as long as the device still tells of it. So it is with its lives, which are
counted by that clock too: should it come to this host, the next one has to be later here as well.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import TICK_SECONDS, Heartbeat, Moment, Scalar, State

IS_MOMENT = ("_at", "_since")
"""How the names of fields end whose values are moments."""


class Memory(Struct, frozen=True):
    """What is remembered of a device over a crash."""

    host: str
    times: tuple[tuple[float, float], ...] = ()
    """Moments of theirs, each with what it is in our time; in order."""
    boot: tuple[int, int] | None = None
    """The same of its life."""


class Echo:
    """Knows the moments of one device."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._is_new_here = True
        """Whether nothing was heard since the way is open: then any life may be the present one."""

    def lose(self) -> None:
        """Take it that what happens there is not heard from now on."""
        self._is_new_here = True

    def is_news(self, heard: State | Heartbeat) -> bool:
        """Tell whether there is a moment in what it says that was not heard before."""
        boot = self.memory.boot
        if boot is None or heard.boot != boot[0]:
            return True
        return isinstance(heard, State) and not moments(heard) <= dict(self.memory.times).keys()

    def beat(self, heard: Heartbeat, ours: Callable[[float], float], now: float) -> Heartbeat:
        """Give a sign of life in our time; see `translate`."""
        return replace(heard, at=min(ours(heard.at), now), boot=self._life(heard.boot, ours, now))

    def translate(self, state: State, ours: Callable[[float], float], now: float) -> State:
        """Give a state in our time, and remember its moments; `ours` gives a moment of theirs in it.

        No moment is later than `now`, but their order is kept: a clock that was set between two of
        them, theirs or ours, does not put the second before the first.
        """
        known = dict(self.memory.times)
        made: dict[float, float] = {}
        last = 0.0
        for moment in sorted(moments(state)):
            found = known.get(moment)
            last = max(min(ours(moment), now), last + TICK_SECONDS) if found is None else found
            made[moment] = last
        boot = self._life(state.boot, ours, now)
        self.memory = replace(self.memory, times=tuple(made.items()))

        def moment_of(theirs: float) -> float:
            return made.get(theirs, max(0.0, min(ours(theirs), now)))

        def fields(shown: dict[str, Scalar]) -> dict[str, Scalar]:
            return {
                name: moment_of(value)
                if name.endswith(IS_MOMENT) and isinstance(value, int | float) and not isinstance(value, bool)
                else value
                for name, value in shown.items()
            }

        def turned(when: dict[str, float]) -> dict[str, float]:
            return {name: moment_of(moment) for name, moment in when.items()}

        past = tuple(
            Moment(state=fields(was.state), turned=turned(was.turned), cause=was.cause) for was in state.past
        )
        return replace(
            state,
            boot=boot,
            at=max(0.0, min(ours(state.at), now)),  # no rule acts on it, and nothing is said in the future
            since=moment_of(state.since),
            state=fields(state.state),
            turned=turned(state.turned),
            past=past,
        )

    def _life(self, theirs: int, ours: Callable[[float], float], now: float) -> int:
        """Give a life of theirs as one of ours: the same each time, and a later one later."""
        known = self.memory.boot
        if known is None:
            made = int(min(ours(theirs / 1000), now) * 1000)
        elif theirs == known[0]:
            made = known[1]
        elif theirs < known[0] and not self._is_new_here:
            return known[1] - 1  # what comes late, of a life that has ended
        else:
            made = max(int(min(ours(theirs / 1000), now) * 1000), known[1] + 1)
        self._is_new_here = False
        self.memory = replace(self.memory, boot=(theirs, made))
        return made


def moments(state: State) -> set[float]:
    """Give the moments that rules act on."""
    return {*state.turned.values(), *(moment for was in state.past for moment in was.turned.values())}
