"""What the page cannot change in a device: programs, files, passwords, hosts, code, and its own access."""

import re
from typing import Any

import pytest
from msgspec import structs

from daemons.config import loader
from daemons.drivers.transports.secret import variable
from daemons.editing.locked import file_options, locked_keys, refused_changes
from daemons.errors import HouseError

LAMP = {"kind": "lamp", "driver": "simulated"}
SHELLY = {"kind": "plug", "driver": "shelly", "shelly": {"address": "192.168.1.7"}}
SECRET = {**SHELLY, "shelly": {"address": "192.168.1.7", "password_file": "/etc/shelly"}}
PROGRAM = {"kind": "lamp", "driver": "command", "command": {"on": ["/bin/on"], "off": ["/bin/off"]}}
MIRROR = {"kind": "mirror", "edit": True}


def refused(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the keys whose change is refused; the words kettle and radio have code of their own."""
    found = refused_changes("it", old, new, lambda _, word: word in ("kettle", "radio"))
    return [tuple(map(str, problem.path[2:])) for problem in found]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            LAMP,
            {**LAMP, "name": "Hall", "room": "Hall", "grace": "2m", "when": [{"at": "06:00", "do": "on"}]},
        ),
        (LAMP, {**LAMP, "simulated": {"speed": 2}}),
        (LAMP, {**LAMP, "kind": "plug"}),
        (LAMP, {**LAMP, "kind": "lmap"}),
        (LAMP, SHELLY),
        (SHELLY, {**SHELLY, "shelly": {"address": "192.168.1.8"}}),
        (SECRET, {**SECRET, "name": "Kettle", "max_on": "5m"}),
        (PROGRAM, {**PROGRAM, "room": "Hall"}),
        (MIRROR, {**MIRROR, "meal": "Supper", "name": "Glass"}),
        ({**LAMP, "kind": "kettle"}, {**LAMP, "kind": "kettle", "litres": 2}),
    ],
)
def test_the_usual_changes_are_allowed(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Names, rooms, rules, options; an unknown word is a mistake, which the check explains."""
    assert refused(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        (LAMP, PROGRAM, [("driver",)]),
        (PROGRAM, LAMP, [("driver",)]),
        (LAMP, {**LAMP, "command": PROGRAM["command"]}, [("command",)]),
        (PROGRAM, {**PROGRAM, "command": {"on": ["/bin/sh"], "off": ["/bin/off"]}}, [("command",)]),
        (PROGRAM, {**PROGRAM, "command": {**PROGRAM["command"], "read": ["/bin/sh"]}}, [("command",)]),  # type: ignore[dict-item]
        (LAMP, {**LAMP, "host": "attic"}, [("host",)]),
        (LAMP, {**LAMP, "kind": "kettle"}, [("kind",)]),
        (LAMP, {**LAMP, "driver": "radio"}, [("driver",)]),
        ({**LAMP, "driver": "radio"}, {**LAMP, "driver": "radio", "radio": {"a": 1}}, [("radio",)]),
        (SHELLY, SECRET, [("shelly",)]),
        (SECRET, SHELLY, [("shelly",)]),
        (SECRET, {**SECRET, "shelly": {**SECRET["shelly"], "address": "10.0.0.9"}}, [("shelly",)]),  # type: ignore[dict-item]
        (SECRET, {**SECRET, "driver": "webhook"}, [("driver",)]),
        (LAMP, MIRROR, [("kind",), ("edit",)]),
        (MIRROR, {**MIRROR, "address": "192.168.1.2"}, [("address",)]),
        (MIRROR, {"kind": "mirror"}, [("edit",)]),
        (MIRROR, {**MIRROR, "certificate": "/c", "private_key": "/k"}, None),
        (MIRROR, {**MIRROR, "port": 1, "hosts": ["evil"]}, [("port",), ("hosts",)]),
    ],
)
def test_what_reaches_beyond_the_devices_is_refused(
    old: dict[str, Any], new: dict[str, Any], keys: list[tuple[str, ...]] | None
) -> None:
    """Each refusal names its key."""
    found = refused(old, new)
    assert found
    assert keys is None or found == keys


def test_a_password_in_the_environment_locks_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise another address would get it."""
    changed = {**SHELLY, "shelly": {"address": "10.0.0.9"}}
    assert refused(SHELLY, changed) == []
    monkeypatch.setenv(variable("it"), "secret")
    assert refused(SHELLY, changed) == [("shelly",)]
    assert locked_keys("it", SHELLY) == ["driver", "shelly"]


def test_the_locked_keys_of_a_device_are_named() -> None:
    """The page shows them before a person tries."""
    assert locked_keys("it", LAMP) == []
    assert locked_keys("it", PROGRAM) == ["driver", "command"]
    assert locked_keys("it", {**LAMP, "host": "attic"}) == ["host"]
    assert set(locked_keys("it", MIRROR)) >= {
        "port",
        "address",
        "hosts",
        "certificate",
        "private_key",
        "edit",
    }


@pytest.mark.long
def test_every_option_that_names_a_file_is_known() -> None:
    """Of all kinds and drivers, by the names that such options have."""
    for folder, load in (("kinds", loader.kind), ("drivers", loader.driver)):
        for word in loader.built_in()[folder]:
            if word.startswith("_"):
                continue
            try:
                options = load(word).options_type
            except HouseError:
                continue  # its library is not installed
            names = {field.encode_name for field in structs.fields(options)}
            suspicious = {name for name in names if re.search(r"file|certificate|private|secret", name)}
            assert suspicious <= file_options(options), (folder, word)
