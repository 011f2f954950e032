"""Reads the outside inputs from the history: all that came to the house from outside, in its order."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from daemons.errors import DamagedHistory, HistoryError
from daemons.storage.history import ADVICE, HOUSE, NOTHING, snapshot

What = Literal["command", "press", "hand", "values", "hardware", "process", "clock", "configuration", "gap"]
INPUTS = (
    "SELECT at, name, what, details FROM device JOIN input ON device.id = device "
    "WHERE at >= :since AND at < :until ORDER BY at, input.id"
)
PROCESSES = (
    "SELECT at, name, life, pid, reason FROM device JOIN process ON device.id = device "
    "WHERE at >= :since AND at < :until ORDER BY at"
)
CONFIGURATION = (
    "SELECT details FROM input WHERE device = (SELECT id FROM device WHERE name = ?) "
    "AND what = 'configuration' AND at <= ? ORDER BY at DESC, id DESC LIMIT 1"
)


class RecordedInput(NamedTuple):
    """Something that came from outside.

    `details` depends on `what`:

    - command: "id", "command" (the word), "args" and "outcome", as in the command and its receipt. "who" and
      "reason" if they are known. "left_out" has the length of each argument that is not recorded;
    - press: "touch", and the "id" of the press;
    - hand: "on", and what else the hardware reports of its setting, such as "brightness_percent";
    - values: the values of the sensor that changed, by the name of the field; "on" for a detector. They are
      recorded again after a restart of their process;
    - hardware: "reachable", and the "fault" if it is lost;
    - process: "life", and "pid" and "reason" if they are known;
    - clock: "seconds", by which the wall clock was set forward (or back, if negative);
    - configuration: "digest" of the configuration that is in force from then on;
    - gap: "missing", how many inputs of the device before this moment are not recorded.
    """

    at: float
    """When it came, in Unix seconds. For a step of the clock, the time that it showed before."""
    device: str | None
    """The device that it came to; None for the whole house."""
    what: What
    details: dict[str, Any]


def read_inputs(path: Path, since: float, until: float) -> list[RecordedInput]:
    """Return the inputs from `since` to `until` (Unix seconds, without `until` itself), in their order.

    Raises HistoryError if there is no history, or if it cannot be read.
    """
    if not path.exists():
        raise HistoryError(NOTHING)
    times = {"since": since, "until": until}
    try:
        with snapshot(path) as db:
            found = [
                RecordedInput(at, None if name == HOUSE else name, what, msgspec.json.decode(details))
                for at, name, what, details in db.execute(INPUTS, times)
            ]
            for at, name, *about in db.execute(PROCESSES, times):
                details = dict(zip(("life", "pid", "reason"), about, strict=True))
                known = {key: value for key, value in details.items() if value is not None}
                found.append(RecordedInput(at, name, "process", known))
    except DamagedHistory as error:
        raise DamagedHistory(f"{error}; {ADVICE}") from error
    return sorted(found, key=lambda input_: input_.at)


def configuration_at(path: Path, at: float) -> str | None:
    """Return the digest of the configuration that was in force at a time (Unix seconds); None: not known.

    Raises HistoryError if there is no history, or if it cannot be read.
    """
    if not path.exists():
        raise HistoryError(NOTHING)
    with snapshot(path) as db:
        row = db.execute(CONFIGURATION, (HOUSE, at)).fetchone()
    return None if row is None else str(msgspec.json.decode(row[0])["digest"])
