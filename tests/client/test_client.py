"""The Python client, in a real house, near and far; and what of it needs no house."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from daemons import client
from daemons.bus import message
from daemons.bus.keys import Pass, read_pass, toml
from daemons.bus.message import Command, Heartbeat, Receipt, Report, State
from daemons.client import Clock, Hearing, House, Service, way
from daemons.errors import NoAnswer, PlaceError
from tests.support import factories
from tests.support.exchange_client import begin_anew, lamp, make_key
from tests.support.house import Household, eventually


@pytest.fixture(scope="module")
def key(front: Household) -> Path:
    """Give the file of a key that may do everything."""
    return make_key(front, "client", hear="*", say="*", command="*")


@pytest.fixture(params=["near", "far"])
def house(request: pytest.FixtureRequest, front: Household, key: Path) -> Iterator[House]:
    """Come in, each way."""
    with House(front.run if request.param == "near" else key) as made:
        yield made


def test_a_command_is_answered(house: House) -> None:
    """With its receipt, whatever that says."""
    assert house.send("kitchen_lamp", "on", brightness_percent=7).outcome == "applied"
    assert house.send("toaster", "fly").outcome == "rejected"
    assert "did you mean 'toaster'" in str(house.send("toster", "start").reason)


def test_changes_come_as_they_are_and_then_as_they_happen(front: Household, house: House) -> None:
    """One device; and nothing twice. It ends when nothing changes for a while."""
    changes = house.changes("kitchen_lamp", seconds=5)
    first = next(changes)
    assert (first.device, "brightness_percent" in first.state) == ("kitchen_lamp", True)
    dim = 20 if first.state["brightness_percent"] != 20 else 30
    receipt = front.send("kitchen_lamp", "on", f"brightness_percent={dim}")
    second = next(changes)
    while second.state["brightness_percent"] != dim:
        second = next(changes)
    assert second.cause == receipt["id"]
    assert second.since > first.since
    rest = list(changes)
    assert all(change.state["brightness_percent"] == dim for change in rest)


def test_a_client_outlives_restarts_and_misses_nothing_lasting(front: Household, house: House) -> None:
    """The exchange is killed, then the device is: what it is afterwards is heard, and commands go through."""
    changes = house.changes("kitchen_lamp")
    before = next(changes).state["brightness_percent"]
    begin_anew(front)
    dims = [number for number in (40, 50, 60) if number != before]
    assert eventually(lambda: sent(house, dims[0])).outcome == "applied"
    while next(changes).state["brightness_percent"] != dims[0]:
        pass
    with front.ear("kitchen_lamp") as ear:
        ear.kill("kitchen_lamp")
    assert eventually(lambda: sent(house, dims[1])).outcome == "applied"
    while next(changes).state["brightness_percent"] != dims[1]:
        pass


def sent(house: House, dim: int) -> Receipt | None:
    """Send a command; nothing while the house cannot be asked."""
    try:
        receipt = house.send("kitchen_lamp", "on", seconds=5, brightness_percent=dim)
    except NoAnswer:
        return None
    return receipt if receipt.outcome == "applied" else None


def test_two_clients_do_not_get_in_each_others_way(front: Household, key: Path) -> None:
    """Each has its own receipts."""
    with House(front.run) as one, House(key) as two:
        receipts = [house.send("kitchen_lamp", "toggle") for house in (one, two, one, two)]
    assert [receipt.outcome for receipt in receipts] == ["applied"] * 4
    assert len({receipt.id for receipt in receipts}) == 4


def test_a_wish_is_replied_to(front: Household, house: House) -> None:
    """What the program says of it is what its sender is told; in between it can do other things."""
    house.say("shed_lamp", lamp(False))
    assert list(house.commands("shed_lamp", seconds=1)) == []
    with front.house_running("send", "shed_lamp", "on", "brightness_percent=5", "--json") as sending:
        for wish in house.commands("shed_lamp", seconds=20):
            assert (wish.device, wish.command, wish.args) == ("shed_lamp", "on", {"brightness_percent": 5})
            wish.reply("rejected", "its bulb is broken")
            break
        assert sending.stdout is not None
        assert "its bulb is broken" in sending.stdout.read()


def test_rights_are_told(front: Household) -> None:
    """A command that it may not send is rejected, a device that is not its own cannot be spoken for."""
    with House(make_key(front, "meek", hear="toaster/")) as house:
        receipt = house.send("toaster", "start")
        assert (receipt.outcome, receipt.reason) == ("rejected", "meek may not command toaster")
        assert next(house.changes()).device == "toaster"
        with pytest.raises(PermissionError, match="may not speak for 'shed_lamp'"):
            list(house.commands("shed_lamp", seconds=5))
    front.house("keys", "revoke", "meek")


def test_a_house_that_says_nothing_is_told_with_what_to_look_for(tmp_path: Path, key: Path) -> None:
    """Near and far, each with its own advice."""
    (tmp_path / "run" / "bus").mkdir(parents=True)
    with House(tmp_path / "run") as house, pytest.raises(NoAnswer, match="is the house up, and its exchange"):
        house.send("toaster", "start", seconds=0.2)
    lost = tmp_path / "lost.key"
    text = key.read_text()
    lost.write_text(text.replace(read_pass(key).address, "tcp://127.0.0.1:9"))
    lost.chmod(0o600)
    with House(lost) as house, pytest.raises(NoAnswer, match="house keys list"):
        house.send("toaster", "start", seconds=0.2)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (None, "is no run directory of a house, and no key's file"),
        ("nonsense = [", "is no key"),
        (
            'address = "tcp://house"\nserver_key = "{k}"\npublic_key = "{k}"\nsecret_key = "{k}"',
            "has no port",
        ),
    ],
)
def test_what_is_no_way_in_is_told(tmp_path: Path, words: str | None, why: str) -> None:
    """With the path."""
    path = tmp_path / "x.key"
    if words:
        path.write_text(words.replace("{k}", "0" * 40))
        path.chmod(0o600)
    with pytest.raises(PlaceError, match=re.escape(str(path))) as caught:
        way(path)
    assert why in str(caught.value)


def test_the_way_is_three_endpoints(tmp_path: Path) -> None:
    """Three ports in a row; an address of IPv6 keeps its brackets."""
    path = tmp_path / "x.key"
    half = "0" * 40
    given = Pass(address="tcp://[::1]:8070", server_key=half, public_key=half, secret_key=half)
    path.write_bytes(toml(given))
    path.chmod(0o600)
    assert way(path)[:3] == ("tcp://[::1]:8070", "tcp://[::1]:8071", "tcp://[::1]:8072")


def state(seq: int, boot: int = 1, **shown: Any) -> list[bytes]:
    """Give a state as it travels."""
    made = State(device="lamp", boot=boot, seq=seq, at=9.0, since=1.0, state={"status": True, **shown})
    return [message.topic(made), message.encode(made)]


def test_hearing_does_not_ask_again_for_what_the_steward_said_of_others() -> None:
    """It counts its reports as well, so its sign of life is beyond its one state, and nothing was missed."""
    hearing = Hearing([])
    own = factories.state("steward", seq=1, status=True)
    report = Report(device="lamp", boot=own.boot, seq=2, at=2.0, life="running", since=2.0)
    beat = Heartbeat(device="steward", boot=own.boot, seq=2, at=3.0, pid=1)
    told = [hearing.take([message.topic(heard), message.encode(heard)]) for heard in (report, own, beat)]
    assert [change and change.device for change in told] == [None, "steward", None]
    assert not hearing.again
    missed = Heartbeat(device="steward", boot=own.boot, seq=3, at=4.0, pid=1)
    hearing.take([message.topic(missed), message.encode(missed)])
    assert hearing.again == ["steward/"]


def test_hearing_tells_each_change_once_and_asks_for_what_it_missed() -> None:
    """What is older or the same is nothing new; a sign of life with a higher number tells of a gap."""
    hearing = Hearing(["lamp"])
    assert hearing.prefixes == ["lamp/"]
    first = hearing.take(state(1, power_watts=1.0))
    assert first is not None
    assert first.state["power_watts"] == 1.0
    assert hearing.take(state(1, power_watts=1.0)) is None
    assert hearing.take(state(2, power_watts=1.0)) is None, "said once more, as a program does"
    assert hearing.take(state(3, power_watts=2.0)) is not None
    assert hearing.take(state(2, power_watts=9.0)) is None
    beat = Heartbeat(device="lamp", boot=1, seq=5, at=1.0, pid=1)
    assert hearing.take([message.topic(beat), message.encode(beat)]) is None
    assert hearing.again == ["lamp/"]
    assert hearing.take(state(1, boot=2, power_watts=3.0)) is not None, "another life"
    assert hearing.take(state(9, boot=1, power_watts=4.0)) is None, "of one that has ended"
    assert hearing.take([b"x", b"y"]) is None
    assert Hearing([]).prefixes == [""]


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 90.0])
def test_deadlines_go_by_the_houses_clock(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """However wrong ours is; the answer counts as of the middle of its way."""
    ours, steady = 1000.0, 50.0
    monkeypatch.setattr(time, "time", lambda: ours)
    monkeypatch.setattr(time, "monotonic", lambda: steady)
    clock = Clock()
    assert clock.is_old
    assert clock.question().command == "clock"
    ours += 0.4
    clock.learn(Receipt(id="1", device="exchange", outcome="applied", at=1000.2 + ahead), took=0.4)
    assert not clock.is_old
    assert clock.deadline(2.0) == pytest.approx(1002.4 + ahead)
    steady += client.CLOCK_SECONDS + 1
    assert clock.is_old


def test_a_client_with_a_wrong_clock_is_obeyed(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour behind, and yet no command is too late."""
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() - 3600)
    with House(key) as house:
        assert house.send("kitchen_lamp", "on").outcome == "applied"


def test_a_service_gives_each_command_once_and_its_reply_again() -> None:
    """Also over a restart of the exchange, which has forgotten."""
    service = Service("shed_lamp")
    offer = service.offer()
    assert offer is not None
    assert message.decode_command(offer).args == {"device": "shed_lamp"}
    assert service.offer() is None
    wish = message.encode(Command(id="a", command="on", deadline=1.0, device="shed_lamp"))
    assert service.take(wish) is not None
    assert service.take(wish) is None
    assert service.again == []
    reply = service.reply("a", "applied", None)
    assert service.take(wish) is None
    assert service.again == [reply]
    assert message.decode_receipt(reply).device == "shed_lamp"
    assert service.take(b"nonsense") is None
    for number in range(client.MOST_HANDLED + 10):
        service.take(message.encode(Command(id=f"b{number}", command="on", deadline=1.0)))
    assert len(service._replies) == client.MOST_HANDLED


def test_a_client_leaves_nothing_open(front: Household) -> None:
    """However it is left."""
    before = open_files()
    for _ in range(5):
        with suppress(ZeroDivisionError), House(front.run) as house:
            next(house.changes("toaster"))
            house.say("shed_lamp", lamp(True))
            house.send("kitchen_lamp", "on")
            raise ZeroDivisionError
    eventually(lambda: open_files() <= before + 1)


def open_files() -> int:
    """Count the files that this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
