"""The history of a device's published states: change times, causes and the states before."""

import operator

import msgspec
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.bus.origin import Origin, is_later_chain
from daemons.bus.state_history import StateHistory

UNKNOWN = ("unknown", "stale")

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


def after_phases(*phases: str) -> StateHistory:
    """Return the history of a door sensor after these phases, a hundred seconds each."""
    history = StateHistory()
    for number, phase in enumerate(phases):
        fields: dict[str, Scalar] = {
            "phase": phase,
            "status": phase == "open",
            "battery_percent": None if phase in UNKNOWN else 90,
            "fault": None,
        }
        history = history.after(fields, "hardware", 100.0 * number, unknown_phases=UNKNOWN)
    return history


def test_a_first_word_is_no_change() -> None:
    """A sensor that reports for the first time was open before."""
    history = after_phases("unknown", "open")
    assert history.change_times == {}
    assert history.since(90.0) == 100.0


def test_a_value_that_is_known_again_did_not_change() -> None:
    """A door that is still open after a silence did not open. Since when it is shown is the return."""
    history = after_phases("closed", "open", "stale", "open")
    assert history.change_times == {}
    assert [moment.turned.get("phase") for moment in history.past] == [None, 100.0, 200.0]
    assert history.since(90.0) == 300.0


def test_a_value_that_differs_after_a_silence_did_change() -> None:
    """A door that was closed before a silence, and is open after it, has opened."""
    history = after_phases("unknown", "closed", "stale", "unknown", "open")
    assert history.change_times == {"phase": 400.0, "status": 400.0}


def test_a_silence_is_a_change_of_the_phase_alone() -> None:
    """A rule may wait for `stale`. That the status is false is not known, so it has no time."""
    history = after_phases("closed", "open", "stale")
    assert history.change_times == {"phase": 200.0}
    assert after_phases("closed", "stale", "closed", "open").change_times == {"phase": 300.0, "status": 300.0}


def test_a_fault_during_a_silence_is_a_change() -> None:
    """Only the values of the sensor are unknown, and not what the device says about itself."""
    history = after_phases("closed", "stale")
    faulty = {**history.fields, "fault": "battery"}
    history = history.after(faulty, None, 300.0, unknown_phases=UNKNOWN)
    assert history.change_times == {"phase": 100.0, "fault": 300.0}
    history = history.after({**faulty, "fault": None}, None, 400.0, unknown_phases=UNKNOWN)
    assert history.change_times == {"phase": 100.0, "fault": 400.0}


YEARS = 30 * 365 * 86400.0


def test_times_in_the_future_are_put_right_when_the_clock_is() -> None:
    """A clock was thirty years ahead during two changes. Their order and their real times stay."""
    history = StateHistory().after(OFF, None, 100.0, clock_offset=0.0)
    history = history.after(ON, "a", YEARS + 200.0, clock_offset=YEARS)
    history = history.after(OFF, "b", YEARS + 300.0, clock_offset=YEARS)
    again = history.after(OFF, "b", 400.0, clock_offset=0.0)
    assert again.change_times == {"status": 300.0, "phase": 300.0}
    assert [moment.turned.get("phase") for moment in again.past] == [None, 200.0]
    assert again.after(OFF, "b", 401.0, clock_offset=0.0) is again
    later = again.after(ON, "c", 500.0, clock_offset=0.0)
    assert later.change_times == {"status": 500.0, "phase": 500.0}


def test_an_origin_in_the_future_is_put_right_as_the_changes_are() -> None:
    """So chains keep their order: one from before the step stays earlier than one from after it."""
    before, after = (Origin(id_, at, "command", "lamp") for id_, at in (("a", 602.0), ("b", 574.0)))
    history = StateHistory().after(OFF, None, 100.0, clock_offset=0.0)
    history = history.after(ON, "a", 602.0, clock_offset=0.0, origin=before)
    history = history.after(OFF, "b", 574.0, clock_offset=-30.0, origin=after)
    assert history.origin == after
    (first,) = (moment.origin for moment in history.past if moment.origin)
    assert first == replace(before, at=572.0)
    assert is_later_chain(history.origin, first)


def test_a_clock_that_was_set_back_leaves_the_order() -> None:
    """After an hour back, a change has its real time, and every earlier one an earlier time."""
    history = StateHistory().after(OFF, None, 100.0, clock_offset=0.0)
    for at in (3000.0, 4000.0, 5000.0):
        history = history.after(ON if history.fields == OFF else OFF, None, at, clock_offset=0.0)
    history = history.after(OFF, None, 1405.0, clock_offset=-3600.0)
    times = [*(moment.turned["phase"] for moment in history.past[1:]), history.change_times["phase"]]
    assert times[2:] == [1400.0, 1405.0]
    assert times == sorted(set(times))


def test_a_time_is_put_right_by_the_clock_that_it_is_of() -> None:
    """A change before the clock went ahead keeps its time; a later one gets its real time."""
    history = StateHistory().after(OFF, None, 100.0, clock_offset=0.0)
    history = history.after(ON, "a", 200.0, clock_offset=0.0)
    history = history.after(OFF, "b", 303.0, clock_offset=3.0)
    again = history.after(OFF, "b", 500.0, clock_offset=0.0)
    assert again.change_times == {"status": 300.0, "phase": 300.0}
    assert again.past[-1].turned == {"status": 200.0, "phase": 200.0}
    assert again.after(OFF, "b", 501.0, clock_offset=0.0) is again
    earlier = again.after(OFF, "b", 400.0, clock_offset=-100.0)
    assert (earlier.change_times["phase"], earlier.past[-1].turned["phase"]) == (200.0, 100.0)


def test_the_offsets_of_forgotten_changes_are_forgotten() -> None:
    """A clock that is set again and again does not make the memory grow."""
    history = StateHistory()
    for number in range(100):
        history = history.after({"starts": number}, None, 100.0 * number, clock_offset=float(number))
    assert len(history.clock_offsets) <= 10


def test_a_clock_that_is_slowed_down_changes_no_time() -> None:
    """Half a second back is not worth another time: a change that was handled has still the same one."""
    history = StateHistory().after(OFF, None, 100.0, clock_offset=0.0)
    history = history.after(ON, None, 200.0, clock_offset=0.0)
    assert history.after(ON, None, 199.6, clock_offset=-0.5) is history
    later = history.after(OFF, None, 199.7, clock_offset=-0.5)
    assert 200.0 < later.change_times["phase"] < 200.1


def test_a_past_state_is_encoded_once() -> None:
    """Each later history has the same bytes, also after the journal was written and read."""
    history = StateHistory()
    for number in range(4):
        history = history.after({"phase": "off", "starts": number}, "a", 100.0 + number)
    later = history.after({"phase": "off", "starts": 9}, "b", 200.0)
    assert all(map(operator.is_, history.encoded_past, later.encoded_past))
    read = msgspec.json.decode(msgspec.json.encode(later), type=StateHistory)
    assert (read, read.past) == (later, later.past)
