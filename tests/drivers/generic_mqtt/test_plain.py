"""Templates that are a path, and a factor, or two words."""

import pytest

from daemons.drivers.generic_mqtt.plain import Plain, plain


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ value }}", Plain()),
        ("{{value_json.temp}}", Plain("temp")),
        ("{{ value_json['ENERGY']['Power'] }}", Plain("ENERGY.Power")),
        ('{{ value_json["switch:0"].output }}', Plain("switch:0.output")),
        ("{{ value_json['a.b'][0].c }}", Plain('"a.b".0.c')),
        ("{{ value_json.tempc | is_defined }}", Plain("tempc")),
        ("{{ value_json.tempc | float | round(1) }}", Plain("tempc")),
        ("{{- value | float(0) -}}", Plain()),
        ("{{ value_json.x * 0.1 }}", Plain("x", 0.1)),
        ("{{ (value_json.x | float) / 1000 | round(2) }}", Plain("x", 0.001)),
        ("{{ float(value) * 99 + 1 }}", Plain("", 99, 1)),
        ("{{ value | int - 273.15 }}", Plain("", 1, -273.15)),
        ("{{ 'ON' if value_json.a.b else 'OFF' }}", Plain("a.b", words=("ON", "OFF"))),
        ('{{"1" if value_json.on else "0"}}', Plain("on", words=("1", "0"))),
        (None, Plain()),
    ],
)
def test_a_plain_template_is_a_path(template: str | None, expected: Plain) -> None:
    """A filter that only rounds or converts changes nothing."""
    assert plain(template) == expected


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{{ value_json }}",
        "{{ value_json.a + value_json.b }}",
        "{{ value_json.a | default(3) }}",
        "{% if value_json.a %}ON{% endif %}",
        "{{ 'ON' if value_json.a == 3 else 'OFF' }}",
        "{{ value | upper }}",
        "{{ value / 0 }}",
        "{{ (value_json.a }}",
        "{{ value_json.a[1:] }}",
        "{{ states('sensor.x') }}",
        "{{ value_json.a }} W",
    ],
)
def test_any_other_template_is_not_plain(template: str) -> None:
    """It is not read as something else."""
    assert plain(template) is None


def test_a_unit_is_applied_after_the_template() -> None:
    """The factors are multiplied, the offset is converted."""
    assert plain("{{ value_json.f * 0.1 + 5 }}").then(0.5, -1) == Plain("f", 0.05, 1.5)  # type: ignore[union-attr]
