"""The history of a device's published states: change times, causes and the states before."""

from daemons.bus.message import Scalar
from daemons.bus.state_history import StateHistory

OFF: dict[str, Scalar] = {"status": False, "phase": "off"}
ON: dict[str, Scalar] = {"status": True, "phase": "on"}


def test_a_first_state_has_no_change_times_and_no_past() -> None:
    """A rule must not act on a first state, so no field has a change time."""
    first = StateHistory().after(OFF, "start", 100.0)
    assert (first.fields, first.cause, first.change_times, first.past) == (OFF, "start", {}, ())
    assert first.since(90.0) == 90.0


def test_a_change_has_its_time_its_cause_and_the_state_before() -> None:
    """Only the fields that changed get the time of the change."""
    history = (
        StateHistory().after({**OFF, "name": "x"}, None, 100.0).after({**ON, "name": "x"}, "press", 200.0)
    )
    assert history.change_times == {"status": 200.0, "phase": 200.0}
    assert history.cause == "press"
    assert [(moment.state["phase"], moment.cause) for moment in history.past] == [("off", None)]
    assert history.since(90.0) == 200.0


def test_an_equal_state_is_no_change() -> None:
    """The same fields with another cause return the same history."""
    history = StateHistory().after(ON, "a", 100.0)
    assert history.after(dict(ON), "b", 200.0) is history


def test_the_eight_previous_states_are_stored() -> None:
    """After twenty changes the eight latest states before the present one are known, oldest first."""
    history = StateHistory()
    for number in range(21):
        history = history.after({"starts": number}, str(number), 100.0 + number)
    assert [moment.state["starts"] for moment in history.past] == [12, 13, 14, 15, 16, 17, 18, 19]
