"""The facts that hardware reports about itself, such as its voltage and its model, as they are published.

Voltage and signal change with each reading. So that the state is not published for each of them, the facts
are taken anew once a minute, and when the hardware is lost or found. Pure.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from daemons.kinds import HARDWARE_FACTS, About, Reading
from daemons.values import printable

HOLD_SECONDS = 60.0
"""How long the facts stay as they are."""
MAX_TEXT = 100
"""The longest text of a fact, in characters."""
DECIMALS = {"current_amperes": 3, "power_factor": 2}
"""How many decimals a fact has, if not one."""
URL = re.compile(r"https?://[^\s/]+(/\S*)?")
SEPARATORS, MAC = re.compile(r"[:.-]"), re.compile(r"[0-9a-f]{12}")
MEASURED = tuple(name for name in Reading.__struct_fields__ if name in HARDWARE_FACTS)


class FactsHolder:
    """Holds the latest facts."""

    def __init__(self) -> None:
        self._facts: dict[str, Any] = {}
        self._is_reachable = False
        self._until = float("-inf")

    def facts(self, reading: Reading, now: float, *, is_reachable: bool) -> Mapping[str, Any]:
        """Return the facts to publish, at `now` in steady seconds; unknown ones are left out.

        What the hardware is stays known while it cannot be reached. What it measures does not.
        """
        found = described(reading.about)
        if is_reachable:
            found |= measured(reading)
        is_known = self._facts.keys() == found.keys() and self._is_reachable is is_reachable
        if not is_known or (now >= self._until and found != self._facts):
            self._facts, self._is_reachable, self._until = found, is_reachable, now + HOLD_SECONDS
        return self._facts


def measured(reading: Reading) -> dict[str, Any]:
    """Return the measured facts, rounded."""
    values = {name: getattr(reading, name) for name in MEASURED}
    return {k: round(float(v), DECIMALS.get(k, 1)) for k, v in values.items() if v is not None}


def described(about: About | None) -> dict[str, Any]:
    """Return what the hardware is, as fields of the state."""
    if about is None:
        return {}
    texts = {name: printable(text).strip()[:MAX_TEXT] for name, text in asdict(about).items() if text}
    if "mac" in texts:
        texts["mac"] = with_colons(texts["mac"])
    if not URL.fullmatch(texts.get("url", "")):
        texts.pop("url", None)
    return {f"hardware_{name}": text for name, text in texts.items() if text}


def with_colons(mac: str) -> str:
    """Return a MAC address in small letters with colons; empty for any other text."""
    digits = SEPARATORS.sub("", mac).lower()
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2)) if MAC.fullmatch(digits) else ""
