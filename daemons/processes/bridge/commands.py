"""A command as it comes by MQTT: plain, or as JSON; and which of them are not obeyed. Pure.

MQTT 3.1.1 knows no expiry and repeats what was not acknowledged, also to a broker that had passed
it on before it died. So what was repeated is known by its id: the first time an id is heard its
deadline is set, and it stays that for ever, so a repetition finds the first one's receipt or is
expired. What has no id can only be guessed: the first that says the same as one just before the
broker was lost is taken for its repetition, unless it ends something.
"""

import json
import re
from collections import Counter, deque
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from daemons.bus.message import Identifier, Scalar, Unix
from daemons.errors import Rejected
from daemons.kinds import Kind
from daemons.processes.bridge.topics import Address

LONGEST = 16 * 1024
"""Bytes of a payload."""
USUAL_SECONDS, LONGEST_SECONDS = 5.0, 60.0
"""How long a command may take to be obeyed when it does not say, and at the most."""
MOST_IDS = 500
"""How many ids are remembered."""
LATELY_SECONDS = 10.0
"""So long before the broker was lost, a command may not have been acknowledged to its sender."""
REPETITION_SECONDS = 30.0
"""So long after the broker is back, such a command may come again."""
ENDS = ("off", "stop")
"""The commands that are obeyed in any doubt: done twice they do no harm, not done they may."""
PRESS = "PRESS"
"""The payload of a command that says nothing beside itself, in Home Assistant's word."""
EMPTY = "an empty payload takes back what was retained, and is no command; PRESS, or {}, is one"
WORD = re.compile(r"[!-~]{1,64}")


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command as JSON; on a topic that ends in its word it need not be said again."""

    command: Identifier | None = None
    args: Annotated[dict[Identifier, Scalar], Meta(max_length=20)] = {}
    id: Identifier | None = None
    timeout_seconds: Annotated[float, Meta(ge=0.01, le=LONGEST_SECONDS)] = USUAL_SECONDS
    """From its arrival on."""
    deadline: Unix | None = None
    """Unix seconds, by this house's clock; `timeout_seconds` counts as well."""


_decode = msgspec.json.Decoder(Order).decode


def read_order(address: Address, payload: bytes, kinds: Mapping[str, type[Kind] | None]) -> Order:
    """Read a payload: its command is set; Rejected says what is wrong with it."""
    if address.device not in kinds:
        raise Rejected(f"there is no device {address.device!r}")
    if len(payload) > LONGEST:
        raise Rejected(f"{len(payload)} bytes where at most {LONGEST} are taken")
    try:
        text = payload.decode().strip()
        order = _decode(text) if text.startswith("{") else _plain(address, text, kinds[address.device])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise Rejected(f"that is no command: {error}") from error
    word = order.command or address.word
    if word is None:
        raise Rejected("it does not say which command it is")
    if address.word not in (None, word):
        raise Rejected(f"its topic says {address.word!r} and its payload {word!r}")
    return structs.replace(order, command=word)


def _plain(address: Address, text: str, kind: type[Kind] | None) -> Order:
    """Read a plain payload: the word of a command, or, on a command's own topic, its first argument."""
    if not text:
        raise Rejected(EMPTY)
    if address.word is None:
        if not WORD.fullmatch(text):
            raise Rejected("that is no command; a word such as ON, or a JSON object, is")
        return Order(command=text.lower())
    if text == PRESS:
        return Order()
    commands = {command.__name__.lower(): command for command in (kind.commands if kind else ())}
    command = commands.get(address.word)
    names = [field.encode_name for field in structs.fields(command)] if command else []
    if not names:
        raise Rejected(f"{address.word!r} takes no argument; its payload is {PRESS}")
    return Order(args={names[0]: _value(text)})


def _value(text: str) -> Scalar:
    """Read a plain argument: a number or a truth where it looks like one, otherwise text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found if isinstance(found, bool | int | float) else text[:1000]


class Ledger(Struct, frozen=True, kw_only=True):
    """What was heard before; remembered across a crash, and written down before a command is passed on."""

    deadlines: dict[str, float] = {}
    """By device and id, until when (Unix seconds) that command may be obeyed; the oldest first."""


def enter(ledger: Ledger, device: str, order: Order, now: float) -> tuple[Ledger, float]:
    """Take down a command; give until when it may be obeyed, which a repetition does not change."""
    until = min(
        now + order.timeout_seconds, now + order.timeout_seconds if order.deadline is None else order.deadline
    )
    if order.id is None:
        return ledger, until
    key = f"{device} {order.id}"
    if key in ledger.deadlines:
        return ledger, ledger.deadlines[key]
    kept = (
        dict(list(ledger.deadlines.items())[1 - MOST_IDS :])
        if len(ledger.deadlines) >= MOST_IDS
        else ledger.deadlines
    )
    return structs.replace(ledger, deadlines={**kept, key: until}), until


class Doubt:
    """Which commands without an id may come again after the broker was lost; each of them once.

    All times are steady seconds.
    """

    def __init__(self) -> None:
        self._lately: deque[tuple[str, float]] = deque(maxlen=MOST_IDS)
        """What was obeyed, and when; its words are its topic and its payload."""
        self._again: Counter[str] = Counter()
        self._until = 0.0

    def note(self, words: str, now: float) -> None:
        """Take down one that is obeyed, and that its sender repeats when it gets no acknowledgement."""
        self._lately.append((words, now))

    def lose(self, now: float) -> None:
        """Take note that the broker is lost."""
        self._again = Counter(words for words, at in self._lately if now - at < LATELY_SECONDS)
        self._lately.clear()

    def begin(self, now: float) -> None:
        """Take note that it is back."""
        self._until = now + REPETITION_SECONDS

    def is_repetition(self, words: str, now: float) -> bool:
        """Tell whether this is one of them; the same words a second time are a wish of their own."""
        if now >= self._until or not self._again[words]:
            return False
        self._again[words] -= 1
        return True
