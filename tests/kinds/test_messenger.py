"""A messenger: a queue that loses no message, over outages and kills."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from daemons.config import device
from daemons.errors import Rejected, RejectedForNow
from daemons.kinds import DeliveryResult, Message, Outcome, Reading, Setting
from daemons.kinds.messaging.queue import MessengerMemory
from daemons.kinds.messenger import (
    Acknowledge,
    Cancel,
    Messenger,
    Mute,
    Options,
    Send,
    State,
    Unmute,
)
from daemons.processes.device.memory import DeviceMemory
from daemons.storage.page_file import PAGE_BYTES
from daemons.values import Problem, Seconds
from tests.support.crash_simulator import CrashSimulator

START = 1_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


class Phone:
    """A messenger and its server, without a process between them."""

    def __init__(self, **options: str) -> None:
        self.machine = Messenger(
            Options(**{f"{key}_seconds": Seconds.parse(value) for key, value in options.items()})  # type: ignore[arg-type]
        )
        self.memory = MessengerMemory()
        self.now = START

    def do(self, command: Any) -> None:
        """Carry out a command."""
        self.memory = self.machine.handle_command(self.memory, command, self.now)

    def send(self, text: str, **more: Any) -> None:
        """Queue a message."""
        self.do(Send(text=text, **more))

    def wait(self, seconds: float) -> None:
        """Pass time."""
        self.now += seconds
        self.memory = self.machine.advance(self.memory, self.now)

    def wait_for_attempt(self) -> None:
        """Pass time until the next attempt begins."""
        while self.message is None:
            due = self.machine.next_deadline(self.memory)
            assert due is not None
            self.wait(due - self.now)

    @property
    def message(self) -> Message | None:
        """The message that the driver is to deliver now."""
        return self.machine.desired_setting(self.memory).message

    def answer(self, result: DeliveryResult, text: str = "") -> Message:
        """Answer the present attempt as a server, and return its message."""
        message = self.message
        assert message is not None
        outcome = Outcome(message.key, message.attempt, result, text)
        self.read(outcome)
        return message

    def read(self, outcome: Outcome) -> None:
        """Read an outcome."""
        self.memory = self.machine.update_measurements(self.memory, Reading(outcome=outcome), self.now)

    def kill(self) -> None:
        """Kill the process and start it again."""
        encoded = msgspec.json.encode(self.memory)
        self.memory = msgspec.json.decode(encoded, type=MessengerMemory)
        self.memory = self.machine.advance(self.machine.resume(self.memory, self.now), self.now)

    @property
    def state(self) -> State:
        """The published state."""
        return self.machine.state(self.memory, Reading(), self.now)


def test_a_message_is_sent_at_once_and_counted_when_the_server_took_it() -> None:
    """The state says that it waits, and then its id and its text."""
    phone = Phone()
    phone.send("The washing machine has finished.", title="Laundry")
    assert (phone.state.phase, phone.state.waiting, phone.state.delivered) == ("sending", 1, 0)
    message = phone.answer("taken")
    assert (message.text, message.title, message.urgent) == (
        "The washing machine has finished.",
        "Laundry",
        False,
    )
    assert not message.is_repeat
    state = phone.state
    assert (state.phase, state.status, state.waiting, state.delivered) == ("idle", False, 0, 1)
    assert (state.last_delivered_id, state.last_delivered_text) == (message.key, message.text)
    assert phone.message is None


def test_messages_go_out_in_order_and_urgent_ones_first() -> None:
    """An urgent message passes those that wait, but not the one that is being sent."""
    phone = Phone()
    for text in ("one", "two", "three"):
        phone.send(text)
    phone.send("fire", urgent=True)
    assert [phone.answer("taken").text for _ in range(4)] == ["one", "fire", "two", "three"]


def test_a_message_that_is_refused_for_now_is_tried_again_after_pauses_that_grow() -> None:
    """Each attempt has the same key. As the server did not take it, it is no repeat."""
    phone = Phone()
    phone.send("hello")
    keys, pauses = set(), []
    for _ in range(8):
        keys.add(phone.answer("refused_for_now", "it is busy").key)
        assert (phone.state.phase, phone.state.fault) == ("waiting", "it is busy")
        due = phone.machine.next_deadline(phone.memory)
        assert due is not None
        pauses.append(due - phone.now)
        phone.wait(pauses[-1])
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300]
    assert len(keys) == 1
    assert not phone.answer("taken").is_repeat
    assert phone.state.fault is None


def test_a_message_that_is_refused_for_ever_makes_way_for_the_next() -> None:
    """The state counts it as lost, and has the reason."""
    phone = Phone()
    phone.send("one")
    phone.send("two")
    first = phone.answer("refused", "550 no such mailbox")
    assert phone.state.last_refusal == f"{first.key}: 550 no such mailbox"
    assert phone.state.lost == 1
    assert phone.answer("taken").text == "two"


def test_a_repeat_after_an_unknown_outcome_says_so_under_the_same_key() -> None:
    """The reader may have it already."""
    phone = Phone()
    phone.send("hello")
    first = phone.answer("unknown", "no answer")
    phone.wait(5)
    second = phone.answer("taken")
    assert second.key == first.key
    assert (first.is_repeat, second.is_repeat) == (False, True)
    assert (first.text, second.text) == ("hello", "hello\n\nYou may have this already.")
    assert phone.state.last_delivered_text == "hello"


def test_a_kill_during_an_attempt_leaves_its_outcome_unknown() -> None:
    """The next process sends it again, under the same key and another attempt."""
    phone = Phone()
    phone.send("hello")
    first = phone.message
    phone.kill()
    phone.wait(5)
    second = phone.message
    assert first is not None
    assert second is not None
    assert (second.key, second.is_repeat) == (first.key, True)
    assert second.attempt != first.attempt


def test_a_restart_ends_the_pause() -> None:
    """A person who has corrected a password restarts the device, and need not wait for five minutes."""
    phone = Phone()
    phone.send("hello")
    for _ in range(8):
        phone.wait_for_attempt()
        phone.answer("refused_for_now", "bad password")
    phone.wait(1)
    assert phone.message is None
    phone.kill()
    assert phone.message is not None
    assert not phone.message.is_repeat


def test_an_attempt_without_an_outcome_lapses() -> None:
    """A driver that hangs is given up after two minutes, and the outcome is unknown."""
    phone = Phone()
    phone.send("hello")
    phone.wait(2 * MINUTE)
    assert phone.state.phase == "waiting"
    phone.wait(5)
    assert phone.message is not None
    assert phone.message.is_repeat


def test_a_late_outcome_of_an_earlier_attempt_counts() -> None:
    """It is the same message; a late refusal says nothing about the present attempt."""
    phone = Phone()
    phone.send("hello")
    first = phone.message
    assert first is not None
    phone.wait(2 * MINUTE + 5)
    phone.read(Outcome(first.key, first.attempt, "refused"))
    assert phone.state.phase == "sending"
    phone.read(Outcome(first.key, first.attempt, "taken"))
    assert (phone.state.phase, phone.state.delivered) == ("idle", 1)
    phone.read(Outcome(first.key, first.attempt, "taken"))
    assert phone.state.delivered == 1


def test_a_message_expires() -> None:
    """A message that cannot be delivered in time is dropped; the others go on."""
    phone = Phone(expires="1h")
    phone.send("the shop closes in ten minutes", expires=Seconds(600))
    phone.send("good evening")
    phone.answer("refused_for_now", "no connection")
    phone.wait(11 * MINUTE)
    phone.answer("refused_for_now", "no connection")
    assert phone.state.lost == 1
    assert "expired after" in str(phone.state.last_refusal)
    phone.wait_for_attempt()
    phone.answer("taken")
    assert (phone.state.lost, phone.state.delivered, phone.state.waiting) == (1, 1, 0)


@pytest.mark.parametrize(
    ("wait", "note"),
    [(200, ""), (301, "\n\nThis comes 5 min late."), (4000, "\n\nThis comes 1 h 7 min late.")],
)
def test_a_late_message_says_how_late_it_is(wait: float, note: str) -> None:
    """It counts from when it was queued."""
    phone = Phone()
    phone.do(Mute())
    phone.send("the post has come")
    phone.wait(wait)
    phone.do(Unmute())
    assert phone.answer("taken").text == f"the post has come{note}"


def test_a_muted_messenger_holds_back_what_is_not_urgent() -> None:
    """The time ends by itself. An urgent message passes."""
    phone = Phone()
    phone.do(Mute(for_seconds=Seconds(HOUR)))
    phone.send("the post has come")
    assert (phone.state.phase, phone.state.muted, phone.state.fault) == ("waiting", True, None)
    phone.send("water!", urgent=True)
    assert phone.answer("taken").text == "water!"
    phone.do(Acknowledge())
    phone.wait(HOUR - 1)
    assert phone.message is None
    phone.wait(1)
    assert phone.state.muted is False
    assert phone.answer("taken").text.startswith("the post has come")


def test_an_urgent_message_is_repeated_until_it_is_acknowledged() -> None:
    """Each reminder has its own key, as it is a new message, and says that it is a reminder."""
    phone = Phone(repeat="30m")
    phone.send("the freezer is warm", urgent=True)
    first = phone.answer("taken")
    assert (phone.state.phase, phone.state.acknowledged) == ("unacknowledged", False)
    assert Messenger.primary_command(msgspec.to_builtins(phone.state)) == "acknowledge"
    phone.wait(30 * MINUTE - 1)
    assert phone.message is None
    phone.wait(1)
    second = phone.answer("taken")
    assert second.key == f"{first.key}-1"
    assert second.text == "the freezer is warm\n\nReminder 1: it is not acknowledged yet."
    phone.do(Acknowledge())
    assert (phone.state.phase, phone.state.acknowledged, phone.state.delivered) == ("idle", True, 2)
    phone.wait(DAY)
    assert phone.message is None
    with pytest.raises(Rejected, match="no delivered urgent message"):
        phone.do(Acknowledge())


def test_an_acknowledgement_withdraws_a_reminder_that_is_being_sent() -> None:
    """The driver is told to deliver nothing."""
    phone = Phone(repeat="10s")
    phone.send("fire", urgent=True)
    phone.answer("taken")
    phone.wait(10)
    assert phone.message is not None
    phone.do(Acknowledge(id=phone.state.unacknowledged_id))
    assert phone.message is None


def test_an_acknowledgement_leaves_a_message_that_was_not_delivered() -> None:
    """A person who acknowledges one message has not seen the next."""
    phone = Phone()
    phone.send("water", urgent=True)
    phone.answer("taken")
    phone.send("fire", urgent=True)
    phone.do(Acknowledge())
    assert phone.answer("taken").text == "fire"


def test_reminders_end_when_the_message_expires() -> None:
    """A message that was delivered is not lost then."""
    phone = Phone(expires="1h", repeat="20m")
    phone.send("fire", urgent=True)
    phone.answer("taken")
    phone.wait(20 * MINUTE)
    phone.answer("taken")
    phone.wait(20 * MINUTE)
    phone.answer("taken")
    phone.wait(30 * MINUTE)
    assert (phone.state.phase, phone.state.lost, phone.state.delivered) == ("idle", 0, 3)


def test_the_ninth_unacknowledged_message_ends_the_reminders_of_the_oldest() -> None:
    """The queue has room for new messages however many were not acknowledged."""
    phone = Phone()
    for number in range(9):
        phone.send(f"alarm {number}", urgent=True)
        phone.answer("taken")
        phone.wait(1)
    assert phone.state.unacknowledged == 8
    assert [one.text for one in phone.memory.queue] == [f"alarm {number}" for number in range(1, 9)]


def test_a_full_queue_refuses_a_message_for_now() -> None:
    """An urgent one takes the place of the oldest that is not urgent, which is counted as lost."""
    phone = Phone()
    for number in range(32):
        phone.send(f"message {number}")
    with pytest.raises(RejectedForNow, match="its queue is full: 32 messages wait"):
        phone.send("one more")
    phone.send("fire", urgent=True)
    assert phone.state.waiting == 32
    assert phone.state.lost == 1
    assert "took its place" in str(phone.state.last_refusal)
    texts = [phone.answer("taken").text for _ in range(32)]
    assert texts == ["message 0", "fire", *(f"message {number}" for number in range(2, 32))]


def test_cancel_drops_what_waits_but_not_what_is_being_sent() -> None:
    """With an id it drops one message."""
    phone = Phone()
    for text in ("one", "two", "three"):
        phone.send(text)
    phone.do(Cancel(id=phone.memory.queue[1].id))
    assert [one.text for one in phone.memory.queue] == ["one", "three"]
    phone.do(Cancel())
    assert [one.text for one in phone.memory.queue] == ["one"]
    with pytest.raises(Rejected, match="no message waits that can be dropped under the id 'x'"):
        phone.do(Cancel(id="x"))


def test_control_characters_become_spaces() -> None:
    """Neither a terminal nor a header of a mail obeys a text. A text keeps its lines."""
    phone = Phone()
    phone.send("a\x1b[2Jb\r\nc", title="x\r\nBcc: me@example.org")
    message = phone.answer("taken")
    assert (message.text, message.title) == ("a [2Jb \nc", "x  Bcc: me@example.org")
    with pytest.raises(Rejected, match="the text is empty"):
        phone.send("\x00 \n")


def test_a_rule_whose_message_expires_at_once_is_refused() -> None:
    """`house check` has the reason."""
    problems: list[Problem] = []
    rule = {"at": "07:00", "do": "send", "with": {"text": "hello", "expires": "1s"}}
    table = {"kind": "messenger", "driver": "simulated", "when": [rule]}
    device.build("phone", table, ("devices", "phone"), problems)
    assert [problem.text for problem in problems] == ["expires must be 10s or longer"]


@pytest.mark.parametrize("key", ["expires", "repeat"])
def test_options_that_would_expire_or_repeat_at_once_are_refused(key: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(ValueError, match="expires and repeat_every must be 10s or longer"):
        Phone(**{key: "9s"})


def test_a_full_queue_has_room_in_the_journal() -> None:
    """With the longest texts in the widest letters it takes 16 pages, and with usual ones less than one."""
    phone = Phone()
    for _ in range(32):
        phone.send("\U0001f9ca" * 500, title="\U0001f9ca" * 100)
    assert len(msgspec.json.encode(phone.memory)) < 16 * PAGE_BYTES
    phone = Phone()
    for _ in range(32):
        phone.send("The washing machine has finished its programme.")
    assert len(msgspec.json.encode(phone.memory)) < PAGE_BYTES


def test_the_memory_that_is_not_written_takes_the_message_back() -> None:
    """`applied` means that it is written down. So a command is rejected while the disk is full."""
    house = CrashSimulator("messenger")
    server = Server()
    house.relay = server  # type: ignore[assignment]
    house.disk_error = "no space left on device"
    receipt = house.command("send", text="hello")
    assert receipt.outcome == "rejected"
    assert "its memory cannot be written" in str(receipt.reason)
    assert not server.attempts


def test_a_message_is_given_to_the_driver_once_and_withdrawn_after_its_acknowledgement() -> None:
    """Polls do not send it again. After the acknowledgement, a reminder does not leave the driver."""
    house = CrashSimulator("messenger", repeat_every="10m")
    server = Server()
    house.relay = server  # type: ignore[assignment]
    house.command("send", text="fire", urgent=True)
    server.mood = "silent"
    house.wait(10 * MINUTE)
    for _ in range(5):
        house.poll()
    assert [message.attempt for message in server.attempts] == [1, 2]
    before = server.withdrawals
    house.command("acknowledge", id_="c2")
    assert server.withdrawals == before + 1


def test_an_outage_does_not_reject_a_message() -> None:
    """It is queued, also while the server is known to be lost."""
    house = CrashSimulator("messenger")
    house.on_reading(Reading(reachable=False, fault="no route"))
    house.wait(60)
    house.on_reading(Reading(reachable=False, fault="no route"))
    assert house.command("send", text="hello").outcome == "applied"


# Kills at every instruction


class Server:
    """A server with a driver. It records each attempt, and what it took."""

    def __init__(self) -> None:
        self.attempts: list[Message] = []
        self.taken: list[Message] = []
        self.withdrawals = 0
        """How often a message was withdrawn from the driver."""
        self.refused: set[str] = set()
        """The texts that it refused for ever."""
        self.mood: DeliveryResult | str = "taken"
        self.outcome: Outcome | None = None

    def read(self, now: float) -> Reading:
        """Return the outcome of the latest attempt."""
        return Reading(outcome=self.outcome)

    def set(self, setting: Setting, now: float) -> None:
        """Handle a message as the mood says."""
        message = setting.message
        if message is None:
            self.withdrawals += 1
            return
        self.attempts.append(message)
        if self.mood in ("taken", "unknown", "lost answer"):
            self.taken.append(message)
        if self.mood == "refused":
            self.refused.add(message.text.partition("\n")[0])
        if self.mood not in ("silent", "lost answer"):
            self.outcome = Outcome(message.key, message.attempt, self.mood)  # type: ignore[arg-type]


MOODS = ["taken", "refused", "refused_for_now", "unknown", "silent", "lost answer"]


class QueueMachine(RuleBasedStateMachine):
    """A device whose process is killed between any two actions, against a plain model of a queue.

    The model knows only which messages were acknowledged with `applied`. Whatever happens: each is
    delivered, or refused, or expires, or still waits. Ordinary messages begin in the order of their receipts.
    """

    @initialize()
    def begin(self) -> None:
        """Start the device."""
        self.house = CrashSimulator("messenger", expires="2h", repeat_every="10m")
        self.server = Server()
        self.house.relay = self.server  # type: ignore[assignment]
        self.applied: dict[str, float] = {}
        """The messages with the receipt `applied`, each with its time."""
        self.refused: set[str] = set()
        self.number = 0

    @rule(urgent=st.booleans(), actions=st.integers(0, 14))
    def send(self, urgent: bool, actions: int) -> None:
        """Queue a message; the process may be killed at any of its actions."""
        self.revive()
        self.number += 1
        text = f"{'urgent' if urgent else 'usual'} {self.number}"
        with self.house.killed_after(actions):
            receipt = self.house.command("send", id_=f"c{self.number}", text=text, urgent=urgent)
            if receipt.outcome == "applied":
                self.applied[text] = self.house.now
            else:
                self.refused.add(text)

    @rule(mood=st.sampled_from(MOODS))
    def change_the_server(self, mood: str) -> None:
        """The server takes, refuses, or falls silent."""
        self.server.mood = mood

    @rule(seconds=st.sampled_from([1.0, 5.0, 60.0, 130.0, 600.0, 4000.0]), actions=st.integers(0, 20))
    def wait(self, seconds: float, actions: int) -> None:
        """Pass time; the process may be killed meanwhile."""
        self.revive()
        with self.house.killed_after(actions):
            self.house.wait(seconds)

    @rule(word=st.sampled_from(["acknowledge", "mute", "unmute"]))
    def command(self, word: str) -> None:
        """Acknowledge, mute or unmute."""
        self.revive()
        self.number += 1
        self.house.command(word, id_=f"c{self.number}")

    def revive(self) -> None:
        """Start the process, if it is dead."""
        if self.house.running is None:
            self.server.outcome = None  # the driver of the dead process knew it
            self.house.restart()

    @invariant()
    def each_attempt_has_its_number_and_each_message_its_key(self) -> None:
        """A key belongs to one text, and an attempt to one key, over all processes."""
        keys: dict[str, str] = {}
        numbers: dict[int, str] = {}
        for message in self.server.attempts:
            text = message.text.partition("\n")[0]
            assert keys.setdefault(message.key, text) == text
            assert numbers.setdefault(message.attempt, message.key) == message.key

    @invariant()
    def a_repeat_says_so(self) -> None:
        """A message that the server took and that comes again under its key is marked."""
        seen: set[str] = set()
        taken = {id(message) for message in self.server.taken}
        for message in self.server.attempts:
            if message.key in seen:
                assert message.is_repeat
                assert "You may have this already." in message.text
            if id(message) in taken:
                seen.add(message.key)

    @invariant()
    def messages_begin_in_order(self) -> None:
        """Messages of the same urgency have their first attempt in the order in which they were queued."""
        for word in ("usual", "urgent"):
            texts = [message.text.partition("\n")[0] for message in self.server.attempts]
            first = [int(text.split()[1]) for text in dict.fromkeys(texts) if text.startswith(word)]
            assert first == sorted(first)

    @invariant()
    def no_message_is_lost(self) -> None:
        """Each message with the receipt `applied` was delivered, or waits, or is counted as lost."""
        if self.house.running is None:
            return
        disk = msgspec.json.decode(self.house.disk, type=DeviceMemory)
        memory = msgspec.json.decode(disk.machine, type=MessengerMemory)
        queued = {one.text for one in memory.queue}
        delivered = {message.text.partition("\n")[0] for message in self.server.taken}
        gone = [text for text in self.applied if text not in queued | delivered]
        assert len(gone) <= memory.lost
        expired = {text for text, at in self.applied.items() if self.house.now - at >= 2 * HOUR}
        assert set(gone) <= expired | self.server.refused

    def teardown(self) -> None:
        """In the end the server takes everything: nothing waits, and nothing comes twice under one key."""
        if not hasattr(self, "house"):
            return
        self.revive()
        self.server.mood = "taken"
        self.number += 1
        self.house.command("unmute", id_=f"c{self.number}")
        for _ in range(40):
            if self.house.field("waiting") == 0:
                break
            self.house.wait(300)
        assert self.house.field("waiting") == 0
        self.each_attempt_has_its_number_and_each_message_its_key()
        self.a_repeat_says_so()
        self.messages_begin_in_order()
        self.no_message_is_lost()
        unexpected = self.refused & {message.text.partition("\n")[0] for message in self.server.taken}
        assert not unexpected, "a message with the receipt `rejected` was sent"


QueueMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)
TestQueue = QueueMachine.TestCase


def test_every_kill_between_two_actions_keeps_the_message() -> None:
    """Whatever the last action of a process was: without a message there was no receipt."""
    for actions in range(30):
        house = CrashSimulator("messenger")
        server = Server()
        house.relay = server  # type: ignore[assignment]
        receipt = None
        with house.killed_after(actions):
            receipt = house.command("send", text="hello")
        if house.running is not None:
            break
        server.outcome = None
        house.restart()
        house.wait(400)
        texts = [message.text.partition("\n")[0] for message in server.taken]
        if receipt is not None:
            assert texts
        assert set(texts) <= {"hello"}
        assert len({message.key for message in server.taken}) <= 1
        assert [message.is_repeat for message in server.taken] in ([], [False], [True], [False, True])
    else:
        raise AssertionError("the process never came to its end")
    assert actions > 5
    assert replace(server.taken[0], attempt=0) == replace(server.attempts[0], attempt=0)
