"""The front door in a real house: plain programs hear it, command it and are devices of it."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemons.processes.exchange.programs import PACE_SECONDS
from tests.support.exchange_client import (
    Visitor,
    begin_anew,
    documented,
    heard,
    lamp,
    line,
    program,
    refused,
    visit,
)
from tests.support.house import Ear, Household, eventually

DEVICES = ("bathroom_light", "coffee_maker", "kitchen_lamp", "mirror", "toaster")


@pytest.fixture
def visitor(front: Household) -> Iterator[Visitor]:
    """Stand at the near door."""
    with visit(front.run) as made:
        yield made


EVIL = "broken\x1b]0;mine\x07\x1b[2J\r\nshed_lamp status=False"
"""Would call the terminal's window "mine", clear it, and make up a line of its own."""


def known(front: Household, name: str) -> dict[str, Any]:
    """Give what the mirror knows of a device."""

    def answered() -> Any:
        found = front.status()
        return "does not answer" not in (found["message"] or "") and found["devices"][name]

    found: dict[str, Any] = eventually(answered)
    return found


def is_life(life: str) -> Callable[[Ear], bool]:
    """Tell whether the exchange says that the garden lamp lives so."""
    return lambda ear: "garden_lamp" in ear.reports and ear.reports["garden_lamp"].life == life


def times_on(front: Household, name: str) -> int:
    """Tell how often a device's hardware was switched on."""
    return [switching.what for switching in front.witness(name)].count("on")


# Hearing


def test_a_plain_script_hears_the_whole_house_and_a_late_one_hears_it_at_once(front: Household) -> None:
    """The documented lines: every device's state, the steward's reports; and who comes later misses none."""
    with program(front, documented("hear.py")) as first:
        line(first, "toaster/heartbeat")
        receipt = front.send("bathroom_light", "press")
        # What is said again, to whoever newly listens, comes between.
        while json.loads(line(first, "bathroom_light/state").partition(" ")[2])["cause"] != receipt["id"]:
            pass
        wanted = {f"{name}/state" for name in (*DEVICES, "steward", "recorder", "exchange")}
        wanted |= {f"steward/process/{name}" for name in (*DEVICES, "exchange")}
        with program(front, documented("hear.py")) as second:
            assert second.stdout is not None
            while wanted:
                wanted.discard(second.stdout.readline().partition(" ")[0])


def test_who_subscribes_gets_what_is_current_without_waiting_for_a_change(visitor: Visitor) -> None:
    """Nothing changes in this house, and yet the state is there."""
    socket = visitor.hear("toaster/state")
    topic, state = heard(socket)
    assert (topic, state["device"]) == ("toaster/state", "toaster")


def test_a_prefix_brings_only_what_begins_so(visitor: Visitor) -> None:
    """And no device whose name only begins so, when it ends in a stroke."""
    socket = visitor.hear("kitchen_lamp/")
    assert {heard(socket)[0] for _ in range(3)} <= {"kitchen_lamp/state", "kitchen_lamp/heartbeat"}


# Being a device


def test_a_plain_script_is_a_device_whose_state_drives_a_rule(front: Household) -> None:
    """Switched on at its own program, the kitchen lamp follows; the mirror shows it; commands reach it.

    Fallen silent it is offline, and live again when its program is there again.
    """
    front.send("kitchen_lamp", "off")
    before = times_on(front, "kitchen_lamp")
    with front.ear("garden_lamp", "kitchen_lamp", "exchange") as ear:
        with program(front, documented("garden_lamp.py")):
            ear.until(lambda ear: ear.shows("garden_lamp", status=False))
            eventually(lambda: known(front, "garden_lamp")["presence"] == "live")
            eventually(lambda: front.send("garden_lamp", "on")["outcome"] == "applied")
            ear.until(lambda ear: ear.shows("garden_lamp", status=True))
            ear.until(lambda ear: ear.shows("kitchen_lamp", status=True))
            assert times_on(front, "kitchen_lamp") == before + 1
        ear.until(is_life("offline"))
        found = known(front, "garden_lamp")
        assert found["presence"] == "offline"
        assert "its program has said nothing for 2 s" in found["reason"]
        with visit(front.run) as late:  # who comes now is not told that it is on
            listening = late.hear("garden_lamp/", "toaster/state", "exchange/process/garden_lamp")
            topics = {heard(listening)[0] for _ in range(2)}
            assert topics == {"toaster/state", "exchange/process/garden_lamp"}
        with program(front, documented("garden_lamp.py")):
            ear.until(lambda ear: is_life("running")(ear) and ear.shows("garden_lamp", status=False))
            eventually(lambda: known(front, "garden_lamp")["presence"] == "live")


def test_what_is_repeated_acts_on_nothing_twice_over_kills_of_the_exchange(
    front: Household, visitor: Visitor
) -> None:
    """Off, then on again and again, whoever is killed in between: the rule acts once."""
    front.send("kitchen_lamp", "off")
    before = times_on(front, "kitchen_lamp")
    with front.ear("garden_lamp", "kitchen_lamp", "exchange") as ear:

        def say_until_heard(on: bool) -> None:
            boot = ear.until(lambda ear: "exchange" in ear.beats).beats["exchange"].boot

            def is_heard(ear: Ear) -> bool:
                visitor.say("garden_lamp", lamp(on))
                state = ear.states.get("garden_lamp")
                return state is not None and state.state["status"] is on and state.boot >= boot

            ear.until(is_heard)

        say_until_heard(on=False)
        say_until_heard(on=True)
        ear.until(lambda ear: ear.shows("kitchen_lamp", status=True))
        turned = ear.states["garden_lamp"].turned
        front.send("kitchen_lamp", "off")
        for _ in range(3):
            ear.kill("exchange")
            say_until_heard(on=True)
            assert ear.states["garden_lamp"].turned == turned
        beat = ear.beats["kitchen_lamp"].at  # it has heard all that, and does nothing more
        ear.until(lambda ear: ear.beats["kitchen_lamp"].at > beat + 1)
        assert ear.shows("kitchen_lamp", status=False)
    assert times_on(front, "kitchen_lamp") == before + 1


def test_of_what_is_said_too_quickly_the_latest_counts(front: Household, visitor: Visitor) -> None:
    """Not one that was said before it."""
    begin_anew(front)
    with front.ear("shed_lamp", "exchange") as ear:
        began = time.monotonic()
        visitor.say("shed_lamp", {**lamp(True), "brightness_percent": 1})
        for number in range(2, 101):
            visitor.say("shed_lamp", {**lamp(True), "brightness_percent": number})
            time.sleep(0.004)  # some of it before the pace allows, some after
        ear.until(lambda ear: ear.shows("shed_lamp", brightness_percent=100))
        assert ear.states["shed_lamp"].seq <= (time.monotonic() - began) / PACE_SECONDS + 2
        at = ear.states["shed_lamp"].at

        def time_has_passed(ear: Ear) -> bool:
            """By its sign of life, or by the word that it says no more."""
            beat, report = ear.beats.get("shed_lamp"), ear.reports.get("shed_lamp")
            return bool(
                (beat and beat.at > at + 0.5) or (report and report.life == "offline" and report.since > at)
            )

        ear.until(time_has_passed)
        assert ear.shows("shed_lamp", brightness_percent=100)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"no JSON", "what it says is no state"),
        (b'{"state": {"status": true, "colour": "red"}}', "colour: unknown field"),
        (b'{"state": {"status": 1}}', "status: 1 is not what it can be: true or false"),
        (b'{"state": {"phase": "on"}}', "its state has no status"),
    ],
    ids=["no JSON", "unknown field", "wrong type", "no status"],
)
def test_words_that_make_no_sense_are_refused_and_the_log_says_why(
    front: Household, visitor: Visitor, said: bytes, why: str
) -> None:
    """They change nothing."""
    begin_anew(front)
    before = known(front, "shed_lamp")["state"]
    visitor.say("shed_lamp", said)
    refused(front, f"its owner: shed_lamp: {why}")
    assert known(front, "shed_lamp")["state"] == before


def test_nobody_speaks_for_a_device_that_has_a_process_or_is_none(front: Household, visitor: Visitor) -> None:
    """The toaster says what the toaster is."""
    begin_anew(front)
    visitor.say("toaster", {"status": True})
    refused(front, "'toaster' is no device with driver")
    assert known(front, "toaster")["state"]["phase"] in ("idle", "toasting", "ready")


# Commands


def test_commands_pass_through_and_each_is_answered(front: Household, visitor: Visitor) -> None:
    """Applied, rejected by the device, expired, no such device or word, too late, too far: all told."""
    begin_anew(front)
    eventually(lambda: known(front, "toaster")["state"]["phase"] != "toasting")
    if known(front, "bathroom_light")["state"]["status"]:
        visitor.command("bathroom_light", "press")
    pressed = visitor.command("bathroom_light", "press")
    assert pressed is not None
    assert (pressed["outcome"], pressed["device"]) == ("applied", "bathroom_light")
    with front.ear("toaster") as ear:
        ear.until(lambda ear: "toaster" in ear.states and ear.states["toaster"].cause == pressed["id"])

    def too_late() -> dict[str, Any] | None:
        """Have it from the toaster itself, for which the exchange does not wait long."""
        answer = visitor.command("toaster", "start", seconds=-1)
        return answer if answer and answer["outcome"] != "unanswered" else None

    for answer, outcome, why in (
        (visitor.command("toaster", "fly"), "rejected", "fly"),
        (eventually(too_late), "expired", "its deadline passed"),
        (visitor.command("toster", "start"), "rejected", "did you mean 'toaster'?"),
        (visitor.command("toaster", "start", seconds=1000), "rejected", "at most 300 s ahead"),
        (visitor.command("garden_lamp", "on", seconds=1000), "rejected", "at most 300 s ahead"),
        (visitor.command("garden_lamp", "on"), "rejected", "no program takes commands for garden_lamp now"),
        (visitor.command("exchange", "dance"), "rejected", "it has no command 'dance'"),
        (visitor.send({"id": "x", "command": "start"}), "rejected", "deadline"),
        (visitor.command("steward", "start"), "rejected", "it takes no commands"),
    ):
        assert answer is not None
        assert answer["outcome"] == outcome
        assert why in answer["reason"]


def test_a_repeated_id_is_done_once_and_gets_its_first_receipt(front: Household, visitor: Visitor) -> None:
    """Through the door, past it, and over a kill of the exchange."""
    was = known(front, "bathroom_light")["state"]["status"]
    command = {"id": "again", "device": "bathroom_light", "command": "press", "deadline": time.time() + 60}
    first = visitor.send(command)
    assert first is not None
    assert visitor.send(command) == first
    with front.ear("exchange") as ear:
        ear.kill("exchange")
    assert visitor.send(command) == first
    assert known(front, "bathroom_light")["state"]["status"] is not was


def test_a_stopped_device_leaves_its_command_unanswered_and_keeps_nobody_waiting(
    front: Household, visitor: Visitor
) -> None:
    """It says so at the deadline; others are answered meanwhile; woken up, the device does not obey late."""
    eventually(lambda: known(front, "toaster")["state"]["phase"] != "toasting")
    before = times_on(front, "toaster")
    pid = front.kill("toaster", signal.SIGSTOP)
    try:
        with visit(Path()) as other:
            ask = visitor.socket(5, 2)  # a DEALER
            deadline = time.time() + 5
            wish = {"id": "late", "device": "toaster", "command": "start", "deadline": deadline}
            ask.send_multipart([b"", json.dumps(wish).encode()])
            answer = other.command("kitchen_lamp", "on")
            assert answer is not None
            assert answer["outcome"] == "applied"
            assert not ask.poll(0)
            assert ask.poll(10_000)
            receipt = json.loads(ask.recv_multipart()[-1])
            assert time.time() >= deadline
            assert (receipt["outcome"], receipt["device"]) == ("unanswered", "toaster")
            assert "whether it was carried out is not known" in receipt["reason"]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert front.send("toaster", "start", "--timeout", "10")["outcome"] == "applied"
    eventually(lambda: times_on(front, "toaster") > before)
    assert times_on(front, "toaster") == before + 1


def test_a_hung_device_is_asked_so_much_and_no_more(front: Household, visitor: Visitor) -> None:
    """Who floods it with wishes is told that too many wait, and the other devices do not notice."""
    pid = front.kill("toaster", signal.SIGSTOP)
    try:
        ask = visitor.socket(5, 2)
        for number in range(150):
            wish = {
                "id": f"w{number}",
                "device": "toaster",
                "command": "start",
                "deadline": time.time() + 100,
            }
            ask.send_multipart([b"", json.dumps(wish).encode()])
        answers: list[dict[str, Any]] = []
        while len(answers) < 50:
            assert ask.poll(10_000)
            answers.append(json.loads(ask.recv_multipart()[-1]))
        assert {answer["reason"] for answer in answers} == {"too many commands wait for toaster"}
        answer = visitor.command("kitchen_lamp", "on")
        assert answer is not None
        assert answer["outcome"] == "applied"
    finally:
        os.kill(pid, signal.SIGKILL)


class Serving:
    """A program that takes the garden lamp's commands, and counts them."""

    def __init__(self, visitor: Visitor) -> None:
        self.socket = visitor.socket(5, 2)
        self.asked: list[dict[str, Any]] = []

    def serve(self) -> dict[str, Any]:
        """Say that it takes them, and give the answer."""
        self.socket.send_multipart([b"", json.dumps(SERVE).encode()])
        return self.next()

    def next(self) -> dict[str, Any]:
        """Take the next message."""
        assert self.socket.poll(10_000)
        found: dict[str, Any] = json.loads(self.socket.recv_multipart()[-1])
        if "command" in found:
            self.asked.append(found)
        return found

    def reply(self, id_: str, **more: Any) -> None:
        """Answer a command."""
        receipt = {"id": id_, "device": "shed_lamp", "outcome": "applied", "at": 1.0, **more}
        self.socket.send_multipart([b"", json.dumps(receipt).encode()])


SERVE = {
    "id": "s",
    "device": "exchange",
    "command": "serve",
    "deadline": 0,
    "args": {"device": "shed_lamp"},
}


def test_a_foreign_devices_command_is_given_to_its_program_once(front: Household, visitor: Visitor) -> None:
    """The same id again, from two sides, while it is under way and after: one command, one receipt."""
    serving = Serving(visitor)
    assert serving.serve()["outcome"] == "applied"
    one, two = visitor.socket(5, 2), visitor.socket(5, 2)
    wish = {"id": "w", "device": "shed_lamp", "command": "on", "deadline": time.time() + 30}
    for socket in (one, two, one):
        socket.send_multipart([b"", json.dumps(wish).encode()])
    asked = serving.next()
    assert (asked["id"], asked["device"], asked["command"]) == ("w", "shed_lamp", "on")
    assert not serving.socket.poll(300)
    serving.reply("w", reason="x" * 5000, result={"much": "x" * 5000})
    receipts = []
    for socket, number in ((one, 2), (two, 1)):
        for _ in range(number):
            assert socket.poll(10_000)
            receipts.append(json.loads(socket.recv_multipart()[-1]))
    assert receipts == [receipts[0]] * 3
    assert receipts[0]["at"] == pytest.approx(time.time(), abs=20), "by the house's clock, not the program's"
    assert len(receipts[0]["reason"]) == 1000
    assert "result" not in receipts[0]
    one.send_multipart([b"", json.dumps(wish).encode()])
    assert one.poll(10_000)
    assert json.loads(one.recv_multipart()[-1]) == receipts[0]
    assert len(serving.asked) == 1
    # through the device's own address in the house, as `house send` does it, the program is told whose it is
    with front.house_running("send", "shed_lamp", "off", "--json") as sending:
        asked = serving.next()
        assert (asked["device"], asked["command"]) == ("shed_lamp", "off")
        serving.reply(asked["id"], outcome="rejected", reason="it is broken")
        assert sending.stdout is not None
        assert json.loads(sending.stdout.read())["reason"] == "it is broken"


def test_a_program_that_says_nothing_leaves_its_command_unanswered(
    front: Household, visitor: Visitor
) -> None:
    """And a receipt that nobody has asked for is refused, and noted."""
    begin_anew(front)
    serving = Serving(visitor)
    serving.serve()
    answer = visitor.command("shed_lamp", "on", seconds=2)
    assert answer is not None
    assert answer["outcome"] == "unanswered"
    serving.reply("nothing")
    refused(front, "nobody asked it for the receipt nothing")


def test_no_terminal_obeys_what_a_program_says(front: Household, visitor: Visitor) -> None:
    """An escape sequence in a fault, or in the reason of a receipt, is shown without what makes it one."""
    begin_anew(front)
    serving = Serving(visitor)
    serving.serve()
    with front.house_running("watch", "shed_lamp") as watching:
        assert watching.stdout is not None
        with front.ear("shed_lamp") as ear:

            def is_heard(ear: Ear, fault: str) -> bool:
                visitor.say("shed_lamp", {**lamp(True), "fault": fault})
                return ear.shows("shed_lamp", fault=fault)

            for fault in ("dim", EVIL):  # what is shown for the first time is no change, and is not logged
                ear.until(partial(is_heard, fault=fault))
        seen = [line(watching, "shed_lamp status=True phase=on fault=broken")]
    eventually(lambda: "\x1b]0;mine" in front.log("mirror"))
    with front.house_running("send", "shed_lamp", "off") as sending:
        serving.reply(serving.next()["id"], outcome="rejected", reason=EVIL)
        assert sending.stdout is not None
        seen.append(sending.stdout.read())
    for words in (["status"], ["logs", "--no-follow", "mirror"]):
        eventually(lambda words=words: "]0;mine" in front.house(*words).stdout)  # type: ignore[misc]
        seen.append(front.house(*words).stdout)
    for text in seen:
        assert "]0;mine" in text
        assert not set(text) & {"\x1b", "\x07", "\r"}


# It may be killed at any moment


def test_the_exchange_is_killed_at_random_under_load_and_no_device_notices(
    front: Household, visitor: Visitor
) -> None:
    """No PID changes, no beat is missed, presses go on to the appliances; each time all is back."""
    chance = random.Random(11)  # noqa: S311
    causes = set()
    with front.ear(*DEVICES, "exchange") as ear:
        ear.until(
            lambda ear: all(name in ear.beats and name in ear.states for name in (*DEVICES, "exchange"))
        )
        pids = {name: ear.beats[name].pid for name in DEVICES}
        restarts = {name: ear.beats[name].restarts for name in DEVICES}
        listener = visitor.hear("kitchen_lamp/")
        for _ in range(6):
            for _ in range(chance.randrange(200)):  # load, and nobody knows what of it is under way
                visitor.say("shed_lamp", lamp(chance.random() < 0.5))
                listener.subscribe("kitchen_lamp/")
            ear.until(lambda ear: "status" in ear.states["bathroom_light"].state)
            if ear.states["bathroom_light"].state["status"]:
                front.send("bathroom_light", "press")
            front.send("kitchen_lamp", "off")
            boot = ear.beats["exchange"].boot
            os.kill(ear.beats["exchange"].pid, signal.SIGKILL)
            pressed = front.send("bathroom_light", "press")
            assert pressed["outcome"] == "applied"
            causes.add(pressed["id"])
            ear.until(lambda ear, id_=pressed["id"]: ear.states["kitchen_lamp"].cause == id_)  # type: ignore[misc]
            ear.until(lambda ear, boot=boot: ear.beats["exchange"].boot > boot)  # type: ignore[misc]
            answer = visitor.command("kitchen_lamp", "on", args={"brightness_percent": 10})
            assert answer is not None
            assert answer["outcome"] == "applied"
            while heard(listener)[1].get("cause") != answer["id"]:
                pass
        assert {name: ear.beats[name].pid for name in DEVICES} == pids
        assert {name: ear.beats[name].restarts for name in DEVICES} == restarts
    assert len(causes) == 6
