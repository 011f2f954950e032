"""Detects repeated, outdated and lost messages by their boot and sequence numbers. No I/O."""

from collections import defaultdict
from collections.abc import Callable

from daemons.bus.message import Heartbeat, Published, Report, publisher


class SequenceTracker:
    """Tracks the (boot, seq) of one publisher to detect lost messages.

    A full queue drops messages silently. A lost state does not matter once a later state has arrived:
    each state is whole. The reports of a publisher have many topics, and the next report does not
    replace a lost one. So for a publisher of reports, a skipped number counts as a gap too.
    """

    __slots__ = ("_has_gap", "_has_reports", "latest")

    def __init__(self) -> None:
        self.latest = (0, 0)
        """The boot and seq of the latest message."""
        self._has_reports = self._has_gap = False

    def record(self, boot: int, seq: int, *, is_report: bool) -> None:
        """Record a state or report that has arrived; a repeated one changes nothing."""
        self._has_reports |= is_report
        if (boot, seq) > self.latest:
            is_next = boot != self.latest[0] or seq == self.latest[1] + 1
            self._has_gap |= self._has_reports and not is_next
            self.latest = boot, seq

    def has_gap(self, boot: int, seq: int) -> bool:
        """Return whether a message is missing, by the numbers of a heartbeat.

        A skipped number is returned once only: the caller then requests all current messages again.
        """
        has_gap = self._has_gap or (boot, seq) > self.latest
        self._has_gap = False
        return has_gap


class MessageFilter:
    """Passes each message of several publishers once, and reports when one of them must send again."""

    def __init__(self, on_gap: Callable[[str], None]) -> None:
        """`on_gap` gets the name of a publisher whose current messages must be requested again."""
        self._on_gap = on_gap
        self._sequences: defaultdict[str, SequenceTracker] = defaultdict(SequenceTracker)
        self._latest: dict[bytes, tuple[int, int]] = {}
        """The (boot, seq) of the latest message of each topic."""
        self._gap_found_at: dict[str, float] = {}
        """For each publisher, the `at` of the last heartbeat that showed a gap."""

    def is_new(self, topic: bytes, message: Published) -> bool:
        """Return whether a message is neither repeated nor from an earlier boot of its publisher."""
        name, numbers = publisher(message), (message.boot, message.seq)
        sequence = self._sequences[name]
        if message.boot < sequence.latest[0]:
            return False
        if isinstance(message, Heartbeat):
            # The answer to a request has the same heartbeat again; it must not cause a second request.
            if self._gap_found_at.get(name) != message.at and sequence.has_gap(*numbers):
                self._gap_found_at[name] = message.at
                self._on_gap(name)
            return True
        sequence.record(*numbers, is_report=isinstance(message, Report))
        if numbers <= self._latest.get(topic, (0, 0)):
            return False
        self._latest[topic] = numbers
        return True

    def remove(self, name: str) -> None:
        """Stop tracking a publisher."""
        self._sequences.pop(name, None)
        self._gap_found_at.pop(name, None)
