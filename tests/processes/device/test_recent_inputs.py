"""The inputs of a device: what is recorded of each, how many a message has, and what it repeats."""

from typing import Any

import msgspec

from daemons.bus.input import MAX_INPUTS, AnyInput, PressInput
from daemons.bus.message import Command, Receipt
from daemons.kinds.lamp import Lamp
from daemons.kinds.messenger import Messenger
from daemons.processes.device.recent_inputs import MAX_BYTES, REPEATED, RecentInputs, command_input

DECODER = msgspec.json.Decoder(AnyInput)


def press(number: int) -> PressInput:
    """Return a press."""
    return PressInput(at=float(number), touch="single", id=f"p{number}")


def command(word: str, **args: Any) -> tuple[Command, Receipt, float]:
    """Return a rejected command, as it is noted."""
    sent = Command(id="c1", command=word, deadline=9.0, args=args, who="page:anna")
    return sent, Receipt(id="c1", device="lamp", outcome="rejected", at=2.0, reason="it quotes a secret"), 2.0


def published(inputs: RecentInputs) -> list[Any]:
    """Return what a message contains now."""
    return [DECODER.decode(item) for item in inputs.publishable()]


def test_a_message_repeats_the_latest_inputs() -> None:
    """New inputs come with some of those before, so that a lost message does no harm."""
    inputs = RecentInputs(Lamp, 0)
    assert not inputs.has_news
    for number in range(1, 4):
        inputs.add(press(number))
    assert inputs.has_news
    assert published(inputs) == [press(1), press(2), press(3)]
    assert not inputs.has_news
    for number in range(4, 20):
        inputs.add(press(number))
        assert published(inputs) == [press(n) for n in range(max(1, number - REPEATED + 1), number + 1)]
    for number in range(20, 32):
        inputs.add(press(number))
    assert published(inputs) == [press(number) for number in range(20, 32)], "all new ones"
    assert inputs.number == 31


def test_too_many_inputs_at_once_leave_a_gap() -> None:
    """Each is counted, and a message contains the latest of them."""
    inputs = RecentInputs(Lamp, 0)
    for number in range(1, 301):
        inputs.add(press(number))
    assert inputs.number == 300
    assert published(inputs) == [press(number) for number in range(301 - MAX_INPUTS, 301)]


def test_a_message_is_small_however_large_its_commands_are() -> None:
    """The largest command that a client can send fits into a message, and the oldest are left out."""
    inputs = RecentInputs(Lamp, 0)
    for _ in range(MAX_INPUTS):
        inputs.add(command("on", **{f"{n:064}": "\x01" * 1000 for n in range(20)}))
    assert len(found := inputs.publishable()) >= 1
    assert sum(len(bytes(item)) for item in found) <= MAX_BYTES


def test_the_number_goes_on_after_a_restart_and_is_published_at_once() -> None:
    """The recorder then knows which inputs the last process has not published."""
    inputs = RecentInputs(Lamp, 7)
    assert (inputs.has_news, inputs.earlier, inputs.number) == (True, 7, 7)
    assert published(inputs) == []
    inputs.add(press(8))
    assert (inputs.earlier, inputs.number) == (7, 8)


def test_a_command_that_was_not_carried_out_after_all_is_rejected_in_its_record() -> None:
    """The journal could not be written, and the decision was taken back. Other commands stay."""
    inputs = RecentInputs(Lamp, 0)
    sent, receipt, at = command("on")
    inputs.add((sent, msgspec.structs.replace(receipt, outcome="applied", reason=None), at))
    inputs.reject("another", "no")
    assert inputs.number == 1
    inputs.reject("c1", "the disk is full")
    (found,) = published(inputs)
    assert (found.outcome, found.reason) == ("rejected", "the disk is full")


def test_arguments_that_the_kind_declares_are_recorded() -> None:
    """So are the sender and the reason."""
    found = command_input(Lamp, *command("on", brightness_percent=30))
    assert (found.args, found.left_out, found.who) == ({"brightness_percent": 30}, None, "page:anna")
    assert found.reason == "it quotes a secret"


def test_texts_for_people_unknown_arguments_and_long_ones_are_left_out() -> None:
    """Their lengths are recorded. The reason is not recorded with them, because it may quote them."""
    found = command_input(Messenger, *command("send", text="Anna, come home", title="x", urgent=True))
    assert (found.args, found.left_out, found.reason) == ({"urgent": True}, {"text": 15, "title": 1}, None)
    for kind, word, args, length in (
        (Lamp, "on", {"token": "geheim"}, 6),
        (Lamp, "on", {"pin": 1234}, 4),
        (Lamp, "login", {"password": "geheim"}, 6),
        (Messenger, "acknowledge", {"id": "x" * 65}, 65),
    ):
        found = command_input(kind, *command(word, **args))
        assert (found.args, found.left_out, found.reason) == ({}, dict.fromkeys(args, length), None)
