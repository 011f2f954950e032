"""The order of chains: devices that follow each other act only on a later one."""

from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.origin import Cause, Origin, Reason, is_later_chain, new_origin_id

ORIGINS = st.builds(
    Origin, id=st.sampled_from("abc"), at=st.sampled_from([1.0, 2.0, 2.5, 1e9]), by=st.just("hand")
)


def test_a_chain_that_began_later_counts() -> None:
    """The id of a chain only decides between two that began at the same moment."""
    early, late = Origin("z", 1.0, "hand"), Origin("a", 2.0, "press")
    assert is_later_chain(late, early)
    assert not is_later_chain(early, late)
    assert is_later_chain(Origin("b", 2.0, "hand"), late)


def test_a_chain_is_not_later_than_itself() -> None:
    """It comes back from a device that has followed; its time may have been corrected there."""
    assert not is_later_chain(Origin("a", 9.0, "hand"), Origin("a", 1.0, "hand"))


def test_without_an_own_chain_each_one_counts() -> None:
    """A device that has never changed follows."""
    assert is_later_chain(Origin("a", 1.0, "hand"), None)
    assert is_later_chain(None, Origin("a", 1.0, "hand"))


@given(ORIGINS, ORIGINS)
def test_two_chains_are_never_both_later_than_the_other(one: Origin, other: Origin) -> None:
    """Else two devices would swap their states for ever, whatever the clocks show."""
    assert not (is_later_chain(one, other) and is_later_chain(other, one))


def test_a_chain_that_begins_here_has_the_id_of_its_press() -> None:
    """Any other beginning gets an id of the device and the time."""
    press = Cause("p1", Reason("press")).begun("button", 5.0)
    assert press.origin == Origin("p1", 5.0, "press", "button")
    hand = Cause("hardware", Reason("hand")).begun("lamp", 5.0)
    assert hand.origin == Origin(new_origin_id("lamp", 5.0), 5.0, "hand", "lamp")
    assert hand.begun("other", 9.0) is hand
