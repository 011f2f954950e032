"""Explanations of changes: a chain of any length is walked to its beginning, also over other changes."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.origin import Origin, Reason
from daemons.config.explanation import (
    MOST_STEPS,
    Change,
    Explainer,
    change_words,
    changed_fields,
    decision_of,
)
from daemons.config.house import load_house
from daemons.kinds.heater import Heater
from daemons.kinds.lamp import Lamp

NOW = 1_795_000_000.0
LENGTH = 6
DEVICE = '[devices.lamp{n}]\nkind = "lamp"\ndriver = "simulated"\n'
RULE = '[[devices.lamp{n}.when]]\ndevice = "lamp{before}"\nturns = {{ status = true }}\ndo = "on"\n'
TOML = "".join(DEVICE.format(n=n) + (RULE.format(n=n, before=n - 1) if n else "") for n in range(LENGTH))
HOUSE = load_house(Path("house.toml"), TOML)


class ListedPast:
    """The past as a list of changes for each device, oldest first."""

    def __init__(self, changes: dict[str, list[Change]]) -> None:
        self._changes = changes

    def changes(self, device: str, until: float, most: int) -> list[Change]:
        """Return the latest changes of a device, newest first."""
        return [change for change in self._changes.get(device, [])[::-1] if change.at <= until][:most]

    def measured(self, device: str, name: str, at: float) -> float | None:
        """Return None: there are no measurements."""
        return None


def chain(delays: list[float]) -> dict[str, list[Change]]:
    """Return a chain from the first lamp, each later one after a delay."""
    origin, at = Origin("a", NOW, "hand", "lamp0"), NOW
    changes = {"lamp0": [Change(NOW, {"status": True, "phase": "on"}, "hardware", Reason("hand"), origin)]}
    for number, delay in enumerate(delays, 1):
        reason = Reason("rule", f"lamp{number - 1}", 1, at)
        at += delay
        state = {"status": True, "phase": "on"}
        changes[f"lamp{number}"] = [Change(at, state, "hardware", reason, origin)]
    return changes


@given(st.lists(st.floats(0.001, 1000), max_size=LENGTH - 1), st.data())
def test_a_chain_is_walked_to_its_beginning(delays: list[float], data: st.DataObject) -> None:
    """Later changes of the devices on the way, by other chains, are not mistaken for a part of it."""
    changes = chain(delays)
    last = f"lamp{len(delays)}"
    for name, found in changes.items():
        for _ in range(data.draw(st.integers(0, 2))) if name != last else ():
            at = max(change.at for change in found) + data.draw(st.floats(0.01, 100))
            by_hand = Reason("hand")
            found.append(
                Change(at, {"status": False, "phase": "off"}, "hardware", by_hand, Origin("b", at, "hand"))
            )
    explained = Explainer(HOUSE, ListedPast(changes)).explain(last, NOW + 1e6)
    assert explained is not None
    assert [step.device for step in explained.steps] == [f"lamp{n}" for n in range(len(delays) + 1)]
    assert [step.change for step in explained.steps] == ["on"] * (len(delays) + 1)
    assert explained.steps[0].fields == {"phase": (None, "on")}
    assert all(step.rule for step in explained.steps[1:])
    assert not any(step.missing for step in explained.steps)


@given(st.integers(1, LENGTH - 1))
def test_a_change_that_was_not_recorded_ends_the_chain(lost: int) -> None:
    """The rest of the chain is told, and it is marked that something is missing before it."""
    changes = chain([1.0] * (LENGTH - 1))
    del changes[f"lamp{lost - 1}"]
    explained = Explainer(HOUSE, ListedPast(changes)).explain(f"lamp{LENGTH - 1}", NOW + 1e6)
    assert explained is not None
    assert [step.device for step in explained.steps] == [f"lamp{n}" for n in range(lost, LENGTH)]
    assert [step.missing for step in explained.steps] == [True, *[False] * (LENGTH - 1 - lost)]


def test_a_long_chain_is_cut() -> None:
    """Two devices that swing fill no screen: the latest steps are told."""
    origin = Origin("a", NOW, "hand", "lamp0")
    changes: dict[str, list[Change]] = {"lamp0": [], "lamp1": []}
    for number in range(100):
        name, other = f"lamp{number % 2}", f"lamp{1 - number % 2}"
        reason = Reason("rule", other, 1, NOW + number - 1)
        changes[name].append(Change(NOW + number, {"phase": str(number)}, "a", reason, origin))
    explained = Explainer(HOUSE, ListedPast(changes)).explain("lamp1", NOW + 1e6)
    assert explained is not None
    assert len(explained.steps) == MOST_STEPS
    assert explained.steps[-1].change == "99"


def test_a_decision_ends_where_the_reason_changes() -> None:
    """Changes with the same cause, reason and origin belong together; unknown ones stand alone."""
    hand, rule = Reason("hand"), Reason("rule", "lamp0", 1, NOW)
    found = [Change(NOW + n, {}, "a", reason) for n, reason in ((3, rule), (2, rule), (1, hand))]
    assert decision_of(found) == found[:2]
    assert decision_of([Change(NOW + 1, {}), Change(NOW, {})]) == [Change(NOW + 1, {})]


def test_the_fields_of_a_change_have_their_values_before_and_after() -> None:
    """A measurement is none of them, and a state without one before it has its phase alone."""
    before, after = {"phase": "off", "status": False, "power_watts": 0.0}, {"phase": "on", "status": True}
    assert changed_fields(Lamp, before, {**after, "power_watts": 9.0}) == {
        "phase": ("off", "on"),
        "status": (False, True),
    }
    assert changed_fields(Lamp, None, after) == {"phase": (None, "on")}


def test_a_change_is_told_by_its_phase_or_its_fields() -> None:
    """Measurements are no change; a fault is told."""
    on = {"phase": "on", "status": True, "brightness_percent": 60.0, "fault": None}
    assert change_words(Lamp, None, on) == "on"
    assert change_words(Lamp, {**on, "phase": "off", "status": False}, on) == "on"
    assert change_words(Lamp, on, {**on, "fault": "it smokes"}) == "fault: it smokes"
    assert change_words(Lamp, {**on, "reachable": True}, {**on, "reachable": False}) == "reachable false"
    idle = {"phase": "idle", "paused_by": None}
    assert change_words(Heater, idle, {"phase": "paused", "paused_by": "door"}) == "paused, door is open"
