"""The devices of the house's other hosts, as they are heard and asked here.

Each is stood in for, in our time. When the way to its host is cut it is told to be offline at once,
and to newcomers nothing of before is told, for nobody knows whether that is still so.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from daemons.bus.keys import Pair
from daemons.bus.message import Command, Heartbeat, Published, Report, State
from daemons.config.tables import Host
from daemons.processes.exchange.clock_sync.translate import Echo, Memory
from daemons.processes.exchange.host_link import Link
from daemons.processes.exchange.pending import Take
from daemons.processes.exchange.proxy import StandIn
from daemons.processes.process import Process
from daemons.runtime.clock import uptime

T = TypeVar("T")

LIVE_SECONDS = 3.0
"""A state counts when it is no older, or when its device has given a sign of life since so long."""


class Abroad:
    """Keeps the ways to the other hosts, and stands in for their devices."""

    def __init__(
        self,
        hosts: dict[str, Host],
        devices: dict[str, str],
        own: Pair,
        memories: dict[str, Memory],
        process: Process,
        remember: Callable[[], None],
        change: Callable[[], None],
    ) -> None:
        """`devices` gives each device's host, and `memories` what was remembered of its moments.

        `remember` writes `memories` down; `change` is told that the way to a host was opened or cut.
        """
        self._process = process
        self._remember, self._changed = remember, change
        self._hosts = devices
        known = {name: memory for name, memory in memories.items() if memory.host == devices.get(name)}
        self._echoes = {name: Echo(known.get(name) or Memory(host)) for name, host in devices.items()}
        self._beats = dict.fromkeys(devices, float("-inf"))
        """When each device last gave a sign of life."""
        self._doubtful: dict[str, State] = {}
        """States that may not hold any more: their devices have to give a sign of life first."""
        self._lives: dict[str, tuple[str, str | None]] = {}
        """What was last told of each process: how it lives, and why."""
        self._places = {name: StandIn(name, process, self.carry) for name in devices}
        self.links: dict[str, Link] = {}
        for host, about in hosts.items():
            there = frozenset(name for name, where in devices.items() if where == host)
            link = Link(host, about, own, there, process, self._hear, self._is_news, self._change)
            self.links[host] = link
            self._tell_cut(link)

    @property
    def memories(self) -> dict[str, Memory]:
        """Give what has to be remembered of the devices' moments."""
        return {name: echo.memory for name, echo in self._echoes.items()}

    def way_to(self, device: str) -> Link | None:
        """Give the way to where a device is; nothing for one that is on no other host."""
        host = self._hosts.get(device)
        return self.links[host] if host else None

    def carry(self, device: str, command: Command, take: Take) -> None:
        """Send a command to a device; `take` gets the receipt."""
        self.links[self._hosts[device]].carry(command, device, take)

    def release(self) -> None:
        """Let go of the names, when the sockets have gone."""
        for place in self._places.values():
            place.release()

    def _is_news(self, heard: State | Heartbeat) -> bool:
        return self._echoes[heard.device].is_news(heard)

    def _hear(self, link: Link, heard: Published) -> None:
        """Say here what was said there."""
        name, now = heard.device, time.time()
        if isinstance(heard, State):
            ours = self._echoed(name, lambda echo: echo.translate(heard, link.ours, now))
            if now - ours.at < LIVE_SECONDS or uptime() - self._beats[name] < LIVE_SECONDS:
                self._places[name].publish(ours)
            else:
                self._doubtful[name] = ours
        elif isinstance(heard, Report):
            until = heard.retry_at and link.ours(heard.retry_at)
            more = {"pid": heard.pid, "lines": heard.lines, "retry_at": until}
            self._tell(name, heard.life, heard.reason, link.ours(heard.since), **more)
        elif now - link.ours(heard.at) < LIVE_SECONDS:
            self._beats[name] = uptime()
            if name in self._doubtful:
                self._places[name].publish(self._doubtful.pop(name))
            if self._lives[name][0] == "offline":
                self._tell(name, "running", None, now, pid=heard.pid)  # its steward may have nothing to say
            self._places[name].publish(self._echoed(name, lambda echo: echo.beat(heard, link.ours, now)))

    def _echoed(self, name: str, translate: Callable[[Echo], T]) -> T:
        """Put something into our time, and write down what was made of it before anybody acts on it."""
        echo = self._echoes[name]
        before = echo.memory
        ours = translate(echo)
        if echo.memory != before:
            self._remember()
        return ours

    def _change(self, link: Link) -> None:
        if not link.is_open:
            self._tell_cut(link)
        self._changed()

    def _tell_cut(self, link: Link) -> None:
        for name in link.devices:
            self._places[name].forget()
            self._echoes[name].lose()
            self._doubtful.pop(name, None)
            self._beats[name] = float("-inf")
            self._tell(name, "offline", f"{link.name} cannot be reached ({link.place})", time.time())

    def _tell(self, name: str, life: str, reason: str | None, since: float, **more: object) -> None:
        """Tell how its process lives, when that is new."""
        if self._lives.get(name) != (life, reason):
            self._lives[name] = life, reason
            self._process.report(name, life=life, reason=reason, since=since, **more)
