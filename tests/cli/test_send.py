"""`house send`, `press`, `on`, `off` and `toggle`: which command is sent, and what a device takes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.cli import send
from daemons.cli.command_list import describe_commands, example
from daemons.cli.main import main
from daemons.config import loader
from tests.support.house import BREAKFAST, HouseFactory, eventually

House = Callable[..., Result]
NOT_UP = "The house is not up; `house up` (or `make up`) starts it.\n"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a function that runs a `house` command for a house that was never up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.toml").write_text(BREAKFAST)

    def run(*words: str) -> Result:
        options = ["--config", str(tmp_path / "house.toml"), "--run", str(tmp_path / "run")]
        return CliRunner().invoke(main, [*options, *words], prog_name="house")

    return run


def test_send_without_a_command_lists_the_commands_with_an_example(house: House) -> None:
    """Each has its meaning, its arguments and their values. The house need not be up for that."""
    done = house("send", "toaster")
    assert done.exit_code == 0
    assert "Toaster (toaster) takes these commands:" in done.stdout
    assert "start  Toast at this level, or at the usual one." in done.stdout
    assert "browning=VALUE  a whole number from 1 to 7 (optional)" in done.stdout
    assert done.stdout.endswith("For example: house send toaster start browning=4\n")
    document = json.loads(house("send", "toaster", "--json").stdout)
    assert (document["device"], document["kind"]) == ("toaster", "toaster")
    assert list(document["commands"]) == ["start", "stop"]
    assert "acknowledge  Acknowledge all notices" in house("send", "mirror").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("on", "toaster"), "toaster is a toaster, and has no command on; it has: start, stop"),
        (("off", "coffee_maker"), "has no command off; it has: start, stop"),
        (("press", "kitchen_lamp"), "has no command press; it has: on, off, toggle"),
        (("on", "mirror"), "mirror is a mirror, and has no command on; it has: acknowledge"),
        (("on", "toster"), "did you mean 'toaster'?"),
        (("on", "kitchen_lamp", "dim"), "'dim' is not KEY=VALUE"),
        (("send", "toaster", "browning=3"), "'browning=3' is no command"),
    ],
)
def test_a_short_form_that_a_device_lacks_names_what_it_has(
    house: House, words: tuple[str, ...], message: str
) -> None:
    """The exit status is 2, also if the house is down."""
    done = house(*words)
    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("send", "toaster", "start"),
        ("press", "bathroom_light"),
        ("on", "kitchen_lamp"),
        ("toggle", "kitchen_lamp"),
        ("toggle", "toaster"),
        ("watch",),
        ("status",),
        ("status", "toaster"),
        ("restart", "toaster"),
        ("stop", "toaster"),
        ("start", "toaster"),
        ("reload",),
        ("drill",),
    ],
    ids=" ".join,
)
def test_every_verb_says_the_same_of_a_house_that_is_down(house: House, words: tuple[str, ...]) -> None:
    """The sentence and the exit status do not depend on the verb, and no verb waits for an answer."""
    done = house(*words)
    assert (done.exit_code, done.stdout, done.stderr.splitlines()[-1:]) == (1, "", [NOT_UP.rstrip("\n")])


@pytest.mark.parametrize(
    ("verb", "kind", "state", "command"),
    [
        ("on", "lamp", {}, "on"),
        ("press", "light_switch", {}, "press"),
        ("press", "button", {}, "single"),
        ("toggle", "lamp", {}, "toggle"),
        ("toggle", "toaster", {"status": True}, "stop"),
        ("toggle", "toaster", {"status": False}, "start"),
        ("toggle", "cover", {"phase": "open", "status": False}, "close"),
        ("toggle", "heater", {"phase": "off"}, "on"),
    ],
)
def test_the_command_follows_from_the_kind_and_the_state(
    monkeypatch: pytest.MonkeyPatch, verb: str, kind: str, state: dict[str, object], command: str
) -> None:
    """`toggle` sends the command of that name, or what the device's button does now."""
    monkeypatch.setattr(send, "present_state", lambda _: state)
    assert send.chosen_command(verb, "it", kind) == command


def test_an_example_of_each_kind_can_be_parsed(house: House) -> None:
    """It is a command of the kind with arguments that the command line takes."""
    for word in loader.available("kinds"):
        kind = loader.kind(word)
        shown = example("it", describe_commands(kind))
        if not kind.commands:
            assert shown is None
            continue
        assert shown is not None
        _, _, name, command, *_ = shown.split(" ", 4)
        assert (name, command in describe_commands(kind)) == ("it", True)


@pytest.mark.long
def test_the_short_forms_switch_a_real_device(make_house: HouseFactory) -> None:
    """A receipt is printed, the device follows, and `status NAME` shows it in words."""
    breakfast = make_house(BREAKFAST.replace("speed = 60", "speed = 1"))  # toast takes two minutes
    breakfast.house("up")
    assert "press applied" in breakfast.house("press", "bathroom_light").stdout
    assert "on applied" in breakfast.house("on", "kitchen_lamp", "brightness_percent=30").stdout
    assert breakfast.status()["devices"]["kitchen_lamp"]["state"]["brightness_percent"] == 30
    # The recorder writes once a second, and until then the reason is that of the change before.
    eventually(lambda: "Command by terminal" in breakfast.house("status", "kitchen_lamp").stdout)
    shown = breakfast.house("status", "kitchen_lamp").stdout
    for words in ("Brightness      30 %", "On              yes", "PID "):
        assert words in shown
    assert "toggle applied" in breakfast.house("toggle", "kitchen_lamp").stdout
    assert "stop applied" in breakfast.house("toggle", "toaster").stdout
    document = json.loads(breakfast.house("status", "toaster", "--json").stdout)
    assert (document["device"], document["up"], document["kind"]) == ("toaster", True, "toaster")
