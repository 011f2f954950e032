"""Reads what a replay needs from the history of a house."""

from collections.abc import Iterable
from typing import Any

import msgspec

from daemons import errors
from daemons.rehearsal.inferred import infer
from daemons.rehearsal.record import (
    Held,
    Record,
    RecordedChange,
    longest_wait,
    needed_measurements,
    values_of,
)
from daemons.storage.history import PATH
from daemons.storage.recorded_inputs import RecordedInput, configuration_at, read_inputs
from daemons.storage.recorded_range import RecordedRange, open_range

LONGEST_LEAD_SECONDS = 86400.0
"""How long before the range a replay begins at most."""
LEAST_LEAD_SECONDS = 60.0
"""How long before the range a replay begins at least, if the record goes back so far."""


def read_record(houses: Iterable[Any], since: float, until: float) -> Record:
    """Return the record of a range (Unix seconds). The first of the houses is the installed one.

    If outside inputs are recorded only since a later time, the range begins there. Raises HistoryError
    without a history, and without any record of inputs.
    """
    houses = list(houses)
    installed = houses[0]
    with open_range(PATH) as recorded:
        begins = recorded.begins()
        if begins is None:
            raise errors.HistoryError(
                "the history has no outside inputs yet (commands, presses, hands): an earlier version of the "
                "recorder did not keep them. They are recorded from the next `house restart recorder` on"
            )
        since = max(since, begins)
        lead = min(max(longest_wait(houses), LEAST_LEAD_SECONDS), LONGEST_LEAD_SECONDS)
        begin = max(begins, since - lead)
        found = {name: recorded.state_then(name, begin) for name in installed.devices}
        inputs = read_inputs(PATH, begin, until)
        changes = msgspec.convert([*recorded.changes(begin, until)], list[RecordedChange])
        values = minute_values(recorded, houses, inputs, begin, until)
        inferred = infer(changes, inputs, installed.devices, begin)
        return Record(
            since=since,
            until=until,
            begin=begin,
            held={name: Held(*then) for name, then in found.items() if then is not None},
            inputs=sorted([*inputs, *values, *inferred], key=lambda one: one.at),
            changes=changes,
            configuration=configuration_at(PATH, begin),
            kinds={name: str(installed.table(name)["kind"]) for name in installed.devices},
        )


def minute_values(
    recorded: RecordedRange, houses: list[Any], inputs: list[RecordedInput], begin: float, until: float
) -> list[Any]:
    """Return the values by which rules go and of which no exact ones are recorded."""
    exact: dict[tuple[str | None, str], list[float]] = {}
    for one in inputs:
        if one.what == "values":
            for field in one.details:
                exact.setdefault((one.device, field), []).append(one.at)
    return [
        value
        for device, field in sorted(needed_measurements(houses))
        for value in values_of(
            device, field, recorded.steps(device, field, begin, until), exact.get((device, field), ())
        )
    ]
