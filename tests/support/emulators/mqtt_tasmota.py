"""A Tasmota plug with a meter, with the topics of firmware 13.1."""

import json
from pathlib import Path
from typing import Any, ClassVar

from tests.support.mqtt_plug import MqttPlug

TOPIC = "tasmota_4F2A1C"
WIFI = {"AP": 1, "RSSI": 78, "Signal": -61}


class TasmotaPlug(MqttPlug):
    """A Tasmota plug with one relay and a meter."""

    driver: ClassVar[str] = "mqtt_tasmota"
    tele_period = 300
    pulse = 0
    """Its PulseTime, which survives a power cut."""

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        super().__init__(folder, password=password)
        self.shutters: dict[str, Any] = {}
        self.commands: list[str] = []
        """The words of all commands."""

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        return {**super().options(), "topic": TOPIC}

    @property
    def will(self) -> tuple[str, str, str]:
        """Return the topic and payloads of its availability."""
        return f"tele/{TOPIC}/LWT", "Online", "Offline"

    @property
    def subscription(self) -> str:
        """Return the topics of its commands."""
        return f"cmnd/{TOPIC}/+"

    def on_message(self, topic: str, payload: str) -> None:
        """Handle a command, or several after a Backlog."""
        word = topic.rpartition("/")[2]
        parts = payload.split("; ") if word.startswith("Backlog") else [f"{word} {payload}"]
        for part in parts:
            self._command(*part.partition(" ")[::2])

    def _command(self, word: str, value: str) -> None:
        self.commands.append(word)
        match word.lower():
            case "power1" | "power":
                if value:
                    self.switch_relay(value == "ON")
                    self.armed_seconds = self._pulse_seconds() if self.on and self.pulse else None
                self._publish_power()
            case "pulsetime1" | "pulsetime":
                self.pulse = int(value) if value else self.pulse
                reply_ = {"Set": self.pulse, "Remaining": self.pulse if self.on else 0}
                self._result({"PulseTime1": reply_})
            case "state":
                self._result({"Uptime": "1T02:03:04", "POWER": self._word, "Wifi": WIFI})
            case "status" if value == "2":
                firmware = {"Version": "13.1.0(tasmota)", "Hardware": "ESP8266EX"}
                self.publish(f"stat/{TOPIC}/STATUS2", json.dumps({"StatusFWR": firmware}))
            case "status" if value == "5":
                network = {"Mac": "A4:CF:12:4F:2A:1C", "IPAddress": "192.168.1.7", "Webserver": 2}
                self.publish(f"stat/{TOPIC}/STATUS5", json.dumps({"StatusNET": network}))
            case "status" if value == "13":
                self.publish(f"stat/{TOPIC}/STATUS13", json.dumps({"StatusSHT": self.shutters}))
            case "module":
                self._result({"Module": {"41": "Sonoff S31"}})
            case "teleperiod":
                self._result({"TelePeriod": self.tele_period})
            case "status":
                sensor = {"Time": "2026-11-24T06:30:00", "ENERGY": self._energy}
                self.publish(f"stat/{TOPIC}/STATUS{value}", json.dumps({"StatusSNS": sensor}))
            case _:
                self._result({"Command": "Unknown"})

    def switch_by_hand(self, on: bool) -> None:
        """Switch by the plug's button, and report it."""
        self.switch_relay(on)
        self._publish_power()

    def announce(self) -> None:
        """Publish the state, as at every start."""
        state = {"Time": "2026-11-24T06:30:00", "POWER": self._word}
        self.publish(f"tele/{TOPIC}/STATE", json.dumps(state))

    @property
    def _word(self) -> str:
        return "ON" if self.on else "OFF"

    @property
    def _energy(self) -> dict[str, float]:
        return {"Total": 12.345, "Power": self.power_watts if self.on else 0, "Voltage": 231}

    def _pulse_seconds(self) -> float:
        return self.pulse / 10 if self.pulse < 112 else self.pulse - 100.0

    def _publish_power(self) -> None:
        self._result({"POWER": self._word})
        self.publish(f"stat/{TOPIC}/POWER", self._word)
        self.publish(f"tele/{TOPIC}/SENSOR", json.dumps({"ENERGY": self._energy}))

    def _result(self, payload: dict[str, Any]) -> None:
        self.publish(f"stat/{TOPIC}/RESULT", json.dumps(payload))
