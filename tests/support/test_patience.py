"""The bounds of waits: they grow with the load of the machine, also during a wait."""

import time

import pytest

from tests.support import patience as patience_module
from tests.support.house import eventually
from tests.support.patience import Deadline, crowding, patience, slowness


def test_a_bound_grows_with_the_load_and_the_slowness(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bound is smaller than what it is on an idle machine of the reference speed."""
    assert crowding() >= 1
    assert slowness() >= 1
    monkeypatch.setattr(patience_module, "crowding", lambda: 3.0)
    monkeypatch.setattr(patience_module, "slowness", lambda: 2.0)
    assert patience(5) == 30


def test_a_deadline_moves_while_the_machine_becomes_busier(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest bound counts, so that a load that is over takes no time away."""
    loads = iter([1.0, 4.0, 1.0])
    monkeypatch.setattr(patience_module, "crowding", lambda: next(loads))
    monkeypatch.setattr(patience_module, "slowness", lambda: 1.0)
    monkeypatch.setattr(time, "monotonic", lambda: 50.0)
    deadline = Deadline(10)
    assert [deadline.left() for _ in range(3)] == [10, 40, 40]
    assert str(deadline) == "not within 40 s"


def test_a_wait_in_vain_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test fails with the bound in its message."""
    monkeypatch.setattr(patience_module, "crowding", lambda: 1.0)
    with pytest.raises(AssertionError, match=r"not within 0\.\d+ s"):
        eventually(lambda: False, 0.05)
