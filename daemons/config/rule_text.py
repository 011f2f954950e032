"""A rule in words, for people who ask why a device acted. The words are those of the configuration. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from daemons.config.phrase import Phrase
from daemons.config.rule import Rule
from daemons.config.rule_names import NAMES, Names
from daemons.config.rule_phrase import rule_phrase
from daemons.values import format_seconds, format_toml

TEXTS = {
    "rule": "{parts}: {command}",
    "when_it_turns": "when {source} {turns}",
    "when_it_changes": "when {device} changes {fields}",
    "when_above": "when {field} of {device} goes above {limit}",
    "when_below": "when {field} of {device} goes below {limit}",
    "when_all": "when {conditions}",
    "every": "every {span}",
    "at": "at {time}",
    "at_sun": "at {time}",
    "around_sun": "at {time}",
    "about": "{moment} (up to {span} earlier or later)",
    "before_sun": "{sun}-{span}",
    "after_sun": "{sun}+{span}",
    "for": "for {span}",
    "later": "{span} later",
    "between": "between {begin} and {end}",
    "on_days": "only on the days {dates}",
    "in_months": "only on the months {dates}",
    "on_dates": "only on the dates {dates}",
    "on_holidays": "only on holidays",
    "not_on_holidays": "not on holidays",
    "only_if": "only if {conditions}",
    "not_if": "not if {conditions}",
    "cooldown": "with a cooldown of {span}",
    "mode": 'with mode "{mode}"',
    "copies": "copy it",
    "process": "the process {process}",
    "turns_on": "turns on",
    "turns_off": "turns off",
    "opens": "opens",
    "closes": "closes",
    "comes_home": "comes home",
    "leaves": "leaves",
    "detects": "detects {phase}",
    "becomes": "becomes {phase}",
    "becomes_ready": "becomes ready",
    "no_longer_ready": "is not ready any more",
    "asks_for": "asks for {command}",
    "changes": "changes",
    "changes_from": "changes from {before}",
    "changes_to": "changes to {after}",
    "changes_from_to": "changes from {before} to {after}",
    "field_changes": "changes {field}",
    "field_changes_from": "changes {field} from {before}",
    "field_changes_to": "changes {field} to {after}",
    "field_changes_from_to": "changes {field} from {before} to {after}",
    "is_on": "{device} is on",
    "is_off": "{device} is off",
    "is_open": "{device} is open",
    "is_closed": "{device} is closed",
    "is_home": "{device} is home",
    "is_away": "{device} is away",
    "is_ready": "{device} is ready",
    "is_not_ready": "{device} is not ready",
    "is_detecting": "{device} detects {phase}",
    "is_in_phase": "{device} is {phase}",
    "field_is": "{field} of {device} is {value}",
    "is_above": "{field} of {device} is above {limit}",
    "is_below": "{field} of {device} is below {limit}",
    "has_presence": "{device} is {presence}",
    "changed_by": "{device} was changed by {origins}",
    "lasts": "{condition} for {span}",
}
"""The text of each code; the languages of the page have the same codes."""
JOIN = {"list": ", ", "and": " and ", "or": " or "}
SPECIAL: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "text": lambda values: values["text"],
    "field": lambda values: values["field"],
    "amount": lambda values: f"{values['value']:g}",
    "span": lambda values: format_seconds(values["seconds"]),
    "time": lambda values: values["time"],
    "sun": lambda values: values["sun"],
    "day": lambda values: values["day"],
    "month": lambda values: values["month"],
    "date": lambda values: values["date"],
    "phase": lambda values: values["phase"].replace("_", " "),
    "presence": lambda values: values["presence"],
    "command": lambda values: command_text(values["command"], values["arguments"]),
}
"""The words of what is no sentence: a language may write it in a way of its own."""


def rule_text(rule: Rule, named: Names = NAMES) -> str:
    """Return a rule in words: on what it waits, when it may act, and its command."""
    return text_of(rule_phrase(rule, named))


def command_text(do: str, with_: Mapping[str, Any]) -> str:
    """Return a command with its arguments."""
    return " ".join([do, *(f"{name}={format_toml(value)}" for name, value in with_.items())])


def text_of(phrase: Phrase) -> str:
    """Return a part of a rule in English."""
    if phrase.code in JOIN:
        return JOIN[phrase.code].join(map(text_of, phrase.values["parts"]))
    if phrase.code in SPECIAL:
        return SPECIAL[phrase.code](phrase.values)
    words = {
        name: text_of(value) if isinstance(value, Phrase) else str(value)
        for name, value in phrase.values.items()
    }
    return TEXTS[phrase.code].format_map(words)
