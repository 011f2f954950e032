"""All rules of a device with what is known of them: when they acted last, and when they are due."""

import time

from daemons.config.explained import LastDeclined, ListedRule
from daemons.config.explanation import rule_places
from daemons.config.house import House
from daemons.config.rule import Rule, rule_key
from daemons.config.rule_names import Names
from daemons.config.rule_phrase import conditions_phrase, rule_phrase
from daemons.config.rule_schedule import next_moment
from daemons.config.rule_text import text_of
from daemons.runtime.clock import Clock
from daemons.storage.declined import Declined, read_declined
from daemons.storage.journal import peek
from daemons.supervision.begun import RuleMemory


def rule_list(house: House, name: str, wall: float, named: Names | None = None) -> list[ListedRule]:
    """Return the rules of a device; `wall` is the present in Unix seconds.

    `named` returns the words for a device in the text of a rule.

    The memory of the device and its declined rules are read from the run directory. Its process may write
    them meanwhile, or may be down.
    """
    device, place = house.devices[name], rule_places(house)
    is_here = not house.roster.is_elsewhere(name)
    memory = peek(name, RuleMemory) if device.rules and is_here else None
    declined = {line.rule: line for line in read_declined(name)} if is_here else {}
    calendar = house.calendar
    words = named or Names(house)
    found = []
    for number, rule in enumerate(device.rules, 1):
        fired_at, due_at = remembered(rule, memory)
        phrase = rule_phrase(rule, words)
        listed = ListedRule(
            device=name,
            number=number,
            place=place(device, number - 1),
            text=text_of(phrase),
            phrase=phrase,
            made_by=rule.made_by,
            is_known=is_here,
            fired_at=fired_at,
            due_at=next_moment(rule, calendar, wall) if due_at is None and rule.is_timed else due_at,
            declined=last_declined(declined.get(number), rule, words),
        )
        found.append(listed)
    return found


def remembered(rule: Rule, memory: RuleMemory | None) -> tuple[float | None, float | None]:
    """Return when a rule acted last and when it is due, in Unix seconds, as its device remembers it."""
    state = memory.marks.get(rule_key(rule)) if memory else None
    if state is None or memory is None:
        return None, None
    offset = time.time() - Clock(memory.anchor, memory.at).now()
    fired_at, due_at = (None if at is None else round(at + offset, 3) for at in (state.fired, state.due))
    return fired_at, due_at


def last_declined(line: Declined | None, rule: Rule, named: Names) -> LastDeclined | None:
    """Return when a rule looked last and did not act."""
    if line is None:
        return None
    return LastDeclined(
        at=line.at,
        reason=line.reason,
        cause=line.cause,
        code=line.code,
        values=line.values,
        conditions=conditions_phrase(rule, line.values.get("conditions"), named),
    )
