"""A kind in one new file: the terminal, the page, the bridge and the mirror's sentence support it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemons import kinds
from daemons.bus.presence import PresenceTable
from daemons.cli.terminal.view import KeyAction, View
from daemons.config import loader
from daemons.config.roster import Peer
from daemons.kinds import Kind
from daemons.processes.bridge.entities import BridgedDevice, Entity
from daemons.processes.bridge.topics import Topics
from daemons.processes.mirror.page.documents import DocumentEncoder
from daemons.processes.mirror.summary import Summary
from tests.support import factories, page_server

SOURCE = '''
"""A popcorn machine with a smoke detector."""
from typing import Literal
from msgspec import Struct
from daemons.kinds import Kind, PrimaryCommand

class Options(Struct, frozen=True):
    """It has no options."""

class State(Struct, frozen=True):
    """The published state."""
    status: bool
    phase: Literal["cold", "popping", "popped", "dazed"]
    ready: bool
    fault: str | None = None

class Pop(Struct, frozen=True):
    """Make popcorn."""

class Halt(Struct, frozen=True):
    """Stop."""

class On(Struct, frozen=True):
    """Switch on."""

class Off(Struct, frozen=True):
    """Switch off."""

class Novelty(Kind):
    """A popcorn machine with a smoke detector."""
    options_type = Options
    state_type = State
    commands = (Pop, Halt, On, Off)
    primary_commands = (
        PrimaryCommand("halt", "Halt", when={"phase": ("popping",)}), PrimaryCommand("pop", "Pop!"),
    )
    makes = "popcorn"
    resting_phases = ("cold",)
    finished_phases = ("popped",)
    unknown_phases = ("dazed",)
    detections = {"burning": "smoke"}
    entity_class = ENTITY_CLASS
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the only folder in which kinds are found during the test."""
    made = tmp_path / "kinds"
    made.mkdir()
    monkeypatch.setattr(loader, "PACKAGE", tmp_path)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(made)])
    yield made
    sys.modules.pop("daemons.kinds.novelty", None)


@pytest.fixture
def kind(folder: Path) -> type[Kind]:
    """Return the new kind, a switch in Home Assistant."""
    (folder / "novelty.py").write_text(SOURCE.replace("ENTITY_CLASS", "'switch'"))
    return loader.kind("novelty")


def entities(kind: type[Kind], detects: str | None = None) -> dict[str, Entity]:
    """Return the entities of a device of a kind, by their keys."""
    peer = Peer("Novelty", "Kitchen", "novelty", detects=detects)
    device = BridgedDevice(name="novelty", peer=peer, kind=kind)
    return {entity.key: entity for entity in device.entities(Topics("house"))}


@pytest.mark.parametrize(("phase", "command"), [("cold", "pop"), ("popping", "halt"), (None, "pop")])
def test_enter_in_the_terminal_sends_its_primary_command(
    kind: type[Kind], phase: str | None, command: str
) -> None:
    """The command depends on the phase, also if the state is not known yet."""
    view = View()
    view.kinds = {"novelty": kind}
    state = {"status": False, "phase": phase} if phase else None
    devices = {"novelty": {"name": "Novelty", "room": "Kitchen", "state": state}}
    assert view.press("enter", devices, 0.0) == KeyAction("send", "novelty", command)


def test_the_page_gets_its_primary_commands(kind: type[Kind], monkeypatch: pytest.MonkeyPatch) -> None:
    """The house document has each command, its label, and the states for which it applies."""
    assert kind.primary_command({"phase": "popping"}) == "halt"
    monkeypatch.setitem(page_server.PEERS, "lamp", Peer("Novelty", "Kitchen", "novelty"))
    stub = page_server.PageStub()
    stub.publish_all()
    device = json.loads(DocumentEncoder(stub.context).device("lamp") or b"")
    assert device["primary_commands"] == [
        {"command": "halt", "label": "Halt", "when": {"phase": ["popping"]}, "sign": ""},
        {"command": "pop", "label": "Pop!", "when": {}, "sign": ""},
    ]


def test_the_bridge_makes_its_entities(kind: type[Kind]) -> None:
    """The main entity has the declared class, and the other commands are buttons."""
    found = entities(kind)
    assert found["main"].component == "switch"
    assert (found["pop"].component, found["halt"].component) == ("button", "button")
    assert "on" not in found


def test_the_bridge_uses_its_detection(folder: Path) -> None:
    """Without a main entity, `status` is a binary sensor with the declared device class."""
    (folder / "novelty.py").write_text(SOURCE.replace("ENTITY_CLASS", "None"))
    found = entities(loader.kind("novelty"), detects="burning")
    assert "main" not in found
    assert (found["status"].component, found["status"].config["device_class"]) == ("binary_sensor", "smoke")
    assert "dazed" in found["status"].config["value_template"]


@pytest.mark.parametrize(
    ("phase", "ready", "fault", "sentence"),
    [
        ("cold", False, None, "All is quiet."),
        ("cold", False, "it smokes", "Novelty: it smokes"),
        ("popping", False, None, "Novelty is popping"),
        ("dazed", True, None, "Breakfast is ready."),
        ("popped", True, None, "Popcorn has finished"),
    ],
)
def test_the_sentence_of_the_mirror_uses_its_phases(
    kind: type[Kind], phase: str, ready: bool, fault: str | None, sentence: str
) -> None:
    """The device is left out at rest, and has finished in a finished phase."""
    table = PresenceTable({"novelty": "Novelty"}, stale_seconds=3.0, offline_seconds=10.0)
    summary = Summary(table, {"novelty": "Novelty"}, {"novelty": kind})
    fields: dict[str, Any] = {"status": True, "phase": phase, "ready": ready, "fault": fault}
    state = factories.state("novelty", cause="p1", turned=factories.START_TIME, **fields)
    table.on_message(state, 0.0)
    summary.on_state(state)
    assert summary.state(0.0).message == sentence
