"""The program that lists the rules of a device for the page.

It reads the whole configuration, which the mirror never loads. Its argument is a RulesQuery as JSON, and its
working directory is the run directory. Its output is a RulesDocument as JSON. The exit status is NO_HISTORY
if it cannot be made; then the error output says why.
"""

import os
import sys
import time

import msgspec
from msgspec.structs import replace

from daemons.config.house import House
from daemons.config.rule import Rule
from daemons.config.rule_names import Titles
from daemons.errors import HouseError
from daemons.processes.mirror.page.history_reader import RulesQuery
from daemons.processes.mirror.page.schemas import RulesDocument
from daemons.storage.history_program import NICE
from daemons.storage.history_query import NO_HISTORY
from daemons.supervision.install import installed_house
from daemons.supervision.rule_list import rule_list


def main() -> None:
    """Read, and write the answer."""
    query = msgspec.json.decode(sys.argv[1], type=RulesQuery)
    os.nice(NICE)
    try:
        document = list_rules(installed_house(), query, time.time())
    except HouseError as error:
        sys.stderr.write(str(error))
        sys.exit(NO_HISTORY)
    sys.stdout.buffer.write(msgspec.json.encode(document))


def list_rules(house: House, query: RulesQuery, wall: float) -> RulesDocument:
    """Return the rules of a device that a person may read, without their places for a restricted person."""
    if query.name not in house.devices:  # the configuration was reloaded a moment ago
        return RulesDocument(device=query.name, rules=(), hidden=0)
    listed = rule_list(house, query.name, wall, Titles(house))
    if query.visible is None:
        return RulesDocument(device=query.name, rules=tuple(listed), hidden=0)
    rules = house.devices[query.name].rules
    shown = [
        replace(found, place=None)
        for found, rule in zip(listed, rules, strict=True)
        if named_devices(rule) <= {*query.visible}
    ]
    return RulesDocument(device=query.name, rules=tuple(shown), hidden=len(listed) - len(shown))


def named_devices(rule: Rule) -> set[str]:
    """Return the devices, processes and senders that the words of a rule can name."""
    conditions = [condition for _, condition in rule.conditions()]
    senders = [origin.partition(":")[2] for condition in conditions for origin in condition.origins]
    named = [rule.device, rule.process, rule.made_by, *senders, *(one.device for one in conditions)]
    return {name for name in named if name}


if __name__ == "__main__":
    main()
