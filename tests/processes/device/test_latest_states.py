"""The latest state of each subscribed device, and the time until it is unknown."""

import pytest

from daemons.processes.device.latest_states import LatestStates
from tests.support import factories

NOW = factories.START_TIME


def make_states() -> LatestStates:
    """Return states that started at NOW, without any message."""
    states = LatestStates()
    states.start(NOW)
    return states


@pytest.mark.parametrize(("age_seconds", "is_known"), [(0, True), (9.9, True), (10.0, False)])
def test_a_state_is_known_for_ten_seconds(age_seconds: float, is_known: bool) -> None:
    """Ten seconds after the last message, the state counts as unknown. Its cause is still there."""
    states = make_states()
    states.on_state(factories.state("room", celsius=20.0, cause="c1"), NOW)
    assert states.get("room", NOW + age_seconds) == ({"celsius": 20.0} if is_known else None)
    assert states.cause("room") == "c1"


def test_a_heartbeat_keeps_a_state_known() -> None:
    """A device publishes its state only when it changes. In between, heartbeats are enough."""
    states = make_states()
    states.on_state(factories.state("room", celsius=20.0), NOW)
    states.on_heartbeat("room", NOW + 9)
    assert states.get("room", NOW + 18) == {"celsius": 20.0}


def test_a_heartbeat_without_a_state_is_ignored() -> None:
    """A device whose state has not arrived yet is unknown."""
    states = make_states()
    states.on_heartbeat("room", NOW)
    assert states.get("room", NOW) is None
    assert states.cause("room") is None
    assert not states.is_settled("room", NOW)


def test_a_device_has_ten_seconds_for_its_first_state() -> None:
    """Until then no rule decides without the state."""
    states = make_states()
    assert not states.is_settled("room", NOW + 9.9)
    assert states.is_settled("room", NOW + 10)
    states.on_state(factories.state("room", celsius=20.0), NOW + 1)
    assert states.is_settled("room", NOW + 1)
