"""`house fleet`, `show` and `send` at a real broker, and with a real house."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.cli.fleet import session
from daemons.cli.fleet.command import RemoteReceipt, Target, read_receipt, send
from daemons.cli.fleet.desk import Desk, make_desk
from daemons.cli.fleet.session import FleetSession
from daemons.cli.main import main
from daemons.cli.terminal.window import LEAVE
from daemons.errors import Unreachable
from daemons.processes.bridge.alive import Alive
from daemons.processes.bridge.commands import BrokerCommand
from tests.support.house import HouseFactory
from tests.support.mosquitto import USER, Mosquitto, make_certificate
from tests.support.mqtt_recorder import record_broker
from tests.support.patience import patience
from tests.support.ports import free_port
from tests.support.pty_terminal import glass

TOML = """
[house]
name = "Test house"
[recorder]
enabled = false
[devices.lamp]
kind = "lamp"
driver = "simulated"
[bridge]
prefix = "fleet/one"
discovery = "off"
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Yield a running broker."""
    with Mosquitto(tmp_path / "broker") as made:
        yield made


def run(*words: str) -> Result:
    """Run a verb in this process."""
    return CliRunner().invoke(main, ["fleet", *words])


def desk(broker: Mosquitto) -> Desk:
    """Return the options for a broker."""
    return make_desk(None, {"brokers": [f"mqtt://127.0.0.1:{broker.port}"]})


def publish_houses(port: int) -> None:
    """Publish a live house, one that is offline, and messages that are wrong on purpose."""
    alive = Alive(at=time.time(), version="1.0.0", name="Home \x1b[31m", devices={"live": 1}, restarts=3)
    with record_broker(port) as client:
        text = msgspec.json.encode(alive).decode()
        client.publish("fleet/one/bridge/alive", text, retain=True)
        client.publish("fleet/one/bridge/availability", "online", retain=True)
        client.publish("fleet/one/lamp/state", '{"state": {"phase": "o\\u001b[2Jn"}}', retain=True)
        client.publish("fleet/one/lamp/presence", "live", retain=True)
        client.publish("fleet/two/bridge/availability", "offline", retain=True)
        client.publish("fleet/x y/bridge/alive", text, retain=True)
        client.publish("fleet/three/bridge/alive", "x" * 200_000, retain=True)
        client.publish("other/four/bridge/alive", text, retain=True)


def test_houses_are_printed_once_without_a_terminal(broker: Mosquitto) -> None:
    """The order is by state; wrong messages are counted, and a packet that is too long is not even sent."""
    publish_houses(broker.port)
    address = f"mqtt://127.0.0.1:{broker.port}"
    done = run("--broker", address)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["house", "two", "one"]
    assert done.stderr == "1 messages were ignored: not valid, or of too many houses\n"
    assert "\x1b" not in done.output
    found = json.loads(run("--broker", address, "--json", "--filter", "home").stdout)
    (house,) = found.pop("houses")
    assert found.keys() == {"at", "prefix", "ignored_messages", "left_out_messages"}
    assert (house["house"], house["name"], house["state"], house["restarts"]) == (
        "one",
        "Home  [31m",
        "live",
        3,
    )


def test_a_house_is_shown_with_its_devices(broker: Mosquitto) -> None:
    """A house that has published nothing is an error."""
    publish_houses(broker.port)
    address = f"mqtt://127.0.0.1:{broker.port}"
    done = run("show", "one", "--broker", address)
    assert "lamp     ● live     o [2Jn" in done.stdout
    assert "\x1b" not in done.output
    found = json.loads(run("show", "one", "--json", "--broker", address).stdout)
    assert found["device_states"]["lamp"]["presence"] == "live"
    missing = run("show", "nine", "--broker", address)
    assert (missing.exit_code, missing.stderr) == (
        1, f"there is no message of fleet/nine at 127.0.0.1:{broker.port}; `house fleet` lists the houses\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("show", "a/b"), "'a/b' is no name of a house"),
        (("send", "a", "+", "on"), "'+' is no name of a device"),
        (("send", "a", "lamp", "on", "x"), "'x' is not KEY=VALUE"),
        (("send", "a", "lamp", "on", "x=[1]"), "not a valid command"),
        (("--prefix", "a/#"), "--prefix"),
        (("--sort", "size"), "size"),
    ],
)
def test_wrong_words_are_refused_before_a_connection(words: tuple[str, ...], text: str) -> None:
    """Nothing listens at the port."""
    done = run(*words, "--broker", "mqtt://127.0.0.1:1")
    assert done.exit_code == 2
    assert text in done.stderr


def test_a_command_without_a_receipt_is_unanswered(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit status is not zero, and the text says what is known of the house."""
    monkeypatch.setattr("daemons.cli.fleet.command.LAST_SECONDS", 0.1)
    publish_houses(broker.port)
    address = f"mqtt://127.0.0.1:{broker.port}"
    words = ("lamp", "on", "--timeout", "0.5", "--broker", address)
    offline = run("send", "two", *words)
    assert offline.exit_code == 4
    assert "two/lamp: on unanswered: no receipt within 0.5 s; the house is offline [" in offline.stdout
    unknown = run("send", "nine", *words, "--json")
    assert unknown.exit_code == 4
    assert json.loads(unknown.stdout)["outcome"] == "unanswered"
    assert "no house of this name has published anything" in json.loads(unknown.stdout)["reason"]


def test_only_a_valid_receipt_of_the_command_counts() -> None:
    """Another id, another form or a payload that is too long is ignored."""
    receipt = {"id": "a", "outcome": "applied", "device": "lamp"}
    assert read_receipt(json.dumps(receipt).encode(), "a") is not None
    for wrong in ({"id": "b"}, {"outcome": "done"}, {"reason": 5}, {"more": "x" * 70_000}):
        assert read_receipt(json.dumps(receipt | wrong).encode(), "a") is None
    assert read_receipt(b"\xff", "a") is None


def test_a_session_that_fails_names_the_broker_and_the_reason(tmp_path: Path) -> None:
    """A closed port, and a wrong password."""
    done = run("--broker", "mqtt://127.0.0.1:1")
    assert (done.exit_code, done.stderr) == (1, "fleet: broker 127.0.0.1:1: [Errno 111] Connection refused\n")
    with Mosquitto(tmp_path / "broker", password="right") as broker:  # noqa: S106
        file = tmp_path / "password"
        file.write_text("wrong\n")
        file.chmod(0o600)
        words = ("--username", USER, "--password-file", str(file))
        address = f"mqtt://127.0.0.1:{broker.port}"
        assert "it refuses the user name or the password" in run("--broker", address, *words).stderr
        file.write_text("right\n")
        assert run("--broker", address, *words).exit_code == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves the socket open
def test_a_broker_with_tls_needs_its_authority(tmp_path: Path) -> None:
    """An untrusted certificate is named as such."""
    with Mosquitto(tmp_path / "broker", tls=True) as broker:
        address = f"mqtts://127.0.0.1:{broker.port}"
        assert "its certificate is not trusted" in run("--broker", address).stderr
        assert run("--broker", address, "--ca-file", str(broker.authority)).exit_code == 0
        assert "cannot be read" in run("--broker", address, "--ca-file", str(tmp_path / "none")).stderr


def test_a_broker_may_ask_for_a_certificate(tmp_path: Path) -> None:
    """Without it there is no session. A key that others can read is refused."""
    certificate = make_certificate(tmp_path, "desk")
    certificate.with_suffix(".key").chmod(0o600)
    with Mosquitto(tmp_path / "broker", tls=True, client_certificate=certificate) as broker:
        words = ["--broker", f"mqtts://127.0.0.1:{broker.port}", "--ca-file", str(broker.authority)]
        assert run(*words).exit_code == 1
        words += ["--certificate-file", str(certificate), "--key-file", str(certificate.with_suffix(".key"))]
        assert run(*words).exit_code == 0
        certificate.with_suffix(".key").chmod(0o644)
        assert "can be read by others" in run(*words).stderr


def test_the_next_broker_is_used(tmp_path: Path) -> None:
    """A broker that is away at the start is passed over, and one that is lost is replaced."""
    with Mosquitto(tmp_path / "one") as one, Mosquitto(tmp_path / "two") as two:
        ports = [free_port(), one.port, two.port]
        brokers = make_desk(None, {"brokers": [f"mqtt://127.0.0.1:{port}" for port in ports]})
        found: list[str] = []
        topics = ["fleet/+/bridge/+"]
        with FleetSession(brokers, topics, lambda topic, *_: found.append(topic)) as it:
            publish_houses(one.port)
            wait_for(it, lambda: "fleet/one/bridge/alive" in found)
            found.clear()
            one.kill()
            wait_for(it, lambda: it.sessions == 2)
            publish_houses(two.port)
            wait_for(it, lambda: "fleet/one/bridge/alive" in found)
        two.kill()
        words = [word for port in ports for word in ("--broker", f"mqtt://127.0.0.1:{port}")]
        refused = "[Errno 111] Connection refused"
        places = [f"broker 127.0.0.1:{port}: {refused}" for port in ports]
        assert run(*words).stderr == f"fleet: {'; '.join(places)}\n"


def test_a_session_comes_back_after_a_cut(broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """The subscription is made again, and a message after the cut arrives."""
    monkeypatch.setattr(session, "LONGEST_PAUSE_SECONDS", 1)
    found: list[tuple[str, bytes]] = []

    def on_message(topic: str, payload: bytes, _: bool) -> None:
        found.append((topic, payload))

    with FleetSession(desk(broker), ["fleet/+/bridge/+"], on_message) as it:
        broker.kill()
        wait_for(it, lambda: not it.is_subscribed)
        assert "the connection was lost" in str(it.fault)
        broker.start()
        wait_for(it, lambda: it.is_subscribed)
        assert (it.sessions, it.fault) == (2, None)
        with record_broker(broker.port) as client:
            client.publish("fleet/one/bridge/availability", "online")
        wait_for(it, lambda: found)


def test_a_command_is_sent_again_with_its_id_over_a_cut(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker dies while the receipt is awaited; the receipt after the cut counts."""
    monkeypatch.setattr("daemons.cli.fleet.command.REPEAT_SECONDS", 1.0)  # the recorder may be back later
    found: list[RemoteReceipt] = []
    request = BrokerCommand(command="on", id="once", timeout_seconds=60.0)
    with record_broker(broker.port) as client:
        thread = threading.Thread(
            target=lambda: found.append(send(desk(broker), Target("one", "lamp"), request))
        )
        thread.start()
        client.wait_for(lambda: client.payloads("fleet/one/lamp/command"))
        broker.kill()
        before = len(client.payloads("fleet/one/lamp/command"))
        broker.start()
        sent = client.wait_for(lambda: client.payloads("fleet/one/lamp/command")[before:])
        assert json.loads(sent[0]) == {"command": "on", "args": {}, "id": "once", "timeout_seconds": 60.0}
        client.publish("fleet/one/lamp/receipt", {"id": "another", "outcome": "rejected"})
        client.publish("fleet/one/lamp/receipt", {"id": "once", "outcome": "applied", "device": "lamp"})
        thread.join(patience())
    assert [receipt.outcome for receipt in found] == ["applied"]


def test_an_expired_repetition_leaves_the_outcome_open(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the deadline the house knows no receipt, although the command may have been carried out."""
    monkeypatch.setattr("daemons.cli.fleet.command.REPEAT_SECONDS", 0.1)
    found: list[RemoteReceipt] = []
    request = BrokerCommand(command="on", id="once", timeout_seconds=60.0)
    with record_broker(broker.port) as client:
        thread = threading.Thread(
            target=lambda: found.append(send(desk(broker), Target("one", "lamp"), request))
        )
        thread.start()
        client.wait_for(lambda: client.payloads("fleet/one/lamp/command")[1:])
        client.publish("fleet/one/lamp/receipt", {"id": "once", "outcome": "expired", "device": "lamp"})
        thread.join(patience())
    (receipt,) = found
    assert receipt.outcome == "unanswered"
    assert "whether it was carried out before is not known" in str(receipt.reason)


def wait_for(it: FleetSession, met: Any) -> None:
    """Wait until a condition holds in a session."""
    with it.changed:
        assert it.changed.wait_for(met, patience())


def test_a_refused_subscription_is_an_error(tmp_path: Path) -> None:
    """A table that stays empty would look like a fleet without houses."""
    with (
        Mosquitto(tmp_path / "broker", subscriptions=["other"]) as broker,
        pytest.raises(Unreachable, match=r"refuses the subscription to fleet/\+/bridge/\+"),
        FleetSession(desk(broker), ["fleet/+/bridge/+"], lambda *_: None),
    ):
        pass


@pytest.mark.long
def test_the_live_table_follows_the_houses(make_house: HouseFactory, broker: Mosquitto) -> None:
    """A house appears, has a fault and goes offline; a lost broker is named; `q` restores the terminal."""
    verb = ("fleet", "--broker", f"mqtt://127.0.0.1:{broker.port}")
    alive = Alive(at=time.time(), version="1.0.0", name="Mill", devices={"live": 1})
    with glass(make_house(TOML), columns=120, verb=verb) as terminal:
        terminal.until("No house has sent a message yet.")
        with record_broker(broker.port) as client:
            client.publish("fleet/one/bridge/alive", msgspec.json.encode(alive).decode())
            terminal.until("1 house ", "● live", "Mill")
            faulty = msgspec.structs.replace(alive, faults={"lamp": "it is mute"}, fault_count=1)
            client.publish("fleet/one/bridge/alive", msgspec.json.encode(faulty).decode())
            terminal.until("! fault", "  lamp: it is mute")
            client.publish("fleet/one/bridge/availability", "offline")
            terminal.until("○ offline")
        terminal.press("/nothing").until("No house has this text.")
        terminal.press("\x1b").until("Mill")
        broker.kill()
        terminal.until("No session: ")  # the reason changes with each attempt
        broker.start()
        terminal.until("Mill", without="No session")
        assert terminal.press("q").end() == 0
        assert terminal.sent.endswith(LEAVE.encode())


@pytest.mark.long
def test_a_command_is_done_once_over_a_cut(make_house: HouseFactory, broker: Mosquitto) -> None:
    """The broker dies before the command arrives; the same id is sent again, and the lamp switches once."""
    house = make_house(TOML + f"port = {broker.port}\n")
    house.house("up")
    with record_broker(broker.port) as client:
        client.wait_for(lambda: client.is_online("lamp", "fleet/one"))
        address = f"mqtt://127.0.0.1:{broker.port}"
        applied = run("send", "one", "lamp", "on", "brightness_percent=40", "--broker", address)
        assert applied.exit_code == 0, applied.output
        assert applied.stdout.startswith("one/lamp: on applied [")
        refused = run("send", "one", "lamp", "fly", "--broker", address)
        assert (refused.exit_code, "rejected" in refused.stdout) == (3, True)
        ids = [receipt["id"] for receipt in receipts(client)]
        assert len(set(ids)) == 2
        found: list[Any] = []
        command = BrokerCommand(command="toggle", id="once", timeout_seconds=30.0)
        thread = threading.Thread(
            target=lambda: found.append(send(desk(broker), Target("one", "lamp"), command))
        )
        broker.kill()
        broker.start()
        thread.start()  # the house is between two sessions, so that the first message is lost
        thread.join(patience(40))
        assert found[0].outcome == "applied"
        assert len(house.switchings("lamp")) == 2
        for _ in range(2):
            again = send(desk(broker), Target("one", "lamp"), command)
            assert (again.outcome, again.at) == ("applied", found[0].at)
        assert len(house.switchings("lamp")) == 2


def receipts(client: Any) -> list[dict[str, Any]]:
    """Return the receipts of the lamp."""
    return [json.loads(payload) for payload in client.payloads("fleet/one/lamp/receipt")]
