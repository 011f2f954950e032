"""Commands from MQTT: how a payload is parsed, and how duplicates are detected. Pure.

MQTT 3.1.1 has no expiry. It repeats a message that was not acknowledged, also through a broker that
had already passed it on before it died. A duplicate with an id is safe: the deadline of an id is set
when it first arrives and never changes, so a repetition gets the first receipt or is expired. Without
an id, the filter has to guess: if a message equals one from just before the loss of the broker, the
first such message counts as its repetition, unless the command switches off.
"""

import json
import re
from collections import Counter, deque
from collections.abc import Collection, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, structs

from daemons.bus.message import Identifier, Scalar, Unix
from daemons.errors import Rejected
from daemons.kinds import Kind
from daemons.processes.bridge.topics import Address

MAX_PAYLOAD_BYTES = 16 * 1024
"""The longest payload."""
DEFAULT_SECONDS, MAX_SECONDS = 5.0, 60.0
"""How long a command is valid by default, and at most."""
MAX_IDS = 500
"""How many ids are remembered."""
UNACKNOWLEDGED_SECONDS = 10.0
"""For so long before the loss of the broker, its acknowledgement may not have reached the sender."""
REPETITION_SECONDS = 30.0
"""For so long after the broker is back, such a command may be repeated."""
SAFE_COMMANDS = ("off", "stop")
"""The commands that are always carried out: twice they do no harm, and not at all they may."""
PRESS = "PRESS"
"""The payload of a command without arguments, as Home Assistant sends it."""
EMPTY = "an empty payload clears a retained message and is no command; send PRESS or {}"
WORD = re.compile(r"[!-~]{1,64}")


class BrokerCommand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command as JSON; `command` may be missing if the topic contains it."""

    command: Identifier | None = None
    args: Annotated[dict[Identifier, Scalar], Meta(max_length=20)] = {}
    id: Identifier | None = None
    timeout_seconds: Annotated[float, Meta(ge=0.01, le=MAX_SECONDS)] = DEFAULT_SECONDS
    """How long the command is valid after its arrival."""
    deadline: Unix | None = None
    """Unix seconds by the clock of this house; the earlier of it and `timeout_seconds` counts."""


_decode = msgspec.json.Decoder(BrokerCommand).decode


def parse_command(address: Address, payload: bytes, kinds: Mapping[str, type[Kind] | None]) -> BrokerCommand:
    """Parse a payload to a command whose `command` is set; raises Rejected with the reason."""
    if address.device not in kinds:
        raise Rejected(f"unknown device {address.device!r}")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Rejected(f"{len(payload)} bytes; a command has at most {MAX_PAYLOAD_BYTES}")
    try:
        text = payload.decode().strip()
        broker_command = (
            _decode(text) if text.startswith("{") else _plain(address, text, kinds[address.device])
        )
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise Rejected(f"this is no command: {error}") from error
    word = broker_command.command or address.word
    if word is None:
        raise Rejected("the command is missing; add it to the topic or to the payload")
    if address.word not in (None, word):
        raise Rejected(f"the topic has the command {address.word!r} and the payload {word!r}")
    return structs.replace(broker_command, command=word)


def is_accepted(commands: bool | Collection[str], device: str, word: str) -> bool:
    """Return whether the key `commands` of [bridge] allows a command: all, none, or a list of paths."""
    if isinstance(commands, bool):
        return commands
    return f"{device}/" in commands or f"{device}/{word}" in commands


def refusal(commands: bool | Collection[str], device: str, word: str) -> str:
    """Return why the bridge does not accept a command, with those of the device that it accepts."""
    taken = [] if isinstance(commands, bool) else [path for path in commands if path.startswith(f"{device}/")]
    listed = ", ".join(path.partition("/")[2] for path in taken) or "none"
    return (
        f"this house does not take the command {word!r} for {device} from the broker ([bridge] commands); "
        f"allowed: {listed}"
    )


def _plain(address: Address, text: str, kind: type[Kind] | None) -> BrokerCommand:
    """Parse a plain payload: a command, or the first argument of the command in the topic."""
    if not text:
        raise Rejected(EMPTY)
    if address.word is None:
        if not WORD.fullmatch(text):
            raise Rejected("this is no command; send a word such as ON, or a JSON object")
        return BrokerCommand(command=text.lower())
    if text == PRESS:
        return BrokerCommand()
    commands = {command.__name__.lower(): command for command in (kind.commands if kind else ())}
    command = commands.get(address.word)
    names = [field.encode_name for field in structs.fields(command)] if command else []
    if not names:
        raise Rejected(f"{address.word!r} takes no argument; its payload is {PRESS}")
    return BrokerCommand(args={names[0]: _value(text)})


def _value(text: str) -> Scalar:
    """Parse a plain argument: a JSON number or boolean, otherwise text."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found if isinstance(found, bool | int | float) else text[:1000]


class FirstDeadlines(Struct, frozen=True, kw_only=True):
    """The first deadline of each command id; written to the journal before a command is forwarded.

    Unlike bus/requests/ledger.py it holds no receipts, and it keeps ids beyond their deadlines: MQTT may
    repeat a message at any later time. The deadlines are in steady seconds, so that a command whose time has
    passed stays expired when the wall clock is set back.
    """

    deadlines: dict[str, float] = {}
    """By device and id, the deadline of a command in steady seconds; the oldest first."""


def register(
    ledger: FirstDeadlines, device: str, broker_command: BrokerCommand, now: float, wall: float
) -> tuple[FirstDeadlines, float]:
    """Register a command that arrives at `now` (steady seconds) and `wall` (Unix seconds).

    Return the ledger, and how many seconds are left until the deadline. A repetition does not change the
    deadline.
    """
    left_seconds = broker_command.timeout_seconds
    if broker_command.deadline is not None:
        left_seconds = min(left_seconds, broker_command.deadline - wall)
    if broker_command.id is None:
        return ledger, left_seconds
    key = f"{device} {broker_command.id}"
    if key in ledger.deadlines:
        return ledger, ledger.deadlines[key] - now
    kept = (
        dict(list(ledger.deadlines.items())[1 - MAX_IDS :])
        if len(ledger.deadlines) >= MAX_IDS
        else ledger.deadlines
    )
    return structs.replace(ledger, deadlines={**kept, key: now + left_seconds}), left_seconds


class DuplicateFilter:
    """Detects commands without an id that are repeated after a loss of the broker, each once.

    All times are steady seconds.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[str, float]] = deque(maxlen=MAX_IDS)
        """The key and the time of recent commands; a key is made of topic and payload."""
        self._expected: Counter[str] = Counter()
        self._until = 0.0

    def record(self, key: str, now: float) -> None:
        """Record a command that its sender repeats if it gets no acknowledgement."""
        self._recent.append((key, now))

    def on_broker_lost(self, now: float) -> None:
        """Note that the broker is lost."""
        self._expected = Counter(key for key, at in self._recent if now - at < UNACKNOWLEDGED_SECONDS)
        self._recent.clear()

    def on_broker_back(self, now: float) -> None:
        """Note that the broker is back."""
        self._until = now + REPETITION_SECONDS

    def is_duplicate(self, key: str, now: float) -> bool:
        """Return whether a command is a repetition; a second equal one is a new command."""
        if now >= self._until or not self._expected[key]:
            return False
        self._expected[key] -= 1
        return True
