"""A gateway with fake sockets: the messages that it accepts depend on the rights of the client."""

import json
import logging
from typing import Any

import pytest
import zmq

from daemons.bus.dropped import DroppedLog
from daemons.bus.keys import OWNER_RIGHTS, Rights
from daemons.bus.message import Command, Receipt, encode
from daemons.errors import DeviceError
from daemons.processes.exchange import gateway
from daemons.processes.exchange.connections import Connections
from daemons.processes.exchange.gateway import (
    Gateway,
    GatewaySockets,
    ReceivedCommand,
    ReceivedReceipt,
    open_remote,
)
from daemons.storage.key_pair import KeyPair, new_key_pair
from tests.support import factories
from tests.support.ports import free_port

LOG = logging.getLogger("test_gateway")
RIGHTS = {
    "all": OWNER_RIGHTS,
    "gardener": Rights(hear=("garden_lamp/", "garden_door/"), say=("garden_lamp/",)),
    "none": Rights(),
}


class FakeSocket:
    """A socket whose incoming messages a test sets, and that records the sent messages."""

    def __init__(self) -> None:
        self.incoming: list[list[bytes]] = []
        self.sent: list[list[bytes]] = []
        self.subscribed: list[bytes] = []
        self.unsubscribed: list[bytes] = []
        self.subscribe = self.subscribed.append
        self.unsubscribe = self.unsubscribed.append
        self.client = "all"
        self.error: zmq.ZMQError | None = None

    def recv(self, *_: Any, **__: Any) -> "FakeFrame":
        """Return the next frame of the client's connection."""
        if not self.incoming:
            raise zmq.Again
        data, *rest = self.incoming.pop(0)
        if rest:
            self.incoming.insert(0, rest)
        return FakeFrame(data, self.client, bool(rest))

    def send_multipart(self, frames: Any, *_: Any) -> None:
        """Record a message."""
        if self.error:
            raise self.error
        self.sent.append(list(frames))


class FakeFrame:
    """A frame of connection 1 of a client."""

    def __init__(self, data: bytes, client: str, more: bool) -> None:
        self.bytes, self.more = data, more
        self._client = client

    def get(self, name: Any) -> Any:
        """Return a property of a frame, as libzmq does."""
        return f"1 {self._client}" if name == "User-Id" else -1


class GatewayUnderTest:
    """A gateway, and its sockets."""

    def __init__(self, is_remote: bool = True) -> None:
        self.publisher, self.states, self.commands = FakeSocket(), FakeSocket(), FakeSocket()
        sockets: Any = GatewaySockets(self.publisher, self.states, self.commands)  # type: ignore[arg-type]
        self.dropped = DroppedLog(LOG)
        connections = Connections(LOG)
        connections.admit("all")
        remote = (RIGHTS.__getitem__, connections) if is_remote else ()
        self.gateway = Gateway(sockets, self.dropped, *remote)

    def subscribe(self, client: str, *frames: bytes) -> None:
        """Receive a message at the publisher's socket."""
        self.publisher.client = client
        self.publisher.incoming.append(list(frames))
        self.gateway.accept_subscriptions()

    def report(self, client: str, *frames: bytes) -> list[tuple[str, str, bytes]]:
        """Receive a message at the socket for states."""
        self.states.client = client
        self.states.incoming.append(list(frames))
        return list(self.gateway.received_states())

    def command(self, client: str, *frames: bytes) -> list[ReceivedCommand | ReceivedReceipt]:
        """Receive a message at the socket for commands, after its envelope."""
        self.commands.client = client
        self.commands.incoming.append([b"route", *frames])
        return list(self.gateway.received_commands())

    def replies(self) -> list[dict[str, Any]]:
        """Return the receipts that were sent, and check their envelopes."""
        assert all(frames[0] == b"route" for frames in self.commands.sent)
        return [json.loads(frames[-1]) for frames in self.commands.sent]


@pytest.fixture
def remote() -> GatewayUnderTest:
    """Create a remote gateway."""
    return GatewayUnderTest()


def start(id_: str = "a") -> bytes:
    """Return an encoded command."""
    return encode(Command(id=id_, device="toaster", command="start", deadline=5.0))


# Subscriptions


def test_a_subscription_is_narrowed_to_the_rights_of_the_client(remote: GatewayUnderTest) -> None:
    """A wider prefix becomes the allowed ones; the end of a subscription is narrowed in the same way."""
    remote.subscribe("gardener", b"\1")
    assert remote.publisher.subscribed == [b"garden_lamp/", b"garden_door/"]
    remote.subscribe("gardener", b"\1garden_lamp/state")
    assert remote.publisher.subscribed[2:] == [b"garden_lamp/state"]
    remote.subscribe("gardener", b"\0")
    assert remote.publisher.unsubscribed == [b"garden_lamp/", b"garden_door/"]
    assert remote.dropped.total == 0


def test_a_subscription_without_a_right_is_dropped(remote: GatewayUnderTest) -> None:
    """The subscription is logged; its end is not."""
    remote.subscribe("gardener", b"\1toaster/")
    remote.subscribe("none", b"\1")
    assert not remote.publisher.subscribed
    assert remote.dropped.total == 2
    remote.subscribe("none", b"\0")
    assert remote.dropped.total == 2


@pytest.mark.parametrize(
    ("frames", "is_accepted"),
    [
        ((b"\1" + b"x" * 256,), True),
        ((b"\1" + b"x" * 257,), False),
        ((b"\2x",), False),
        ((b"",), False),
        ((b"\1x", b"\1y"), False),
    ],
    ids=["longest", "too long", "another message", "empty", "two frames"],
)
def test_the_publisher_accepts_only_subscriptions(
    remote: GatewayUnderTest, frames: tuple[bytes, ...], is_accepted: bool
) -> None:
    """A prefix has at most 256 bytes."""
    remote.subscribe("all", *frames)
    assert bool(remote.publisher.subscribed) is is_accepted
    assert (remote.dropped.total == 0) is is_accepted


def test_subscriptions_above_the_limit_of_a_key_are_not_accepted(remote: GatewayUnderTest) -> None:
    """The client is blocked then; its later messages are ignored."""
    for number in range(300):
        remote.subscribe("all", b"\1" + f"{number:0224}".encode())
    assert len(remote.publisher.subscribed) == 256
    assert not remote.report("all", b"garden_lamp/state", b"{}")


def test_a_new_subscriber_gets_the_retained_messages_of_its_topics(remote: GatewayUnderTest) -> None:
    """Each once, although several subscriptions match; a second call sends nothing."""
    retained = {b"lamp/state": b"1", b"toaster/state": b"2", b"steward/process/lamp": b"3"}
    remote.subscribe("all", b"\1lamp/")
    remote.subscribe("all", b"\1lamp/state")
    remote.subscribe("all", b"\1steward/")
    assert remote.gateway.send_retained(retained, 100.0) is None
    assert remote.publisher.sent == [[b"lamp/state", b"1"], [b"steward/process/lamp", b"3"]]
    assert remote.gateway.send_retained(retained, 200.0) is None
    assert len(remote.publisher.sent) == 2


def test_retained_messages_are_sent_at_most_ten_times_a_second(remote: GatewayUnderTest) -> None:
    """An earlier call returns when they may be sent again, and they are sent then."""
    remote.subscribe("all", b"\1lamp/")
    remote.gateway.send_retained({b"lamp/state": b"1"}, 100.0)
    remote.subscribe("all", b"\1lamp/")
    assert remote.gateway.send_retained({b"lamp/state": b"2"}, 100.05) == pytest.approx(100.1)
    assert len(remote.publisher.sent) == 1
    assert remote.gateway.send_retained({b"lamp/state": b"2"}, 100.11) is None
    assert remote.publisher.sent[1] == [b"lamp/state", b"2"]


def test_ending_a_subscription_brings_no_retained_messages(remote: GatewayUnderTest) -> None:
    """Only a new one does."""
    remote.subscribe("all", b"\0lamp/")
    remote.gateway.send_retained({b"lamp/state": b"1"}, 100.0)
    assert not remote.publisher.sent


# States


def test_a_client_reports_the_states_of_its_own_devices(remote: GatewayUnderTest) -> None:
    """The gateway passes on client, device and payload, without parsing the payload."""
    assert remote.report("gardener", b"garden_lamp/state", b"payload") == [
        ("gardener", "garden_lamp", b"payload")
    ]


@pytest.mark.parametrize(
    ("client", "frames"),
    [
        ("gardener", (b"toaster/state", b"{}")),
        ("gardener", (b"garden_door/state", b"{}")),
        ("none", (b"garden_lamp/state", b"{}")),
        ("all", (b"garden_lamp/heartbeat", b"{}")),
        ("all", (b"garden_lamp/state/x", b"{}")),
        ("all", (b"garden_lamp/state",)),
        ("all", (b"garden_lamp/state", b"{}", b"{}")),
        ("all", (b"\xff", b"{}")),
    ],
)
def test_other_reports_are_dropped(remote: GatewayUnderTest, client: str, frames: tuple[bytes, ...]) -> None:
    """A report of another device is dropped, and so is an invalid one."""
    assert remote.report(client, *frames) == []
    assert remote.dropped.total == 1


# Commands


@pytest.mark.parametrize("frames", [(start(),), (b"", start())], ids=["DEALER", "REQ"])
def test_a_command_is_passed_on_with_its_client_and_its_envelope(
    remote: GatewayUnderTest, frames: tuple[bytes, ...]
) -> None:
    """The envelope leads back to the client, with the empty frame that a REQ socket expects."""
    (received,) = remote.command("gardener", *frames)
    assert isinstance(received, ReceivedCommand)
    assert (received.client, received.rights) == ("gardener", RIGHTS["gardener"])
    assert received.envelope == [b"route", *frames[:-1]]
    assert (received.command.id, received.command.device) == ("a", "toaster")


def test_a_receipt_of_a_program_is_distinguished_from_a_command(remote: GatewayUnderTest) -> None:
    """A receipt has an outcome."""
    receipt = Receipt(id="a", device="garden_lamp", outcome="applied", at=1.0)
    (received,) = remote.command("gardener", encode(receipt))
    assert isinstance(received, ReceivedReceipt)
    assert (received.client, received.receipt) == ("gardener", receipt)


def test_a_malformed_command_with_an_id_is_rejected(remote: GatewayUnderTest) -> None:
    """Without an id there is no receipt; both are logged."""
    assert remote.command("all", b'{"id": "a", "command": "start"}') == []
    assert [(it["id"], it["device"], it["outcome"]) for it in remote.replies()] == [
        ("a", "exchange", "rejected")
    ]
    assert "deadline" in remote.replies()[0]["reason"]
    assert remote.command("all", b"{}") == []
    assert remote.command("all", b"", start(), start()) == []
    assert len(remote.replies()) == 1
    assert remote.dropped.total == 3


def test_a_remote_key_may_send_a_hundred_commands_at_once() -> None:
    """Later ones are rejected, other keys are not affected, and the local gateway has no limit."""
    remote, local = GatewayUnderTest(), GatewayUnderTest(is_remote=False)
    passed = sum(len(remote.command("all", start())) for _ in range(300))
    assert 100 <= passed < 150
    assert {it["reason"] for it in remote.replies()} == {"too many commands; wait a little"}
    assert len(remote.command("gardener", start())) == 1
    assert sum(len(local.command("all", start())) for _ in range(300)) == 300


def test_every_client_of_the_local_gateway_is_the_owner() -> None:
    """The owner has all rights."""
    local = GatewayUnderTest(is_remote=False)
    (received,) = local.command("none", start())
    assert (received.client, received.rights) == ("the owner", OWNER_RIGHTS)
    assert local.report("none", b"lamp/state", b"{}") == [("the owner", "lamp", b"{}")]
    local.subscribe("none", b"\1toaster/")
    assert local.publisher.subscribed == [b"toaster/"]


def test_a_client_that_reads_nothing_causes_no_error(remote: GatewayUnderTest) -> None:
    """Its receipt is lost."""
    remote.commands.error = zmq.Again()
    remote.gateway.reply([b"route"], Receipt(id="a", device="lamp", outcome="applied", at=1.0))
    assert not remote.commands.sent


def test_at_most_a_thousand_messages_are_read_before_other_sockets(
    remote: GatewayUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest stays in the queue."""
    monkeypatch.setattr(gateway, "BURST_SECONDS", 60.0)  # on a busy machine the time ends a burst first
    remote.states.incoming = [[b"garden_lamp/state", b"{}"]] * 1001
    assert len(list(remote.gateway.received_states())) == 1000
    assert len(remote.states.incoming) == 1


# Endpoints


def test_the_sockets_of_the_remote_gateway_are_bounded() -> None:
    """By the size of a message, and by how many of one client may wait to be read."""
    with factories.zmq_context() as context:
        sockets = open_remote(context, "exchange", "127.0.0.1", free_port(3), new_key_pair())
        assert [socket.get(zmq.MAXMSGSIZE) for socket in sockets] == [1024, 65_536, 65_536]
        assert [socket.get(zmq.RCVHWM) for socket in sockets] == [100, 100, 100]
        assert [socket.get(zmq.CURVE_SERVER) for socket in sockets] == [1, 1, 1]
        assert [socket.get(zmq.ZAP_DOMAIN) for socket in sockets] == [b"house"] * 3


def test_a_port_in_use_closes_the_sockets_and_names_the_endpoint() -> None:
    """So the gateway can be opened again later."""
    with factories.zmq_context() as context:
        port = free_port(3)
        taken = context.socket(zmq.REP)
        taken.bind(f"tcp://127.0.0.1:{port + 2}")
        pair = new_key_pair()
        with pytest.raises(DeviceError, match=f"cannot bind tcp://127.0.0.1:{port + 2}"):
            open_remote(context, "exchange", "127.0.0.1", port, pair)
        taken.close(0)
        factories.wait_until(lambda: can_open(context, port, pair), "the three ports")


def can_open(context: Any, port: int, pair: KeyPair) -> bool:
    """Return whether the gateway can be opened; a closed socket releases its port a little later."""
    try:
        open_remote(context, "exchange", "127.0.0.1", port, pair)
    except DeviceError:
        return False
    return True
