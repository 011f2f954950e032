"""The exchange process: connects the house to programs and to its other hosts.

It publishes every message of the house at its gateways, and a new subscriber gets the latest message of
each topic. A device without a process on this host has a proxy here: a foreign device (programs.py) is a
program of its own, a remote device (remote_devices.py) runs on another host. No device of this host
depends on the exchange.
"""

import time
from functools import partial
from typing import Any

import msgspec

from daemons.bus.dropped import DroppedLog
from daemons.bus.endpoints import tcp_endpoint
from daemons.bus.message import EXCHANGE, Scalar, StateContent
from daemons.bus.requests.loop import LoopCommandClient
from daemons.bus.sockets import Socket, Subscriber
from daemons.bus.state_history import StateHistory
from daemons.config.slice import Slice
from daemons.errors import DeviceError
from daemons.processes.exchange.accepted import CHECK_SECONDS, AcceptedConnections
from daemons.processes.exchange.access import AccessControl
from daemons.processes.exchange.authenticator import Authenticator
from daemons.processes.exchange.clock_sync.steps import ClockHistory, relative_periods, update_history
from daemons.processes.exchange.connections import Connections
from daemons.processes.exchange.flood_guard import FloodGuard
from daemons.processes.exchange.gateway import Gateway, ReceivedReceipt, open_local, open_remote
from daemons.processes.exchange.memory import ExchangeMemory
from daemons.processes.exchange.programs import ForeignDevices, foreign_kinds
from daemons.processes.exchange.remote_admin import RemoteAdmin
from daemons.processes.exchange.remote_devices import RemoteDevices
from daemons.processes.exchange.retained import RetainedMessages
from daemons.processes.exchange.router import CommandRouter
from daemons.processes.process import Process, Startup
from daemons.runtime.clock import boot_id, uptime
from daemons.runtime.file_limit import raise_file_limit
from daemons.storage.installed import INSTALLED_FINGERPRINT
from daemons.storage.journal import Journal

PUBLISH_ENDPOINT, STATES_ENDPOINT = "ipc://bus/exchange.hear", "ipc://bus/exchange.say"
"""The local gateway, relative to the run directory; its third socket is the exchange's command socket."""


def run(slice_: Slice) -> None:
    """Run the exchange until it is stopped."""
    start = Startup(EXCHANGE, ExchangeMemory)
    last, run_ = start.last, start.run
    memory = msgspec.structs.replace(last, life=run_) if last else ExchangeMemory(life=run_)
    with start.process() as process:
        exchange = Exchange(slice_, memory, start.journal, process)
        process.run(None)
    exchange.release()


class Exchange:
    """Passes messages of the house to its gateways, and states and commands from there into the house."""

    def __init__(
        self, slice_: Slice, memory: ExchangeMemory, journal: Journal[ExchangeMemory], process: Process
    ) -> None:
        self._memory = memory
        self._journal = journal
        self._process = process
        self._now = process.loop.now
        self._dropped = DroppedLog(process.log)
        self._host = slice_.host
        self._retained = RetainedMessages()
        self._fingerprint = INSTALLED_FINGERPRINT
        self._accepted = AcceptedConnections(self._dropped, raise_file_limit(), self._now)
        self._flood_guard = FloodGuard(self._dropped)
        self._connections = Connections(
            process.log, self._now, memory.blocked, self._save_blocked, self._accepted.on_message
        )
        self._access = AccessControl(slice_.hosts, self._connections, self._dropped, process.log)
        kinds = foreign_kinds(slice_)
        self._foreign = ForeignDevices(
            kinds,
            {name: known for name, known in memory.programs.items() if name in kinds},
            process,
            self._save,
            self._dropped.add,
        )
        self._remote = RemoteDevices(
            slice_.hosts,
            {name: it.host for name, it in slice_.peers.items() if it.host and it.host != slice_.host},
            self._access.own,
            memory.translations,
            process,
            self._save,
            self._publish_state,
        )
        names = {*slice_.peers, *slice_.services}
        self._router = CommandRouter(
            names,
            self._foreign,
            self._remote,
            LoopCommandClient(process.context, process.loop),
            RemoteAdmin(process.loop),
            self._clock_result,
            self._dropped,
        )
        table = slice_.table
        self._address: tuple[str, int] | None = (table["address"], table["port"]) if table else None
        self._endpoint: str | None = None
        """The endpoint of the remote gateway, while it is open."""
        self._open_error: str | None = None
        """Why the remote gateway could not be opened."""
        self._is_state_published = False
        sockets = open_local(
            process.context, EXCHANGE, PUBLISH_ENDPOINT, STATES_ENDPOINT, process.server.socket
        )
        self._gateways = [Gateway(sockets, self._dropped)]
        if self._address:
            authenticator = Authenticator(process.context, self._access.authenticate)
            process.loop.watch(authenticator.socket, authenticator.answer_requests)
        self._watch(self._gateways[0])
        self._subscriber = Subscriber(process.context, names, process.log)
        process.loop.watch(self._subscriber.socket, self._on_published)
        process.loop.every(1.0, self._on_second)
        self._save()

    def release(self) -> None:
        """Release the locks of all proxies; to be called when the sockets are closed."""
        self._foreign.release()
        self._remote.release()

    # The gateways

    def _open_remote(self) -> None:
        """Open the remote gateway; when a port of it is taken, this is tried again every second."""
        if self._address is None or len(self._gateways) > 1:
            return
        process = self._process
        try:
            sockets = open_remote(process.context, EXCHANGE, *self._address, self._access.own)
        except DeviceError as error:
            if self._open_error is None:
                process.log.error("cannot be reached over the network: %s", error)
            self._open_error = str(error)
            return
        self._open_error = None
        self._gateways.append(Gateway(sockets, self._dropped, self._access.rights_of, self._connections))
        self._watch(self._gateways[-1])
        for listener in sockets:
            monitor = self._accepted.monitor(listener)
            is_publisher = listener is sockets.publisher
            process.loop.watch(monitor, partial(self._on_accepted, monitor, is_publisher))
        process.loop.every(CHECK_SECONDS, self._accepted.check)
        process.loop.every(CHECK_SECONDS, self._flood_guard.log_closed)
        self._flood_guard.start()
        self._endpoint = tcp_endpoint(*self._address)
        process.log.info("listens at %s for %d keys", self._endpoint, len(self._access.keys))

    def _on_accepted(self, monitor: Socket, is_publisher: bool) -> None:
        for descriptor in self._accepted.receive(monitor):
            if is_publisher:
                self._flood_guard.on_accepted(descriptor)

    def _watch(self, gateway: Gateway) -> None:
        loop, sockets = self._process.loop, gateway.sockets
        loop.watch(sockets.publisher, partial(self._on_subscriptions, gateway))
        loop.watch(sockets.states, partial(self._on_states, gateway))
        loop.watch(sockets.commands, partial(self._on_commands, gateway))

    def _on_subscriptions(self, gateway: Gateway) -> None:
        gateway.accept_subscriptions()
        self._send_retained(gateway)

    def _send_retained(self, gateway: Gateway) -> None:
        again = gateway.send_retained(self._retained.messages, self._now())
        if again is not None:
            self._process.loop.at(again, partial(self._send_retained, gateway))

    def _on_states(self, gateway: Gateway) -> None:
        for client, device, payload in gateway.received_states():
            if device in self._foreign:
                self._foreign.on_state(client, device, payload)
            else:
                self._dropped.add(client, f'{device!r:.60} is not a device with driver = "foreign"')

    def _on_commands(self, gateway: Gateway) -> None:
        for received in gateway.received_commands():
            if not isinstance(received, ReceivedReceipt):
                self._router.route(gateway, received)
            elif not self._foreign.on_receipt(received.client, received.receipt):
                self._dropped.add(received.client, f"no command waits for the receipt {received.receipt.id}")

    # The house

    def _on_published(self) -> None:
        """Pass the messages of the house to the gateways."""
        for frames in self._subscriber.receive_frames():
            try:
                topic, payload = frames
                if self._retained.add(topic, payload):
                    self._subscriber.resubscribe(topic.partition(b"/")[0].decode())
            except ValueError as error:  # a wrong number of frames, or a payload that is not a message
                self._dropped.add("the bus", error)
                continue
            for gateway in self._gateways:
                gateway.publish(topic, payload)

    def _on_second(self) -> None:
        self._subscriber.reconnect_silent()
        self._check_clock()
        self._access.refresh()
        self._open_remote()
        self._publish_state()

    # The exchange's own clock, state and memory

    def _clock_result(self) -> dict[str, Any]:
        """Return what another host needs beside the time: host, configuration and clock periods."""
        periods = msgspec.to_builtins(relative_periods(self._check_clock()))
        return {"host": self._host, "configuration": self._fingerprint.read_or_last(), "set": periods}

    def _check_clock(self) -> ClockHistory:
        """Return the history of this host's clock, which is saved when the clock was set."""
        history = update_history(self._memory.clock, boot_id(), time.time(), uptime())
        if history != self._memory.clock:
            self._memory = msgspec.structs.replace(self._memory, clock=history)
            self._save()
        return history

    def _publish_state(self) -> None:
        """Publish the state of the exchange when it has changed."""
        state = self._state()
        if state != self._memory.state or not self._is_state_published:
            self._is_state_published = True
            history = StateHistory(self._memory.state, self._memory.turned).after(state, None, time.time())
            turned = history.change_times
            self._memory = msgspec.structs.replace(self._memory, state=state, turned=turned)
            self._save()
            self._process.publish(StateContent(state, history.since(self._memory.life.boot / 1000), turned))

    def _state(self) -> dict[str, Scalar]:
        links = self._remote.links.values()
        faults = self._remote.faults(self._fingerprint.read_or_last())
        faults += [self._open_error] if self._open_error else []
        return {
            "status": True,
            "phase": "open" if all(link.is_open for link in links) else "cut",
            "host": self._host,
            "address": self._endpoint,
            **{f"{link.name}_reached": link.is_open for link in links},
            "fault": "; ".join(faults) or None,
        }

    def _save_blocked(self) -> None:
        self._memory = msgspec.structs.replace(self._memory, blocked=self._connections.blocked_until)
        self._save()

    def _save(self) -> None:
        """Write the memory to the journal, before a message that depends on it is published."""
        self._memory = msgspec.structs.replace(
            self._memory, programs=dict(self._foreign.memories), translations=self._remote.memories
        )
        self._journal.save(self._memory)
