"""The devices of the house's other hosts, published here by proxies.

Their messages are translated into the time of this host. When the link to a host is cut, its devices are
reported offline at once. The retained states are cleared then, because they may be out of date.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from daemons.bus.message import Command, Heartbeat, Published, Report, State
from daemons.bus.requests.loop import OnReceipt
from daemons.config.tables import Host
from daemons.processes.exchange.clock_sync.translate import StateTranslator, TranslationMemory
from daemons.processes.exchange.host_link import HostLink
from daemons.processes.exchange.proxy import DeviceProxy
from daemons.processes.process import Process
from daemons.runtime.clock import uptime
from daemons.storage.key_pair import KeyPair

T = TypeVar("T")

LIVE_SECONDS = 3.0
"""A state is published when it is not older, or when its device sent a heartbeat within this time."""


class RemoteDevices:
    """Keeps the links to the other hosts, and the proxies of their devices."""

    def __init__(
        self,
        hosts: dict[str, Host],
        devices: dict[str, str],
        own: KeyPair,
        memories: dict[str, TranslationMemory],
        process: Process,
        save: Callable[[], None],
        on_link_change: Callable[[], None],
    ) -> None:
        """`devices` has the host of each device, `memories` the translations of an earlier run.

        `save` writes `memories` to the disk. `on_link_change` is called when a link is opened or cut.
        """
        self._process = process
        self._save, self._on_link_change = save, on_link_change
        self._hosts = devices
        known = {name: memory for name, memory in memories.items() if memory.host == devices.get(name)}
        self._translators = {
            name: StateTranslator(known.get(name) or TranslationMemory(host))
            for name, host in devices.items()
        }
        self._heartbeat_at = dict.fromkeys(devices, float("-inf"))
        """When the last heartbeat of each device came, in steady seconds."""
        self._unconfirmed: dict[str, State] = {}
        """Old states that may be out of date: each waits for a heartbeat of its device."""
        self._reported: dict[str, tuple[str, str | None]] = {}
        """The life and the reason that were last reported of each device."""
        self._proxies = {name: DeviceProxy(name, process, self.send_command) for name in devices}
        self.links: dict[str, HostLink] = {}
        for host, about in hosts.items():
            there = frozenset(name for name, where in devices.items() if where == host)
            self.links[host] = HostLink(
                host, about, own, there, process, self._on_message, self._has_new_times, self._on_change
            )
            self._report_cut(self.links[host])

    @property
    def memories(self) -> dict[str, TranslationMemory]:
        """Return the translations that must be remembered, for each device."""
        return {name: translator.memory for name, translator in self._translators.items()}

    def link_to(self, device: str) -> HostLink | None:
        """Return the link to the host of a device; None for a device of no other host."""
        host = self._hosts.get(device)
        return self.links[host] if host else None

    def send_command(self, device: str, command: Command, on_receipt: OnReceipt) -> None:
        """Send a command to a device; `on_receipt` gets the receipt."""
        self.links[self._hosts[device]].send_command(command, device, on_receipt)

    def faults(self, configuration: str | None) -> list[str]:
        """Return the faults of the links; `configuration` is the fingerprint of this host's configuration."""
        links = self.links.values()
        cut = [f"{link.name} cannot be reached ({link.address})" for link in links if not link.is_open]
        return cut + [
            f"{link.name} runs another configuration; copy house.toml and the files it includes there, "
            "and `house reload`"
            for link in links
            if link.is_open and link.remote_status.get("configuration") != configuration
        ]

    def release(self) -> None:
        """Release the locks of the names; to be called when the sockets are closed."""
        for proxy in self._proxies.values():
            proxy.release()

    def _has_new_times(self, received: State | Heartbeat) -> bool:
        return self._translators[received.device].has_new_times(received)

    def _on_message(self, link: HostLink, received: Published) -> None:
        """Publish a message of another host here, in the time of this host."""
        name, now = received.device, time.time()
        if isinstance(received, State):
            state = self._translate(name, lambda it: it.translate_state(received, link.to_local, now))
            if now - state.at < LIVE_SECONDS or uptime() - self._heartbeat_at[name] < LIVE_SECONDS:
                self._proxies[name].publish(state)
            else:
                self._unconfirmed[name] = state
        elif isinstance(received, Report):
            retry_at = received.retry_at and link.to_local(received.retry_at)
            more = {"pid": received.pid, "lines": received.lines, "retry_at": retry_at}
            self._report(name, received.life, received.reason, link.to_local(received.since), **more)
        elif now - link.to_local(received.at) < LIVE_SECONDS:
            self._heartbeat_at[name] = uptime()
            if name in self._unconfirmed:
                self._proxies[name].publish(self._unconfirmed.pop(name))
            if self._reported[name][0] == "offline":
                self._report(name, "running", None, now, pid=received.pid)  # its steward may report nothing
            self._proxies[name].publish(
                self._translate(name, lambda it: it.translate_heartbeat(received, link.to_local, now))
            )

    def _translate(self, name: str, translate: Callable[[StateTranslator], T]) -> T:
        """Return a translated message; new translations are saved first, before any process acts on them."""
        translator = self._translators[name]
        before = translator.memory
        translate_errors = translate(translator)
        if translator.memory != before:
            self._save()
        return translate_errors

    def _on_change(self, link: HostLink) -> None:
        if not link.is_open:
            self._report_cut(link)
        self._on_link_change()

    def _report_cut(self, link: HostLink) -> None:
        for name in link.devices:
            self._proxies[name].clear_retained()
            self._translators[name].on_link_cut()
            self._unconfirmed.pop(name, None)
            self._heartbeat_at[name] = float("-inf")
            self._report(name, "offline", f"{link.name} cannot be reached ({link.address})", time.time())

    def _report(self, name: str, life: str, reason: str | None, since: float, **more: object) -> None:
        """Publish a report on a device when it differs from the last one."""
        if self._reported.get(name) != (life, reason):
            self._reported[name] = life, reason
            self._process.report(name, life=life, reason=reason, since=since, **more)
