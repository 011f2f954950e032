"""What the words of a rule call the devices of a house, and a change of their `status`. Pure."""

from collections import Counter
from collections.abc import Mapping

from daemons.config.device import Device
from daemons.config.house import House
from daemons.config.phrase import Phrase

OPPOSITE_PHASES = {
    "open": ("opens", "is_open"),
    "closed": ("closes", "is_closed"),
    "home": ("comes_home", "is_home"),
    "away": ("leaves", "is_away"),
}
"""For these phases: the codes of what a device does that turns to one, and of what it is in one."""


class Names:
    """The words for the devices of a house in a rule; here their names in the configuration."""

    def __init__(self, house: House | None = None) -> None:
        """Know the devices of a house, or none."""
        self._devices: Mapping[str, Device] = {} if house is None else house.devices

    def __call__(self, name: str) -> str:
        """Return the words for a device."""
        return name

    def status_phrases(self, name: str | None, status: bool) -> tuple[Phrase, Phrase]:
        """Return what a device does whose `status` turns to a value, and what it is then.

        For example "turns on" and "is on", "opens" and "is open", or twice "detects motion". The second one
        has the words for the device as its value `device`.
        """
        plain = "on" if status else "off"
        phases = self._phases(name, status)
        phase = phases[0] if len(phases) == 1 else plain
        if phase not in OPPOSITE_PHASES and (phase == plain or self._detected(name) is None):
            return Phrase(f"turns_{plain}"), Phrase.of(f"is_{plain}", device=self._words_of(name))
        return self._phase_phrases(name, phase)

    def phase_phrases(self, name: str | None, phase: str) -> tuple[Phrase, Phrase]:
        """Return what a device does whose phase turns to a value, and what it is then, as above."""
        if any(self._phases(name, status) == [phase] for status in (True, False)):
            return self._phase_phrases(name, phase)
        return self._plain_phrases(name, phase)

    def _phase_phrases(self, name: str | None, phase: str) -> tuple[Phrase, Phrase]:
        """Return the phrases of a phase that the `status` decides: a mode is not at home."""
        words, shown = self._words_of(name), Phrase.of("phase", phase=phase)
        if phase in OPPOSITE_PHASES:
            turn, state = OPPOSITE_PHASES[phase]
            return Phrase(turn), Phrase.of(state, device=words)
        if phase == self._detected(name):
            return Phrase.of("detects", phase=shown), Phrase.of("is_detecting", device=words, phase=shown)
        return self._plain_phrases(name, phase)

    def _plain_phrases(self, name: str | None, phase: str) -> tuple[Phrase, Phrase]:
        shown = Phrase.of("phase", phase=phase)
        return Phrase.of("becomes", phase=shown), Phrase.of(
            "is_in_phase", device=self._words_of(name), phase=shown
        )

    def _words_of(self, name: str | None) -> str:
        return "" if name is None else self(name)

    def _phases(self, name: str | None, status: bool) -> list[str]:
        """Return the phases that a device may have while its `status` has a value."""
        if (device := self._devices.get(name or "")) is None:
            return []
        kind = device.kind
        found = {it.get("phase") for it in kind.possible_states(device.options) if it.get("status") is status}
        return [str(phase) for phase in found - {*kind.unknown_phases}]

    def _detected(self, name: str | None) -> str | None:
        """Return the phase of a sensor that detects what it is for."""
        device = self._devices.get(name or "")
        return None if device is None else device.kind.detects(device.options)


class Titles(Names):
    """The titles of the devices, with the room if several have the same title.

    A process that is no device, and a device whose title and room another one has too, keep their names.
    """

    def __init__(self, house: House) -> None:
        """Choose the words for each device."""
        super().__init__(house)
        devices = house.devices.values()
        count = Counter(device.title for device in devices)
        words = {
            device.name: device.title if count[device.title] == 1 else f"{device.title} ({device.room})"
            for device in devices
        }
        same = Counter(words.values())
        self._words = {name: word for name, word in words.items() if same[word] == 1}

    def __call__(self, name: str) -> str:
        """Return the words for a device."""
        return self._words.get(name, name)


NAMES = Names()
