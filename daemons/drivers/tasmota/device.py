"""A part of a device with Tasmota: its topics, its last will, and the facts that all parts have."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import msgspec

from daemons.drivers.tasmota import facts
from daemons.drivers.tasmota.options import Options
from daemons.drivers.transports.mqtt_device import Message, MqttDevice
from daemons.kinds import Reading

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

USUAL_TELE_PERIOD = 300.0
SILENT_PERIODS = 3
"""Telemetry that is missing for so many periods makes a device suspicious: it is asked for its state."""


class TasmotaDevice(MqttDevice):
    """One part of a device: parses the messages on its topics, and encodes commands."""

    def __init__(self, channel: "HardwareChannel", options: Options) -> None:
        super().__init__(channel)
        self._options = options
        self._topics = options.topics
        self._reported = Reading(reachable=None)
        self._was_known = False
        """Whether the channel has got the state."""
        self._has_phases = False
        """Whether the values of a meter are those of phases, and not of several relays."""
        self.silent_seconds = USUAL_TELE_PERIOD * SILENT_PERIODS

    @property
    def name(self) -> str:
        """The device's topic."""
        return self._options.topic

    @property
    @abstractmethod
    def requests(self) -> tuple[tuple[str, str], ...]:
        """The commands, with their payloads, that request its state."""

    @abstractmethod
    def parse(self, found: dict[str, Any], *, is_whole: bool) -> dict[str, Any] | None:
        """Return the fields of a Reading that a message has; None if it says nothing of this part.

        With `is_whole`, the message has all sensors of the device.
        """

    @property
    def is_known(self) -> bool:
        """Whether its state is known, so that it can be reported."""
        return self._reported.on is not None

    def read_messages(self) -> list[Message]:
        """Request the state and the facts."""
        return [(f"{self._topics.command}{word}", value) for word, value in (*self.requests, *facts.REQUESTS)]

    def on_message(self, topic: str, payload: str, *, retained: bool) -> None:
        """Handle the last will, results and measurements."""
        word = self._topics.word(topic)
        if word == "LWT":
            self._on_will(payload)
        elif retained:
            return  # a retained message may be out of date
        elif payload.startswith("{"):
            self._on_json(payload)  # with SetOption4, a result has the name of its command
        else:
            self.on_word(word, payload)

    def on_word(self, word: str, payload: str) -> None:
        """Handle a message that is no JSON."""
        if word in ("STATE", "RESULT", "SENSOR") or word.startswith("STATUS"):
            raise ValueError("it must be a JSON object")

    def _on_will(self, payload: str) -> None:
        wills = self._options.wills
        if payload not in wills:
            raise ValueError(f"a last will must be {wills[1]} or {wills[0]}")
        self.set_online(payload == wills[1])

    def _on_json(self, payload: str) -> None:
        found = msgspec.json.decode(payload, type=dict[str, Any])
        inner = found.get("StatusSTS") or found.get("StatusSNS")
        is_whole = "StatusSNS" in found
        found = inner if isinstance(inner, dict) else found
        if period := facts.tele_period(found):
            self.silent_seconds = period * SILENT_PERIODS
        changes = self.parse(found, is_whole=is_whole)
        known = facts.read(found, self._reported.about, self._options.relay, has_phases=self._has_phases)
        if changes is not None:
            self.update(**known, **changes)
        elif known:
            self._reported = msgspec.structs.replace(self._reported, **known)
            if self._was_known:
                self.channel.update(**known)

    def update(self, **changes: Any) -> None:
        """Report a reading. The message proves that it is online, even if its last will is Offline."""
        self.is_online = True
        self._reported = msgspec.structs.replace(self._reported, **changes)
        if not self.is_known:
            return
        self.reports += 1
        if not self._was_known:  # with what came before its state, such as its power
            before = msgspec.structs.asdict(self._reported)
            changes = {name: value for name, value in before.items() if value is not None}
            self._was_known = True
        self.channel.update(
            **{"on": self._reported.on, "off_after_seconds": self._reported.off_after_seconds} | changes
        )
