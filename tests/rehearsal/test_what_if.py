"""What an edited configuration changes, why, and what a replay cannot know."""

from collections.abc import Callable

import pytest

from daemons.config.house import House
from daemons.rehearsal.limits import PEOPLE, limits
from daemons.rehearsal.record import Inferred, RecordedChange
from daemons.rehearsal.what_if import WhatIf, what_if
from tests.rehearsal.conftest import MOTION, START
from tests.rehearsal.records import command, made, record_of

HouseOf = Callable[[str], House]
METERED = """
[house]
timezone = "Europe/Berlin"

[devices.fan]
kind = "plug"
driver = "simulated"
{more}

[devices.meter]
kind = "meter"
source = "fan"
price_per_kwh = 0.30
currency = "EUR"
"""
MORNING = MOTION.replace('do = "on"', 'between = ["06:30", "09:30"]\ndo = "on"')
"""The record begins at 09:00 local time."""
MOVED = (made("hall_motion", 10, "values", on=True), made("hall_motion", 600, "values", on=False))


def asked(house_of: HouseOf, old: str, new: str, *inputs: Inferred) -> WhatIf:
    """Replay inputs against two houses."""
    installed = house_of(old)
    return what_if(installed, house_of(new), record_of(installed, *inputs))


def told(found: WhatIf) -> list[tuple[str, list[str], list[str], str | None]]:
    """Return the differences in words."""
    return [
        (one.device, [turn.word for turn in each.before], [turn.word for turn in each.after], each.why)
        for one in found.changed
        for each in one.differences
    ]


def test_the_same_configuration_changes_nothing(house_of: HouseOf) -> None:
    """All devices do the same."""
    found = asked(house_of, MOTION, MOTION, *MOVED)
    assert (found.changed, found.same, found.new, found.removed) == ((), ("hall_motion", "hall_lamp"), (), ())


def test_a_rule_that_declines_says_why(house_of: HouseOf) -> None:
    """The reason is that of the rehearsed rule, and the device is on for no time."""
    found = asked(
        house_of, MOTION, MORNING.replace('"06:30"', '"05:30"').replace('"09:30"', '"06:00"'), *MOVED
    )
    (one,) = told(found)
    assert one[:3] == ("hall_lamp", ["on", "off"], [])
    assert one[3] is not None
    assert "is not between 05:30 and 06:00" in one[3]
    assert found.changed[0].seconds_on == (596.0, 0.0)
    assert found.same == ("hall_motion",)


def test_a_rule_that_was_edited_is_named(house_of: HouseOf) -> None:
    """The lamp goes off later, by its second rule."""
    (one,) = told(asked(house_of, MOTION, MOTION.replace('"6s"', '"60s"'), *MOVED))
    assert one[1:3] == (["off"], ["off"])
    assert one[3] is not None
    assert one[3].startswith("rule 2 (")
    assert one[3].endswith(") is new or was edited")


def test_a_rule_that_is_gone_is_named(house_of: HouseOf) -> None:
    """The lamp stays on."""
    without = MOTION.rpartition("[[devices.hall_lamp.when]]")[0]
    assert told(asked(house_of, MOTION, without, *MOVED)) == [
        ("hall_lamp", ["off"], [], "its rule 2 for hall_motion was edited or removed")
    ]


def test_a_time_limit_that_is_new_is_named(house_of: HouseOf) -> None:
    """The lamp goes off by off_after, and not by its rule."""
    edited = MOTION.replace("[devices.hall_lamp]", '[devices.hall_lamp]\noff_after = "1m"')
    assert told(asked(house_of, MOTION, edited, *MOVED)) == [
        ("hall_lamp", ["off"], ["off"], "off_after ends it")
    ]


def test_new_and_removed_devices_are_told(house_of: HouseOf) -> None:
    """A new device does something only by its rules."""
    new = MOTION.replace("hall_lamp", "desk_lamp")
    found = asked(house_of, MOTION, new, *MOVED, command("hall_lamp", 5, "off"))
    assert (found.new, found.removed) == (("desk_lamp",), ("hall_lamp",))
    assert [one.device for one in found.left_out] == ["hall_lamp"]
    deeds = {one[0]: one for one in told(found)}
    assert deeds["hall_lamp"] == ("hall_lamp", ["on", "off"], [], "the file has no such device")
    assert deeds["desk_lamp"][1:3] == ([], ["on", "off"])


def test_a_meter_tells_energy_and_money(house_of: HouseOf) -> None:
    """A plug of 100 W is on for half an hour, and for ten minutes with its time limit."""
    inputs = (command("fan", 10, "on"), command("fan", 1810, "off"))
    found = asked(house_of, METERED.format(more=""), METERED.format(more='off_after = "10m"'), *inputs)
    (meter,) = found.meters
    before, after = meter.kwh
    assert before is not None
    assert after is not None
    assert after == pytest.approx(before / 3, rel=0.02)
    assert meter.cost[1] == pytest.approx(after * 0.3, rel=0.02)
    assert meter.currency == "EUR"


def test_a_command_with_another_answer_is_told(house_of: HouseOf) -> None:
    """A flag has no command `toggle` that a lamp lacks: a number refuses a value above its limit."""
    number = '[devices.goal]\nkind = "number"\nmax = {}\n'
    found = asked(house_of, number.format(50.0), number.format(20.0), command("goal", 5, "set", value=30))
    (answer,) = found.answers
    assert (answer.before.outcome, answer.after.outcome) == ("applied", "rejected")
    assert answer.after.reason == "30 is above its highest value, 20"


def test_what_the_house_did_otherwise_than_its_rehearsal_is_told(house_of: HouseOf) -> None:
    """A lamp that was recorded as on, and is off in the replay with the same configuration."""
    house = house_of(MOTION)
    changes = (RecordedChange(START + 50, "hall_lamp", {"phase": "on", "status": True}),)
    found = what_if(house, house, record_of(house, changes=changes))
    assert [one.device for one in found.unlike_record] == ["hall_lamp"]
    assert found.changed == ()


def test_what_a_replay_cannot_know_is_told(house_of: HouseOf) -> None:
    """Each sentence is about this house and this record."""
    plain, warm = (
        house_of(MOTION),
        house_of(
            MOTION
            + """
[devices.heater]
kind = "heater"
driver = "simulated"
source = "hall_motion"
[[devices.heater.when]]
at = "06:30"
random_offset = "10m"
do = "on"
"""
        ),
    )
    assert limits(plain, plain, record_of(plain), "aa") == [PEOPLE]
    uncertain = Inferred(START + 5, "hall_motion", "values", {"temperature_celsius": 20.0}, is_uncertain=True)
    inputs = [
        uncertain,
        made("hall_lamp", 6, "gap", missing=3),
        made("hall_lamp", 6, "hand", on=True),
        *(made(name, 30, "process", life="restarting") for name in plain.devices),
        Inferred(START + 60, "", "configuration", {"digest": "aa"}),
        Inferred(START + 90, "", "clock", {"seconds": -3600.0}),
    ]
    texts = limits(plain, warm, record_of(plain, *inputs, configuration="bb"), "aa")
    for number, text in enumerate(
        (
            "People might have",
            "What hall_motion measured follows the record: a room gets neither warmer nor colder",
            "what hall_motion measured is known to the minute",
            "3 inputs of hall_lamp are not recorded: a process ended before. 1 of them follow",
            "All processes were started at Fri 15 Jan 09:00.",
            "The installed configuration is in force since Fri 15 Jan 09:01.",
            "heater is new in the file. It has no record",
            "Rules of heater have a random_offset",
            "The clock was set back by 1h at Fri 15 Jan 09:01",
        )
    ):
        assert text in texts[number]
    assert len(texts) == 9
