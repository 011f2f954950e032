"""What a device of another host says, told in the time of this one. Pure.

Its moments are of another clock. Rules act once on a moment, so one that is heard again, after any
restart and with the clocks further apart by then, must be the same moment here: what was made of
each is remembered as long as the device still tells of it.
"""

from msgspec.structs import replace

from daemons.message import TICK_SECONDS, Moment, Scalar, State

IS_MOMENT = ("_at", "_since")
"""How the names of fields end whose values are moments."""
Times = tuple[tuple[float, float], ...]
"""Moments of theirs, each with what it is in our time; in order."""


class Echo:
    """Knows the moments of one device."""

    def __init__(self, times: Times = ()) -> None:
        self.times = times

    def is_news(self, state: State) -> bool:
        """Tell whether a state has a moment that was not heard before."""
        return not self._moments(state) <= dict(self.times).keys()

    def translate(self, state: State, offset: float, now: float) -> State:
        """Give a state in our time, and remember its moments; `offset` leads from theirs to `now`'s clock.

        No moment is later than now, and their order is kept: a clock that was set between two of
        them does not put the second before the first.
        """
        known = dict(self.times)
        ours: dict[float, float] = {}
        last = 0.0
        for moment in sorted(self._moments(state)):
            found = known.get(moment)
            last = max(min(moment + offset, now), last + TICK_SECONDS) if found is None else found
            ours[moment] = last
        self.times = tuple(ours.items())

        def moment_of(theirs: float) -> float:
            return ours.get(theirs, max(0.0, min(theirs + offset, now)))

        def fields(shown: dict[str, Scalar]) -> dict[str, Scalar]:
            return {
                name: moment_of(value)
                if name.endswith(IS_MOMENT) and isinstance(value, int | float) and not isinstance(value, bool)
                else value
                for name, value in shown.items()
            }

        def turned(moments: dict[str, float]) -> dict[str, float]:
            return {name: moment_of(moment) for name, moment in moments.items()}

        past = tuple(
            Moment(state=fields(was.state), turned=turned(was.turned), cause=was.cause) for was in state.past
        )
        return replace(
            state,
            at=moment_of(state.at),
            since=moment_of(state.since),
            state=fields(state.state),
            turned=turned(state.turned),
            past=past,
        )

    def _moments(self, state: State) -> set[float]:
        return {*state.turned.values(), *(moment for was in state.past for moment in was.turned.values())}
