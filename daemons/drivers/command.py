"""A person's own programs for on, off and read: the way to whatever no other driver reaches.

A program is started directly, without a shell, in the run directory. What is asked of it stands
in its environment: HOUSE_DEVICE, HOUSE_ON (1 or 0), and where they are asked HOUSE_BRIGHTNESS_PERCENT,
HOUSE_COLOUR_TEMPERATURE_KELVIN, HOUSE_DIRECTION and HOUSE_OFF_AFTER_SECONDS. Exit status 0 says that
it was done. `read` prints on, off, or a JSON object with fields of `Told`; without it, what was last
done is taken for what is. A program that takes longer than `timeout` is killed, with what it started.
"""

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct, field

from daemons.drivers import Remote
from daemons.errors import Unreachable
from daemons.kinds import Ability, Direction, Setting
from daemons.values import Seconds, printable

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

Program = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=1)]
"""The program and its arguments."""
Percent = Annotated[int, Meta(ge=0, le=100)]
MAX_OUTPUT_BYTES = 64 * 1024
"""How much a program may print."""
MAX_TEXT_LENGTH = 200
"""How many characters of a complaint are told."""


class Options(Struct, frozen=True, kw_only=True):
    """What can be set."""

    on: Program
    """The program that switches on, and its arguments."""
    off: Program
    """The program that switches off, and its arguments."""
    read: Program | None = None
    """The program that prints the present state, and its arguments. Without it, the last command counts as
    the state."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(10))
    """How long a program may take, longer than `"0s"`. After that it is killed, with all processes it
    started."""
    poll_seconds: Seconds = field(name="poll", default=Seconds(10))
    """How often `read` runs, `"100ms"` or longer."""

    def __post_init__(self) -> None:
        """Refuse a program that may take no time, and reading without pause."""
        if self.timeout_seconds <= 0 or self.poll_seconds < 0.1:  # noqa: PLR2004
            raise ValueError("timeout must be longer than 0s, and poll 100ms or longer")


class ReadOutput(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `read` may print, as JSON."""

    on: bool | None = None
    power_watts: float | None = None
    energy_watt_hours: float | None = None
    brightness_percent: Percent | None = None
    colour_temperature_kelvin: int | None = None
    direction: Direction | None = None
    position_percent: Percent | None = None
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: Percent | None = None
    fault: Annotated[str, Meta(max_length=MAX_TEXT_LENGTH)] | None = None


class Command(Remote[Options]):
    """A person's own programs for on, off and read: the way to whatever no other driver reaches."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "tint", "move", "sense"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Read now and then, and run the program for each wish."""
        await self._read(channel)
        while True:
            setting = None
            with suppress(TimeoutError):
                setting = await asyncio.wait_for(channel.next_setting(), self.options.poll_seconds)
            if setting is not None:
                program = self.options.on if setting.on else self.options.off
                await self._run_program(program, environment(self.device, setting))
                if self.options.read is None:
                    channel.update(on=setting.on)
                    continue
            await self._read(channel)

    async def _read(self, channel: "HardwareChannel") -> None:
        """Ask the program what is; without one it can be reached, and more is not known."""
        if self.options.read is None:
            channel.update()
            return
        printed = await self._run_program(self.options.read, {"HOUSE_DEVICE": self.device})
        try:
            output = parse(printed)
        except (ValueError, msgspec.MsgspecError) as error:
            why = f"printed {last_line(printed)!r}, which is neither on nor off nor a JSON object: {error}"
            raise Unreachable(self.device, self.options.read[0], why) from error
        channel.update(**msgspec.to_builtins(output))

    async def _run_program(self, program: Program, more: dict[str, str]) -> bytes:
        """Run a program to its end, and give what it printed; Unreachable when it cannot be run, or fails."""
        name = program[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *program,
                env={**os.environ, **more},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise Unreachable(self.device, name, f"cannot be started: {why}") from error
        streams = [asyncio.create_task(read_all(stream)) for stream in (process.stdout, process.stderr)]
        try:
            async with asyncio.timeout(self.options.timeout_seconds):
                printed, error_output = await asyncio.gather(*streams)
                status = await process.wait()
        except TimeoutError as error:
            why = f"took longer than {self.options.timeout_seconds:g} s, and was killed"
            raise Unreachable(self.device, name, why) from error
        except OverflowError as error:
            raise Unreachable(self.device, name, f"{error}, and was killed") from error
        finally:
            for reading in streams:
                reading.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # it leads a session, so this is all of it
                # asyncio counts it as ended once its pipes are read to their end.
                await asyncio.gather(discard_rest(process.stdout), discard_rest(process.stderr))
                await process.wait()
        if status != 0:
            why = f"ended with status {status}" + (
                f": {last_line(error_output)}" if error_output.strip() else ""
            )
            raise Unreachable(self.device, name, why)
        return printed


def environment(device: str, setting: Setting) -> dict[str, str]:
    """Return the environment of a program."""
    values = msgspec.to_builtins(setting)
    found = {f"HOUSE_{key.upper()}": f"{value}" for key, value in values.items() if value is not None}
    return {**found, "HOUSE_DEVICE": device, "HOUSE_ON": "1" if setting.on else "0"}


def parse(printed: bytes) -> ReadOutput:
    """Read what `read` printed; ValueError or MsgspecError when it is none of what it may print."""
    word = printed.strip()
    if word.lower() in (b"on", b"off"):
        return ReadOutput(on=word.lower() == b"on")
    return msgspec.json.decode(word, type=ReadOutput)


async def read_all(stream: asyncio.StreamReader | None) -> bytes:
    """Read a stream to its end; OverflowError when that is too far."""
    found = bytearray()
    while stream and (chunk := await stream.read(MAX_OUTPUT_BYTES)):
        found += chunk
        if len(found) > MAX_OUTPUT_BYTES:
            raise OverflowError(f"printed more than {MAX_OUTPUT_BYTES} bytes")
    return bytes(found)


async def discard_rest(stream: asyncio.StreamReader | None) -> None:
    """Read away what is left of a stream."""
    while stream and await stream.read(MAX_OUTPUT_BYTES):
        pass


def last_line(printed: bytes) -> str:
    """Return the last printed line, cut for a fault."""
    lines = printed.decode(errors="replace").strip().splitlines() or [""]
    last = str(printable(lines[-1]))
    return last if len(last) <= MAX_TEXT_LENGTH else last[: MAX_TEXT_LENGTH - 3] + "..."
