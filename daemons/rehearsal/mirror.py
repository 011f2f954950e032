"""The mirror of a rehearsal: it makes the sentence from the states of all devices, and publishes it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from daemons.bus.facts import Facts
from daemons.bus.message import Published, State
from daemons.bus.presence import PresenceTable
from daemons.bus.state_history import StateHistory
from daemons.bus.status import Presence
from daemons.config.device import Device
from daemons.kinds import Kind
from daemons.kinds.mirror import Mirror
from daemons.processes.mirror.attention import Attention
from daemons.processes.mirror.summary import Summary
from daemons.rehearsal.timeline import Event

if TYPE_CHECKING:
    from daemons.rehearsal.device import RehearsedDevice
    from daemons.rehearsal.world import World

MOMENT = 0.001
"""A time limit has surely passed so much later."""
MEASUREMENTS = Mirror.measurements()


class RehearsedPresence(PresenceTable):
    """The presence of each device: heartbeats are not sent one by one."""

    def __init__(self, names: list[str], stale_seconds: float, offline_seconds: float) -> None:
        super().__init__(names, stale_seconds, offline_seconds)
        self._limits = (stale_seconds, offline_seconds)
        self.silent_since: dict[str, float] = {}
        self.stopped: set[str] = set()
        """The devices that a person has stopped."""

    def on_message(self, message: Published, now: float) -> State | None:
        """Store a message of a device, which is not silent any more."""
        self.silent_since.pop(message.device, None)
        self.stopped.discard(message.device)
        return super().on_message(message, now)

    def presence(self, name: str, now: float) -> Presence:
        """Return whether the values of a device are still current."""
        if self.entries[name].state is None:
            return "offline"
        if name in self.stopped:
            return "stopped"
        since = self.silent_since.get(name)
        stale, offline = self._limits
        if since is None or now - since < stale:
            return "live"
        return "stale" if now - since < offline else "offline"


class RehearsedMirror:
    """One mirror of the house. Its process is never killed: nothing depends on its memory."""

    is_alive = True

    def __init__(
        self,
        world: "World",
        device: Device,
        titles: dict[str, str],
        kinds: Mapping[str, type[Kind]],
        facts: Mapping[str, Facts],
    ) -> None:
        self.name = device.name
        self.subscribers: list[RehearsedDevice] = []
        self.latest: State | None = None
        """The state that was published last."""
        options = device.options
        self.presence = RehearsedPresence([*titles], options.stale_seconds, options.offline_seconds)
        self._offline_seconds = options.offline_seconds
        self._world = world
        self._summary = Summary(self.presence, titles, kinds, options.meal)
        self._attention = Attention(self.presence, facts, world.wall)
        self._next_notice: Event | None = None
        """The call that looks again when a notice comes by time alone."""
        self._history = StateHistory()
        self._seq = 0

    @property
    def message(self) -> str:
        """The sentence that it shows now."""
        self._look()
        return self._summary.state(self._world.now, self._attention.notices).message

    def receive(self, state: State) -> None:
        """Handle the state of a device, and publish the mirror's own state if it has changed."""
        self.presence.on_message(state, self._world.now)
        self._summary.on_state(state)
        if self._attention.look(state.device, self._world.now):
            self._look()
        self._publish(state.cause)

    def on_silence(self, device: str, *, is_stopped: bool) -> None:
        """Note that a device is silent from now on, and look again when it counts as offline."""
        self.presence.silent_since[device] = self._world.now
        if is_stopped:
            self.presence.stopped.add(device)
        self._world.at(self._world.now + self._offline_seconds + MOMENT, lambda: self._look_at(device))

    def _look_at(self, device: str) -> None:
        if self._attention.look(device, self._world.now):
            self._look_again()

    def _look_again(self) -> None:
        """Make the notices that come by time alone."""
        self._look()
        self._publish(None)

    def _look(self) -> None:
        """Make the notices anew, and look again when the next one comes."""
        self._attention.update(self._world.wall)
        if self._next_notice is not None:
            self._next_notice.cancel()
        at = self._attention.next_at(self._world.wall)
        wait = None if at is None else self._world.now + at - self._world.wall + MOMENT
        self._next_notice = None if wait is None else self._world.at(wait, self._look_again)

    def _publish(self, cause: str | None) -> None:
        found = self._summary.state(self._world.now, self._attention.notices)
        fields = {name: value for name, value in asdict(found).items() if name not in MEASUREMENTS}
        wall = self._world.wall
        at = self._summary.changed_at(found.phase, self._history.change_times.get("phase"), wall)
        before, self._history = self._history, self._history.after(fields, cause, at)
        if self._history is before:
            return
        self._seq += 1
        last, self.latest = (
            self.latest,
            State(
                device=self.name,
                boot=1,
                seq=self._seq,
                at=wall,
                since=self._history.since(wall),
                state=asdict(found),
                turned=self._history.change_times,
                cause=self._history.cause,
                past=self._history.past if self.subscribers else (),
            ),
        )
        self._world.on_publish(self, last, self.latest)
