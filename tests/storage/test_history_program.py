"""The program that reads the history: a person with rights for some devices reads of no other device."""

from typing import Any

from daemons.storage.history_program import hide_reasons


def test_reasons_name_only_visible_devices() -> None:
    """The kind of the reason stays, and so does the sender of a command."""

    def stretch(reason: Any, origin: Any) -> dict[str, Any]:
        return {"reason": reason, "origin": origin}

    at = {"id": "a", "at": 1.0, "by": "press"}
    seen, hidden = {"by": "rule", "who": "lamp", "rule": 1}, {"by": "rule", "who": "motion", "rule": 2}
    command = {"by": "command", "who": "page:anna"}
    stretches = [
        stretch(seen, {**at, "device": "lamp"}),
        stretch(hidden, {**at, "device": "motion"}),
        stretch(command, None),
        stretch(None, None),
    ]
    hide_reasons({"devices": {"lamp": {"stretches": stretches}}}, ("lamp",))
    assert stretches == [
        stretch({"by": "rule", "who": "lamp", "rule": 1}, {**at, "device": "lamp"}),
        stretch({"by": "rule", "rule": 2}, None),
        stretch({"by": "command", "who": "page:anna"}, None),
        stretch(None, None),
    ]
