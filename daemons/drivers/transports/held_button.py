"""A button that reports again and again that it is held. Pure: it has no clock."""

from daemons.kinds import Touch

REPEAT_SECONDS = 1.5
"""A report that follows the last one within this time is of the same press."""


class HeldButton:
    """Distinguishes the beginning of a long press from its repetitions."""

    def __init__(self) -> None:
        self._held_at: float | None = None
        """When the hardware last reported that it is held; None while it is not."""

    def hold(self, now: float) -> Touch:
        """Handle a report that the button is held: the first is a long press, the next ones are `hold`."""
        is_repeated = self._held_at is not None and now - self._held_at < REPEAT_SECONDS
        self._held_at = now
        return "hold" if is_repeated else "long"

    def let_go(self) -> None:
        """Handle any other report: the next long press is a new one."""
        self._held_at = None
