"""All rules of a device with what is known of them: when they acted last, and when they are due."""

import time
from typing import Any

from daemons.config.explanation import rule_places
from daemons.config.house import House
from daemons.config.rule import Rule, rule_key
from daemons.config.rule_text import rule_text
from daemons.config.sun import SunCalendar
from daemons.processes.device.memory import DeviceMemory
from daemons.processes.device.rule_decision import outside_schedule
from daemons.runtime.clock import Clock
from daemons.storage.declined import Declined, read_declined
from daemons.storage.journal import peek

MOST_MOMENTS = 1500
"""How many moments of a rule with a time are tried to find one that its other keys allow."""


def rule_list(house: House, name: str, wall: float) -> list[dict[str, Any]]:
    """Return the rules of a device, as docs/json.md describes them; `wall` is the present in Unix seconds.

    The memory of the device and its declined rules are read from the run directory. Its process may write
    them meanwhile, or may be down.
    """
    device, place = house.devices[name], rule_places(house)
    is_here = not house.roster.is_elsewhere(name)
    memory = peek(name, DeviceMemory) if device.rules and is_here else None
    declined = {line.rule: line for line in read_declined(name)} if is_here else {}
    calendar = house.calendar
    return [
        {
            "device": name,
            "number": number,
            "place": place(device, number - 1),
            "text": rule_text(rule),
            "made_by": rule.made_by,
            "is_known": is_here,
            "fired_at": None,
            "due_at": next_moment(rule, calendar, wall) if rule.is_timed else None,
            "declined": declined_json(declined.get(number)),
            **remembered(rule, memory),
        }
        for number, rule in enumerate(device.rules, 1)
    ]


def remembered(rule: Rule, memory: DeviceMemory | None) -> dict[str, float]:
    """Return what the memory of a device knows of a rule, in Unix seconds."""
    state = memory.rule_states.get(rule_key(rule)) if memory else None
    if state is None or memory is None:
        return {}
    clock = Clock(memory.anchor, memory.written_at)
    offset = time.time() - clock.now()
    found = {"fired_at": state.fired_at, "due_at": state.due_at}
    return {key: round(at + offset, 3) for key, at in found.items() if at is not None}


def next_moment(rule: Rule, calendar: SunCalendar, wall: float) -> float | None:
    """Return the next moment (Unix seconds) of a rule with a time; None if none comes soon."""
    at = wall
    for _ in range(MOST_MOMENTS):
        at = rule.schedule.next_moment(calendar, at)
        if outside_schedule(rule, at, calendar) is None:
            return at
    return None


def declined_json(line: Declined | None) -> dict[str, Any] | None:
    """Return when a rule looked last and did not act, and why."""
    return None if line is None else {"at": line.at, "reason": line.reason, "cause": line.cause}
