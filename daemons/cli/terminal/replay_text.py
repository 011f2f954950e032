"""A replay in words: what would have been different, what is the same, and what is not known."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from daemons.cli.terminal.plot import day, length
from daemons.rehearsal.comparison import Turn
from daemons.rehearsal.what_if import DeviceDifferences, Difference, MeterDifference, WhatIf

MOST_DEVICES, MOST_DIFFERENCES, MOST_TURNS, MOST_LEFT_OUT = 15, 4, 4, 5
"""How many devices, differences of a device, turns of a difference, and other lines are printed."""
SHORT_SECONDS = 7200.0
"""In a shorter range, times have seconds."""
NOUNS = {
    "command": "command",
    "press": "press",
    "hand": "hand",
    "values": "value",
    "hardware": "change of hardware",
    "process": "change of a process",
    "clock": "clock step",
}
"""What came from outside, in words."""


def replay_lines(
    found: WhatIf, inputs: Mapping[str, int], unknown: Sequence[str], file: str, zone: tzinfo
) -> Iterator[str]:
    """Yield the lines of a replay. `inputs` has how many inputs of each sort were played."""
    counts = ", ".join(plural(number, NOUNS[what]) for what, number in inputs.items() if what in NOUNS)
    yield f"{day(found.since, zone)} to {day(found.until, zone)}: {counts or 'nothing'} from outside,"
    yield f"played against {file}, and against the installed copy (installed → edited):"
    yield ""
    clock = "%H:%M:%S" if found.until - found.since < SHORT_SECONDS else "%H:%M"
    for one in found.changed[:MOST_DEVICES]:
        yield from device_lines(one, clock, zone)
    yield from more(len(found.changed) - MOST_DEVICES, "device")
    for meter in found.meters:
        yield from meter_lines(meter)
    for answer in found.answers[:MOST_LEFT_OUT]:
        before, after = answer.before, answer.after
        reason = f": {after.reason}" if after.reason else ""
        yield (
            f"{after.device}: command {after.command} {moment(after.at, zone)}: {before.outcome} → "
            f"{after.outcome}{reason}"
        )
    yield from more(len(found.answers) - MOST_LEFT_OUT, "command")
    for left in found.left_out[:MOST_LEFT_OUT]:
        yield f"{left.device}: left out, {left.what} {moment(left.at, zone)}: {left.why}"
    yield from more(len(found.left_out) - MOST_LEFT_OUT, "input")
    for name in found.removed:
        yield f"{name}: not in the file any more"
    yield f"{plural(len(found.same), 'device')} do{'es' * (len(found.same) == 1)} the same."
    yield ""
    yield "What this cannot know:"
    yield from (f"- {text}" for text in unknown)
    yield from unlike_lines(found, clock, zone)


def device_lines(found: DeviceDifferences, clock: str, zone: tzinfo) -> Iterator[str]:
    """Yield what one device does otherwise: for how long it is on, and each difference."""
    before, after = found.seconds_on
    if round(before) != round(after):
        yield f"{found.device}: on for {lasting(before)} → {lasting(after)}"
    else:
        yield f"{found.device}:"
    for one in found.differences[:MOST_DIFFERENCES]:
        yield f"  {difference_line(one, clock, zone)}"
    if (left := len(found.differences) - MOST_DIFFERENCES) > 0:
        yield f"  and {left} more"


def difference_line(one: Difference, clock: str, zone: tzinfo) -> str:
    """Return one difference in a line."""
    why = f", because {one.why}" if one.why else ""
    before, after = turns_text(one.before, clock, zone), turns_text(one.after, clock, zone)
    return f"{datetime.fromtimestamp(one.at, zone):%a %d %b}  {before} → {after}{why}"


def turns_text(turns: Sequence[Turn], clock: str, zone: tzinfo) -> str:
    """Return what a device began to show, with the times."""
    texts = [f"{turn.word} {datetime.fromtimestamp(turn.at, zone):{clock}}" for turn in turns]
    shown = ", ".join(texts[:MOST_TURNS])
    return shown + (f" and {len(texts) - MOST_TURNS} more" if len(texts) > MOST_TURNS else "") or "nothing"


def meter_lines(meter: MeterDifference) -> Iterator[str]:
    """Yield what a meter counts, if that differs."""
    parts = [
        f"{amount(values[0], unit)} → {amount(values[1], unit)}"
        for values, unit in ((meter.kwh, "kWh"), (meter.cost, meter.currency or ""))
        if any(value is not None for value in values)
    ]
    if meter.kwh[0] != meter.kwh[1] or meter.cost[0] != meter.cost[1]:
        yield f"{meter.device}: {', '.join(parts)}"


def unlike_lines(found: WhatIf, clock: str, zone: tzinfo) -> Iterator[str]:
    """Yield where the house did otherwise than its rehearsal with the same configuration."""
    if not found.unlike_record:
        yield "- With the installed configuration, the replay does what the house did."
        return
    number = sum(len(one.differences) for one in found.unlike_record)
    times = "once" if number == 1 else f"{number} times"
    yield (
        f"- With the installed configuration, the replay does otherwise than the house did {times} "
        "(house → replay):"
    )
    shown = [(one, difference) for one in found.unlike_record for difference in one.differences]
    for one, difference in shown[:MOST_DIFFERENCES]:
        yield f"    {one.device}: {difference_line(difference, clock, zone)}"
    if len(shown) > MOST_DIFFERENCES:
        yield f"    and {len(shown) - MOST_DIFFERENCES} more"


def lasting(seconds: float) -> str:
    """Return how long something was on."""
    return "no time" if seconds < 0.05 else length(seconds)  # noqa: PLR2004  it is printed as 0.0 s


def amount(value: float | None, unit: str) -> str:
    """Return an amount with its unit."""
    return "not known" if value is None else f"{value:.2f} {unit}".strip()


def moment(at: float, zone: tzinfo) -> str:
    """Return a time within a line."""
    return f"at {datetime.fromtimestamp(at, zone):%a %d %b %H:%M:%S}"


def plural(number: int, noun: str) -> str:
    """Return a number with its noun."""
    if number == 1:
        return f"1 {noun}"
    first, _, rest = noun.partition(" ")
    many = f"{first}es" if first.endswith("s") else f"{first}s"
    return " ".join(filter(None, [str(number), many, rest]))


def more(number: int, noun: str) -> Iterator[str]:
    """Yield how many more there are."""
    if number > 0:
        yield f"and {plural(number, f'more {noun}')}" if number == 1 else f"and {number} more {noun}s"
