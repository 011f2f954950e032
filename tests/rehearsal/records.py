"""Records of a house, made by hand."""

from typing import Any

from daemons.config.house import House
from daemons.rehearsal.record import Held, Inferred, Record, RecordedChange
from tests.rehearsal.conftest import START

LENGTH_SECONDS = 3600.0


def made(device: str, seconds: float, what: str, **details: Any) -> Inferred:
    """Return an input that comes so many seconds after the beginning."""
    return Inferred(START + seconds, device, what, details)


def command(device: str, seconds: float, word: str, **args: Any) -> Inferred:
    """Return a command from the terminal."""
    id_ = f"{device}-{seconds:g}"
    return made(
        device, seconds, "command", command=word, args=args, id=id_, who="terminal", outcome="applied"
    )


def held(seconds: float = 7200.0, **state: Any) -> Held:
    """Return a state that a device has had for so many seconds at the beginning."""
    return Held(state, START - seconds)


def record_of(
    house: House,
    *inputs: Any,
    held: dict[str, Held] | None = None,
    changes: tuple[RecordedChange, ...] = (),
    configuration: str | None = None,
) -> Record:
    """Return a record of an hour."""
    return Record(
        since=START,
        until=START + LENGTH_SECONDS,
        begin=START,
        held=held or {},
        inputs=sorted(inputs, key=lambda one: one.at),
        changes=changes,
        configuration=configuration,
        kinds={name: str(house.table(name)["kind"]) for name in house.devices},
    )
