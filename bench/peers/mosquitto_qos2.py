"""mosquitto at QoS 2 with persistent sessions: what MQTT offers so that a message counts once.

Each process adds its new state to a file before it publishes it, and handles a press once. So a killed
process continues, and publishes its last state again. The broker keeps the messages for a process that is
away, and stores them once a second.

What it does not keep: the broker answers before it stores, so its kill loses up to a second. paho keeps a
message between its two acknowledgements in memory, so a kill in this moment can lose a press. States are
retained, which makes good for a lost state.
"""

from pathlib import Path
from typing import Any

from bench.peer_roles import Role
from bench.peers.mosquitto import Mosquitto

ACKNOWLEDGEMENTS = 4
"""The packets that follow an answer and its request."""


class MosquittoQos2(Mosquitto):
    """One MQTT client at QoS 2, whose session outlives it."""

    qos = 2

    @classmethod
    def lines(cls, folder: Path, port: int) -> list[str]:
        """Return the configuration of a broker that stores its messages once a second."""
        stored = ["persistence true", f"persistence_location {folder}/", "autosave_interval 1"]
        return [*super().lines(folder, port), *stored]

    def run(self, role: Role) -> None:
        """Run paho's own loop, which calls back."""
        journal = self.folder / f"{self.name}.journal"
        last = journal.read_bytes().splitlines()[-1:] if journal.exists() else []
        for payload in last:
            role.restore(role.publishes, payload)

        def on_message(client: Any, _: Any, message: Any) -> None:
            for topic, payload in role.handle(message.topic, message.payload):
                file.write(payload + b"\n")
                client.publish(topic, payload, self.qos, retain=True)

        with journal.open("ab", buffering=0) as file:
            self._client = self._make(on_message)
            for payload in last:
                self._client.publish(role.publishes, payload, self.qos, retain=True)
            self._client.loop_forever()

    def request(self, topic: str, payload: bytes, mark: bytes, patience: float) -> tuple[float, bytes] | None:
        """Publish, wait for the answer, and complete its acknowledgements: the next request need not."""
        answer = super().request(topic, payload, mark, patience)
        for _ in range(ACKNOWLEDGEMENTS):
            self._client.loop(0.002)
        return answer

    def _session(self) -> dict[str, Any]:
        """Return the options of a session that the broker keeps while its client is away."""
        return {"client_id": self.name, "clean_session": False}
