"""A real house in which a story is played: the same stage as a rehearsed world, with real processes.

The clocks of the house begin at the beginning of the story. A story takes hours or days, in which nearly
always nothing happens. So the machine of the house sleeps in between: all clocks but the monotonic one go
ahead. It is awake around each moment that it is told of, and there it runs in real time.
"""

import json
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from daemons.bus.message import State
from daemons.config.house import House
from daemons.config.rule import StateFields
from daemons.kinds import Machine, Touch
from daemons.rehearsal.timeline import Timeline
from tests.support.clock_shift import WallClock
from tests.support.house import HouseFactory, Listener

AWAKE_BEFORE_SECONDS = 2.0
"""How long the machine is awake before each moment: each process wakes up and beats within a second."""
AWAKE_AFTER_SECONDS = 2.0
"""How long it stays awake after each moment: simulated hardware is polled once a second."""
WATCHDOG = '[house]\nwatchdog = "60s"'
NO_RECORDER = "\n[recorder]\nenabled = false\n"
COMMANDED = """driver = "command"
command.read = ["cat", "{path}"]
command.on = ["sh", "-c", "test -e {path} && echo on > {path}"]
command.off = ["sh", "-c", "test -e {path} && echo off > {path}"]
command.poll = "200ms"
"""
"""Hardware that may be lost: a file with its state. While the file has another name, every program fails."""


class RealWorld:
    """A house of one host, whose processes run from `begin` until the end of the listener's block."""

    def __init__(
        self,
        make_house: HouseFactory,
        toml: Path,
        house: House,
        start: float,
        folder: Path,
        lost: Collection[str] = (),
    ) -> None:
        """Prepare a house that begins at `start` (Unix seconds). `lost` are devices that lose hardware."""
        self.devices = {name for name, one in house.devices.items() if issubclass(one.kind, Machine)}
        self.mirrors = {name for name, one in house.devices.items() if one.kind.role == "mirror"}
        self.on_state: Callable[[str, State | None, State], None] = lambda _name, _before, _state: None
        self._timeline = Timeline(start)
        self._clock = WallClock(folder / "clock", start - time.time())
        self._steady_began = start - time.monotonic()
        self._plugs = {name: folder / f"{name}.plug" for name in lost}
        text = toml.read_text().replace("[house]", WATCHDOG, 1) + NO_RECORDER
        for name, path in self._plugs.items():
            path.write_text("off")
            head, table, rest = text.partition(f"[devices.{name}]\n")
            text = head + table + rest.replace('driver = "simulated"\n', COMMANDED.format(path=path), 1)
        self.house = make_house(text, environment=self._clock.environment)
        self._listener: Listener | None = None
        self._latest: dict[str, State] = {}
        self._seen = 0
        """How many of the listener's states were handled."""

    # Time

    @property
    def now(self) -> float:
        """The time in steady seconds."""
        return self._timeline.now

    @property
    def wall(self) -> float:
        """The time by the clock of the house, in Unix seconds."""
        return time.time() + self._clock.seconds + self._clock.slept_seconds

    def at(self, when: float, handler: Callable[[], None]) -> None:
        """Call a handler at a time (steady seconds)."""

        def call() -> None:
            self._advance(when)
            handler()

        self._timeline.at(when, call)

    def stay_awake(self, when: float) -> None:
        """Run the house in real time around a moment (steady seconds)."""
        self.at(when, lambda: None)
        self.at(when + AWAKE_AFTER_SECONDS, lambda: None)

    def run(self, until: float) -> None:
        """Advance to the given time (steady seconds)."""
        self._timeline.run(until)
        self._advance(until)

    def _steady(self) -> float:
        return time.monotonic() + self._steady_began + self._clock.slept_seconds

    def _advance(self, until: float) -> None:
        """Sleep, if there is time, and then handle what is published until the given time."""
        left = until - self._steady() - AWAKE_BEFORE_SECONDS
        if left > 0:
            self._clock.sleep(left)
        self._handle()
        while (left := until - self._steady()) > 0:
            self.listener.receive(left)
            self._handle()

    def _handle(self) -> None:
        """Handle the states that were received."""
        for state in self.listener.all_states[self._seen :]:
            self._seen += 1
            before, self._latest[state.device] = self._latest.get(state.device), state
            self.on_state(state.device, before, state)

    # What happens

    @property
    def listener(self) -> Listener:
        """The listener, once the house has begun."""
        assert self._listener is not None
        return self._listener

    def begin(self, listener: Listener) -> None:
        """Wait for the states of all devices of the house, which is up."""
        self._listener = listener
        listener.wait_for(
            lambda listener: listener.states.keys() == listener.heartbeats.keys() == self.devices
        )
        self._handle()

    def state(self, name: str) -> StateFields | None:
        """Return the fields that a device has published last; None while it does not run."""
        return self._latest[name].state if name in self._latest else None

    def latest(self, name: str) -> State | None:
        """Return the state that a device has published last; None while it does not run."""
        return self._latest.get(name)

    def press(self, name: str, touch: Touch) -> None:
        """Press the button of simulated hardware."""
        self._write(name, "presses.jsonl", {"at": self.now, "what": touch})

    def send(self, name: str, command: str, args: dict[str, Any]) -> None:
        """Send a command."""
        assert not args
        assert self.house.send(name, command)["outcome"] == "applied"

    def switch_by_hand(self, name: str, *, on: bool) -> None:
        """Switch hardware at the appliance, or let its detector detect."""
        if plug := self._plugs.get(name):
            plug.with_suffix(".new").write_text("on" if on else "off")
            plug.with_suffix(".new").rename(plug)
            return
        self._write(name, "switchings.jsonl", {"at": self.now, "what": "on" if on else "off", "on": on})

    def measure(self, name: str, values: dict[str, float]) -> None:
        """Change what simulated hardware measures."""
        self._replace(name, "measured.json", values)

    def set_events(self, name: str, texts: tuple[str, ...]) -> None:
        """Change the events of a simulated calendar."""
        self._replace(name, "events.json", texts)

    def _replace(self, name: str, file: str, content: object) -> None:
        path = self.house.run / "hardware" / name / file
        path.with_suffix(".new").write_text(json.dumps(content))
        path.with_suffix(".new").rename(path)

    def _write(self, name: str, file: str, line: dict[str, object]) -> None:
        with (self.house.run / "hardware" / name / file).open("a") as opened:
            opened.write(json.dumps(line) + "\n")

    def kill(self, name: str, away_seconds: float = 0.0) -> None:
        """Kill the process of a device, and wait for its successor."""
        self.listener.kill(name)

    def stop(self, name: str) -> None:
        """Stop a device."""
        self.house.house("stop", name)
        self._handle()
        del self._latest[name]

    def start_device(self, name: str) -> None:
        """Start a device that was stopped."""
        self.house.house("start", name)

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock forward, or back."""
        self._clock.set(self._clock.seconds + seconds)

    def lose_hardware(self, name: str, seconds: float) -> None:
        """Cut a device off from its hardware for some seconds, and until its driver has connected again."""
        plug, pulled = self._plugs[name], self._plugs[name].with_suffix(".pulled")

        def show(*, reachable: bool) -> None:
            self.listener.wait_for(lambda listener: listener.has_state(name, reachable=reachable))

        def restore() -> None:
            pulled.rename(plug)
            show(reachable=True)
            self._advance(self._steady() + AWAKE_AFTER_SECONDS)  # a driver may take some seconds to connect

        plug.rename(pulled)
        show(reachable=False)
        self.at(self.now + seconds, restore)
        self.stay_awake(self.now + seconds)

    def cut(self, names: Iterable[str], seconds: float) -> None:
        """Raise NotImplementedError: between the processes of one host there is no connection to cut."""
        raise NotImplementedError
