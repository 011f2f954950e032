"""The timer in a Kasa or Tapo device: a countdown (older devices), or auto-off (newer ones, by the minute).

A countdown has a name, so House knows its own. Auto-off has none, so House remembers what it set. What the
owner set in TP-Link's app is never changed. If it ends no later than House needs, it does the same work.
"""

from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

from daemons.drivers.tplink.definition import objects
from daemons.drivers.tplink.memory import AutoOff, MemoryFile
from daemons.drivers.tplink.status import part, remaining_seconds

Query = Callable[[dict[str, Any]], Awaitable[Any]]
"""Sends a request, and returns the reply."""

NAME = "House"
"""The name of our own countdown."""
NO_TIMER = "its own timer cannot be armed"
THEIR_COUNTDOWN = "its own timer cannot be armed: a timer of its app is in the way; delete it in the app"
THEIR_AUTO_OFF = (
    "its own timer cannot be armed: auto-off was set in its app, with a longer time; switch it off in the app"
)


async def arm_countdown(query: Query, seconds: float | None) -> str | None:
    """Arm our countdown of an older device, or delete it if `seconds` is None; return a fault, or None."""
    reply = part(await query({"count_down": {"get_rules": {}}}), "count_down", "get_rules")
    rules = objects(reply.get("rule_list"))
    own = next((rule.get("id") for rule in rules if rule.get("name") == NAME), None)
    if seconds is None:
        if own is not None:
            await query({"count_down": {"delete_rule": {"id": own}}})
        return None
    rule = {"enable": 1, "delay": ceil(seconds), "act": 0, "name": NAME}
    word, rule = ("add_rule", rule) if own is None else ("edit_rule", {**rule, "id": own})
    reply = part(await query({"count_down": {word: rule}}), "count_down", word)
    if reply.get("err_code") == 0:
        return None
    theirs = remaining_seconds(rules) if own is None else None
    if theirs is not None and theirs <= seconds:
        return None
    return THEIR_COUNTDOWN if rules and own is None else NO_TIMER


async def arm_auto_off(query: Query, file: MemoryFile, seconds: float | None, now: float) -> str | None:
    """Arm our auto-off of a newer device, or put back what was there; return a fault, or None."""
    ours = file.memory.auto_off
    if seconds is None and ours is None:
        return None
    config = part(await query({"get_auto_off_config": None}), "get_auto_off_config")
    is_on, minutes = bool(config.get("enable")), config.get("delay_min")
    is_ours = ours is not None and minutes == ours.minutes
    if not isinstance(minutes, int):
        return NO_TIMER
    if seconds is None:
        if is_on and is_ours and ours is not None:
            await query({"set_auto_off_config": {"enable": False, "delay_min": ours.before_minutes}})
        file.set_auto_off(None, now)
        return None
    wanted = ceil(seconds / 60)
    if is_on and not is_ours:
        return None if minutes <= wanted else THEIR_AUTO_OFF
    before = ours.before_minutes if is_ours and ours is not None else minutes
    file.set_auto_off(AutoOff(wanted, before), now)
    await query({"set_auto_off_config": {"enable": True, "delay_min": wanted}})
    return None
