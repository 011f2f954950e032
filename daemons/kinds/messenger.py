"""A messenger: tells people what happens in the house, and keeps each message until it is delivered.

A message waits in a queue that survives outages, kills and restarts. Messages go out one at a time, in the
order in which they came, but urgent ones before the others. If it is not known whether the last attempt
delivered a message, it is sent again under the same key, and its text says so. An urgent message is
repeated until a person acknowledges it.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from daemons.bus.facts import Facts
from daemons.bus.message import Scalar
from daemons.bus.notice import Level
from daemons.errors import Rejected, RejectedForNow
from daemons.kinds import Ability, Load, Machine, Message, PrimaryCommand, Reading, Setting
from daemons.kinds.messaging import queue
from daemons.kinds.messaging.queue import Attempt, MessengerMemory, QueuedMessage, with_message
from daemons.kinds.messaging.watch import FULL_SECONDS, Telling, Watch, next_telling, tellings
from daemons.values import Seconds

MAX_MESSAGES = 32
"""How many messages the queue holds. With texts of 500 characters, it takes about 20 KB of the journal."""
MAX_TEXT, MAX_TITLE, MAX_REASON = 500, 100, 300
"""The longest text, title and reason of a refusal, in characters."""
ANSWER_SECONDS = 120.0
"""After this time without an outcome, the outcome of an attempt is unknown. It is longer than a driver's own
time limit."""
SHORTEST_SECONDS = 10.0
"""The shortest `repeat_every` and `expires`."""
AGE_STEP_SECONDS = 60.0
"""The age of the oldest message changes in such steps, so that a long outage causes few publications."""
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""The characters that become spaces: they would control a terminal, or end a header of a mail."""

PAGE = r"^https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?\Z"
"""The address of a page: a scheme and a host, and a port if it is not the usual one."""

Phase = Literal["idle", "sending", "waiting", "unacknowledged"]


class Options(Struct, frozen=True, kw_only=True):
    """The options of a messenger."""

    expires_seconds: Seconds = field(name="expires", default=Seconds(86400))
    """How long a message is valid, if `send` does not say so, `"10s"` or longer. Then it is dropped."""
    late_seconds: Seconds = field(name="late_after", default=Seconds(300))
    """A message that is sent later than this says in its text how late it is."""
    repeat_seconds: Seconds = field(name="repeat_every", default=Seconds(1800))
    """How often an urgent message is repeated until it is acknowledged, `"10s"` or longer."""

    page: Annotated[str, Meta(pattern=PAGE, max_length=200)] | None = None
    """The address of the mirror's page as your phone reaches it, such as `"http://192.168.1.5:8060"`. An
    urgent message then has a link that acknowledges it."""

    attention: tuple[Level, ...] = ()
    """What it tells by itself, without a rule. `"alarm"` is smoke, gas, carbon monoxide and water, as an
    urgent message. `"fault"` is what does not work, `"care"` is a low battery or a window that is open for
    too long, and `"news"` is what is ready."""
    watched: dict[str, Facts] = {}
    """The devices and services that it watches. The check of the configuration finds them."""
    reporting: tuple[str, ...] = ()
    """The processes that report about them. The check of the configuration finds them."""

    def __post_init__(self) -> None:
        """Raise ValueError if a message would expire or be repeated at once."""
        if self.expires_seconds < SHORTEST_SECONDS or self.repeat_seconds < SHORTEST_SECONDS:
            raise ValueError("expires and repeat_every must be 10s or longer")


class State(Struct, frozen=True, kw_only=True):
    """The published state of a messenger."""

    status: bool
    """Whether a message waits for its delivery, or is being sent."""
    phase: Phase
    waiting: int
    """How many messages wait for their delivery, the one that is being sent included."""
    oldest_seconds: float | None
    """The age of the oldest of them, in whole minutes; None if none waits."""
    oldest_id: str | None
    """The id of the oldest of them."""
    acknowledged: bool
    """Whether no delivered urgent message waits for an acknowledgement."""
    unacknowledged: int
    """How many delivered urgent messages wait for an acknowledgement."""
    unacknowledged_id: str | None
    """The id of the oldest of them."""
    muted: bool
    """Whether messages that are not urgent are held back."""
    delivered: int
    """How many messages were delivered in its life, reminders included."""
    last_delivered_id: str | None
    """The id of the last one. `turned` of the state says when it was delivered."""
    last_delivered_text: str | None
    """Its text, without what the messenger has added."""
    lost: int
    """How many messages were not delivered in its life: they were refused, have expired, or made room."""
    last_refusal: str | None
    """The id of the last one, and the reason."""
    fault: str | None = None
    """Why the latest attempt has failed."""


class Send(Struct, frozen=True, kw_only=True):
    """Queue a message; it is sent as soon as possible."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    title: Annotated[str, Meta(max_length=MAX_TITLE)] | None = None
    urgent: bool = False
    """Whether it is sent while the messenger is muted, and is repeated until it is acknowledged."""
    expires: Seconds | None = None
    """How long it is valid; by default as long as the option `expires` says."""

    def __post_init__(self) -> None:
        """Raise ValueError if it would expire at once."""
        if self.expires is not None and self.expires < SHORTEST_SECONDS:
            raise ValueError("expires must be 10s or longer")


class Acknowledge(Struct, frozen=True, kw_only=True):
    """Stop the repetition of one urgent message, or of all that were delivered."""

    id: Annotated[str, Meta(max_length=64)] | None = None
    """The id of the message; by default all."""


class Cancel(Struct, frozen=True, kw_only=True):
    """Drop one message that waits, or all; one that is being sent is not dropped."""

    id: Annotated[str, Meta(max_length=64)] | None = None
    """The id of the message; by default all."""


class Mute(Struct, frozen=True, kw_only=True):
    """Hold back the messages that are not urgent, until `unmute` or until the time is over."""

    for_seconds: Seconds = field(name="for", default=Seconds(9 * 3600))
    """For how long."""


class Unmute(Struct, frozen=True):
    """Send what was held back."""


class Messenger(Machine[Options, MessengerMemory]):
    """A messenger: tells people what happens in the house, and keeps each message until it is delivered."""

    drives = False
    personal_arguments = frozenset({"text", "title"})
    needs = frozenset[Ability]({"notify"})
    options_type = Options
    memory_type = MessengerMemory
    state_type = State
    commands = (Send, Acknowledge, Cancel, Mute, Unmute)
    off_commands = ()
    primary_commands = (
        PrimaryCommand("acknowledge", "Seen", when={"acknowledged": (False,)}),
        PrimaryCommand("unmute", "Unmute", when={"muted": (True,)}),
        PrimaryCommand("mute", "Mute"),
    )
    resting_phases = ("idle",)
    entity_class = "notify"
    derived_options = frozenset({"watched", "reporting"})

    @cached_property
    def _watch(self) -> Watch:
        return Watch(self.options.watched, self.options.attention)

    @classmethod
    def sources(cls, options: Options) -> dict[str, str]:
        """Return the devices that it watches."""
        return {name: "status" for name, facts in options.watched.items() if facts.has_hardware}

    @classmethod
    def reporters(cls, options: Options) -> tuple[str, ...]:
        """Return the processes that report about what it watches."""
        return options.reporting

    @classmethod
    def possible_states(cls, options: Options) -> tuple[dict[str, Scalar], ...]:  # noqa: ARG003  the same with all options
        """Return its phases."""
        return (
            {"phase": "idle", "status": False, "waiting": 0, "acknowledged": True},
            {"phase": "unacknowledged", "status": False, "waiting": 0, "acknowledged": False},
            {"phase": "waiting", "status": True},
            {"phase": "sending", "status": True},
        )

    def handle_command(self, memory: MessengerMemory, command: Struct, now: float) -> MessengerMemory:
        """Queue or drop messages, or mute; raise Rejected with the reason for a refusal."""
        memory = self.advance(memory, now)
        match command:
            case Send():
                memory = self._queue(memory, command, now)
            case Acknowledge():
                memory = queue.acknowledge(memory, command.id)
            case Cancel():
                memory = queue.cancel(memory, command.id)
            case Mute():
                memory = replace(memory, muted_until=now + command.for_seconds)
            case Unmute():
                memory = replace(memory, muted_until=None)
        return self._begin(memory, now)

    def advance(self, memory: MessengerMemory, now: float) -> MessengerMemory:
        """Begin attempts, drop messages that have expired, and stop waiting for an outcome."""
        while (due := self.next_deadline(memory)) is not None and due <= now:
            memory = self._step(memory, due)
        return memory

    def adopt(self, memory: MessengerMemory, reading: Reading, now: float) -> MessengerMemory:
        """Change nothing: there is nothing to switch by hand."""
        return memory

    def resume(self, memory: MessengerMemory, now: float) -> MessengerMemory:
        """Count the outcome of an attempt that was under way as unknown. The pauses begin anew."""
        memory = replace(memory, failures=0, retry_at=now)
        if memory.attempt is not None:
            memory = queue.fail(memory, now, "its process ended before the outcome was known", uncertain=True)
        return memory

    def update_measurements(self, memory: MessengerMemory, reading: Reading, now: float) -> MessengerMemory:
        """Apply the outcome of an attempt.

        A late "taken" of an earlier attempt counts too: it is the same message.
        """
        outcome = reading.outcome
        found = outcome and next((one for one in memory.queue if one.key == outcome.key), None)
        if outcome is None or not found:
            return memory
        attempt = memory.attempt
        if outcome.result == "taken":
            return self._begin(queue.deliver(memory, found, now), now)
        if attempt is None or (attempt.id, attempt.number) != (found.id, outcome.attempt):
            return memory
        reason = CONTROL.sub(" ", outcome.text)[:MAX_REASON] or outcome.result
        if outcome.result == "refused":
            memory = replace(memory, attempt=None, failures=0, retry_at=now, problem=reason)
            return self._begin(queue.drop(memory, found, reason), now)
        return queue.fail(memory, now, reason, uncertain=outcome.result == "unknown")

    def update_sources(
        self, memory: MessengerMemory, states: Mapping[str, Mapping[str, Scalar] | None], now: float
    ) -> MessengerMemory:
        """Store what deserves attention, and queue the messages about it that are due."""
        noted = self._watch.update(memory.noted, states, now)
        if noted != memory.noted:
            memory = replace(memory, noted=noted)
        return self.advance(memory, now)

    def next_deadline(self, memory: MessengerMemory) -> float | None:
        """Return when a notice is told, the next attempt begins or lapses, or the next message expires."""
        attempt = memory.attempt
        times = [one.expires_at for one in memory.queue if attempt is None or one.id != attempt.id]
        if memory.muted_until is not None:
            times.append(memory.muted_until)
        if (telling := next_telling(memory.noted)) is not None:
            times.append(telling)
        if attempt is not None:
            times.append(attempt.began_at + ANSWER_SECONDS)
        elif queue.next_waiting(memory) is not None:
            times.append(memory.retry_at)
        elif (reminder := queue.next_reminder(memory)) is not None:
            times.append(max(memory.retry_at, reminder.told_at + self.options.repeat_seconds))
        return min(times, default=None)

    def desired_setting(self, memory: MessengerMemory) -> Setting:
        """Return the message that is to be delivered now."""
        attempt = memory.attempt
        found = attempt and next((one for one in memory.queue if one.id == attempt.id), None)
        if attempt is None or not found:
            return Setting(on=False)
        return Setting(
            on=False,
            message=Message(
                key=found.key,
                attempt=attempt.number,
                text=self._wording(found, attempt.began_at),
                title=found.title,
                urgent=found.urgent,
                is_repeat=found.is_uncertain,
                link=self.options.page if found.urgent else None,
                id=found.id if found.urgent else None,
            ),
        )

    def state(self, memory: MessengerMemory, reading: Reading, now: float) -> State:
        """Return what waits, and what was delivered last."""
        waiting = [one for one in memory.queue if not one.told]
        told = [one for one in memory.queue if one.told]
        if memory.attempt is not None:
            phase: Phase = "sending"
        elif waiting:
            phase = "waiting"
        else:
            phase = "unacknowledged" if told else "idle"
        age = now - waiting[0].queued_at if waiting else 0.0
        return State(
            status=phase in ("sending", "waiting"),
            phase=phase,
            waiting=len(waiting),
            oldest_seconds=max(0.0, age // AGE_STEP_SECONDS * AGE_STEP_SECONDS) if waiting else None,
            oldest_id=waiting[0].id if waiting else None,
            acknowledged=not told,
            unacknowledged=len(told),
            unacknowledged_id=told[0].id if told else None,
            muted=memory.muted_until is not None,
            delivered=memory.delivered,
            last_delivered_id=memory.last_delivered_id,
            last_delivered_text=memory.last_delivered_text,
            lost=memory.lost,
            last_refusal=memory.last_refusal,
            fault=reading.fault or memory.problem,
        )

    def power_profile(self) -> tuple[Load, ...]:
        """Return a power of zero."""
        return ((1.0, 0.0),)

    # The commands

    def _queue(
        self, memory: MessengerMemory, command: Send, now: float, about: str | None = None
    ) -> MessengerMemory:
        """Add a message. If the queue is full, an urgent one takes the place of the oldest that is not."""
        text = CONTROL.sub(" ", command.text).strip()
        if not text:
            raise Rejected("the text is empty", "empty_text")
        valid_seconds = self.options.expires_seconds if command.expires is None else command.expires
        if len(memory.queue) >= MAX_MESSAGES:
            if not (place := self._place_for(command, memory)):
                raise RejectedForNow(
                    f"its queue is full: {MAX_MESSAGES} messages wait; `cancel` drops those that wait"
                )
            memory = queue.drop(memory, place, "an urgent message took its place in the full queue")
        number = memory.number + 1
        message = QueuedMessage(
            id=f"{int(now * 1000):x}-{number}",
            text=text,
            title=CONTROL.sub(" ", (command.title or "").replace("\n", " ")).strip() or None,
            urgent=command.urgent,
            queued_at=now,
            expires_at=now + valid_seconds,
            about=about,
        )
        return replace(memory, queue=(*memory.queue, message), number=number)

    @staticmethod
    def _place_for(command: Send, memory: MessengerMemory) -> QueuedMessage | None:
        """Return the oldest message that is not urgent and is not being sent, if the new one is urgent."""
        sent = memory.attempt.id if memory.attempt else None
        found = (one for one in memory.queue if not one.urgent and one.id != sent)
        return next(found, None) if command.urgent else None

    # What time does

    def _step(self, memory: MessengerMemory, now: float) -> MessengerMemory:
        """Return the memory after what is due at a deadline."""
        attempt = memory.attempt
        for one in memory.queue:
            if one.expires_at <= now and (attempt is None or one.id != attempt.id):
                doubt = "; it is not known whether it arrived" if one.is_uncertain else ""
                memory = queue.drop(memory, one, f"expired after {one.tries} attempts{doubt}")
        if attempt is not None and attempt.began_at + ANSWER_SECONDS <= now:
            memory = queue.fail(memory, now, f"no outcome within {ANSWER_SECONDS:g} s", uncertain=True)
        if memory.muted_until is not None and memory.muted_until <= now:
            memory = replace(memory, muted_until=None)
        for telling in tellings(memory.noted, now):
            memory = self._tell(memory, telling, now)
        return self._begin(memory, now)

    def _tell(self, memory: MessengerMemory, telling: Telling, now: float) -> MessengerMemory:
        """Queue a message about notices; if the queue is full, they wait.

        An alarm that returns before its last message was seen is in the queue already.
        """
        noted, about = dict(memory.noted), telling.keys[0]
        try:
            if not any(one.about == about for one in memory.queue):
                send = Send(text=telling.text[:MAX_TEXT], urgent=telling.is_alarm)
                memory = self._queue(memory, send, now, about)
        except RejectedForNow:
            more = {
                key: replace(noted[key], since=now - noted[key].after_seconds + FULL_SECONDS)
                for key in telling.keys
            }
        else:
            more = {key: replace(noted[key], told=True) for key in telling.keys}
        return replace(memory, noted=noted | more)

    def _begin(self, memory: MessengerMemory, now: float) -> MessengerMemory:
        """Begin the next attempt, if one is due and none is under way."""
        if memory.attempt is not None or now < memory.retry_at:
            return memory
        found = queue.next_waiting(memory)
        if found is None:
            found = queue.next_reminder(memory)
            if found is None or now < found.told_at + self.options.repeat_seconds:
                return memory
        number = memory.attempts + 1
        memory = with_message(memory, replace(found, tries=found.tries + 1))
        return replace(memory, attempts=number, attempt=Attempt(found.id, number, now))

    # The text

    def _wording(self, message: QueuedMessage, now: float) -> str:
        """Return the text, with what its reader must know about the delivery."""
        notes = []
        late_seconds = now - message.queued_at
        if message.told:
            notes.append(f"Reminder {message.told}: it is not acknowledged yet.")
        elif late_seconds > self.options.late_seconds:
            notes.append(f"This comes {in_words(late_seconds)} late.")
        if message.is_uncertain:
            notes.append("You may have this already.")
        return "\n\n".join(filter(None, (message.text, " ".join(notes))))


def in_words(seconds: float) -> str:
    """Return a duration for a person."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(minutes, 60)
    return " ".join(filter(None, (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "")))
