"""The last presses and their followers, found from the states of the devices alone."""

from typing import Any

from daemons.bus.message import Moment, State
from daemons.cli.terminal.presses import Presses
from tests.support import factories

MAX_PAST = 8
"""The number of previous states in a state (docs/wire.md)."""

SUBSCRIPTIONS = {"light": (), "coffee": ("light",), "toaster": ("light",), "lamp": ("toaster",)}


def moment(phase: str, at: float | None, cause: str | None, **more: Any) -> Moment:
    """Return a previous state with its time and cause."""
    turned = {} if at is None else {"phase": at}
    return Moment(state={"phase": phase, **more}, turned=turned, cause=cause)


def state(device: str, *moments: Moment) -> State:
    """Return a state: the last of these moments is current, and the others are its past."""
    now = moments[-1]
    since = now.turned.get("phase", factories.START_TIME)
    return State(
        device=device, boot=1, seq=1, at=since, since=since,
        state=now.state, turned=now.turned, cause=now.cause, past=moments[:-1],
    )  # fmt: skip


def presses_in(*states: State) -> list[tuple[float, str, str, tuple[str, ...]]]:
    """Return the presses in these states, the latest first."""
    presses = Presses(SUBSCRIPTIONS)
    for one in states:
        presses.on_state(one)
        presses.on_state(one)  # each state arrives more than once
    return [
        (press.first.at, press.first.device, press.first.phase, press.followers)
        for press in presses.latest(10)
    ]


IDLE = moment("idle", None, None, status=False)


def test_a_press_has_all_its_followers() -> None:
    """Followers of a follower are included; they are in the order of their times, not of arrival."""
    assert presses_in(
        state("lamp", IDLE, moment("on", 13.0, "a")),
        state("toaster", IDLE, moment("toasting", 11.0, "a")),
        state("coffee", IDLE, moment("heating", 12.0, "a")),
        state("light", IDLE, moment("on", 10.0, "a")),
    ) == [(10.0, "light", "on", ("toaster", "coffee", "lamp"))]


def test_the_later_phases_of_a_press_are_no_presses() -> None:
    """The phases of one brewing share a cause, and are one press."""
    phases = ("heating", "brewing", "ready", "idle")
    moments = [moment(phase, 10.0 + at, "a") for at, phase in enumerate(phases)]
    assert presses_in(state("coffee", IDLE, *moments)) == [(10.0, "coffee", "heating", ())]


def test_a_press_in_the_past_of_a_state_is_found() -> None:
    """The past in a state contains presses that ended before the view subscribed."""
    pressed = [moment("on", 10.0, "a"), moment("off", 11.0, "b"), moment("on", 12.0, "c")]
    assert [press[:3] for press in presses_in(state("light", IDLE, *pressed))] == [
        (12.0, "light", "on"),
        (11.0, "light", "off"),
        (10.0, "light", "on"),
    ]


def test_a_device_that_does_not_subscribe_is_no_follower() -> None:
    """Two devices with the same cause are two presses if neither subscribes to the other."""
    assert presses_in(
        state("coffee", IDLE, moment("heating", 10.0, "a")),
        state("toaster", IDLE, moment("toasting", 11.0, "a")),
    ) == [(11.0, "toaster", "toasting", ()), (10.0, "coffee", "heating", ())]


def test_each_switching_by_hand_is_a_press() -> None:
    """A change by hand has no command id; each switching is a separate press."""
    by_hand = [
        moment("on", 10.0, "hardware", status=True, presses=1),
        moment("off", 20.0, "hardware", status=False, presses=2),
        moment("on", 30.0, "hardware", status=True, presses=3),
    ]
    found = presses_in(
        state("light", moment("off", None, None, status=False, presses=0), *by_hand),
        state("coffee", IDLE, moment("heating", 30.1, "hardware", status=True)),
        state("toaster", IDLE, moment("toasting", 500.0, "hardware", status=True)),
    )
    assert found == [
        (500.0, "toaster", "toasting", ()),
        (30.0, "light", "on", ("coffee",)),
        (20.0, "light", "off", ()),
        (10.0, "light", "on", ()),
    ]


def test_the_later_phases_of_a_press_by_hand_are_no_presses() -> None:
    """The later phases keep the cause "hardware", and are no presses."""
    phases = [
        moment("toasting", 10.0, "hardware", status=True),
        moment("ready", 20.0, "hardware", status=False),
        moment("idle", 30.0, "hardware", status=False),
    ]
    assert presses_in(state("toaster", IDLE, *phases)) == [(10.0, "toaster", "toasting", ())]


def test_the_oldest_state_of_a_full_past_is_no_press() -> None:
    """The oldest state of a full past may be a later phase, so it is not a press."""
    past = [moment("ready", 1.0, "a")]
    past += [moment("on" if n % 2 else "off", 10.0 + n, f"c{n}") for n in range(MAX_PAST - 1)]
    found = presses_in(state("light", *past, moment("on", 50.0, "z")))
    assert len(found) == MAX_PAST
    assert all(at >= 10.0 for at, *_ in found)


def test_a_later_phase_is_no_press_if_its_first_phase_is_forgotten() -> None:
    """The past of the toaster then begins with "ready"; this phase is no press."""
    toast = [
        moment("toasting", 10.0, "hardware", status=True),
        moment("ready", 20.0, "hardware", status=False),
    ]
    later = [moment(f"p{n}", 30.0 + n, "x") for n in range(MAX_PAST)]
    found = presses_in(state("toaster", IDLE, *toast), state("toaster", toast[1], *later))
    assert [press[1:3] for press in found] == [("toaster", "p0"), ("toaster", "toasting")]


def test_a_press_is_left_out_if_a_follower_may_have_forgotten_it() -> None:
    """An old press with possibly incomplete followers is left out; a new press is returned."""
    cycles = [moment(("heating", "ready")[n % 2], 50.0 + n, f"c{n // 2}") for n in range(MAX_PAST)]
    assert presses_in(
        state("light", IDLE, moment("on", 10.0, "a"), moment("off", 60.0, "b")),
        state("lamp", IDLE, moment("on", 10.1, "a")),
        state("coffee", *cycles, moment("heating", 60.1, "b")),
    )[0] == (60.0, "light", "off", ("coffee",))
    assert 10.0 not in [
        at
        for at, *_ in presses_in(
            state("light", IDLE, moment("on", 10.0, "a")),
            state("coffee", *cycles, moment("heating", 60.1, "b")),
        )
    ]


def test_an_ignored_device_has_no_presses() -> None:
    """Phases of an ignored device are no presses, and neither are changes without a cause."""
    assert presses_in(state("mirror", IDLE, moment("ready", 10.0, "a"))) == []
    assert presses_in(state("light", IDLE, moment("on", 10.0, None))) == []


def test_only_the_last_presses_are_returned() -> None:
    """At most the requested number is returned, and at most 200 changes are stored."""
    presses = Presses(SUBSCRIPTIONS)
    for number in range(1000):
        presses.on_state(state("light", IDLE, moment("on", 10.0 + number, f"c{number}")))
    assert [press.first.at for press in presses.latest(2)] == [1009.0, 1008.0]
    assert len(presses._changes) <= 200
