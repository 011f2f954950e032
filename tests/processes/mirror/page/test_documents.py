"""The documents of docs/page.md, field by field, with ages as of the moment of encoding."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from daemons.config import loader
from daemons.config.house import load_house
from daemons.config.roster import Peer
from daemons.processes.mirror.page.changes import StatusChange
from daemons.processes.mirror.page.documents import DocumentEncoder, describe_commands
from daemons.processes.mirror.page.view import WHOLE_HOUSE, View
from daemons.runtime.clock import uptime
from daemons.values import convert
from tests.support.big_house import big_house
from tests.support.house import PROJECT
from tests.support.page_server import BOOT, PEERS, PageStub

DOCUMENT = (PROJECT / "docs" / "page.md").read_text()
CONFIGURED = (
    *("name", "room", "kind", "host", "elsewhere", "hears", "commands"),
    *("primary_commands", "secondary_commands", "control", "controls", "buttons", "values"),
    *("resting_phases", "hide", "favourite"),
)
"""The fields of a device that its configuration decides, in the order of docs/page.md."""


@pytest.fixture
def stub() -> PageStub:
    """Return a page stub that every process has published to."""
    stub = PageStub()
    stub.publish_all()
    return stub


@pytest.fixture
def documents(stub: PageStub) -> DocumentEncoder:
    """Return the encoder of these documents."""
    return DocumentEncoder(stub.context)


def last_change(stub: PageStub) -> StatusChange:
    """Return the change that was appended last."""
    changes = stub.changes.after(stub.changes.number - 1)
    assert changes is not None
    (change,) = changes
    return change


def documented_fields() -> list[str]:
    """Return the fields of a status that docs/page.md lists."""
    section = DOCUMENT.partition("## What is known of a process")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def house(documents: DocumentEncoder, *names: str) -> dict[str, Any]:
    """Return the decoded house document."""
    found: dict[str, Any] = json.loads(documents.house(View(names=frozenset(names) if names else None))[1])
    return found


def test_a_status_has_exactly_the_documented_fields(documents: DocumentEncoder) -> None:
    """The same fields for a device, for a service and in a change."""
    document = house(documents)
    fields = set(documented_fields())
    assert len(fields) == 15
    for status in document["services"].values():
        assert status.keys() == fields
    for device in document["devices"].values():
        assert device.keys() == fields | {*CONFIGURED}


def test_the_house_document_is_complete(documents: DocumentEncoder, stub: PageStub) -> None:
    """The document has the settings, the devices in configuration order, the services and the sentence."""
    document = house(documents)
    assert document["type"] == "house"
    assert document["cursor"] == f"{BOOT}-{stub.changes.number}"
    assert document["at"] == pytest.approx(time.time(), abs=60)
    assert document["house"] == {"name": "Stand", "timezone": "UTC", "locale": "en-GB", "host": None}
    assert (document["mirror"], document["message"]) == ("mirror", "All is quiet.")
    assert list(document["devices"]) == list(PEERS)
    assert list(document["services"]) == ["steward"]
    toaster = document["devices"]["toaster"]
    assert [toaster[key] for key in ("name", "room", "kind")] == ["Toaster", "Kitchen", "toaster"]
    assert toaster["hears"] == ["switch"]
    assert toaster["commands"] == {"start": {"browning": "a whole number from 1 to 7"}, "stop": {}}
    assert toaster["primary_commands"] == [
        {"command": "stop", "label": "Stop", "when": {"status": [True]}, "sign": ""},
        {"command": "start", "label": "Start", "when": {}, "sign": ""},
    ]
    assert toaster["state"] == {"status": False, "phase": "idle", "power_watts": 1.5}
    assert (toaster["presence"], toaster["pid"], toaster["restarts"]) == ("live", 2**22 + 1, 3)


def test_the_keys_of_the_house_document_keep_their_order(documents: DocumentEncoder) -> None:
    """The house and its devices have their keys in the order of docs/page.md, the configuration first."""
    document = house(documents)
    assert list(document) == [
        "type", "cursor", "at", "house", "mirror", "message", "sentence", "attention", "devices", "services",
    ]  # fmt: skip
    keys = [*CONFIGURED, *documented_fields()]
    assert all(list(device) == keys for device in document["devices"].values())
    assert all(list(service) == documented_fields() for service in document["services"].values())


def test_the_house_document_can_be_filtered(documents: DocumentEncoder) -> None:
    """The document has only the devices and services in the filter."""
    document = house(documents, "lamp", "steward")
    assert (list(document["devices"]), list(document["services"])) == (["lamp"], ["steward"])
    document = house(documents, "lamp")
    assert (list(document["devices"]), list(document["services"])) == (["lamp"], [])


def test_the_house_document_names_all_devices_before_any_message() -> None:
    """A page that connects to a mirror that has just started shows each device as soon as it is heard."""
    documents = DocumentEncoder(PageStub().context)
    document = house(documents)
    assert set(document["devices"]) == {*PEERS} - {"mirror"}
    assert {one["presence"] for one in document["devices"].values()} == {"offline"}
    assert (list(document["services"]), document["message"]) == (["steward"], "")
    assert documents.device("lamp") is None


def test_a_lamp_has_an_input_for_its_light_unless_its_driver_lacks_one() -> None:
    """The page shows an input for each."""
    peers = load_house(Path("house.toml"), big_house(42)).slices()["mirror"].ordered_peers
    lamp = replace(peers["desk_lamp"], lacks=("colour_temperature_kelvin", "colour"))
    document = house(DocumentEncoder(PageStub({**peers, "desk_lamp": lamp}).context))
    inputs = {
        name: [one["label"] for one in document["devices"][name]["controls"]]
        for name in peers.keys() - {"mirror"}
    }
    assert (inputs["hall_lamp"], inputs["desk_lamp"]) == (
        ["Brightness", "Warmth", "Colour"],
        ["Brightness"],
    )
    assert (inputs["living_blind"], inputs["living_heater"]) == (["Position"], ["Target"])
    assert [one["sign"] for one in document["devices"]["living_blind"]["buttons"]] == ["▲", "■", "▼"]


def test_a_device_document_equals_its_part_of_the_house(documents: DocumentEncoder) -> None:
    """Only the ages differ."""
    whole = house(documents)["devices"]["lamp"]
    alone = json.loads(documents.device("lamp") or b"")
    assert {**alone, "age_seconds": 0} == {**whole, "age_seconds": 0}


def test_a_change_has_the_whole_status(documents: DocumentEncoder, stub: PageStub) -> None:
    """The message also has its cursor, its device, its origin, and the number of replaced changes."""
    stub.publish_state("lamp", status=True)
    change = last_change(stub)
    document = json.loads(documents.change(change, missed=3))
    assert document.keys() == {"type", "cursor", "at", "device", "missed", "heard", "now"}
    assert (document["type"], document["device"], document["missed"], document["heard"]) == (
        "change",
        "lamp",
        3,
        True,
    )
    assert document["cursor"] == documents.cursor(change.number)
    assert document["now"]["state"] == {"status": True}
    assert document["now"].keys() == set(documented_fields())


def test_the_age_in_a_change_is_as_of_its_encoding(documents: DocumentEncoder, stub: PageStub) -> None:
    """A change that is encoded later is that much older."""
    before = uptime() - 100.0
    stub.table.on_message(stub.table.entries["lamp"].state, before)  # type: ignore[arg-type]
    stub.changes.append("lamp", stub.table.status("lamp", before + 2.0), before + 2.0, is_own_state=False)
    change = last_change(stub)
    assert change.status.age_seconds == 2.0
    assert json.loads(documents.change(change))["now"]["age_seconds"] >= 100.0


def test_an_age_is_never_negative(documents: DocumentEncoder, stub: PageStub) -> None:
    """Not even if a message arrived after the age was computed."""
    stub.table.on_message(stub.table.entries["lamp"].state, uptime() + 5.0)  # type: ignore[arg-type]
    assert house(documents)["devices"]["lamp"]["age_seconds"] == 0.0


def test_a_beat_has_the_age_of_every_process(documents: DocumentEncoder, stub: PageStub) -> None:
    """Of all, or of those in the filter; the mirror's own age is zero; memory only when measured."""
    document = json.loads(documents.beat(WHOLE_HOUSE, None))
    assert document.keys() == {"type", "cursor", "at", "ages", "screen"}
    assert document["ages"].keys() == {*PEERS, "steward"}
    assert document["ages"]["mirror"] == 0.0
    assert all(0 <= age < 60 for age in document["ages"].values())
    document = json.loads(documents.beat(View(names=frozenset({"lamp"})), {"lamp": 7, "toaster": 8}))
    assert (document["ages"].keys(), document["memory"]) == ({"lamp"}, {"lamp": 7})


def test_a_process_without_a_message_has_no_age() -> None:
    """The message `beat` has no entry for the process."""
    assert json.loads(DocumentEncoder(PageStub().context).beat(WHOLE_HOUSE, None))["ages"] == {"mirror": 0.0}


def test_every_command_of_a_kind_is_listed(documents: DocumentEncoder) -> None:
    """Each command has its arguments and their limits."""
    devices = house(documents)["devices"]
    assert devices["mirror"]["commands"].keys() == {"acknowledge"}
    assert devices["lamp"]["commands"].keys() >= {"on", "off", "toggle", "brighter", "dimmer", "cycle"}
    assert devices["lamp"]["commands"]["on"] == {
        "brightness_percent": "a whole number from 1 to 100",
        "colour_temperature_kelvin": "a whole number from 1000 to 10000",
        "colour": 'a colour, such as "#ff8800", or one of red, orange, yellow, green, cyan, blue, purple, '
        "pink, white",
    }


@given(st.integers(0, 2**53))
def test_a_cursor_can_be_parsed(number: int) -> None:
    """The parsed number is the original number."""
    documents = DocumentEncoder(PageStub().context)
    assert documents.parse_cursor(documents.cursor(number)) == number


@given(st.one_of(st.text(max_size=30), st.integers().map(lambda number: f"{number}-1")))
def test_a_cursor_of_another_run_is_refused(text: str) -> None:
    """Nonsense and the cursors of another run of the mirror are None, without an error."""
    if not text.startswith(f"{BOOT}-"):
        assert DocumentEncoder(PageStub().context).parse_cursor(text) is None


@pytest.mark.parametrize("rest", ["", "-1", "+1", " 1", "1.0", "1e3", "x", "1-1", "0x1"])
def test_a_cursor_needs_plain_digits(rest: str) -> None:
    """Other forms that Python reads as numbers are refused."""
    assert DocumentEncoder(PageStub().context).parse_cursor(f"{BOOT}-{rest}") is None


def test_a_choice_lists_the_values_of_its_device() -> None:
    """The kind alone does not know them."""
    mode = loader.kind("mode")
    control = mode.control(convert({"values": ["home", "away"]}, mode.options_type))
    peer = Peer("", "", "mode", control=control)
    assert describe_commands(mode, peer)["set"] == {"value": 'one of "home", "away"'}
    assert describe_commands(None, peer) == {}
