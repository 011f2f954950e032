"""The catalog of kinds and drivers: their options, and the libraries that they need."""

import json
import sys
from typing import Annotated

import msgspec
import pytest
from click.testing import CliRunner, Result

from daemons.cli import catalog
from daemons.cli.catalog import describe_fields, needed_extra
from daemons.cli.main import main
from daemons.config import loader
from daemons.drivers import transports
from daemons.kinds.lamp import Lamp
from daemons.values import Seconds


class Base(msgspec.Struct, kw_only=True):
    """Options that several drivers share."""

    port: Annotated[int, msgspec.Meta(ge=1)] = 1
    """The port
    of the broker."""


class Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """A table in the options."""

    word: str = "a"


class Example(Base, kw_only=True):
    """Options with a required field, a duration and a field without text."""

    topic: str
    """The topic."""
    poll_seconds: Seconds = msgspec.field(name="poll", default=Seconds(0.5))
    silent: bool | None = None
    table: Table = Table()


def house(*words: str) -> Result:
    """Run a verb without a house."""
    return CliRunner().invoke(main, [*words], prog_name="house", env={"COLUMNS": "160"})


def test_a_field_has_its_allowed_values_default_and_meaning() -> None:
    """The keys are those of the file; the fields of the base class are included."""
    assert describe_fields(Example) == {
        "topic": {"allowed": "text", "meaning": "The topic."},
        "poll": {"allowed": Seconds.allowed, "default": "500ms"},
        "silent": {"allowed": "true or false", "default": None},
        "table": {"allowed": "a table with word (optional)", "default": {}},
        "port": {"allowed": "a whole number from 1", "default": 1, "meaning": "The port of the broker."},
    }


def test_each_driver_lists_its_kinds_and_what_it_cannot_do_for_them() -> None:
    """A relay of a Raspberry Pi switches a lamp, and cannot dim it."""
    entry = json.loads(house("drivers", "gpio", "--json").output)["drivers"][0]
    assert entry["kinds"]["lamp"] == ["colour", "dim", "tint"]
    assert entry["kinds"]["plug"] == []
    assert "sensor" not in entry["kinds"]
    assert "lamp (it cannot colour or dim or tint), light_switch" in house("drivers", "gpio").output
    assert "kinds" not in json.loads(house("drivers", "foreign", "--json").output)["drivers"][0]


@pytest.mark.parametrize("folder", ["kinds", "drivers"])
def test_every_option_has_a_meaning(folder: str) -> None:
    """Each option of each kind and driver has a docstring below its field."""
    for word in loader.available(folder):
        found = loader.kind(word) if folder == "kinds" else loader.driver(word)
        for key, about in describe_fields(found.options_type).items():
            assert about.get("meaning"), f"{word}.{key}"


@pytest.mark.parametrize(
    ("word", "command"),
    [
        ("simulated", None),
        ("shelly", None),
        ("foreign", None),
        ("command", None),
        ("zmq", None),
        ("esphome", "make extra EXTRA=esphome"),
        ("gpio", "make extra EXTRA=gpio"),
        ("kasa", "make extra EXTRA=kasa"),
        ("mqtt", "make extra EXTRA=mqtt"),
        ("mqtt_tasmota", "make extra EXTRA=mqtt"),
        ("mqtt_zigbee2mqtt", "make extra EXTRA=mqtt"),
    ],
)
def test_a_driver_names_the_extra_that_it_needs(word: str, command: str | None) -> None:
    """The extra is found from the imports, even if the library is missing."""
    assert needed_extra(word) == command


@pytest.fixture
def base_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the libraries of all extras."""
    for module in ("aiomqtt", "kasa", "gpiozero", "zeroconf"):
        monkeypatch.setitem(sys.modules, module, None)
    for word in (
        "gpio",
        "kasa",
        "mqtt",
        "mqtt_tasmota",
        "mqtt_zigbee2mqtt",
        "transports.mqtt",
        "transports.mqtt_device",
    ):
        monkeypatch.delitem(sys.modules, f"daemons.drivers.{word}", raising=False)
    for word in ("mqtt", "mqtt_device"):
        monkeypatch.delattr(transports, word, raising=False)


@pytest.mark.usefixtures("base_install")
def test_without_any_extra_every_driver_is_listed_with_what_it_needs() -> None:
    """The exit status is 0, and a driver without its library has the command that installs it."""
    done = house("drivers")
    assert done.exit_code == 0, done.output
    for word, summary in loader.available("drivers").items():
        assert f"{word}  {summary}" in done.stdout
    assert "needs gpiozero, which is not installed; `make extra EXTRA=gpio` installs it" in done.stdout
    listed = {entry["word"]: entry for entry in json.loads(house("drivers", "--json").stdout)["drivers"]}
    assert listed["gpio"]["options"] is None
    assert listed["gpio"]["needs"] == "make extra EXTRA=gpio"
    assert listed["simulated"]["options"]
    assert "needs aiomqtt" in house("drivers", "mqtt_tasmota").stdout
    assert house("kinds").exit_code == 0


@pytest.mark.parametrize(
    ("verb", "word", "key"), [("kinds", "toaster", "browning"), ("drivers", "shelly", "address")]
)
def test_one_kind_or_driver_is_a_table_of_its_options(verb: str, word: str, key: str) -> None:
    """The columns are option, takes, default and meaning; a required option has no default."""
    done = house(verb, word)
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == f"{word}  {loader.available(verb)[word]}"
    assert [line.split() for line in lines if line.split()[:1] == ["option"]] == [list(catalog.COLUMNS)]
    (row,) = [line for line in lines if line.startswith(f"{key} ")]
    assert ("required" in row) == (key == "address")
    (entry,) = json.loads(house(verb, word, "--json").stdout)[verb]
    assert entry["word"] == word
    assert entry["options"][key]["meaning"]


def test_a_kind_without_options_has_a_text() -> None:
    """The text replaces an empty table."""
    assert "It has no options." in house("kinds", "button").stdout


@pytest.mark.parametrize("verb", ["kinds", "drivers"])
def test_an_unknown_word_is_a_mistake_with_the_nearest_word(verb: str) -> None:
    """The exit status is 2."""
    word = {"kinds": "toster", "drivers": "shely"}[verb]
    done = house(verb, word)
    assert (done.exit_code, f"there is no {verb[:-1]} {word!r}; did you mean" in done.stderr) == (2, True)


def test_a_markdown_table_quotes_keys_and_values() -> None:
    """Keys, defaults and literal values are code; "none" and "required" are words."""
    text = catalog.markdown_table(describe_fields(Lamp.options_type))
    assert "| `brightness_percent` | a whole number from 1 to 100 | `100` |" in text
    assert "| `colour_temperature_kelvin` | a whole number from 1000 to 10000 | none |" in text
