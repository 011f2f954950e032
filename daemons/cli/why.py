"""Verbs that explain a house: why, rules."""

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from typing import Any

import click
import msgspec

from daemons import errors
from daemons.cli.context import Context, house_timezone, json_option, quiet_exit
from daemons.values import format_toml, printable

HEAR_SECONDS = 2.0
"""How long the devices may take to publish their states, when there is no history."""
DEED_TEXTS = {
    "press": "{title} was pressed",
    "hand": "{title} was switched by hand",
    "command": "Command {who} to {title}",
    "sensor": "{title}: {change}",
    "limit": "{title} reached its {who}",
    "restart": "The process of {title} started",
    "program": "{title} reported {change}",
    "clock": "The clock",
    "rule": "A report about the process {who}",
}
"""How a chain begins, by the reason of its first change."""


@click.command()
@click.argument("name")
@click.option(
    "--at",
    default=None,
    metavar="WHEN",
    help='Explain the change before this time: how long ago ("90s", "2h"), or a date and time.',
)
@click.option(
    "--not",
    "is_not",
    is_flag=True,
    help="Show why rules of the device looked and did not act, the last times.",
)
@json_option
@click.pass_obj
def why(context: Context, name: str, at: str | None, is_not: bool, as_json: bool) -> None:
    """Explain the last change of a device: the chain from its beginning, with the rules.

    It reads the history, also when the house is down. Without a history it asks the devices, which know
    their latest changes.
    """
    from daemons.config.explanation import Explainer
    from daemons.storage import history as history_file

    house = installed_house(context)
    context.select_names(house.roster, (name,))
    zone, now = house_timezone(house.roster), time.time()
    if is_not:
        show_declined(house, name, zone, as_json)
        return
    try:
        until = now if at is None else history_file.parse_time(at, zone, now)
    except ValueError as error:
        raise click.UsageError(f"--at: {error}") from error
    with past_changes(house) as past:
        found = Explainer(house, past).explain(name, until)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
        return
    if found is None:
        raise errors.HistoryError(f"no change of {name} is known")
    with quiet_exit():
        for line in explanation_lines(found, zone):
            click.echo(printable(line))


def installed_house(context: Context) -> Any:
    """Enter the run directory and return the installed house; before the first `up`, the one of the file."""
    from daemons.storage.installed import INSTALLED
    from daemons.supervision import install

    context.enter_run_directory()
    return install.installed_house() if INSTALLED.exists() else context.load_house()


@contextmanager
def past_changes(house: Any) -> Iterator[Any]:
    """Yield the past of the house: from the history, or from the devices if the recorder is off."""
    from daemons.bus.message import RECORDER
    from daemons.config.explanation import HeardPast, RecordedPast
    from daemons.storage import history as history_file
    from daemons.storage.recorded_changes import open_changes

    if RECORDER in house.roster.services or history_file.PATH.exists():
        with open_changes(history_file.PATH) as recorded:
            yield RecordedPast(recorded)
    else:
        states = hear_states(list(house.devices))
        if not states:
            raise errors.HistoryError("this house keeps no history, and no device answers; is the house up?")
        yield HeardPast(states)


def hear_states(names: list[str]) -> list[Any]:
    """Return the present state of each device that answers."""
    import zmq

    from daemons.bus.message import State
    from daemons.bus.sockets import Subscriber

    zmq_context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    subscriber = Subscriber(zmq_context, names, logging.getLogger("house"))
    states: dict[str, State] = {}
    try:
        for messages in subscriber.receive_until(time.monotonic() + HEAR_SECONDS):
            states |= {message.device: message for message in messages if isinstance(message, State)}
            if states.keys() >= set(names):
                break
    finally:
        zmq_context.destroy()
    return list(states.values())


def explanation_lines(found: Any, zone: tzinfo) -> Iterator[str]:
    """Yield the lines of an explanation: the chain in one line, then each step with its rule."""
    from daemons.cli.terminal.plot import when

    steps = found.steps
    last = steps[-1].at
    yield " → ".join(chain_parts(found, zone))
    for number, step in enumerate(steps, 1):
        yield ""
        yield f"{number}. {when(step.at, 0 if number == 1 else last, zone)}  {step.title}: {step.change}"
        yield f"   {reason_line(step)}"
        if step.rule:
            yield f"   {step.rule.text}"
            for condition in step.rule.conditions:
                yield f"   {condition_line(condition, step.at, zone)}"
        for at, text in step.later:
            yield f"   then {text} at {when(at, last, zone)}"


def chain_parts(found: Any, zone: tzinfo) -> Iterator[str]:
    """Yield the parts of the chain, from its beginning."""
    from daemons.cli.terminal.plot import when

    last = found.steps[-1].at
    first = found.steps[0]
    if first.missing and first.origin:
        origin = first.origin
        begun = f" of {origin.device}" if origin.device else ""
        yield f"a {origin.by}{begun} at {when(origin.at, last, zone)}, then steps that are not known"
    elif first.reason is None:
        yield f"{first.title}: {shown(first)} at {when(first.at, last, zone)}, for a reason that is not known"
        if len(found.steps) == 1:
            return
    for index, step in enumerate(found.steps):
        reason = step.reason
        if index == 0 and not step.missing and reason:
            moment = reason.at if reason.by == "clock" and reason.at else step.at
            who = f"by {reason.who}" if reason.by == "command" and reason.who else reason.who or ""
            deed = DEED_TEXTS[reason.by].format(title=step.title, who=who, change=shown(step))
            yield f"{' '.join(deed.split())} at {when(moment, last, zone)}"
            if reason.by == "sensor" and len(found.steps) > 1:
                continue
        if reason and reason.by in ("rule", "clock"):
            yield rule_name(step)
        if reason:
            yield shown(step) if index + 1 == len(found.steps) else f"{step.title} {shown(step)}"


def shown(step: Any) -> str:
    """Return what a step ended with: its change, or the latest one that followed from it."""
    return str(step.later[-1][1] if step.later else step.change)


def rule_name(step: Any) -> str:
    """Return the name of the rule of a step, with its file and line."""
    reason, rule = step.reason, step.rule
    if rule is None:
        number = f"rule {reason.rule}" if reason.rule else "a daily time"
        changed = ", which the configuration no longer has" if reason.rule else ""
        return f"{number} of {step.title}{changed}"
    made_by = f" made by {rule.made_by}" if rule.made_by else ""
    return f"rule {rule.number} of {step.title}{made_by} ({rule.place})"


def reason_line(step: Any) -> str:
    """Return the reason of a step in a line."""
    reason = step.reason
    if reason is None:
        return "the reason is not known"
    if reason.by in ("rule", "clock"):
        return f"by {rule_name(step)}"
    return f"by {reason.by}{f' ({reason.who})' if reason.who else ''}"


def condition_line(condition: Any, at: float, zone: tzinfo) -> str:
    """Return a condition with the values that it had."""
    from daemons.cli.terminal.plot import when

    word = {True: "met", False: "not met", None: "not known"}[condition.met]
    values = ", ".join(f"{name} was {format_toml(value)}" for name, value in condition.values.items())
    since = f" since {when(condition.since, at, zone)}" if condition.since is not None else ""
    return f"condition {condition.text}: {word}" + (f" ({values}{since})" if values else "")


MOST_DECLINED = 20
"""How many declined decisions `why --not` shows."""


def show_declined(house: Any, name: str, zone: tzinfo, as_json: bool) -> None:
    """Print why rules of a device did not act, oldest first."""
    from daemons.cli.terminal.plot import day
    from daemons.config.explanation import declined_rules

    check_is_here(house, name)
    found = declined_rules(house, name, MOST_DECLINED)
    if as_json:
        document = msgspec.json.encode({"device": name, "declined": found})
        click.echo(msgspec.json.format(document, indent=2))
        return
    if not found:
        click.echo(f"No rule of {name} has looked and not acted.")
    for one in found:
        where = f"rule {one.rule}" if one.rule is not None else "a daily time"
        where += f" ({one.place})" if one.place else ""
        click.echo(printable(f"{day(one.at, zone)}  {where}: {one.reason}"))


def check_is_here(house: Any, name: str) -> None:
    """Raise UsageError for a device whose process runs on another host, or that has none."""
    if house.roster.is_elsewhere(name):
        host = house.roster.peers[name].host
        where = f"on the host {host}" if house.roster.is_distant(name) else "as a program of your own"
        raise click.UsageError(f"{name} runs {where}; this host does not have its rules' decisions")


@click.command()
@click.argument("names", nargs=-1)
@json_option
@click.pass_obj
def rules(context: Context, names: tuple[str, ...], as_json: bool) -> None:
    """Show all rules in words: where they stand, when they acted or declined last, and when they are due."""
    from daemons.supervision.rule_list import rule_list

    house = installed_house(context)
    selected = context.select_names(house.roster, names)
    found = [entry for name in selected for entry in rule_list(house, name, time.time())]
    entries: list[dict[str, Any]] = msgspec.to_builtins(found)
    if as_json:
        click.echo(json.dumps(entries, indent=2))
        return
    zone = house_timezone(house.roster)
    with quiet_exit():
        for line in rule_lines(entries, zone):
            click.echo(printable(line))


def rule_lines(entries: list[dict[str, Any]], zone: tzinfo) -> Iterator[str]:
    """Yield the lines of some rules."""
    from daemons.cli.terminal.plot import day

    if not entries:
        yield "There are no rules."
    for number, entry in enumerate(entries):
        if number and entries[number - 1]["device"] != entry["device"]:
            yield ""
        made_by = f", made by {entry['made_by']}" if entry["made_by"] else ""
        yield f"{entry['device']} rule {entry['number']} ({entry['place']}{made_by})"
        yield f"  {entry['text']}"
        texts = [f"acted {day(entry['fired_at'], zone)}" if entry["fired_at"] else "has not acted"]
        if declined := entry["declined"]:
            texts.append(f"declined {day(declined['at'], zone)}: {declined['reason']}")
        if entry["due_at"]:
            texts.append(f"due {day(entry['due_at'], zone)}")
        yield f"  {'; '.join(texts) if entry['is_known'] else 'its device keeps its memory on another host'}"
