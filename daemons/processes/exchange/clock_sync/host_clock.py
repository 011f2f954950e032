"""The clock of one other host, and the conversion of its times into the time of this host. Pure."""

import msgspec

from daemons.errors import MessageError
from daemons.processes.exchange.clock_sync.offset import ClockOffset
from daemons.processes.exchange.clock_sync.steps import ClockPeriods, correct


class HostClock:
    """What is known of another host's clock.

    Three clocks meet here. Times of the other host are Unix seconds of its clock. `steady` is this
    machine's steady clock in seconds, which is never set. `wall` is this host's own Unix time in seconds.
    """

    def __init__(self) -> None:
        self._offset = ClockOffset()
        self._periods: ClockPeriods = ()

    def update(self, sent: float, remote: float, received: float) -> None:
        """Learn from a reply: `sent` and `received` are steady seconds, `remote` is the time in the reply."""
        self._offset.update(sent, remote, received)

    def set_periods(self, periods: object) -> None:
        """Store between which settings the other clock showed another time, as its exchange reports it.

        MessageError when these are not clock periods; those known before then stay.
        """
        try:
            self._periods = msgspec.convert(periods, ClockPeriods)
        except msgspec.ValidationError as error:
            raise MessageError(str(error)) from error

    def age_seconds(self, steady: float) -> float:
        """Return the seconds since the last reply; infinity before the first."""
        return self._offset.age_seconds(steady)

    def remote_now(self, steady: float) -> float:
        """Return what the other clock shows now."""
        return steady - self._offset.seconds

    def to_local(self, moment: float, steady: float, wall: float) -> float:
        """Return a time that the other host wrote down as the time of this host's clock; at least 0.

        A time that was written before the other clock was set is corrected first.
        """
        moment = correct(moment, self._periods, self.remote_now(steady))
        return max(0.0, moment + self._offset.seconds - steady + wall)
