"""Templates of Home Assistant: what they make, what is refused by name, and what is cut."""

import json
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.patience import patience

pytest.importorskip("jinja2", reason="needs the extra templates")

from daemons.drivers.generic_mqtt.device import GenericDevice
from daemons.drivers.generic_mqtt.options import Options
from daemons.drivers.generic_mqtt.template import Template
from daemons.kinds import Setting
from daemons.values import Problem, convert, parse_table
from tests.support.listening_channel import RecordingChannel

DOCUMENT: dict[str, Any] = {
    "a": {"b": [1, 2.5, "x"]},
    "t": "21.44",
    "on": True,
    "s": "a,b",
    "n": None,
    "big": 7,
}
MESSAGE = json.dumps(DOCUMENT)
LONGEST_SECONDS = 0.05
"""The promised processor time of one evaluation."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ value_json.a.b[1] * 2 }}", "5.0"),
        ("{{ 'ON' if value_json.big == 7 else 'OFF' }}", "ON"),
        ("{{ iif(value_json.on, 'open', 'closed') }}", "open"),
        ("{{ value_json.on | iif('open', 'closed') }}", "open"),
        ("{% if value_json.big > 9 %}much{% elif value_json.big > 5 %}some{% endif %}", "some"),
        ("{{ value_json.t | float | round(1) }}", "21.4"),
        ("{{ value_json.t | round }}", "21"),
        ("{{ value_json.big | round(0, 'ceil') }} {{ 2.5 | round(0, 'floor') }}", "7 2"),
        ("{{ value_json.t | int + 1 }}", "22"),
        ("{{ value_json.s | int(3) }}", "3"),
        ("{{ value_json.s.split(',')[1] | upper }}", "B"),
        ("{{ value_json.s | replace(',', ';') }}", "a;b"),
        ("{{ '%0.1f' | format(value_json.t | float) }}", "21.4"),
        ("{{ value_json.a.b | map('string') | join('-') }}", "1-2.5-x"),
        ("{% for x in value_json.a.b if x is number %}{{ x }};{% endfor %}", "1;2.5;"),
        ("{% set x = value_json.t | float %}{{ x ~ ' C' }}", "21.44 C"),
        ("{{ (value | from_json).big }}", "7"),
        ("{{ {'7': 'seven'}.get(value_json.big | string, 'other') }}", "seven"),
        ("{{ value_json.missing | default('none') }}", "none"),
        ("{{ value_json.n }}", "None"),
        ("{{ value_json.missing }}", None),
        ("{{ value_json.missing.deep | float }}", None),
        ("{{ value_json.missing | is_defined }}", None),
        ("{{ value_json.missing + 1 }}", None),
    ],
)
def test_a_template_makes_a_value_as_in_home_assistant(text: str, expected: str | None) -> None:
    """A value that is not in the message makes none."""
    assert Template(text).render(MESSAGE, DOCUMENT) == expected


def test_a_message_that_is_no_json_has_no_document() -> None:
    """Its text is `value`."""
    assert Template("{{ value | float * 2 }}").render("3.5") == "7.0"
    assert Template("{{ value_json.x }}").render("3.5") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ states('sensor.x') }}", "uses states"),
        ("{{ now().hour }}", "uses now"),
        ("{{ value | regex_replace('a') }}", "the filter regex_replace"),
        ("{{ value is match('a') }}", "the test match"),
        ("{{ value.format(1) }}", "the method format"),
        ("{{ value.center(999999999) }}", "the method center"),
        ("{{ ''.__class__ }}", "the attribute __class__"),
        ("{{ value | _sized }}", "the filter _sized"),
        ("{{ namespace(a=1) }}", "uses namespace"),
        ("{{ lipsum() }}", "uses lipsum"),
        ("{{ value_json[0]() }}", "a call of a value"),
        ("{{ value['center'](9) }}", "a call of a value"),
        ("{% set f = value.center %}{{ f(9) }}", "a call of f"),
        ("{% for range in [value.center] %}{{ range(9) }}{% endfor %}", "a call of range"),
        ("{% macro f() %}{% endmacro %}", "the statement macro"),
        ("{% include 'x' %}", "the statement include"),
        ("{% import 'x' as y %}", "the statement import"),
        ("{% for x in value recursive %}{% endfor %}", "a recursive loop"),
        ("{% set ns.x = 1 %}", "the statement nsref"),
        ("{{ value_json.a( }}", "is not valid: unexpected '}'"),
    ],
)
def test_what_is_not_supported_is_refused_by_name_where_it_stands(text: str, expected: str) -> None:
    """The check of the configuration finds it, and not the first message."""
    problems: list[Problem] = []
    table = {"topic": "t", "measurements": {"power_watts": {"template": text}}}
    assert parse_table(table, Options, ("mqtt",), problems) is None
    assert [problem.path for problem in problems] == [("mqtt", "measurements", "power_watts")]
    assert expected in problems[0].text


DOUBLED = "".join(f"{{% set a{n + 1} = a{n} ~ a{n} %}}" for n in range(40))
NESTED = "".join(f"{{% set a{n + 1} = [a{n}, a{n}] %}}" for n in range(40))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "longer than 50 ms"),
        (
            "{% for a in range(9999) %}{% for b in value|list|sort %}{% endfor %}{% endfor %}",
            "longer than 50",
        ),
        ("{{ range(999999999) | list }}", "range has at most"),
        ("{{ 'a' * 10**9 }}", "only numbers can be multiplied"),
        ("{{ [0] * 10**9 }}", "only numbers can be multiplied"),
        ("{{ 9 ** 99999 }}", "too many digits"),
        ("{{ '%999999999d' % 1 }}", "may not be so wide"),
        ("{{ '%*d' | format(99999999, 1) }}", "may not be so wide"),
        (f"{{% set a0 = value %}}{DOUBLED}{{{{ a40 | length }}}}", "too large"),
        (f"{{% set a0 = [1] %}}{NESTED}{{{{ a40 }}}}", "too large"),
        ("{{ value|replace('1', value)|replace('1', value)|replace('1', value)|length }}", "too large"),
        ("{{ value | list | map('replace', '', value ~ value) | list | length }}", "too large"),
        ("{% for i in range(9999) %}{{ value }}{% endfor %}", "longer than 1000 characters"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ value_json.s | float }}", "float got 'a,b', which is not a number"),
        ("{{ [1, 'a'] | sort }}", "fails: '<' not supported"),
    ],
)
def test_a_template_is_cut_before_it_makes_much_work(text: str, expected: str) -> None:
    """The error names the template. The time is that of the processor, and no thread goes on."""
    template = Template(text)
    began = time.thread_time()
    with pytest.raises(ValueError, match=expected) as caught:
        template.render(MESSAGE * 20, DOCUMENT)
    assert time.thread_time() - began < patience(2 * LONGEST_SECONDS)
    assert "the template {" in str(caught.value)


def test_a_message_for_a_template_is_short() -> None:
    """A longer one is refused before it is read."""
    with pytest.raises(ValueError, match="at most 16384 characters"):
        Template("{{ value }}").render("x" * 17_000)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abx"), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.sampled_from(
        [
            "{{ value_json.a | float * 2 }}",
            "{{ value_json.a[0].b | round(1) }}",
            "{{ value_json | sort | join(',') | length }}",
            "{% for x in value_json.a %}{{ x + 1 }}{% endfor %}",
            "{{ value_json.a % value_json.b }}",
            "{{ value_json | sum }}{{ value_json.a | replace('a', value) }}",
        ]
    ),
)
def test_a_template_fails_only_with_a_value_error(document: Any, text: str) -> None:
    """For any document, it makes a text, nothing, or a ValueError."""
    with suppress(ValueError):
        made = Template(text).render(json.dumps(document), document)
        assert made is None or 0 < len(made) <= 1000


def test_a_device_reads_by_templates() -> None:
    """Its state, its press, its availability, a measurement and a detection; each failure names its place."""
    channel = RecordingChannel()
    options = {
        "topic": "s",
        "state_template": "{{ 'ON' if value_json.power > 5 else 'OFF' }}",
        "command_topic": "c",
        "press_topic": "s",
        "press_template": "{{ value_json.button.kind }}",
        "availability_topics": ["a"],
        "availability_template": "{{ 'online' if value == '1' else 'offline' }}",
        "measurements": {"power_watts": {"template": "{{ value_json.power | float }}", "factor": 0.1}},
        "detections": {"tamper": {"template": "{{ value_json.lid == 'open' }}"}},
    }
    device = GenericDevice(channel, convert(options, Options))  # type: ignore[arg-type]
    device.on_message("a", "0", retained=True)
    assert device.is_online is False
    device.on_message("s", '{"power": 60, "button": {"kind": "double"}, "lid": "open"}', retained=False)
    assert (channel.reading.power_watts, channel.reading.detections) == (6.0, {"tamper": True})
    assert channel.touches == ["double"]
    device.on_message("s", '{"other": 1}', retained=False)
    assert channel.reading.power_watts == 6.0
    with pytest.raises(ValueError, match=r"state_path: the template .* fails: '>' not supported"):
        device.on_message("s", '{"power": "x", "lid": "shut"}', retained=False)
    assert device.has_reached(Setting(on=True)) is False


def test_only_a_device_with_a_template_loads_the_library() -> None:
    """The process of any other device does not grow."""
    code = (
        "import sys, msgspec; from daemons.config import loader;"
        "options = loader.driver('mqtt').options_type;"
        "msgspec.convert({'state_topic': 's'}, options); print('jinja2' in sys.modules);"
        "msgspec.convert({'state_topic': 's', 'state_template': '{{ value }}'}, options);"
        "print('jinja2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=patience(60)
    )
    assert done.stdout.split() == ["False", "True"]


def test_without_the_library_a_template_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The problem has the command that installs it."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.delitem(sys.modules, "daemons.drivers.generic_mqtt.template", raising=False)
    monkeypatch.delitem(sys.modules, "daemons.drivers.generic_mqtt.template_filter", raising=False)
    with pytest.raises(msgspec.ValidationError, match=r"needs jinja2.*make extra EXTRA=templates"):
        convert({"state_topic": "s", "state_template": "{{ value }}"}, Options)
