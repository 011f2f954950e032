"""Rules on the house itself: which devices and processes they concern, and what `house check` refuses."""

from pathlib import Path

import pytest

from daemons.config.house import House, load_house
from daemons.config.plan import make_plan
from daemons.config.rule import Condition, Rule
from daemons.errors import ConfigurationError

DEVICES = """\
[devices.climate]
kind = "sensor"
driver = "simulated"
[devices.lamp]
kind = "lamp"
driver = "simulated"
name = "Lamp {1}"
[devices.away]
kind = "flag"
[devices.pump]
kind = "plug"
driver = "foreign"
[devices.tablet]
kind = "messenger"
driver = "simulated"
[devices.phone]
kind = "messenger"
driver = "simulated"
"""
ACTION = 'do = "send"\nwith = { text = "hello" }\n'


def rule(text: str, action: str = ACTION) -> str:
    """Return a rule of the phone."""
    return f"[[devices.phone.when]]\n{text}\n{action}"


def house(more: str) -> House:
    """Return the house with more tables."""
    return load_house(Path("house.toml"), DEVICES + more)


def rules(more: str, name: str = "phone") -> tuple[Rule, ...]:
    """Return the rules of the phone, or of another device."""
    return house(more).devices[name].rules


def problems(more: str) -> list[str]:
    """Return what `house check` says, without the name of the file."""
    with pytest.raises(ConfigurationError) as refused:
        house(more)
    return [str(problem).removeprefix("house.toml:") for problem in refused.value.problems]


FAILED = 'turns = { life = "failed" }'


def test_a_rule_on_every_process_is_one_for_each() -> None:
    """The device itself is left out, and so is a program of your own, which never fails."""
    found = rules(rule(f'process = "*"\n{FAILED}'))
    assert [one.process for one in found] == ["recorder", "exchange", "climate", "lamp", "away", "tablet"]
    assert {one.reporters for one in found} == {("steward",)}
    phone = house(rule(f'process = "*"\n{FAILED}')).devices["phone"]
    assert phone.reporters == {"steward"}
    assert not phone.subscriptions


def test_a_program_of_your_own_is_reported_by_the_exchange() -> None:
    """It is running or offline."""
    (found,) = rules(rule('process = "*"\nturns = { life = "offline" }'))
    assert (found.process, found.reporters) == ("pump", ("exchange",))


def test_with_several_hosts_both_reporters_are_heard() -> None:
    """The file is the same on all hosts, so a device can be on this one, or on another."""
    key = "0123456789" * 4
    hosts = f'[hosts.a]\naddress = "192.0.2.1"\npublic_key = "{key}"\n'
    (found,) = rules(hosts + rule(f'process = "lamp"\n{FAILED}'))
    assert found.reporters == ("steward", "exchange")


def test_a_rule_on_every_device_concerns_those_that_have_the_field() -> None:
    """A kind without a battery has no such rule."""
    found = rules(rule('device = "*"\nbelow = { battery_percent = 15 }'))
    assert [one.device for one in found] == ["climate"]
    found = rules(rule('device = "*"\nturns = { reachable = false }'))
    assert "lamp" in [one.device for one in found]
    assert "away" not in [one.device for one in found]


def test_presence_is_a_condition_that_begins_to_hold() -> None:
    """It is asked of each other device, also of one without hardware."""
    found = rules(rule('device = "*"\nturns = { presence = "offline" }\nfor = "5m"'))
    assert [one.all for one in found] == [
        (Condition(device=name, presence="offline"),)
        for name in ("climate", "lamp", "away", "pump", "tablet")
    ]
    assert all(one.for_seconds == 300.0 for one in found)


def test_two_messengers_can_watch_each_other() -> None:
    """No command makes a device silent, so this is no circle."""
    both = 'device = "*"\nturns = { presence = "offline" }'
    other = rule(both).replace("phone", "tablet")
    assert len(rules(rule(both) + other)) == len(rules(rule(both) + other, "tablet")) == 5


def test_the_other_rules_keep_their_numbers() -> None:
    """The first of the added rules stands in the place of the written one, and the others at the end.

    Those of the last device come last, so that a new device at the end of the file adds rules there.
    """
    at, battery = rule('at = "06:00"'), rule('device = "*"\nbelow = { battery_percent = 15 }')
    failed, lost = rule(f'process = "*"\n{FAILED}'), rule('device = "*"\nturns = { presence = "live" }')
    found = [one.process or one.source.partition(" ")[0] for one in rules(failed + at + battery + lost)]
    assert found[:4] == ["recorder", "06:00", "climate", "climate"]
    assert found[4:] == ["exchange", "climate", "lamp", "lamp", "away", "away", "pump", "tablet", "tablet"]


def test_names_are_filled_in_and_fields_are_kept() -> None:
    """Braces in a title are no placeholders."""
    text = 'do = "send"\nwith = { text = "{title} ({name}): {phase} {{}}" }\n'
    (found,) = rules(rule('device = "lamp"\nturns = { status = true }', text))
    assert found.with_ == {"text": "Lamp {{1}} (lamp): {phase} {{}}"}
    assert found.copied == ("phase",)


def test_a_new_device_restarts_the_device_with_the_rule() -> None:
    """Its slice has a rule for each device."""
    every = rule('device = "*"\nturns = { presence = "offline" }')
    one = '[devices.hall]\nkind = "flag"\n'
    before, after = house(every).slices(), house(every + one).slices()
    changes = {change.name: change.action for change in make_plan(before, after, relaunched=set())}
    assert (changes["phone"], changes["hall"], changes.get("lamp")) == ("restart", "start", None)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (f'process = "lmap"\n{FAILED}', 2, "there is no process \"lmap\"; did you mean 'lamp'?"),
        (f'process = "phone"\n{FAILED}', 2, '"phone" is the process of the rule itself'),
        (f'process = "steward"\n{FAILED}', 2, 'there is no process "steward"'),
        ('process = "*"\nturns = { life = "dead" }', 3, '"dead" is not a life; allowed: running, restarting'),
        ('process = "*"\nturns = { life = { from = "failed" } }', 3, "it takes one word, because a report"),
        ('process = "lamp"\nturns = { life = "offline" }', 3, 'lamp is never reported "offline"'),
        (f'process = "pump"\n{FAILED}', 3, 'pump is never reported "failed"; allowed: running, offline'),
        ('process = "lamp"\nturns = { status = true }', 3, "process goes with turns = { life"),
        ('process = "lamp"\nturns = {}', 3, "process goes with turns = { life"),
        ('process = "lamp"', 1, "process goes with turns = { life"),
        ('device = "*"\nturns = { presence = "stale" }', 3, '"stale" is not allowed; allowed: live, offline'),
        ('device = "lmap"\nturns = { presence = "live" }', 2, 'there is no device "lmap"'),
        (
            'device = "phone"\nturns = { presence = "live" }',
            2,
            "a device does not hear whether it is offline",
        ),
        ('device = "lamp"\nturns = { presence = "live", status = true }', 3, "presence stands alone"),
        ('device = "*"\nbelow = { batery_percent = 15 }', 3, "no device has a field batery_percent; did you"),
        ('device = "*"\nbelow = { battery_percent = -1 }', 3, "battery_percent is never below -1"),
        ('device = "*"\nfollow = ["status"]', 2, 'device = "*" goes with turns, above and below'),
        ('device = "lamp"\nturns = { status = true }\nreporters = ["steward"]', 4, "unknown key"),
    ],
)
def test_each_mistake_gives_one_problem_at_its_line(text: str, line: int, problem: str) -> None:
    """The line is the one of the written rule, and what follows from the mistake is not reported."""
    (found,) = problems(rule(text))
    assert int(found.partition(":")[0]) == DEVICES.count("\n") + line
    assert problem in found


@pytest.mark.parametrize(
    ("trigger", "allowed"),
    [
        (f'process = "*"\n{FAILED}', "allowed: {name}, {title}, {life}, {reason}; a brace"),
        ('device = "*"\nturns = { presence = "offline" }', "allowed: {name}, {title}; a brace"),
        ('device = "climate"\nbelow = { battery_percent = 15 }', "allowed: {name}, {title}, {status}, "),
        ('at = "06:00"', "allowed: none; a brace"),
    ],
)
def test_an_unknown_placeholder_is_refused_once(trigger: str, allowed: str) -> None:
    """The problem lists the placeholders of this rule."""
    (found,) = problems(rule(trigger, 'do = "send"\nwith = { text = "{oops}" }\n'))
    assert "with.text: unknown placeholder {oops}" in found
    assert allowed in found


def test_a_fault_of_an_added_rule_is_reported_once_at_the_written_one() -> None:
    """All of the rules for the processes have it."""
    (found,) = problems(rule(f'process = "*"\n{FAILED}', 'do = "snd"\n'))
    assert int(found.partition(":")[0]) == DEVICES.count("\n") + 4
    assert "\"snd\": did you mean 'send'?" in found
