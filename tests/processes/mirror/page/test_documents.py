"""The portrait: the documents of docs/page.md, field by field, and ages as of the moment of telling."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.processes.mirror.page.changes import Change
from daemons.processes.mirror.page.documents import Portrait
from daemons.runtime.clock import uptime
from tests.support.house import PROJECT
from tests.support.page_server import BOOT, PEERS, Stand

DOCUMENT = (PROJECT / "docs" / "page.md").read_text()


@pytest.fixture
def stand() -> Stand:
    """Give a board on which everybody has been heard."""
    made = Stand()
    made.show_all()
    return made


@pytest.fixture
def portrait(stand: Stand) -> Portrait:
    """Give the portrait of that."""
    return Portrait(stand.subject)


def last(stand: Stand) -> Change:
    """Give what was put up last."""
    changes = stand.board.after(stand.board.number - 1)
    assert changes is not None
    (change,) = changes
    return change


def documented() -> list[str]:
    """Give the fields of a standing that docs/page.md lists."""
    section = DOCUMENT.partition("## What is known of a process")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def house(portrait: Portrait, *names: str) -> dict[str, Any]:
    """Give the house document."""
    found: dict[str, Any] = json.loads(portrait.house(frozenset(names) if names else None)[1])
    return found


def test_a_standing_has_the_documented_fields_and_no_other(portrait: Portrait) -> None:
    """Of a device, of a service and in a change."""
    told = house(portrait)
    fields = set(documented())
    assert len(fields) == 15
    for standing in told["services"].values():
        assert standing.keys() == fields
    for device in told["devices"].values():
        assert device.keys() == fields | {"name", "room", "kind", "host", "elsewhere", "hears", "commands"}


def test_the_house_is_told_whole(portrait: Portrait, stand: Stand) -> None:
    """Its settings, its devices in the order of the configuration, its services, its sentence."""
    told = house(portrait)
    assert told["type"] == "house"
    assert told["cursor"] == f"{BOOT}-{stand.board.number}"
    assert told["at"] == pytest.approx(time.time(), abs=60)
    assert told["house"] == {"name": "Stand", "timezone": "UTC", "locale": "en-GB", "host": None}
    assert (told["mirror"], told["message"]) == ("mirror", "All is quiet.")
    assert list(told["devices"]) == list(PEERS)
    assert list(told["services"]) == ["steward"]
    toaster = told["devices"]["toaster"]
    assert [toaster[key] for key in ("name", "room", "kind")] == ["Toaster", "Kitchen", "toaster"]
    assert toaster["hears"] == ["switch"]
    assert toaster["commands"] == {"start": {"browning": "a whole number from 1 to 7"}, "stop": {}}
    assert toaster["state"] == {"status": False, "phase": "idle", "power_watts": 1.5}
    assert (toaster["presence"], toaster["pid"], toaster["restarts"]) == ("live", 2**22 + 1, 3)


def test_a_part_of_the_house(portrait: Portrait) -> None:
    """Only those who were asked for, devices and services."""
    told = house(portrait, "lamp", "steward")
    assert (list(told["devices"]), list(told["services"])) == (["lamp"], ["steward"])
    told = house(portrait, "lamp")
    assert (list(told["devices"]), list(told["services"])) == (["lamp"], [])


def test_before_anything_is_heard_there_is_a_house_already() -> None:
    """It is empty, and says nothing; one device of it is not known yet."""
    portrait = Portrait(Stand().subject)
    told = house(portrait)
    assert (told["devices"], told["services"], told["message"]) == ({}, {}, "")
    assert portrait.device("lamp") is None


def test_one_device_is_its_part_of_the_house(portrait: Portrait) -> None:
    """Word for word, but for its age."""
    whole = house(portrait)["devices"]["lamp"]
    alone = json.loads(portrait.device("lamp") or b"")
    assert {**alone, "age_seconds": 0} == {**whole, "age_seconds": 0}


def test_a_change_tells_its_whole_standing(portrait: Portrait, stand: Stand) -> None:
    """With the number, whose it is, what led to it and for how many it stands."""
    stand.show("lamp", status=True)
    change = last(stand)
    told = json.loads(portrait.change(change, missed=3))
    assert told.keys() == {"type", "cursor", "at", "device", "missed", "heard", "now"}
    assert (told["type"], told["device"], told["missed"], told["heard"]) == ("change", "lamp", 3, True)
    assert told["cursor"] == portrait.cursor(change.number)
    assert told["now"]["state"] == {"status": True}
    assert told["now"].keys() == set(documented())


def test_a_change_that_is_told_late_is_that_much_older(portrait: Portrait, stand: Stand) -> None:
    """An age is as of the telling, not as of the putting up."""
    before = uptime() - 100.0
    stand.table.on_message(stand.table.entries["lamp"].state, before)  # type: ignore[arg-type]
    stand.board.put("lamp", stand.table.snapshot("lamp", before + 2.0), before + 2.0, heard=False)
    change = last(stand)
    assert change.standing["age_seconds"] == 2.0
    assert json.loads(portrait.change(change))["now"]["age_seconds"] >= 100.0


def test_an_age_is_never_negative(portrait: Portrait, stand: Stand) -> None:
    """Also when the latest was heard while it was told."""
    stand.table.on_message(stand.table.entries["lamp"].state, uptime() + 5.0)  # type: ignore[arg-type]
    assert house(portrait)["devices"]["lamp"]["age_seconds"] == 0.0


def test_a_beat_tells_every_age(portrait: Portrait, stand: Stand) -> None:
    """Of all, or of those who were asked for; the mirror's own is nothing; memory only when measured."""
    told = json.loads(portrait.beat(None, None))
    assert told.keys() == {"type", "cursor", "at", "ages"}
    assert told["ages"].keys() == {*PEERS, "steward"}
    assert told["ages"]["mirror"] == 0.0
    assert all(0 <= age < 60 for age in told["ages"].values())
    told = json.loads(portrait.beat(frozenset({"lamp"}), {"lamp": 7, "toaster": 8}))
    assert (told["ages"].keys(), told["memory"]) == ({"lamp"}, {"lamp": 7})


def test_who_was_never_heard_has_no_age() -> None:
    """There is nothing to be old."""
    assert json.loads(Portrait(Stand().subject).beat(None, None))["ages"] == {"mirror": 0.0}


def test_every_command_of_a_kind_is_told(portrait: Portrait) -> None:
    """With its arguments, and what they take; a mirror has none."""
    devices = house(portrait)["devices"]
    assert devices["mirror"]["commands"] == {}
    assert devices["lamp"]["commands"].keys() == {"on", "off", "toggle"}
    assert devices["lamp"]["commands"]["on"] == {
        "brightness_percent": "a whole number from 1 to 100",
        "colour_temperature_kelvin": "a whole number from 1000 to 10000",
    }


@given(st.integers(0, 2**53))
def test_a_cursor_is_read_as_it_was_written(number: int) -> None:
    """Every number comes back."""
    portrait = Portrait(Stand().subject)
    assert portrait.read_cursor(portrait.cursor(number)) == number


@given(st.one_of(st.text(max_size=30), st.integers().map(lambda number: f"{number}-1")))
def test_what_is_no_cursor_of_this_life_is_nothing(text: str) -> None:
    """Nonsense, and another life's: nothing, and no failure."""
    if not text.startswith(f"{BOOT}-"):
        assert Portrait(Stand().subject).read_cursor(text) is None


@pytest.mark.parametrize("rest", ["", "-1", "+1", " 1", "1.0", "1e3", "x", "1-1", "0x1"])
def test_a_cursor_of_this_life_needs_a_number(rest: str) -> None:
    """And nothing that Python merely takes for one."""
    assert Portrait(Stand().subject).read_cursor(f"{BOOT}-{rest}") is None
