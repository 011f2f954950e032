"""A rule in parts, from which the page makes the words of its language."""

from typing import Any

import msgspec
import pytest

from daemons.config.phrase import Phrase
from daemons.config.rule import Rule
from daemons.config.rule_phrase import conditions_phrase, rule_phrase
from daemons.config.rule_text import text_of
from daemons.values import convert

OPEN: dict[str, Any] = {"device": "door", "is": {"phase": "open"}}
DARK: dict[str, Any] = {"device": "meter", "below": {"illuminance_lux": 10}}
RULE: dict[str, Any] = {"at": "sunset+10m", "do": "set", "with": {"position_percent": 30}}


def test_its_parts_travel_as_json() -> None:
    """Every value is a text, a number or a further part, whatever type the rule has for it."""
    phrase = rule_phrase(convert({**RULE, "only_if": [DARK]}, Rule))
    assert msgspec.json.decode(msgspec.json.encode(phrase))["values"]["parts"]["values"]["parts"] == [
        {
            "code": "around_sun",
            "values": {
                "time": {
                    "code": "after_sun",
                    "values": {
                        "sun": {"code": "sun", "values": {"sun": "sunset"}},
                        "span": {"code": "span", "values": {"seconds": 600.0}},
                    },
                }
            },
        },
        {
            "code": "only_if",
            "values": {
                "conditions": {
                    "code": "is_below",
                    "values": {
                        "field": {"code": "field", "values": {"field": "illuminance_lux"}},
                        "device": "meter",
                        "limit": {
                            "code": "amount",
                            "values": {"device": "meter", "field": "illuminance_lux", "value": 10.0},
                        },
                    },
                }
            },
        },
    ]
    assert phrase.values["command"] == Phrase.of("command", command="set", arguments={"position_percent": 30})


@pytest.mark.parametrize(
    ("keys", "named", "text"),
    [
        ({"only_if": [OPEN, DARK]}, [1], "illuminance_lux of meter is below 10"),
        ({"none": [OPEN]}, [0], "door is open"),
        ({"only_if": [{"device": "toaster", "is": {"ready": False}}]}, [0], "toaster is not ready"),
        ({"any": [OPEN, DARK]}, [0, 1], "door is open or illuminance_lux of meter is below 10"),
        ({"only_if": [OPEN]}, [], None),
    ],
)
def test_the_conditions_of_a_reason_are_found_by_their_text(
    keys: dict[str, Any], named: list[int], text: str | None
) -> None:
    """The log of declined rules has them as the configuration writes them; a changed rule has others."""
    rule = convert({**RULE, **keys}, Rule)
    conditions = [condition for _, condition in rule.conditions()]
    written = ", ".join(str(conditions[number]) for number in named)
    found = conditions_phrase(rule, written)
    assert (found and text_of(found)) == text
