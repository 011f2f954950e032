"""The queue of a messenger: which message is next, and what becomes of one. Pure."""

from msgspec import Struct
from msgspec.structs import replace

from daemons.errors import Rejected
from daemons.kinds.messaging.watch import Noted

MAX_REPEATED = 8
"""How many delivered urgent messages are repeated; with one more, the oldest is no longer repeated."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 300.0
"""The pause after an attempt that failed. It is twice the last one, up to the longest."""


class QueuedMessage(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One message of the queue. All times are in the device's steady seconds."""

    id: str
    text: str
    title: str | None = None
    urgent: bool = False
    queued_at: float
    expires_at: float
    tries: int = 0
    """How many attempts have begun since it was queued or told last."""
    is_uncertain: bool = False
    """Whether one of these attempts may have delivered it."""
    told: int = 0
    """How often it was delivered; only an urgent message stays in the queue after that."""
    told_at: float = 0.0
    about: str | None = None
    """The notice that it is about, if the messenger has found that itself."""

    @property
    def key(self) -> str:
        """The identity of its next delivery; each reminder has its own."""
        return f"{self.id}-{self.told}" if self.told else self.id


class Attempt(Struct, frozen=True):
    """The attempt that is under way."""

    id: str
    number: int
    began_at: float


class MessengerMemory(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The memory of a messenger."""

    queue: tuple[QueuedMessage, ...] = ()
    """The messages that wait, and the urgent ones that are not acknowledged yet; the oldest first."""
    attempt: Attempt | None = None
    attempts: int = 0
    """How many attempts have begun in its life."""
    number: int = 0
    """How many messages were queued in its life."""
    failures: int = 0
    """How many attempts have failed since the last success."""
    retry_at: float = 0.0
    """No attempt begins before this time."""
    muted_until: float | None = None
    problem: str | None = None
    """Why the latest attempt failed; None after a success."""
    delivered: int = 0
    lost: int = 0
    last_delivered_id: str | None = None
    last_delivered_text: str | None = None
    last_refusal: str | None = None
    noted: dict[str, Noted] = {}
    """By its key, each notice of the house that lasts, or was told a short time ago."""


def acknowledge(memory: MessengerMemory, id_: str | None) -> MessengerMemory:
    """End the reminders of a delivered message, or of all; raises Rejected if there is none."""
    seen = {
        one.id
        for one in memory.queue
        if (one.told and id_ in (None, one.id)) or (one.is_uncertain and id_ == one.id)
    }
    if not seen:
        raise Rejected("no delivered urgent message waits for an acknowledgement" + of(id_))
    return without(memory, seen)


def cancel(memory: MessengerMemory, id_: str | None) -> MessengerMemory:
    """Remove a message that waits and is not being sent, or all; raises Rejected if there is none."""
    sent = memory.attempt.id if memory.attempt else None
    dropped = {one.id for one in memory.queue if not one.told and one.id != sent and id_ in (None, one.id)}
    if not dropped:
        raise Rejected("no message waits that can be dropped" + of(id_))
    return without(memory, dropped)


def next_waiting(memory: MessengerMemory) -> QueuedMessage | None:
    """Return the oldest urgent message that waits, or else the oldest message that is not held back."""
    waiting = [one for one in memory.queue if not one.told]
    urgent = next((one for one in waiting if one.urgent), None)
    if urgent is None and memory.muted_until is None:
        return next(iter(waiting), None)
    return urgent


def next_reminder(memory: MessengerMemory) -> QueuedMessage | None:
    """Return the delivered message whose reminder is due first."""
    return min((one for one in memory.queue if one.told), key=lambda one: one.told_at, default=None)


def fail(memory: MessengerMemory, now: float, reason: str, *, uncertain: bool) -> MessengerMemory:
    """Note that an attempt did not deliver its message, or perhaps did; the next one waits."""
    attempt = memory.attempt
    found = attempt and next((one for one in memory.queue if one.id == attempt.id), None)
    if found:
        memory = with_message(memory, replace(found, is_uncertain=found.is_uncertain or uncertain))
    pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(memory.failures, 10))
    return replace(memory, attempt=None, failures=memory.failures + 1, retry_at=now + pause, problem=reason)


def drop(memory: MessengerMemory, message: QueuedMessage, reason: str) -> MessengerMemory:
    """Remove a message for ever. One that was delivered before is not lost."""
    memory = without(memory, {message.id})
    if message.told:
        return memory
    return replace(memory, lost=memory.lost + 1, last_refusal=f"{message.id}: {reason}")


def deliver(memory: MessengerMemory, message: QueuedMessage, now: float) -> MessengerMemory:
    """Note that a message was delivered; an urgent one is repeated from now on."""
    if memory.attempt is not None and memory.attempt.id == message.id:
        memory = replace(memory, attempt=None)
    memory = replace(
        memory,
        failures=0,
        retry_at=now,
        problem=None,
        delivered=memory.delivered + 1,
        last_delivered_id=message.id,
        last_delivered_text=message.text,
    )
    if not message.urgent or message.expires_at <= now:
        return without(memory, {message.id})
    memory = with_message(
        memory, replace(message, told=message.told + 1, told_at=now, tries=0, is_uncertain=False)
    )
    told = sorted((one for one in memory.queue if one.told), key=lambda one: one.queued_at)
    return without(memory, {one.id for one in told[:-MAX_REPEATED]})


def with_message(memory: MessengerMemory, message: QueuedMessage) -> MessengerMemory:
    """Return the memory with a new version of a message."""
    return replace(memory, queue=tuple(message if one.id == message.id else one for one in memory.queue))


def without(memory: MessengerMemory, ids: set[str]) -> MessengerMemory:
    """Return the memory without some messages; an attempt for one of them is withdrawn."""
    memory = replace(memory, queue=tuple(one for one in memory.queue if one.id not in ids))
    is_withdrawn = memory.attempt is not None and memory.attempt.id in ids
    return replace(memory, attempt=None) if is_withdrawn else memory


def of(id_: str | None) -> str:
    """Return the end of a sentence about one message, or about all."""
    return f" under the id {id_!r}" if id_ is not None else ""
