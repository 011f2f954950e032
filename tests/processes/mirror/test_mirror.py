"""The mirror in a house: a restart changes neither its state nor when the state changed."""

import pytest

from daemons.bus.message import State
from tests.support.house import Listener, TemporaryHouse

MAKERS = ("coffee_maker", "toaster")


def published(listener: Listener) -> list[State]:
    """Return the states of the mirror in the order of their arrival."""
    return [state for state in listener.all_states if state.device == "mirror"]


@pytest.mark.parametrize("is_pressed", [False, True])
def test_a_restarted_mirror_tells_the_same_times(breakfast: TemporaryHouse, *, is_pressed: bool) -> None:
    """During a meal it publishes no other phase in between; its times are those of the appliances."""
    with breakfast.listen("mirror", "coffee_maker", "toaster") as listener:
        if is_pressed:
            breakfast.send("bathroom_light", "press")
        phase = "preparing" if is_pressed else "quiet"
        listener.wait_for(
            lambda listener: (
                listener.has_state("mirror", phase=phase)
                and listener.states["mirror"].state["url"]
                and (not is_pressed or all(listener.has_state(name, starts=1) for name in MAKERS))
                and "mirror" in listener.heartbeats
            )
        )
        before = listener.states["mirror"]
        if is_pressed:
            starts = [listener.states[name].turned["starts"] for name in MAKERS]
            assert before.turned["phase"] in starts
        listener.kill("mirror")
        listener.wait_for(
            lambda listener: (
                listener.states["mirror"].boot > before.boot and listener.states["mirror"].state["url"]
            )
        )
        again = [state for state in published(listener) if state.boot > before.boot]
    assert {state.state["phase"] for state in again} == {phase}
    assert {state.since for state in again} == {before.since}
    assert [state.turned for state in again] == [before.turned] * len(again)
