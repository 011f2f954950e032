"""The exchange of a real house: plain programs subscribe, send commands, and are devices."""

import json
import os
import random
import select
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import zmq

from tests.support.exchange_client import (
    ExchangeClient,
    connect_client,
    documented_program,
    lamp_state,
    read_until,
    receive_message,
    restart_exchange,
    run_program,
    wait_for_log,
)
from tests.support.house import Listener, TemporaryHouse, eventually

DEVICES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")


@pytest.fixture
def client(exchange_house: TemporaryHouse) -> Iterator[ExchangeClient]:
    """Connect a client to the local gateway."""
    with connect_client(exchange_house.run) as made:
        yield made


ESCAPES = "broken\x1b]0;mine\x07\x1b[2J\r\nshed_lamp status=False"
"""A terminal would set its title, clear its screen, and show a forged line."""


def status_of(exchange_house: TemporaryHouse, name: str) -> dict[str, Any]:
    """Return the mirror's status of a device."""

    def answered() -> Any:
        found = exchange_house.status()
        return "does not answer" not in (found["message"] or "") and found["devices"][name]

    found: dict[str, Any] = eventually(answered)
    return found


def is_life(life: str) -> Callable[[Listener], bool]:
    """Return a condition: the exchange reports this life of the garden lamp."""
    return lambda listener: "garden_lamp" in listener.reports and listener.reports["garden_lamp"].life == life


def is_caused_by(listener: Listener, id_: str) -> bool:
    """Return whether the latest state of the kitchen lamp was caused by a press with this id."""
    return listener.states["kitchen_lamp"].cause == id_


def times_on(exchange_house: TemporaryHouse, name: str) -> int:
    """Return how often a device's hardware was switched on."""
    return [switching.what for switching in exchange_house.switchings(name)].count("on")


# Subscribing


def test_a_plain_script_receives_the_whole_house_and_a_late_one_does_so_at_once(
    exchange_house: TemporaryHouse,
) -> None:
    """The documented program receives every state and every report, even if it starts late."""
    with run_program(exchange_house, documented_program("hear.py")) as first:
        read_until(first, "toaster/heartbeat")
        receipt = exchange_house.send("bathroom_light", "press")
        # A new subscription also receives the retained messages again.
        while (
            json.loads(read_until(first, "bathroom_light/state").partition(" ")[2])["cause"] != receipt["id"]
        ):
            pass
        wanted = {f"{name}/state" for name in (*DEVICES, "steward", "recorder", "exchange")}
        wanted |= {f"steward/process/{name}" for name in (*DEVICES, "exchange")}
        with run_program(exchange_house, documented_program("hear.py")) as second:
            assert second.stdout is not None
            while wanted:
                wanted.discard(second.stdout.readline().partition(" ")[0])


def test_a_new_subscriber_gets_the_current_state(client: ExchangeClient) -> None:
    """No device changes, and yet the state arrives."""
    socket = client.subscribe("toaster/state")
    topic, state = receive_message(socket)
    assert (topic, state["device"]) == ("toaster/state", "toaster")


def test_a_subscription_brings_only_topics_with_its_prefix(client: ExchangeClient) -> None:
    """A prefix that ends with a slash brings one device only."""
    socket = client.subscribe("kitchen_lamp/")
    assert {receive_message(socket)[0] for _ in range(3)} <= {"kitchen_lamp/state", "kitchen_lamp/heartbeat"}


# Being a device


@pytest.mark.long
def test_a_plain_script_is_a_device_whose_state_drives_a_rule(exchange_house: TemporaryHouse) -> None:
    """The kitchen lamp follows its state, the mirror shows it, and commands reach it.
    While the program is silent, the device is offline; after it reports again, the device is live.
    """
    exchange_house.send("kitchen_lamp", "off")
    before = times_on(exchange_house, "kitchen_lamp")
    with exchange_house.listen("garden_lamp", "kitchen_lamp", "exchange") as listener:
        with run_program(exchange_house, documented_program("garden_lamp.py")):
            listener.wait_for(lambda listener: listener.has_state("garden_lamp", status=False))
            eventually(lambda: status_of(exchange_house, "garden_lamp")["presence"] == "live")
            eventually(lambda: exchange_house.send("garden_lamp", "on")["outcome"] == "applied")
            listener.wait_for(lambda listener: listener.has_state("garden_lamp", status=True))
            listener.wait_for(lambda listener: listener.has_state("kitchen_lamp", status=True))
            assert times_on(exchange_house, "kitchen_lamp") == before + 1
        listener.wait_for(is_life("offline"))
        found = status_of(exchange_house, "garden_lamp")
        assert found["presence"] == "offline"
        assert "its program has reported nothing for 2 s" in found["reason"]
        with connect_client(exchange_house.run) as late:  # the old state is not sent to a new subscriber
            listening = late.subscribe("garden_lamp/", "toaster/state", "exchange/process/garden_lamp")
            topics = {receive_message(listening)[0] for _ in range(2)}
            assert topics == {"toaster/state", "exchange/process/garden_lamp"}
        with run_program(exchange_house, documented_program("garden_lamp.py")):
            listener.wait_for(
                lambda listener: (
                    is_life("running")(listener) and listener.has_state("garden_lamp", status=False)
                )
            )
            eventually(lambda: status_of(exchange_house, "garden_lamp")["presence"] == "live")


def test_a_repeated_state_acts_once_over_kills_of_the_exchange(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """The program reports off, and then on again and again; the rule acts once."""
    exchange_house.send("kitchen_lamp", "off")
    before = times_on(exchange_house, "kitchen_lamp")
    with exchange_house.listen("garden_lamp", "kitchen_lamp", "exchange") as listener:

        def report_until_published(on: bool) -> None:
            boot = (
                listener.wait_for(lambda listener: "exchange" in listener.heartbeats)
                .heartbeats["exchange"]
                .boot
            )

            def is_published(listener: Listener) -> bool:
                client.report("garden_lamp", lamp_state(on))
                state = listener.states.get("garden_lamp")
                return state is not None and state.state["status"] is on and state.boot >= boot

            listener.wait_for(is_published)

        report_until_published(on=False)
        report_until_published(on=True)
        listener.wait_for(lambda listener: listener.has_state("kitchen_lamp", status=True))
        turned = listener.states["garden_lamp"].turned
        exchange_house.send("kitchen_lamp", "off")
        for _ in range(3):
            listener.kill("exchange")
            report_until_published(on=True)
            assert listener.states["garden_lamp"].turned == turned
        beat = listener.heartbeats["kitchen_lamp"].at  # everything has arrived
        listener.wait_for(lambda listener: listener.heartbeats["kitchen_lamp"].at > beat + 1)
        assert listener.has_state("kitchen_lamp", status=False)
    assert times_on(exchange_house, "kitchen_lamp") == before + 1


def test_of_frequent_states_the_latest_counts(exchange_house: TemporaryHouse, client: ExchangeClient) -> None:
    """At most one state in 50 ms is published, and the last one always is."""
    restart_exchange(exchange_house)
    with exchange_house.listen("shed_lamp", "exchange") as listener:
        began = time.monotonic()
        client.report("shed_lamp", {**lamp_state(True), "brightness_percent": 1})
        for number in range(2, 101):
            client.report("shed_lamp", {**lamp_state(True), "brightness_percent": number})
            time.sleep(0.004)  # some messages within the interval, some after it
        listener.wait_for(lambda listener: listener.has_state("shed_lamp", brightness_percent=100))
        assert listener.states["shed_lamp"].seq <= (time.monotonic() - began) / 0.05 + 2
        at = listener.states["shed_lamp"].at

        def time_has_passed(listener: Listener) -> bool:
            """Return whether a later heartbeat, or the report that the device is offline, has arrived."""
            beat, report = listener.heartbeats.get("shed_lamp"), listener.reports.get("shed_lamp")
            return bool(
                (beat and beat.at > at + 0.5) or (report and report.life == "offline" and report.since > at)
            )

        listener.wait_for(time_has_passed)
        assert listener.has_state("shed_lamp", brightness_percent=100)


@pytest.mark.parametrize(
    ("report", "error"),
    [
        (b"no JSON", "not a state: "),
        (b'{"state": {"status": true, "flavour": "red"}}', "flavour: unknown field"),
        (b'{"state": {"status": 1}}', "status: 1 is not allowed; allowed: true or false"),
        (b'{"state": {"phase": "on"}}', "the state has no `status`"),
    ],
    ids=["no JSON", "unknown field", "wrong type", "no status"],
)
def test_a_malformed_state_is_dropped_and_logged(
    exchange_house: TemporaryHouse, client: ExchangeClient, report: bytes, error: str
) -> None:
    """The state of the device stays, and the log has the reason."""
    restart_exchange(exchange_house)
    before = status_of(exchange_house, "shed_lamp")["state"]
    client.report("shed_lamp", report)
    wait_for_log(exchange_house, f"the owner: shed_lamp: {error}")
    assert status_of(exchange_house, "shed_lamp")["state"] == before


def test_a_program_cannot_report_the_state_of_a_device_with_a_process(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """The report is dropped, and the state of the toaster stays."""
    restart_exchange(exchange_house)
    client.report("toaster", {"status": True})
    wait_for_log(exchange_house, "'toaster' is not a device with driver")
    assert status_of(exchange_house, "toaster")["state"]["phase"] in ("idle", "toasting", "ready")


# Commands


def test_each_command_is_passed_on_and_answered(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """The outcome is applied, expired, or rejected with a reason, by the device or the exchange."""
    restart_exchange(exchange_house)
    eventually(lambda: status_of(exchange_house, "toaster")["state"]["phase"] != "toasting")
    if status_of(exchange_house, "bathroom_light")["state"]["status"]:
        client.command("bathroom_light", "press")
    pressed = client.command("bathroom_light", "press")
    assert pressed is not None
    assert (pressed["outcome"], pressed["device"]) == ("applied", "bathroom_light")
    with exchange_house.listen("toaster") as listener:
        listener.wait_for(
            lambda listener: (
                "toaster" in listener.states and listener.states["toaster"].cause == pressed["id"]
            )
        )

    def too_late() -> dict[str, Any] | None:
        """Return the toaster's own receipt, for which the exchange does not wait long."""
        answer = client.command("toaster", "start", seconds=-1)
        return answer if answer and answer["outcome"] != "unanswered" else None

    for answer, outcome, why in (
        (client.command("toaster", "fly"), "rejected", "fly"),
        (eventually(too_late), "expired", "its deadline passed"),
        (client.command("toster", "start"), "rejected", "did you mean 'toaster'?"),
        (client.command("toaster", "start", seconds=1000), "rejected", "at most 300 s ahead"),
        (client.command("garden_lamp", "on", seconds=1000), "rejected", "at most 300 s ahead"),
        (client.command("garden_lamp", "on"), "rejected", "no program takes commands for garden_lamp now"),
        (client.command("exchange", "dance"), "rejected", "exchange has no command 'dance'"),
        (client.send({"id": "x", "command": "start"}), "rejected", "deadline"),
        (client.command("steward", "start"), "rejected", "it takes no commands"),
    ):
        assert answer is not None
        assert answer["outcome"] == outcome
        assert why in answer["reason"]


def test_a_repeated_command_is_carried_out_once_and_gets_its_first_receipt(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """Also after the exchange was killed."""
    was = status_of(exchange_house, "bathroom_light")["state"]["status"]
    command = {"id": "again", "device": "bathroom_light", "command": "press", "deadline": time.time() + 60}
    first = client.send(command)
    assert first is not None
    assert client.send(command) == first
    with exchange_house.listen("exchange") as listener:
        listener.kill("exchange")
    assert client.send(command) == first
    assert status_of(exchange_house, "bathroom_light")["state"]["status"] is not was


@pytest.mark.long
def test_a_stopped_device_leaves_its_command_unanswered_and_delays_no_other(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """The receipt arrives at the deadline; the device drops the command when it continues."""
    eventually(lambda: status_of(exchange_house, "toaster")["state"]["phase"] != "toasting")
    before = times_on(exchange_house, "toaster")
    pid = exchange_house.kill("toaster", signal.SIGSTOP)
    try:
        with connect_client(Path()) as other:
            dealer = client.socket(zmq.DEALER, 2)
            deadline = time.time() + 5
            command = {"id": "late", "device": "toaster", "command": "start", "deadline": deadline}
            dealer.send_multipart([b"", json.dumps(command).encode()])
            answer = other.command("kitchen_lamp", "on")
            assert answer is not None
            assert answer["outcome"] == "applied"
            assert not dealer.poll(0)
            assert dealer.poll(10_000)
            receipt = json.loads(dealer.recv_multipart()[-1])
            assert time.time() >= deadline
            assert (receipt["outcome"], receipt["device"]) == ("unanswered", "toaster")
            assert "it is not known whether the command was carried out" in receipt["reason"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert exchange_house.send("toaster", "start", "--timeout", "10")["outcome"] == "applied"
    eventually(lambda: times_on(exchange_house, "toaster") > before)
    assert times_on(exchange_house, "toaster") == before + 1


def test_a_hung_device_gets_at_most_a_hundred_commands(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """Later commands are rejected at once, and other devices are not affected."""
    pid = exchange_house.kill("toaster", signal.SIGSTOP)
    try:
        dealer = client.socket(zmq.DEALER, 2)
        for number in range(150):
            command = {
                "id": f"w{number}",
                "device": "toaster",
                "command": "start",
                "deadline": time.time() + 100,
            }
            dealer.send_multipart([b"", json.dumps(command).encode()])
        answers: list[dict[str, Any]] = []
        while len(answers) < 50:
            assert dealer.poll(10_000)
            answers.append(json.loads(dealer.recv_multipart()[-1]))
        assert {answer["reason"] for answer in answers} == {"too many commands wait for toaster"}
        answer = client.command("kitchen_lamp", "on")
        assert answer is not None
        assert answer["outcome"] == "applied"
    finally:
        os.kill(pid, signal.SIGKILL)


class Server:
    """A program that receives the commands of the shed lamp."""

    def __init__(self, client: ExchangeClient) -> None:
        self.socket = client.socket(zmq.DEALER, 2)
        self.commands: list[dict[str, Any]] = []

    def serve(self) -> dict[str, Any]:
        """Send `serve`, and return the receipt."""
        self.socket.send_multipart([b"", json.dumps(SERVE).encode()])
        return self.next()

    def next(self) -> dict[str, Any]:
        """Receive the next message."""
        assert self.socket.poll(10_000)
        found: dict[str, Any] = json.loads(self.socket.recv_multipart()[-1])
        if "command" in found:
            self.commands.append(found)
        return found

    def reply(self, id_: str, **more: Any) -> None:
        """Send the receipt of a command."""
        receipt = {"id": id_, "device": "shed_lamp", "outcome": "applied", "at": 1.0, **more}
        self.socket.send_multipart([b"", json.dumps(receipt).encode()])


SERVE = {
    "id": "s",
    "device": "exchange",
    "command": "serve",
    "deadline": 0,
    "args": {"device": "shed_lamp"},
}


def test_a_command_of_a_foreign_device_reaches_its_program_once(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """Two clients repeat a command, before and after its receipt; both get the same receipt."""
    server = Server(client)
    assert server.serve()["outcome"] == "applied"
    one, two = client.socket(zmq.DEALER, 2), client.socket(zmq.DEALER, 2)
    command = {"id": "w", "device": "shed_lamp", "command": "on", "deadline": time.time() + 30}
    for socket in (one, two, one):
        socket.send_multipart([b"", json.dumps(command).encode()])
    received = server.next()
    assert (received["id"], received["device"], received["command"]) == ("w", "shed_lamp", "on")
    assert not server.socket.poll(300)
    server.reply("w", reason="x" * 5000, result={"much": "x" * 5000})
    receipts = []
    for socket, number in ((one, 2), (two, 1)):
        for _ in range(number):
            assert socket.poll(10_000)
            receipts.append(json.loads(socket.recv_multipart()[-1]))
    assert receipts == [receipts[0]] * 3
    assert receipts[0]["at"] == pytest.approx(time.time(), abs=20), "the time is not of the house's clock"
    assert len(receipts[0]["reason"]) == 1000
    assert "result" not in receipts[0]
    one.send_multipart([b"", json.dumps(command).encode()])
    assert one.poll(10_000)
    assert json.loads(one.recv_multipart()[-1]) == receipts[0]
    assert len(server.commands) == 1
    # a command by the device's own command socket, as of `house send`, has no `device`; the program gets one
    with exchange_house.house_running("send", "shed_lamp", "off", "--json") as sending:
        received = server.next()
        assert (received["device"], received["command"]) == ("shed_lamp", "off")
        server.reply(received["id"], outcome="rejected", reason="it is broken")
        assert sending.stdout is not None
        assert json.loads(sending.stdout.read())["reason"] == "it is broken"


def test_a_silent_program_leaves_its_command_unanswered(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """A receipt for no command is dropped and logged."""
    restart_exchange(exchange_house)
    server = Server(client)
    server.serve()
    answer = client.command("shed_lamp", "on", seconds=2)
    assert answer is not None
    assert answer["outcome"] == "unanswered"
    server.reply("nothing")
    wait_for_log(exchange_house, "no command waits for the receipt nothing")


def test_escape_sequences_of_a_program_reach_no_terminal(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """Those in a fault, or in the reason of a receipt, are neither logged nor printed as they are."""
    restart_exchange(exchange_house)
    server = Server(client)
    server.serve()
    with exchange_house.house_running("watch", "shed_lamp") as watching:
        output = watching.stdout
        assert output is not None
        with exchange_house.listen("shed_lamp") as listener:

            def is_published(listener: Listener, fault: str) -> bool:
                client.report("shed_lamp", {**lamp_state(True), "fault": fault})
                return listener.has_state("shed_lamp", fault=fault)

            def is_watched() -> bool:
                client.report("shed_lamp", {**lamp_state(True), "fault": "dim"})
                return bool(select.select([output], [], [], 0.05)[0])

            eventually(is_watched)
            for fault in ("dim", ESCAPES):  # the first state is no change, and is not logged
                listener.wait_for(partial(is_published, fault=fault))
        printed = [read_until(watching, "shed_lamp status=True phase=on fault=broken")]
    eventually(lambda: r"\x1b]0;mine" in exchange_house.log("mirror"))
    assert "\x1b" not in exchange_house.log("mirror")
    with exchange_house.house_running("send", "shed_lamp", "off") as sending:
        server.reply(server.next()["id"], outcome="rejected", reason=ESCAPES)
        assert sending.stdout is not None
        printed.append(sending.stdout.read())
    for words in (["status"], ["logs", "--no-follow", "mirror"]):
        eventually(lambda words=words: "]0;mine" in exchange_house.house(*words).stdout)  # type: ignore[misc]
        printed.append(exchange_house.house(*words).stdout)
    for text in printed:
        assert "]0;mine" in text
        assert not set(text) & {"\x1b", "\x07", "\r"}


# Killing the exchange


def test_devices_are_not_affected_when_the_exchange_is_killed_under_load(
    exchange_house: TemporaryHouse, client: ExchangeClient
) -> None:
    """No device restarts, and presses reach the appliances; each new exchange serves its clients again."""
    generator = random.Random(11)  # noqa: S311
    causes = set()
    with exchange_house.listen(*DEVICES, "exchange") as listener:
        listener.wait_for(
            lambda listener: all(
                name in listener.heartbeats and name in listener.states for name in (*DEVICES, "exchange")
            )
        )
        pids = {name: listener.heartbeats[name].pid for name in DEVICES}
        restarts = {name: listener.heartbeats[name].restarts for name in DEVICES}
        subscriber = client.subscribe("kitchen_lamp/")
        for _ in range(6):
            for _ in range(generator.randrange(200)):  # some of these messages are under way at the kill
                client.report("shed_lamp", lamp_state(generator.random() < 0.5))
                subscriber.subscribe("kitchen_lamp/")
            listener.wait_for(lambda listener: "status" in listener.states["bathroom_light"].state)
            if listener.states["bathroom_light"].state["status"]:
                exchange_house.send("bathroom_light", "press")
            exchange_house.send("kitchen_lamp", "off")
            boot = listener.heartbeats["exchange"].boot
            os.kill(listener.heartbeats["exchange"].pid, signal.SIGKILL)
            pressed = exchange_house.send("bathroom_light", "press")
            assert pressed["outcome"] == "applied"
            causes.add(pressed["id"])
            listener.wait_for(partial(is_caused_by, id_=pressed["id"]))
            listener.wait_for(lambda listener, boot=boot: listener.heartbeats["exchange"].boot > boot)  # type: ignore[misc]
            answer = client.command("kitchen_lamp", "on", args={"brightness_percent": 10})
            assert answer is not None
            assert answer["outcome"] == "applied"
            while receive_message(subscriber)[1].get("cause") != answer["id"]:
                pass
        assert {name: listener.heartbeats[name].pid for name in DEVICES} == pids
        assert {name: listener.heartbeats[name].restarts for name in DEVICES} == restarts
    assert len(causes) == 6
