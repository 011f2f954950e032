"""The form of a device: the commonest values, and their changes in the text with its comments."""

import pytest
import tomli

from daemons.editing.form import FormError, form_fields, table_of, with_changes

TEXT = """\
# An old one.
[devices.heater]
kind = "heater"      # in the hall
driver = "simulated"
target_celsius = 20.5 # warm

[[devices.heater.schedule]]
at = "06:00"
celsius = 21

[[devices.heater.when]]
at = "22:00" # late
do = "off"
"""
FIELDS = form_fields("heater", table_of(TEXT, "heater"))


def changed(**changes: object) -> str:
    """Return the text with some changes; two underscores stand for a dot."""
    found = {key.replace("__", "."): value for key, value in changes.items()}
    return with_changes(TEXT, "heater", FIELDS, found)  # type: ignore[arg-type]


def test_the_fields_are_those_of_the_device_its_kind_and_its_rules() -> None:
    """Each with what it takes; a value that is not set has its default."""
    fields = {field.key: field for field in FIELDS}
    assert (fields["room"].takes, fields["room"].value, fields["room"].is_set) == ("text", "House", False)
    assert (fields["grace"].takes, fields["grace"].value) == ("duration", "1m")
    assert fields["restore"].choices == ("last", "off", "on")
    assert (fields["target_celsius"].takes, fields["target_celsius"].value) == ("number", 20.5)
    assert (fields["schedule.0.at"].takes, fields["schedule.0.at"].group) == ("time", "kind")
    assert fields["schedule.0.celsius"].value == 21
    assert (fields["when.0.at"].value, fields["when.0.at"].rule) == ("22:00", 1)
    assert not {"kind", "driver", "when.0.do"} & fields.keys()


def test_a_change_keeps_the_comments() -> None:
    """A new key comes before the tables of the device; null removes one."""
    text = changed(target_celsius=19.0, room="Hall", when__0__at="21:30", schedule__0__celsius=22)
    for comment in ("# An old one.\n", "# in the hall\n", "# warm\n", "# late\n"):
        assert comment in text
    device = tomli.loads(text)["devices"]["heater"]
    assert (device["target_celsius"], device["room"], device["when"][0]["at"]) == (19.0, "Hall", "21:30")
    assert device["schedule"] == [{"at": "06:00", "celsius": 22}]
    assert "target_celsius" not in tomli.loads(changed(target_celsius=None))["devices"]["heater"]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "lamp"},
        {"driver": "command"},
        {"when__0__do": "on"},
        {"when__1__at": "06:00"},
        {"target_celsius": "warm"},
        {"target_celsius": True},
        {"grace": "long"},
        {"grace": 5},
        {"restore": "never"},
        {"when__0__at": "25:00"},
        {"room": 5},
        {"__class__": "x"},
    ],
)
def test_a_key_or_a_value_that_the_form_does_not_have_is_refused(changes: dict[str, object]) -> None:
    """The sentence names the key."""
    with pytest.raises(FormError, match=next(iter(changes)).replace("__", ".").strip(".") or "class"):
        changed(**changes)


def test_a_text_with_mistakes_has_no_form() -> None:
    """It is mended as text first."""
    for text in ("[devices.heater", "[devices.lamp]\n", "devices = 1\n"):
        with pytest.raises(FormError, match="mend it as text"):
            table_of(text, "heater")
