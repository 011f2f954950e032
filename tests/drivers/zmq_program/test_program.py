"""What a program has said, and what it was told: decisions without a socket."""

import pytest

from daemons.drivers.zmq_program.options import Options
from daemons.drivers.zmq_program.program import Program
from daemons.values import convert

BOTH = {
    "subscribe": "tcp://127.0.0.1:5555",
    "on": "ON",
    "off": "OFF",
    "publish": "tcp://127.0.0.1:5556",
    "say_on": "glow",
}


def program(said: bool | None = None, **options: object) -> Program:
    """Return a program whose connection is made at 1 s."""
    made = Program(convert({**BOTH, **options}, Options), said, 0.0)
    made.follow(1.0, is_connected=True)
    return made


def read(made: Program, now: float, *, is_heard: bool = True) -> tuple[bool | None, bool | None, bool]:
    """Return whether it is on, reachable and pending."""
    reading = made.reading(now, "", is_heard=is_heard)
    return reading.on, reading.reachable, reading.is_pending


def test_a_setting_is_pending_until_the_program_reports_it_or_its_time_is_over() -> None:
    """Meanwhile its state is unknown, and an older report of it does not count."""
    made = program()
    made.hear([b"OFF"], 2.0)
    made.tell(on=True)
    assert made.to_say(3.0) == [b"glow"]
    made.hear([b"OFF"], 4.0)
    assert read(made, 4.0) == (None, True, True)
    assert made.due(4.0) == 8.0
    assert read(made, 8.0) == (False, True, False)
    made.hear([b"ON"], 9.0)
    assert read(made, 9.0) == (True, True, False)


def test_a_setting_that_was_reported_is_not_said_to_a_program_that_starts_anew() -> None:
    """A program that starts with the light off is not switched on by the way."""
    made = program()
    made.tell(on=True)
    made.hear([b"ON"], 2.0)
    assert made.to_say(3.0) is None
    made.follow(4.0, is_connected=False)
    made.follow(5.0, is_connected=True)
    made.hear([b"OFF"], 5.0)
    assert made.to_say(5.0) is None
    assert read(made, 5.0) == (False, True, False)


def test_a_setting_waits_for_a_program_that_cannot_be_reached() -> None:
    """Only the latest one is said."""
    made = program()
    made.hear([b"ON"], 2.0)
    assert read(made, 2.0) == (True, True, False)
    made.follow(3.0, is_connected=False)
    assert read(made, 3.0, is_heard=False) == (None, False, False)
    made.tell(on=True)
    made.tell(on=False)
    assert made.to_say(9.0) == [b"off"]
    assert made.reading(9.0, "gone", is_heard=False).losses == 1


def test_a_program_that_says_nothing_by_itself_is_reachable_after_a_second() -> None:
    """Until then it may still say its state: hardware that was away may have been switched off."""
    made = program()
    assert read(made, 1.5) == (None, None, False)
    assert made.due(1.5) == 2.0
    assert read(made, 2.0) == (None, True, False)


@pytest.mark.parametrize("said", [True, False])
def test_a_program_that_reports_nothing_is_as_it_was_told(said: bool) -> None:
    """Each new subscriber is told again."""
    options = convert({"publish": "tcp://127.0.0.1:5556"}, Options)
    made = Program(options, said, 0.0)
    assert read(made, 5.0) == (said, True, False)
    assert made.to_say(5.0) == [b"on" if said else b"off"]
    assert read(made, 6.0, is_heard=False)[1] is False


def test_a_message_of_another_topic_is_no_mistake_and_no_sign_of_life() -> None:
    """Only understood messages count against the silence."""
    made = program(topic="lamp", silent_after="10s")
    assert made.hear([b"lamp", b"ON"], 2.0) is None
    assert made.hear([b"fan", b"ON"], 8.0) is None
    assert read(made, 11.0) == (True, True, False)
    assert made.due(11.0) == 12.0
    assert read(made, 12.0)[1] is False
