"""The blocking client in a real house: without an exchange, with one, and over the network."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from daemons.bus.keys import read_credentials
from daemons.bus.message import Receipt
from daemons.bus.origin import Reason
from daemons.client import House, StateChange
from daemons.errors import DeviceError, NoAnswer
from tests.client.conftest import Access
from tests.support.exchange_client import lamp_state, make_key, restart_exchange
from tests.support.house import PROJECT, TemporaryHouse, eventually
from tests.support.patience import patience


@pytest.fixture
def client(access: Access) -> Iterator[House]:
    """Yield a client of each house."""
    with House(access.where) as made:
        yield made


@pytest.fixture
def exchange_client(exchange_access: Access) -> Iterator[House]:
    """Yield a client of the house with an exchange."""
    with House(exchange_access.where) as made:
        yield made


def test_a_command_gets_its_receipt(client: House) -> None:
    """Whatever its outcome; a wrong name is rejected with the nearest right one."""
    assert client.send("kitchen_lamp", "on", brightness_percent=7).outcome == "applied"
    assert client.send("toaster", "fly").outcome == "rejected"
    receipt = client.send("toster", "start")
    assert (receipt.outcome, receipt.device) == ("rejected", "toster")
    assert "there is no device 'toster'; did you mean 'toaster'?" in str(receipt.reason)


@pytest.mark.parametrize(("options", "who"), [({}, "program"), ({"who": "lights.py"}, "lights.py")])
def test_the_reason_of_a_state_names_the_program(access: Access, options: dict[str, str], who: str) -> None:
    """A program in the run directory names itself; one with a key has the name of its key."""
    if access.where.suffix == ".key":
        who = "key:client"
    with access.house.listen("kitchen_lamp") as listener, House(access.where, **options) as client:
        sent = client.send("kitchen_lamp", "toggle")
        listener.wait_for(
            lambda it: "kitchen_lamp" in it.states and it.states["kitchen_lamp"].cause == sent.id
        )
    state = listener.states["kitchen_lamp"]
    assert state.reason == Reason("command", who)
    assert state.origin is not None
    assert (state.origin.id, state.origin.who) == (sent.id, who)


@pytest.mark.parametrize("who", ["", "a" * 65])
def test_a_program_needs_a_valid_name(access: Access, who: str) -> None:
    """The error says what is allowed."""
    with pytest.raises(ValueError, match="allowed: text of 1 to 64 characters"):
        House(access.where, who=who)


def test_the_current_state_comes_first_and_then_each_change(access: Access, client: House) -> None:
    """No change comes twice, and the iterator ends when nothing changes for a while."""
    changes = client.changes("kitchen_lamp", seconds=5)
    first = next(changes)
    assert (first.device, "brightness_percent" in first.state) == ("kitchen_lamp", True)
    dim = 20 if first.state["brightness_percent"] != 20 else 30
    receipt = access.house.send("kitchen_lamp", "on", f"brightness_percent={dim}")
    second = next(changes)
    while second.state["brightness_percent"] != dim:
        second = next(changes)
    assert second.cause == receipt["id"]
    assert second.since > first.since
    rest = list(changes)
    assert all(change.state["brightness_percent"] == dim for change in rest)


def test_without_names_the_changes_of_all_processes_come(access: Access, client: House) -> None:
    """Also those of the house's own processes, such as the recorder."""
    wanted = {"toaster", "kitchen_lamp", "mirror", "recorder"}
    for change in client.changes(seconds=patience()):
        wanted.discard(change.device)
        if not wanted:
            return
    raise AssertionError(f"no state of {', '.join(wanted)} has come")


def test_a_client_survives_restarts_and_gets_the_state_after_them(access: Access, client: House) -> None:
    """The exchange, if there is one, is killed, and then the device; both come back."""
    changes = client.changes("kitchen_lamp")
    before = next(changes).state["brightness_percent"]
    if "exchange" in access.house.pids():
        restart_exchange(access.house)
    dims = [number for number in (40, 50, 60) if number != before]
    assert eventually(lambda: applied(client, dims[0]))
    wait_for_brightness(changes, dims[0])
    with access.house.listen("kitchen_lamp") as listener:
        listener.kill("kitchen_lamp")
    assert eventually(lambda: applied(client, dims[1]))
    wait_for_brightness(changes, dims[1])


def applied(client: House, dim: int) -> Receipt | None:
    """Send a command and return its receipt if it was applied; None also while the house does not answer."""
    try:
        receipt = client.send("kitchen_lamp", "on", seconds=5, brightness_percent=dim)
    except NoAnswer:
        return None
    return receipt if receipt.outcome == "applied" else None


def wait_for_brightness(changes: Iterator[StateChange], dim: int) -> None:
    """Wait for the change to a brightness."""
    while next(changes).state["brightness_percent"] != dim:
        pass


def test_two_clients_get_their_own_receipts(access: Access) -> None:
    """They send to the same device in turn."""
    with House(access.where) as one, House(access.where) as two:
        receipts = [client.send("kitchen_lamp", "toggle") for client in (one, two, one, two)]
    assert [receipt.outcome for receipt in receipts] == ["applied"] * 4
    assert len({receipt.id for receipt in receipts}) == 4


def test_the_program_of_the_readme_runs_in_a_house_without_an_exchange(direct_house: TemporaryHouse) -> None:
    """It prints the outcome of its command."""
    text = (PROJECT / "README.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=direct_house.run.parent,
        env=direct_house.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(),
    )
    assert (done.stdout, done.stderr) == ("applied\n", "")


def test_a_silent_device_of_a_house_without_an_exchange_is_named(direct_house: TemporaryHouse) -> None:
    """The error has the device and a hint; the next command to it is answered again."""
    direct_house.house("stop", "toaster")
    with House(direct_house.run) as client:
        with pytest.raises(
            NoAnswer, match=r"toaster: no answer within 0\.6 s; is it running\? `house status`"
        ):
            client.send("toaster", "start", seconds=0.1)
        assert client.send("kitchen_lamp", "on").outcome == "applied"
        direct_house.house("start", "toaster")
        assert client.send("toaster", "stop").outcome == "applied"


def test_a_device_cannot_be_served_without_an_exchange(direct_house: TemporaryHouse) -> None:
    """The error says what to add to the configuration."""
    with House(direct_house.run) as client:
        for serve in (
            lambda: client.say("shed_lamp", lamp_state(True)),
            lambda: next(client.commands("shed_lamp")),
        ):
            with pytest.raises(DeviceError, match=r"shed_lamp: .*add the table \[exchange\]"):
                serve()


def test_the_sender_of_a_command_gets_the_reply_of_the_program(
    exchange_access: Access, exchange_client: House
) -> None:
    """Between two calls of `commands`, the program can do other things."""
    exchange_client.say("shed_lamp", lamp_state(False))
    assert list(exchange_client.commands("shed_lamp", seconds=1)) == []
    sending = ("send", "shed_lamp", "on", "brightness_percent=5", "--json")
    with exchange_access.house.house_running(*sending) as sender:
        for command in exchange_client.commands("shed_lamp", seconds=20):
            assert (command.device, command.command, command.args) == (
                "shed_lamp",
                "on",
                {"brightness_percent": 5},
            )
            command.reply("rejected", "its bulb is broken")
            break
        assert sender.stdout is not None
        assert "its bulb is broken" in sender.stdout.read()


def test_a_client_without_the_right_is_rejected(exchange_house: TemporaryHouse) -> None:
    """A command gets a rejection, and a device that the key may not serve raises PermissionError."""
    with House(make_key(exchange_house, "meek", hear="toaster/")) as client:
        receipt = client.send("toaster", "start")
        assert (receipt.outcome, receipt.reason) == ("rejected", "meek may not command toaster")
        assert next(client.changes()).device == "toaster"
        with pytest.raises(PermissionError, match="may not speak for 'shed_lamp'"):
            list(client.commands("shed_lamp", seconds=5))
    exchange_house.house("keys", "revoke", "meek")


def test_a_house_that_does_not_answer_is_an_error_with_a_hint(tmp_path: Path, key: Path) -> None:
    """The hint for a run directory differs from that for a key."""
    (tmp_path / "run" / "bus").mkdir(parents=True)
    with (
        House(tmp_path / "run") as client,
        pytest.raises(NoAnswer, match="are the house and its exchange up"),
    ):
        client.send("toaster", "start", seconds=0.2)
    lost = tmp_path / "lost.key"
    lost.write_text(key.read_text().replace(read_credentials(key).address, "tcp://127.0.0.1:9"))
    lost.chmod(0o600)
    with House(lost) as client, pytest.raises(NoAnswer, match="house keys list"):
        client.send("toaster", "start", seconds=0.2)


def test_a_command_of_a_client_with_a_wrong_clock_is_applied(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour behind, the client requests the time of the house, and no command is too late."""
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() - 3600)
    with House(key) as client:
        assert client.send("kitchen_lamp", "on").outcome == "applied"


def test_a_client_leaves_nothing_open(exchange_house: TemporaryHouse, direct_house: TemporaryHouse) -> None:
    """Also when an exception ends it."""
    before = open_files()
    for house in (exchange_house, direct_house) * 3:
        with suppress(ZeroDivisionError), House(house.run) as client:
            next(client.changes("toaster"))
            if house is exchange_house:
                client.say("shed_lamp", lamp_state(True))
            client.send("kitchen_lamp", "on")
            raise ZeroDivisionError
    eventually(lambda: open_files() <= before + 1)


def open_files() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
