"""Rules that can never act are refused, each with the part because of which it cannot."""

from pathlib import Path

import pytest

from daemons.config.house import load_house
from daemons.config.rule_check import is_outside
from daemons.errors import ConfigurationError
from daemons.values import TimeOfDay

HOUSE = """\
[house]
latitude = 52.5
longitude = 13.4
[devices.remote]
kind = "button"
driver = "simulated"
[devices.door]
kind = "sensor"
driver = "simulated"
detects = "opening"
[devices.climate]
kind = "sensor"
driver = "simulated"
[devices.washer]
kind = "plug"
driver = "simulated"
running_above_watts = 10
finished_below_watts = 5
[devices.kettle]
kind = "plug"
driver = "simulated"
[devices.iron]
kind = "plug"
driver = "simulated"
max_on = "5m"
[devices.dimmer]
kind = "lamp"
driver = "simulated"
[devices.own]
kind = "sensor"
driver = "foreign"
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
do = "on"
"""
DOOR = 'device = "door"\nturns = { phase = "open" }\n'
IS_CLOSED = '{ device = "door", is = { phase = "closed" } }'
IS_OPEN = '{ device = "door", is = { phase = "open" } }'
IS_FALSE = '{ device = "door", is = { status = false } }'
NOT_PRESSED = '{ device = "remote", is = { status = false } }'
PHASE_ON = '{ device = "lamp", is = { phase = "on" } }'
IS_ON = '{ device = "lamp", is = { status = true } }'
CLOSED = 'only_if = [{ device = "door", is = { phase = "closed" } }]'
PRESS = 'device = "remote"\nturns = { phase = "single" }\n'
HUMID = 'device = "climate"\nabove = { humidity_percent = 70 }\n'


def conditions(*parts: str) -> str:
    """Return a rule for half past six with these conditions."""
    return f'at = "06:30"\nonly_if = [{", ".join(f"{{ {part} }}" for part in parts)}]'


def problems(folder: Path, rule: str) -> list[tuple[str | None, str]]:
    """Return key and text of each problem of a house with this rule."""
    file = folder / "house.toml"
    file.write_text(HOUSE + rule)
    try:
        load_house(file)
    except ConfigurationError as error:
        return [(problem.key, problem.text) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("rule", "key", "text"),
    [
        # what lasts only a moment
        (PRESS + 'for = "2s"', "for", 'the phase "single" ends at once'),
        (DOOR + 'only_if = [{ device = "remote", is = { phase = "long" } }]',
         "only_if.0.is.phase", 'the phase "long" ends at once'),
        ('device = "iron"\nturns = { status = true }\nfor = "10m"', "for", "never on for longer"),
        # values that a field never has with these options
        ('device = "door"\nturns = { phase = "motion" }', "turns.phase",
         'phase of door is never "motion" with its options; allowed: "unknown", "stale", "closed", "open"'),
        ('device = "climate"\nturns = { status = true }', "turns.status", "status of climate is never true"),
        ('device = "climate"\nturns = { phase = "open" }', "turns.phase", '"unknown", "stale", "measuring"'),
        ('device = "kettle"\nturns = { phase = "finished" }', "turns.phase", 'allowed: "off", "on"'),
        ('device = "kettle"\nturns = { ready = true }', "turns.ready", "ready of kettle is never true"),
        ('device = "washer"\nturns = { phase = "on" }', "turns.phase", '"off", "standby", "running"'),
        ('device = "dimmer"\nturns = { phase = "onn" }', "turns.phase", 'allowed: "on", "off"'),
        ('device = "remote"\nturns = { status = false }', "turns.status", "is always false, and never turns"),
        (conditions('device = "remote", is = { status = true }'),
         "only_if.0.is.status", "status of remote is never true"),
        # values that no such field has
        ('device = "dimmer"\nturns = { brightness_percent = 101 }', "turns.brightness_percent",
         "101 is not from 0 to 100"),
        ('device = "dimmer"\nturns = { starts = -1 }', "turns.starts", "-1 is below 0"),
        ('device = "climate"\nabove = { humidity_percent = 100 }', "above.humidity_percent",
         "humidity_percent is never above 100.0: it is at most 100"),
        ('device = "climate"\nbelow = { battery_percent = 0 }', "below.battery_percent", "at least 0"),
        ('device = "own"\nabove = { humidity_percent = 200 }', "above.humidity_percent", "never above 200"),
        ('device = "dimmer"\nbelow = { starts = 0 }', "below.starts", "it is at least 0"),
        ('device = "door"\nabove = { power_watts = 5 }', "above.power_watts", "door never reports it"),
        (conditions('device = "climate", above = { temperature_celsius = 1e6 }'),
         "only_if.0.above.temperature_celsius", "it is at most 1500"),
        (HUMID + "hysteresis = 71", "hysteresis", "humidity_percent never goes back to -1"),
        ('device = "climate"\nbelow = { humidity_percent = 40 }\nhysteresis = 61', "hysteresis", "to 101"),
        ('device = "remote"\nturns = { presses = 0 }', "turns.presses", "counts up from 0"),
        # times
        ('at = "05:59"\nbetween = ["06:00", "22:00"]', "at", '"05:59" is never between 06:00 and 22:00'),
        ('at = "22:00"\nbetween = ["06:00", "22:00"]', "at", "so the rule never acts"),
        ('at = "12:00"\nbetween = ["22:00", "06:00"]', "at", "so the rule never acts"),
        ('at = "sunset"\nbetween = ["06:00", "sunset"]', "at", "so the rule never acts"),
        ('at = "sunrise-10m"\nbetween = ["sunrise", "sunset"]', "at", "so the rule never acts"),
        # contradictions
        ('device = "door"\nturns = { phase = "closed", status = true }', "turns", "door can never meet this"),
        ('device = "washer"\nturns = { phase = "running", ready = true }', "turns", "washer can never meet"),
        (DOOR + 'only_if = [{ device = "door", is = { status = false } }]', "only_if.0", "door can never"),
        (conditions('device = "dimmer", is = { phase = "on" }', 'device = "dimmer", is = { status = false }'),
         "only_if.1", 'together with the rest of the rule: { phase = "on", status = false }'),
        (DOOR + CLOSED, "only_if.0", "phase of door can never meet this together with the rest of the rule"),
        (DOOR + 'for = "5m"\n' + CLOSED, "only_if.0", "phase of door"),
        (HUMID + 'only_if = [{ device = "climate", below = { humidity_percent = 60 } }]', "only_if.0",
         "humidity_percent of climate"),
        (conditions('device = "door", is = { phase = "closed" }', 'device = "door", is = { phase = "open" }'),
         "only_if.1", "phase of door"),
        (conditions('device = "climate", above = { temperature_celsius = 20 }',
                    'device = "climate", below = { temperature_celsius = 20 }'),
         "only_if.1", "temperature_celsius of climate"),
        (conditions('device = "dimmer", is = { brightness_percent = 30 }',
                    'device = "dimmer", above = { brightness_percent = 30 }'),
         "only_if.1", "brightness_percent of dimmer"),
        ('device = "door"\nturns = { phase = { from = "open", to = "open" } }', "turns.phase", "same value"),
        ('device = "door"\nturns = { phase = { form = "closed" } }', "turns.phase.form", "unknown key"),
        ('device = "door"\nturns = { phase = {} }', "turns.phase", "it takes from, to or both"),
        # any, none and all
        (DOOR + "only_if = []", "only_if", "only_if has no condition; leave it out"),
        (DOOR + "any = []", "any", "any has no condition"),
        (DOOR + "none = []", "none", "none has no condition"),
        ("all = []", "all", "all has no condition"),
        (DOOR + f"any = [{IS_CLOSED}]", "any.0", "phase of door can never meet this together"),
        (DOOR + f"any = [{IS_CLOSED}, {IS_FALSE}]", "any.0", "phase of door can never meet this"),
        (DOOR + f"none = [{IS_OPEN}]", "none.0", "this is always met when the rest of the rule is"),
        (DOOR + 'none = [{ device = "door", is = { status = true } }]', "none.0", "so the rule never acts"),
        (HUMID + 'none = [{ device = "climate", above = { humidity_percent = 60 } }]', "none.0", "is always"),
        (DOOR + f"none = [{NOT_PRESSED}]", "none.0", "always met"),
        (DOOR + f"any = [{IS_ON}]\nnone = [{PHASE_ON}]", "none.0", "always met"),
        (f"all = [{IS_OPEN}, {IS_CLOSED}]", "all.1", "phase of door can never meet this"),
        (f"all = [{NOT_PRESSED}]", "all", "this always holds, so it never begins"),
        (conditions('device = "lamp", by = "rule:door"'), "only_if.0.by", "no rule of lamp hears door"),
        (conditions('device = "dimmer", by = ["hand", "rule:door"]'), "only_if.0.by", "no rule of dimmer"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_act_is_refused(tmp_path: Path, rule: str, key: str, text: str) -> None:
    """One message has the part of the rule and the reason."""
    ((found, reason),) = problems(tmp_path, rule)
    assert found == key
    assert text in reason


@pytest.mark.parametrize(
    "rule",
    [
        PRESS + 'delay = "2s"',
        'device = "remote"\nturns = { phase = "idle" }\nfor = "1h"',
        DOOR + 'for = "5m"\nonly_if = [{ device = "door", is = { phase = "open", status = true } }]',
        DOOR + 'delay = "5m"\n' + CLOSED,
        'device = "climate"\nturns = { phase = "stale" }',
        'device = "own"\nturns = { phase = "smoke" }',
        'device = "climate"\nabove = { humidity_percent = 99.9 }\nhysteresis = 99.9',
        'device = "kettle"\nbelow = { power_watts = 0 }',
        'device = "iron"\nturns = { status = true }\nfor = "5m"',
        'device = "iron"\nturns = { status = false }\nfor = "1h"',
        'device = "own"\nturns = { phase = "open", status = false }',
        HUMID + 'hysteresis = 20\nfor = "5m"\n'
        'only_if = [{ device = "climate", below = { humidity_percent = 60 } }]',
        'device = "washer"\nturns = { ready = false }',
        DOOR + f"any = [{IS_CLOSED}, {IS_ON}]",
        DOOR + f'delay = "5s"\nnone = [{IS_OPEN}]',
        DOOR + 'none = [{ device = "door", is = { phase = "open" }, for = "1h" }]',
        HUMID + 'none = [{ device = "climate", above = { humidity_percent = 80 } }]',
        f"all = [{IS_OPEN}, {NOT_PRESSED}]",
        'at = "06:00"\nbetween = ["06:00", "22:00"]',
        'at = "23:00"\nbetween = ["22:00", "06:00"]',
        'at = "05:59"\nbetween = ["22:00", "06:00"]',
        'at = "21:30"\nbetween = ["sunset", "23:00"]',
        'at = "sunset+2h"\nbetween = ["sunset+1h", "sunset"]',
        'at = "sunset"\nbetween = ["sunrise", "sunset+1h"]',
        DOOR + 'only_if = [{ device = "lamp", by = "rule:door" }]',
        conditions('device = "dimmer", by = ["command:page", "limit:off_after", "rule"]'),
        conditions('device = "own", by = "rule:door"'),
        conditions(
            'device = "climate", above = { temperature_celsius = 20 }',
            'device = "climate", below = { temperature_celsius = 25 }',
            'device = "door", is = { phase = "closed" }',
            'device = "door", is = { status = false }',
        ),
    ],
)
def test_a_rule_that_may_act_is_accepted(tmp_path: Path, rule: str) -> None:
    """A rule that acts seldom, or in some seasons only, is no mistake."""
    assert problems(tmp_path, rule) == []


@pytest.mark.parametrize(
    ("follow", "text"),
    [
        ('"stauts"', "a lamp cannot copy \"stauts\"; did you mean 'status'?"),
        ('"brightness_percent"', 'only together with "status"'),
        ('"status", "power_watts"', 'a lamp cannot copy "power_watts"'),
        ('"status", "brightness_percent"', "brightness_percent: unknown field"),
    ],
)
def test_a_field_that_cannot_be_copied_has_one_problem(tmp_path: Path, follow: str, text: str) -> None:
    """The own kind must be able to take it; then the other device must have it."""
    house = HOUSE.replace('do = "on"\n', f'device = "kettle"\nfollow = [{follow}]\n')
    file = tmp_path / "house.toml"
    file.write_text(house)
    with pytest.raises(ConfigurationError) as raised:
        load_house(file)
    (problem,) = raised.value.problems
    assert text in problem.text


@pytest.mark.parametrize(
    ("device", "text"),
    [
        ('kind = "toaster"\ndriver = "simulated"', "a toaster takes no off_after"),
        ('kind = "flag"', "a flag takes no off_after"),
        ('kind = "plug"\ndriver = "foreign"', "your own program runs it"),
    ],
)
def test_off_after_is_for_what_on_and_off_switch(tmp_path: Path, device: str, text: str) -> None:
    """Any other device has no time at which it went on, or is switched by something else."""
    found = problems(tmp_path, f'at = "06:30"\n[devices.other]\n{device}\noff_after = "5m"\n')
    assert [key for key, _ in found] == ["off_after"]
    assert text in found[0][1]


def test_a_rule_with_another_mistake_has_only_that_one(tmp_path: Path) -> None:
    """A misspelled command of a rule is corrected first."""
    rule = 'at = "05:59"\nbetween = ["06:00", "22:00"]\nwith.bright = 3'
    ((key, _),) = problems(tmp_path, rule)
    assert key == "with.bright"


def test_a_sun_rule_after_a_faulty_rule_is_named_by_its_own_number(tmp_path: Path) -> None:
    """Without a position the sun's time is refused in the second rule, though the first cannot be read."""
    text = HOUSE.replace("latitude = 52.5\nlongitude = 13.4\n", "") + 'at = "sunst"\n'
    file = tmp_path / "house.toml"
    file.write_text(text + '[[devices.lamp.when]]\ndo = "on"\nat = "sunset"\n')
    with pytest.raises(ConfigurationError) as raised:
        load_house(file)
    lines = text.count("\n")
    assert [problem.line for problem in raised.value.problems] == [lines, lines + 3]


@pytest.mark.parametrize(
    ("at", "start", "end", "expected"),
    [
        ("06:00", "06:00", "07:00", False),
        ("07:00", "06:00", "07:00", True),
        ("23:59", "23:59", "00:00", False),
        ("00:00", "23:59", "00:00", True),
        ("noon", "sunrise", "sunset", False),
        ("sunset-12h", "sunset-1h", "sunset+1h", True),
        ("dawn-6h", "22:00", "23:00", False),  # the evening before
    ],
)
def test_a_time_outside_its_window_is_found(at: str, start: str, end: str, expected: bool) -> None:
    """The start belongs to the window, and the end does not."""
    assert is_outside(*map(TimeOfDay.parse, (at, start, end))) is expected
