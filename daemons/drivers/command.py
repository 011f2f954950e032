"""Your own programs for on, off and read, for hardware that no other driver supports, or for messages.

A program is started directly, without a shell, in the run directory. Its environment contains
HOUSE_DEVICE and, for a setting, HOUSE_ON (1 or 0). If the setting has these values, the environment
also contains HOUSE_BRIGHTNESS_PERCENT, HOUSE_COLOUR_TEMPERATURE_KELVIN, HOUSE_DIRECTION and
HOUSE_OFF_AFTER_SECONDS. Exit status 0 means success. `read` prints on, off, or a JSON object with fields
of `ReadOutput`. Without `read`, the last command counts as the state. A program that takes longer than
`timeout` is killed, with all processes it started.
For a messenger, `send` is the program that delivers one message. Its environment contains HOUSE_TEXT,
HOUSE_TITLE, HOUSE_KEY, HOUSE_ACKNOWLEDGE_URL, HOUSE_URGENT and HOUSE_REPEAT (1 or 0). Exit status 0 means
that the message is delivered, and 65 that it can never be. Any other status: it is not delivered yet.
A program ends with its device. A device ends what is left of the last program before it starts another.
"""

import asyncio
import os
import signal
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct, field

from daemons.drivers import Remote
from daemons.drivers.transports.delivery import (
    Answer,
    Progress,
    check_timeout,
    deliver_messages,
    text_with_link,
)
from daemons.drivers.transports.program import MARK, ProgramRecord, die_with, end_marked, new_mark
from daemons.errors import Unreachable
from daemons.kinds import Ability, Direction, Message, Setting
from daemons.values import Colour, Seconds, convert, enc_hook, printable

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

Program = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
"""The program and its arguments."""
Percent = Annotated[int, Meta(ge=0, le=100)]
NOTIFY = frozenset[Ability]({"notify"})
NEVER = 65
"""The exit status for a message that can never be delivered (EX_DATAERR of sysexits.h)."""
MAX_OUTPUT_BYTES = 64 * 1024
"""The maximum output of a program."""
MAX_TEXT_LENGTH = 200
"""The maximum length of a fault, in characters."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a device with your own programs."""

    on: Program | None = None
    """The program that switches on, and its arguments."""
    off: Program | None = None
    """The program that switches off, and its arguments."""
    send: Program | None = None
    """For a messenger, instead of `on` and `off`: the program that delivers a message, and its arguments."""
    read: Program | None = None
    """The program that prints the present state, and its arguments. Without it, the last command counts as
    the state."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(10))
    """How long a program may take, longer than `"0s"`. After that it is killed, with all processes it
    started."""
    poll_seconds: Seconds = field(name="poll", default=Seconds(10))
    """How often `read` runs, `"100ms"` or longer."""

    def __post_init__(self) -> None:
        """Raise ValueError if a program is missing, or if `timeout` or `poll` is too short."""
        if (self.on is None or self.off is None) if self.send is None else self.on or self.off or self.read:
            raise ValueError("either both on and off, or send alone, must name a program")
        if self.send is not None:
            check_timeout(self.timeout_seconds)
        if self.timeout_seconds <= 0 or self.poll_seconds < 0.1:  # noqa: PLR2004
            raise ValueError("timeout must be longer than 0s, and poll 100ms or longer")


MEASUREMENTS = (
    "power_watts",
    "energy_watt_hours",
    "temperature_celsius",
    "humidity_percent",
    "battery_percent",
    "colour",
    "colour_temperature_kelvin",
)
"""A measurement that the program does not print is unknown; its last value may be wrong by now. So is the
colour: a program may print only the one that its lamp shows, a colour or a white."""


class ReadOutput(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The JSON object that `read` may print."""

    on: bool | None = None
    power_watts: float | None = None
    energy_watt_hours: float | None = None
    brightness_percent: Percent | None = None
    colour_temperature_kelvin: int | None = None
    colour: Colour | None = None
    direction: Direction | None = None
    position_percent: Percent | None = None
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: Percent | None = None
    fault: Annotated[str, Meta(max_length=MAX_TEXT_LENGTH)] | None = None


class ProgramFailed(Unreachable):
    """A program has ended with another status than 0."""

    def __init__(self, device: str, address: str, text: str, status: int) -> None:
        self.status = status
        super().__init__(device, address, text)


class ProgramKilled(Unreachable):
    """A program took too long or printed too much."""


class Command(Remote[Options]):
    """Your own programs for on, off and read, for hardware that no other driver supports, or for messages."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset(
        {"switch", "dim", "tint", "colour", "move", "sense", "presence", "notify"}
    )

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return what the programs can do."""
        return NOTIFY if options.send else cls.abilities - NOTIFY

    async def run(self, channel: "HardwareChannel") -> None:
        """Read the state at intervals, and run a program for each setting or message."""
        self._end_leftover()
        if self.options.send is not None:
            await deliver_messages(self.device, channel, self.options.send[0], None, self._deliver)
        await self._read(channel)
        while True:
            setting = None
            with suppress(TimeoutError):
                setting = await asyncio.wait_for(channel.next_setting(), self.options.poll_seconds)
            if setting is not None:
                program = (self.options.on if setting.on else self.options.off) or ()
                await self._run_recorded(program, environment(self.device, setting))
                if self.options.read is None:
                    channel.update(on=setting.on)
                    continue
            await self._read(channel)

    async def _run_recorded(self, program: Program, more: dict[str, str]) -> None:
        """Run a program that changes something. A program that only reads is not recorded."""
        mark = new_mark()
        record = ProgramRecord(self.device)
        record.begin(mark)
        try:
            await self._run_program(program, more, mark)
        finally:
            record.end()

    async def _deliver(self, message: Message, progress: Progress) -> Answer:
        """Run `send` for one message."""
        try:
            await self._run_recorded(self.options.send or (), message_environment(self.device, message))
        except ProgramFailed as error:
            return Answer("refused" if error.status == NEVER else "refused_for_now", why(error))
        except ProgramKilled as error:
            return Answer("unknown", f"{why(error)}; it is not known whether it sent the message")
        except Unreachable as error:  # it cannot be started
            return Answer("refused_for_now", why(error), reachable=False)
        return Answer("taken")

    async def _read(self, channel: "HardwareChannel") -> None:
        """Run `read` and report its output. Without `read`, report only that the hardware is reachable."""
        if self.options.read is None:
            channel.update()
            return
        printed = await self._run_program(self.options.read, {"HOUSE_DEVICE": self.device}, new_mark())
        try:
            output = parse(printed)
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            why = f"printed {last_line(printed)!r}, which is neither on nor off nor a JSON object: {error}"
            raise Unreachable(self.device, self.options.read[0], why) from error
        channel.update(**{**dict.fromkeys(MEASUREMENTS), **msgspec.to_builtins(output, enc_hook=enc_hook)})

    def _end_leftover(self) -> None:
        """End what is left of the program that ran when the last process of this device ended."""
        if left := ProgramRecord(self.device).end_leftover():
            pids = ", ".join(map(str, left))
            why = f"an earlier run of it does not end (PID {pids}), so no program is started"
            raise Unreachable(self.device, (self.options.on or self.options.send or ("",))[0], why)

    async def _run_program(self, program: Program, more: dict[str, str], mark: str) -> bytes:
        """Run a program and return its output; raises Unreachable if it cannot be started or fails."""
        name = program[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *program,
                env={**os.environ, **more, MARK: mark},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                preexec_fn=partial(die_with, os.getpid()),
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise Unreachable(self.device, name, f"cannot be started: {why}") from error
        readers = [asyncio.create_task(read_all(stream)) for stream in (process.stdout, process.stderr)]
        try:
            async with asyncio.timeout(self.options.timeout_seconds):
                printed, error_output = await asyncio.gather(*readers)
                status = await process.wait()
        except TimeoutError as error:
            why = f"took longer than {self.options.timeout_seconds:g} s, and was killed"
            raise ProgramKilled(self.device, name, why) from error
        except OverflowError as error:
            raise ProgramKilled(self.device, name, f"{error}, and was killed") from error
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # its session, with all its children
                end_marked(mark)  # a process in a session of its own would hold the pipes open
                # asyncio reports the end of a process only after its pipes are read to the end.
                await asyncio.gather(discard_rest(process.stdout), discard_rest(process.stderr))
                await process.wait()
        if status != 0:
            why = f"ended with status {status}" + (
                f": {last_line(error_output)}" if error_output.strip() else ""
            )
            raise ProgramFailed(self.device, name, why, status)
        return printed


def environment(device: str, setting: Setting) -> dict[str, str]:
    """Return the environment variables for a setting."""
    values = {key: value for key, value in msgspec.to_builtins(setting).items() if key != "message"}
    found = {f"HOUSE_{key.upper()}": f"{value}" for key, value in values.items() if value is not None}
    return {**found, "HOUSE_DEVICE": device, "HOUSE_ON": "1" if setting.on else "0"}


def message_environment(device: str, message: Message) -> dict[str, str]:
    """Return the environment variables for a message."""
    return {
        "HOUSE_DEVICE": device,
        "HOUSE_KEY": message.key,
        "HOUSE_TEXT": text_with_link(message),
        "HOUSE_ACKNOWLEDGE_URL": message.link or "",
        "HOUSE_TITLE": message.title or "",
        "HOUSE_URGENT": "1" if message.urgent else "0",
        "HOUSE_REPEAT": "1" if message.is_repeat else "0",
    }


def why(error: Unreachable) -> str:
    """Return the reason of an error without the names of the device and the program."""
    return str(error).partition(f"{error.address}: ")[2]


def parse(printed: bytes) -> ReadOutput:
    """Parse the output of `read`; raises ValueError or MsgspecError if the output is not valid."""
    text = printed.strip()
    if text.lower() in (b"on", b"off"):
        return ReadOutput(on=text.lower() == b"on")
    return convert(msgspec.json.decode(text), ReadOutput)


async def read_all(stream: asyncio.StreamReader | None) -> bytes:
    """Read a stream to its end; raises OverflowError after more than MAX_OUTPUT_BYTES."""
    found = bytearray()
    while stream and (chunk := await stream.read(MAX_OUTPUT_BYTES)):
        found += chunk
        if len(found) > MAX_OUTPUT_BYTES:
            raise OverflowError(f"printed more than {MAX_OUTPUT_BYTES} bytes")
    return bytes(found)


async def discard_rest(stream: asyncio.StreamReader | None) -> None:
    """Read a stream to its end, and discard the data."""
    while stream and await stream.read(MAX_OUTPUT_BYTES):
        pass


def last_line(printed: bytes) -> str:
    """Return the last printed line, shortened to the maximum length of a fault."""
    lines = printed.decode(errors="replace").strip().splitlines() or [""]
    last = str(printable(lines[-1]))
    return last if len(last) <= MAX_TEXT_LENGTH else last[: MAX_TEXT_LENGTH - 3] + "..."
