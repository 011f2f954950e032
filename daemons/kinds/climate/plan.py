"""The target that a schedule, a number or a mode demands, and until when a target set by hand holds."""

from msgspec import Struct

from daemons.bus.message import Scalar

DAY_SECONDS = 86_400.0


class Plan(Struct, frozen=True):
    """The target that is planned now, and what it follows from."""

    celsius: float | None = None
    """The planned target; None before the first one."""
    value: Scalar = None
    """The value of the number or of the mode that it follows."""
    began_at: float | None = None
    """The latest entry of the schedule that has begun (Unix seconds)."""

    def after_entry(self, began_at: float, celsius: float) -> "Plan":
        """Return the plan while an entry of the schedule is in force.

        If the clock is set back by less than a day, an entry that had begun begins no second time.
        """
        last = self.began_at
        is_known = last is not None and last - DAY_SECONDS <= began_at <= last
        return Plan(celsius, None, last if is_known else began_at)

    def after_value(self, value: Scalar, celsius: float) -> "Plan":
        """Return the plan while a number or a mode has a value."""
        return Plan(celsius, value)

    def is_new(self, before: "Plan") -> bool:
        """Return whether a new entry or a new value has begun: then a target set by hand ends."""
        return (self.value, self.began_at) != (before.value, before.began_at)
