"""Measure how many days a rehearsal plays in a second of processor time: `python -m bench.days`."""

import random
import time
from datetime import datetime, timedelta
from pathlib import Path

from daemons.config.house import House, load_house
from daemons.rehearsal.player import play
from daemons.rehearsal.random_events import find_limits, random_event
from daemons.rehearsal.story import Moment, StartMoment, Step, Story

PROJECT = Path(__file__).parent.parent
SECONDS = 10.0
"""How long each house is measured, in processor time."""
BEGIN = datetime(2026, 11, 26)  # noqa: DTZ001  it is a local time of the house
ROOM = """
[devices.motion_{number}]
kind = "sensor"
driver = "simulated"
detects = "motion"

[devices.hall_lamp_{number}]
kind = "lamp"
driver = "simulated"

[[devices.hall_lamp_{number}.when]]
device = "motion_{number}"
turns = {{ phase = "motion" }}
do = "on"

[[devices.hall_lamp_{number}.when]]
device = "motion_{number}"
turns = {{ phase = "clear" }}
for = "5m"
do = "off"

[devices.switch_{number}]
kind = "light_switch"
driver = "simulated"

[devices.lamp_{number}]
kind = "lamp"
driver = "simulated"

[[devices.lamp_{number}.when]]
device = "switch_{number}"
turns = {{ status = true }}
do = "on"

[[devices.lamp_{number}.when]]
device = "switch_{number}"
turns = {{ status = false }}
do = "off"
"""


def breakfast() -> Story:
    """Return thirty days of the breakfast house, with two presses each morning."""
    return Story(
        title="breakfast",
        from_=StartMoment(f"{BEGIN:%Y-%m-%d %H:%M}"),
        until=StartMoment(f"{BEGIN + timedelta(days=30):%Y-%m-%d %H:%M}"),
        do=tuple(Step(at=Moment(at), device="bathroom_light", press="single") for at in ("06:30", "06:50")),
    )


def lively_day(house: House, events: int) -> Story:
    """Return a day on which so many random events happen to all devices of a house."""
    chance, limits = random.Random(1), find_limits(house, ())  # noqa: S311  it must be repeatable
    devices = [device for device in house.devices.values() if device.kind.role == "device"]
    steps = list[Step]()
    for seconds in sorted(chance.randrange(86_400) for _ in range(events)):
        device = chance.choice(devices)
        at = Moment(f"{BEGIN + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}")
        event = random_event(device, limits, chance, is_touched=True)
        steps.append(Step(at=at, device=device.name, **event))
    return Story(
        title="a lively day",
        from_=StartMoment(f"{BEGIN:%Y-%m-%d %H:%M}"),
        until=StartMoment(f"{BEGIN + timedelta(days=1):%Y-%m-%d %H:%M}"),
        do=tuple(steps),
    )


def measure(title: str, house: House, story: Story, days: int) -> None:
    """Play a story again and again; print the days and the changes."""
    played, changes, began = 0, 0, time.process_time()
    while (seconds := time.process_time() - began) < SECONDS:
        changes += len(play(story, house, ()).changes)
        played += days
    print(
        f"{title}: {len(house.devices)} devices, {changes / played:.0f} changes a day, "
        f"{played / seconds:.1f} days a second"
    )


def main() -> None:
    """Measure three houses."""
    measure("the breakfast house", load_house(PROJECT / "config" / "house.toml"), breakfast(), 30)
    flat = load_house(PROJECT / "tests" / "rehearsal" / "houses" / "large_flat.toml")
    measure("a large flat", flat, lively_day(flat, 150), 1)
    rooms = load_house(Path("rooms.toml"), "".join(ROOM.format(number=number) for number in range(25)))
    measure("a hundred devices", rooms, lively_day(rooms, 400), 1)


if __name__ == "__main__":
    main()
