"""The last presses, told from states alone: what was first, who followed, and nothing that was not."""

from typing import Any

from daemons.bus.message import Moment, State
from daemons.cli.terminal.presses import Presses
from tests.support import factories

MAX_PAST = 8
"""How many changes back a state reaches (docs/wire.md)."""

HEARS = {"light": (), "coffee": ("light",), "toaster": ("light",), "lamp": ("toaster",)}


def moment(phase: str, at: float | None, cause: str | None, **more: Any) -> Moment:
    """Return a past state with its time and cause."""
    turned = {} if at is None else {"phase": at}
    return Moment(state={"phase": phase, **more}, turned=turned, cause=cause)


def state(device: str, *moments: Moment) -> State:
    """Return a state: the last of these moments, with the others as its past."""
    now = moments[-1]
    since = now.turned.get("phase", factories.START_TIME)
    return State(
        device=device, boot=1, seq=1, at=since, since=since,
        state=now.state, turned=now.turned, cause=now.cause, past=moments[:-1],
    )  # fmt: skip


def told(*states: State) -> list[tuple[float, str, str, tuple[str, ...]]]:
    """Return the presses in these states, the latest first."""
    presses = Presses(HEARS)
    for one in states:
        presses.hear(one)
        presses.hear(one)  # each is heard more than once
    return [
        (press.first.at, press.first.device, press.first.phase, press.followers)
        for press in presses.latest(10)
    ]


IDLE = moment("idle", None, None, status=False)


def test_a_press_is_told_with_all_that_followed() -> None:
    """Also with who followed a follower; in the order in which they did, whatever was heard first."""
    assert told(
        state("lamp", IDLE, moment("on", 13.0, "a")),
        state("toaster", IDLE, moment("toasting", 11.0, "a")),
        state("coffee", IDLE, moment("heating", 12.0, "a")),
        state("light", IDLE, moment("on", 10.0, "a")),
    ) == [(10.0, "light", "on", ("toaster", "coffee", "lamp"))]


def test_what_a_device_does_by_itself_afterwards_is_no_press() -> None:
    """Coffee that is brewed, ready and cold again has the same cause, and was started once."""
    phases = ("heating", "brewing", "ready", "idle")
    moments = [moment(phase, 10.0 + at, "a") for at, phase in enumerate(phases)]
    assert told(state("coffee", IDLE, *moments)) == [(10.0, "coffee", "heating", ())]


def test_a_press_that_is_over_is_told() -> None:
    """Who begins to listen later hears of it by the past that a state carries."""
    pressed = [moment("on", 10.0, "a"), moment("off", 11.0, "b"), moment("on", 12.0, "c")]
    assert [press[:3] for press in told(state("light", IDLE, *pressed))] == [
        (12.0, "light", "on"),
        (11.0, "light", "off"),
        (10.0, "light", "on"),
    ]


def test_who_does_not_hear_the_first_did_not_follow_it() -> None:
    """Two that share a cause whose beginning is not known are told side by side."""
    assert told(
        state("coffee", IDLE, moment("heating", 10.0, "a")),
        state("toaster", IDLE, moment("toasting", 11.0, "a")),
    ) == [(11.0, "toaster", "toasting", ()), (10.0, "coffee", "heating", ())]


def test_two_presses_by_hand_are_two() -> None:
    """A hand has no id; each time that it switches something is a press of its own."""
    by_hand = [
        moment("on", 10.0, "hardware", status=True, presses=1),
        moment("off", 20.0, "hardware", status=False, presses=2),
        moment("on", 30.0, "hardware", status=True, presses=3),
    ]
    heard = told(
        state("light", moment("off", None, None, status=False, presses=0), *by_hand),
        state("coffee", IDLE, moment("heating", 30.1, "hardware", status=True)),
        state("toaster", IDLE, moment("toasting", 500.0, "hardware", status=True)),
    )
    assert heard == [
        (500.0, "toaster", "toasting", ()),
        (30.0, "light", "on", ("coffee",)),
        (20.0, "light", "off", ()),
        (10.0, "light", "on", ()),
    ]


def test_toast_that_was_started_by_hand_gets_ready_by_itself() -> None:
    """Its later phases have the hand for their cause, and are no presses."""
    phases = [
        moment("toasting", 10.0, "hardware", status=True),
        moment("ready", 20.0, "hardware", status=False),
        moment("idle", 30.0, "hardware", status=False),
    ]
    assert told(state("toaster", IDLE, *phases)) == [(10.0, "toaster", "toasting", ())]


def test_of_what_is_forgotten_nothing_is_guessed() -> None:
    """The oldest of a full past may be how something went on; it is not told as a beginning."""
    past = [moment("ready", 1.0, "a")]
    past += [moment("on" if n % 2 else "off", 10.0 + n, f"c{n}") for n in range(MAX_PAST - 1)]
    heard = told(state("light", *past, moment("on", 50.0, "z")))
    assert len(heard) == MAX_PAST
    assert all(at >= 10.0 for at, *_ in heard)


def test_how_something_went_on_is_no_beginning_when_the_beginning_is_forgotten() -> None:
    """A toaster that was heard from the start, and whose past then begins in the middle of a toast."""
    toast = [
        moment("toasting", 10.0, "hardware", status=True),
        moment("ready", 20.0, "hardware", status=False),
    ]
    later = [moment(f"p{n}", 30.0 + n, "x") for n in range(MAX_PAST)]
    heard = told(state("toaster", IDLE, *toast), state("toaster", toast[1], *later))
    assert [press[1:3] for press in heard] == [("toaster", "p0"), ("toaster", "toasting")]


def test_a_press_is_not_told_when_a_follower_may_have_forgotten_it() -> None:
    """Better nothing of an old press than half of who followed; a new one is told, however full the past."""
    cycles = [moment(("heating", "ready")[n % 2], 50.0 + n, f"c{n // 2}") for n in range(MAX_PAST)]
    assert told(
        state("light", IDLE, moment("on", 10.0, "a"), moment("off", 60.0, "b")),
        state("lamp", IDLE, moment("on", 10.1, "a")),
        state("coffee", *cycles, moment("heating", 60.1, "b")),
    )[0] == (60.0, "light", "off", ("coffee",))
    assert 10.0 not in [
        at
        for at, *_ in told(
            state("light", IDLE, moment("on", 10.0, "a")),
            state("coffee", *cycles, moment("heating", 60.1, "b")),
        )
    ]


def test_a_device_nobody_asked_for_is_not_told() -> None:
    """The mirror's own phases are no presses; nor is what has no cause."""
    assert told(state("mirror", IDLE, moment("ready", 10.0, "a"))) == []
    assert told(state("light", IDLE, moment("on", 10.0, None))) == []


def test_only_the_latest_are_told() -> None:
    """As many as asked for, and no more are remembered than can be of use."""
    presses = Presses(HEARS)
    for number in range(1000):
        presses.hear(state("light", IDLE, moment("on", 10.0 + number, f"c{number}")))
    assert [press.first.at for press in presses.latest(2)] == [1009.0, 1008.0]
    assert len(presses._turns) <= 200
