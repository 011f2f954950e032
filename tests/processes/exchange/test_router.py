"""The router of commands, with fake destinations: the destination of each command, and rejections."""

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from daemons.bus.dropped import DroppedLog
from daemons.bus.keys import HOST_RIGHTS, OWNER_RIGHTS, Rights
from daemons.bus.message import Command, Receipt, Scalar
from daemons.errors import Rejected
from daemons.processes.exchange.gateway import ReceivedCommand
from daemons.processes.exchange.router import CommandRouter

LOG = logging.getLogger("test_router")
NAMES = {"toaster", "garden_lamp", "oven", "steward", "exchange"}


class FakeLink:
    """The link to the host of the oven."""

    name = "kitchen"

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def send_command(self, command: Command, device: str, _: Any) -> None:
        """Record a command, and the device that receives it."""
        self.sent.append((device, command.command))


class FakeForeignDevices:
    """The foreign devices: the garden lamp."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.served: list[tuple[str, str]] = []

    def __contains__(self, name: str) -> bool:
        return name == "garden_lamp"

    def send_command(self, name: str, command: Command, _: Any) -> None:
        """Record a command."""
        self.sent.append((name, command.command))

    def serve(self, client: str, name: str, *_: Any) -> None:
        """Record which client receives the commands of a device."""
        self.served.append((client, name))


class FakeAdmin:
    """Administration commands with a result that a test sets."""

    def __init__(self) -> None:
        self.result: Any = {"lines": ["is up"]}

    def run(self, _: str, args: dict[str, Any], on_result: Callable[[Any], None]) -> None:
        """Call back with the result, or reject the arguments."""
        if not args:
            raise Rejected("restart: the argument `device` is missing")
        on_result(self.result)


class RouterUnderTest:
    """A router with fake destinations, and its receipts."""

    def __init__(self) -> None:
        self.foreign, self.link, self.admin = FakeForeignDevices(), FakeLink(), FakeAdmin()
        self.local: list[tuple[str, str]] = []
        self.senders: list[str | None] = []
        self.receipts: list[Receipt] = []
        self.dropped = DroppedLog(LOG)
        foreign: Any = self.foreign
        admin: Any = self.admin
        destinations: Any = self
        self.router = CommandRouter(
            NAMES, foreign, destinations, destinations, admin, lambda: {"host": "hall"}, self.dropped
        )

    def link_to(self, device: str) -> FakeLink | None:
        """Return the link to the host of a device."""
        return self.link if device == "oven" else None

    def send(self, device: str, command: Command, _: Any) -> None:
        """Record a command to a process of this host."""
        self.local.append((device, command.command))
        self.senders.append(command.who)

    def reply(self, _: list[bytes], receipt: Receipt) -> None:
        """Record a receipt."""
        self.receipts.append(receipt)

    def route(
        self,
        name: str,
        device: str | None = None,
        *,
        client: str = "the owner",
        rights: Rights = OWNER_RIGHTS,
        seconds: float = 5.0,
        args: dict[str, Scalar] | None = None,
        who: str | None = None,
    ) -> Receipt | None:
        """Route a command, and return its receipt, or None if the command was passed on."""
        command = Command(
            id="a", device=device, command=name, deadline=time.time() + seconds, args=args or {}, who=who
        )
        gateway: Any = self
        self.receipts.clear()
        self.router.route(gateway, ReceivedCommand(client, rights, command, [b"route"]))
        return self.receipts[0] if self.receipts else None

    def rejection(self, name: str, device: str | None = None, **more: Any) -> str:
        """Route a command that must be rejected, and return the reason."""
        receipt = self.route(name, device, **more)
        assert receipt is not None
        assert (receipt.id, receipt.outcome) == ("a", "rejected")
        return str(receipt.reason)


@pytest.fixture
def router() -> RouterUnderTest:
    """Create a router."""
    return RouterUnderTest()


@pytest.mark.parametrize(
    ("client", "who", "expected"),
    [
        ("the owner", "lights.py", "lights.py"),
        ("the owner", None, None),
        ("phone", None, "key:phone"),
        ("phone", "page", "key:phone"),
        ("host_kitchen", "page", "key:host_kitchen"),
        ("host kitchen", "page:anna", "page:anna"),
        ("host kitchen", None, None),
    ],
)
def test_only_the_owner_and_other_hosts_name_the_sender(
    router: RouterUnderTest, client: str, who: str | None, expected: str | None
) -> None:
    """A client with a key is named by its key, also if its command names another sender."""
    rights = HOST_RIGHTS if client.startswith("host ") else Rights(command=("toaster/",))
    assert router.route("start", "toaster", client=client, who=who, rights=rights) is None
    assert router.senders == [expected]


def test_a_command_is_routed_to_its_device(router: RouterUnderTest) -> None:
    """A process of this host, a program, or another host; none of them is waited for."""
    for device in ("toaster", "steward", "garden_lamp", "oven"):
        assert router.route("start", device) is None
    assert router.local == [("toaster", "start"), ("steward", "start")]
    assert router.foreign.sent == [("garden_lamp", "start")]
    assert router.link.sent == [("oven", "start")]


def test_an_unknown_device_is_rejected_with_the_nearest_name(router: RouterUnderTest) -> None:
    """The reason suggests the nearest name."""
    reason = router.rejection("start", "toster")
    assert "there is no device 'toster'" in reason
    assert "did you mean 'toaster'?" in reason


def test_a_command_without_the_right_is_rejected_and_logged(router: RouterUnderTest) -> None:
    """The reason names the client."""
    rights = Rights(command=("garden_lamp/",))
    assert router.rejection("start", "toaster", client="bob", rights=rights) == "bob may not command toaster"
    assert router.dropped.total == 1
    assert router.route("on", "garden_lamp", client="bob", rights=rights) is None


def test_a_deadline_that_is_too_far_ahead_is_rejected(router: RouterUnderTest) -> None:
    """Wherever the device runs."""
    for device in ("toaster", "garden_lamp", "oven"):
        assert "at most 300 s ahead" in router.rejection("start", device, seconds=400)
    assert not router.local + router.foreign.sent + router.link.sent


def test_commands_of_another_host_are_not_sent_to_a_third(router: RouterUnderTest) -> None:
    """Each host sends to the right host itself."""
    reason = router.rejection("start", "oven", client="host attic", rights=HOST_RIGHTS)
    assert reason == "oven is on kitchen, not here"
    assert router.route("start", "toaster", client="host attic", rights=HOST_RIGHTS) is None


def test_every_client_may_ask_for_the_time(router: RouterUnderTest) -> None:
    """The receipt has the time and the data to convert it; the deadline is ignored."""
    receipt = router.route("clock", rights=Rights(), seconds=-5)
    assert receipt is not None
    assert (receipt.outcome, receipt.device, receipt.result) == ("applied", "exchange", {"host": "hall"})
    assert receipt.at == pytest.approx(time.time(), abs=5)


def test_a_program_serves_a_foreign_device_if_its_rights_allow(router: RouterUnderTest) -> None:
    """No other client gets the commands of a device."""
    gardener = Rights(say=("garden_lamp/", "toaster/"))
    for device, rights in (("garden_lamp", Rights()), ("toaster", gardener)):
        reason = router.rejection("serve", client="bob", rights=rights, args={"device": device})
        assert reason == f"bob may not speak for {device!r}"
    assert router.dropped.total == 2
    receipt = router.route("serve", client="bob", rights=gardener, args={"device": "garden_lamp"})
    assert receipt is not None
    assert receipt.outcome == "applied"
    assert router.foreign.served == [("bob", "garden_lamp")]


def test_administration_needs_its_own_right(router: RouterUnderTest) -> None:
    """A key that may command every device may not restart one."""
    args: dict[str, Scalar] = {"device": "toaster"}
    everything = Rights(command=("*",))
    assert router.rejection("restart", client="bob", rights=everything, args=args) == "bob may not restart"
    receipt = router.route("restart", client="host attic", rights=HOST_RIGHTS, args=args)
    assert receipt is not None
    assert (receipt.outcome, receipt.result) == ("applied", {"lines": ["is up"]})


def test_administration_of_a_remote_device_is_routed_to_its_host(router: RouterUnderTest) -> None:
    """The exchange of that host carries out the command."""
    assert router.route("logs", args={"device": "oven"}) is None
    assert router.link.sent == [("exchange", "logs")]


def test_administration_after_the_deadline_is_not_carried_out(router: RouterUnderTest) -> None:
    """A late restart may no longer be useful."""
    receipt = router.route("restart", seconds=-1, args={"device": "toaster"})
    assert receipt is not None
    assert (receipt.outcome, receipt.device) == ("expired", "exchange")


def test_errors_of_administration_are_the_reason_of_the_rejection(router: RouterUnderTest) -> None:
    """The reason is the error of the arguments, or the error of the action."""
    assert router.rejection("restart") == "restart: the argument `device` is missing"
    router.admin.result = Rejected("toaster did not become ready")
    assert router.rejection("restart", args={"device": "toaster"}) == "toaster did not become ready"


def test_an_unknown_command_is_rejected_with_the_known_ones(router: RouterUnderTest) -> None:
    """The reason lists them."""
    assert router.rejection("dance", "exchange") == (
        "exchange has no command 'dance'; allowed: clock, serve, restart, start, stop, logs"
    )
