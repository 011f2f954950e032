"""Detects lost messages of one publisher by its boot and sequence numbers."""


class Numbers:
    """Which of one publisher's messages have come, by their lives and numbers. Pure.

    A queue that is full drops without a word. A state says all that the one before it did; but who
    reports on others does so on many topics, and what is dropped on one of them is not said again by
    what comes on the next: there, a number that is passed over counts as well.
    """

    __slots__ = ("_has_gap", "_reports", "latest")

    def __init__(self) -> None:
        self.latest = (0, 0)
        """The boot and the seq of the latest that has come."""
        self._reports = self._has_gap = False

    def take(self, boot: int, seq: int, *, is_report: bool) -> None:
        """Note that a message has come; one that is said again is no news."""
        self._reports |= is_report
        if (boot, seq) > self.latest:
            is_next = boot != self.latest[0] or seq == self.latest[1] + 1
            self._has_gap |= self._reports and not is_next
            self.latest = boot, seq

    def lacks(self, boot: int, seq: int) -> bool:
        """Tell, by a sign of life, whether something has not come; asked for it, one need not ask again."""
        lacks = self._has_gap or (boot, seq) > self.latest
        self._has_gap = False
        return lacks
