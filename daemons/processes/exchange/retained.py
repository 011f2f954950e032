"""The latest message of each topic, for new subscribers; and whether messages were lost. Pure."""

from collections import defaultdict

import msgspec
from msgspec import Struct

from daemons.bus import message
from daemons.bus.sequence import SequenceTracker


class MessageHeader(Struct):
    """The fields of a message that show whether others were lost, or are out of date."""

    boot: int
    seq: int
    at: float = 0.0
    life: str | None = None


_decoder = msgspec.json.Decoder(MessageHeader)


class RetainedMessages:
    """Keeps the messages that new subscribers get."""

    def __init__(self) -> None:
        self.messages: dict[bytes, bytes] = {}
        """The latest payload of each topic. Heartbeats are not retained: only a new one is a sign of life."""
        self._sequences: defaultdict[bytes, SequenceTracker] = defaultdict(SequenceTracker)
        self._heartbeats: dict[bytes, bytes] = {}
        """The latest heartbeat of each process."""

    def add(self, topic: bytes, payload: bytes) -> bool:
        """Retain a message; return True when its publisher must send its current messages again.

        MessageError when it is not a message of the house.
        """
        message.check_topic(topic)
        header: MessageHeader = message.decode_payload(_decoder, payload, message.MAX_PUBLISHED_BYTES)
        name = topic.partition(b"/")[0]
        if topic.endswith(b"/heartbeat"):
            is_new = self._heartbeats.get(name) != payload  # each new subscription brings the same one again
            self._heartbeats[name] = payload
            return is_new and self._sequences[name].has_gap(header.boot, header.seq)
        self._sequences[name].record(header.boot, header.seq, is_report=header.life is not None)
        self.messages[topic] = payload
        if header.life == "offline":
            self._drop_before(topic.rpartition(b"/")[2] + b"/state", header.at)
        return False

    def _drop_before(self, topic: bytes, at: float) -> None:
        """Drop a state that is older than a report (`at`, Unix seconds): it may be out of date."""
        if topic in self.messages and _decoder.decode(self.messages[topic]).at < at:
            del self.messages[topic]
