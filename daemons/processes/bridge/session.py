"""Sessions with the broker: sends the outbox, and receives commands.

The heavy libraries (asyncio, MQTT) are loaded here, in the background thread. Each session is clean: the
broker keeps nothing of the last session. So each session publishes everything again, and commands that
were sent between two sessions are lost.
"""

import asyncio
import hashlib
import os
import random
import time
from collections.abc import Collection, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import aiomqtt
import msgspec
from aiomqtt import ProtocolVersion
from msgspec import structs

from daemons.bus.dropped import DroppedLog
from daemons.bus.message import BRIDGE, encode
from daemons.bus.requests.aio import AsyncCommandClient
from daemons.bus.requests.protocol import CommandRequest
from daemons.drivers.transports import mqtt
from daemons.drivers.transports.mqtt import ANSWER_SECONDS, QOS
from daemons.drivers.transports.mqtt_client import MqttClient, RefusedMessage
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.drivers.transports.worker import DaemonThreadExecutor
from daemons.errors import HouseError, MessageError, Rejected
from daemons.processes.bridge.alive import CHANGE_SECONDS, EVERY_SECONDS, SESSION_BYTES, decode_alive
from daemons.processes.bridge.broker_turn import BrokerTurn, Target
from daemons.processes.bridge.commands import (
    MAX_SECONDS,
    SAFE_COMMANDS,
    BrokerCommand,
    DuplicateFilter,
    is_accepted,
    parse_command,
    refusal,
    register,
)
from daemons.processes.bridge.discovery import MIGRATION, node_of_topic
from daemons.processes.bridge.outbox import BrokerMessage
from daemons.processes.bridge.properties import apply_properties
from daemons.processes.bridge.session_thread import Rival, SessionMemory, SessionThread
from daemons.processes.bridge.topics import OFFLINE, ONLINE, Address
from daemons.runtime.backoff import backoff_seconds, with_jitter
from daemons.runtime.clock import uptime

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
"""The first and the longest pause between two attempts."""
KEEPALIVE_SECONDS = 3
"""How often a silent session is tested. A broker that is silent for twice this period is lost."""
QUICK_CONNECT_SECONDS = 2.0
"""How long a connection of the first round, and the answer to CONNECT, may take each.

While a cluster elects a leader, a node does not answer. Another node, or another attempt, may be quicker.
"""
GOOD_SECONDS = 10.0
"""After a session of at least this duration, the pauses start again with the first one."""
BEAT_SECONDS = 0.5
"""The interval between two heartbeats of the thread."""
STANDSTILL_SECONDS = 5.0
"""If a heartbeat is late by more than this time, the process stood still.

The age of waiting messages is unknown then.
"""
MAX_IN_FLIGHT = 20
"""The maximum number of messages to the broker that wait for an acknowledgement."""
MAX_UNANSWERED = 100
"""The maximum number of commands that wait for a receipt."""
SHORTEST_WAIT_SECONDS = 2.0
"""The shortest wait for a receipt, also after the deadline: the command may have arrived in time."""
OFFLINE_SECONDS = 0.3
"""How long the last message of a session, "offline", may take."""
ECHO_SECONDS = 5.0
"""A message of the bridge to itself must come back within this time."""
ECHO_INTERVAL_SECONDS = 60.0
"""The interval between two of these messages."""
CLUSTER_ECHO_INTERVAL_SECONDS = 5.0
"""The interval where another broker can take over.

A node that has lost the other nodes of its cluster still acknowledges messages, but may deliver none.
"""
MAX_SESSIONS = 50
"""How many ids of sessions are remembered."""
BIRTH_SECONDS = 2.0
"""Home Assistant has started: the discovery messages follow at a random moment within this time."""
RETAINED = "it is retained, so its age is unknown; publish it without retain"
REPEATED = "an equal command arrived just before the broker was lost; give each command an id"
MIGRATION_SECONDS = 1.0
"""The pause after each step of the migration between the two formats of discovery."""
AGE_UNKNOWN = "the bridge stood still, so the age of this command is unknown; give commands a deadline"


def run(thread: SessionThread) -> None:
    """Run sessions in this thread until the thread is stopped."""
    with suppress(asyncio.CancelledError):
        asyncio.run(hold_sessions(thread))


async def hold_sessions(thread: SessionThread) -> None:
    """Run one session after the other, and the background tasks of the session."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  for the type checker
    loop.set_default_executor(
        DaemonThreadExecutor()
    )  # a broker that does not answer must not delay the end of the process
    thread.stop_thread = partial(loop.call_soon_threadsafe, task.cancel)
    session = BrokerSession(thread)
    thread.outbox.wake = partial(wake, loop, session)
    background_tasks = [asyncio.create_task(session.watch()), asyncio.create_task(session.secure())]
    try:
        await session.run()
    finally:
        for task in background_tasks:
            task.cancel()
        session.end()


def wake(loop: asyncio.AbstractEventLoop, session: "BrokerSession") -> None:
    """Wake the session from another thread."""
    with suppress(RuntimeError):  # the event loop has ended
        loop.call_soon_threadsafe(session.wake)


class BrokerSession:
    """Sends the outbox to the broker, and forwards commands to devices."""

    def __init__(self, thread: SessionThread) -> None:
        self._thread = thread
        self._bridging = thread.bridging
        self._topics = thread.topics
        self._outbox = thread.outbox
        memory = thread.journal.load() or SessionMemory()
        self._clock = memory.clock()
        brokers = self._bridging.each_broker()
        place = " ".join(sorted(broker.endpoint for broker in brokers))
        self._memory = SessionMemory(
            place=place,
            topics=memory.topics if memory.place == place else (),
            ledger=memory.ledger,
            anchor=self._clock.anchor,
            sessions=memory.sessions,
        )
        self._turn = BrokerTurn(brokers)
        self._protocols: dict[str, ProtocolVersion] = {}
        """By broker, the version of MQTT that it knows, as far as it was tried."""
        self._refusals: dict[str, str] = {}
        """By topic, why the broker of this session refuses its messages."""
        self._command_client = AsyncCommandClient()
        self._dropped = DroppedLog(thread.log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wakeup = asyncio.Event()
        self._changed = asyncio.Event()
        self._standstill = asyncio.Event()
        self._duplicates = DuplicateFilter()
        self._echo = b""
        """The payload of the latest message to itself."""
        self._echo_received = asyncio.Event()
        self._id = ""
        """The id of the session in its alive messages."""

    def wake(self) -> None:
        """Check the outbox soon."""
        self._wakeup.set()

    def end(self) -> None:
        """Cancel all tasks and close the command client."""
        for task in self._tasks:
            task.cancel()
        self._command_client.close()

    async def watch(self) -> None:
        """Send heartbeats, and detect that the process stood still."""
        while True:
            self._thread.beat()
            before = uptime()
            await asyncio.sleep(BEAT_SECONDS)
            if uptime() - before > BEAT_SECONDS + STANDSTILL_SECONDS:
                self._standstill.set()

    async def secure(self) -> None:
        """Force the journal to the disk after each change; in another thread, because a disk may be slow."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.to_thread(self._thread.journal.secure)
            await asyncio.sleep(1.0)

    async def run(self) -> None:
        """Run one session after the other, with growing pauses while none succeeds."""
        failure = ""
        while True:
            began, target = uptime(), None
            try:
                target = await self._turn.next()
                self._thread.broker = str(target)
                await self._run_session(target)
            except HouseError as error:
                why = str(error).removeprefix(f"{BRIDGE}: ")
            except Exception as error:
                why = f"the bridge has failed: {type(error).__name__}: {error}"[:1000]
                if why != failure:  # a repeated error is logged once
                    self._thread.log.exception("the bridge has failed")
                failure = why
            if self._thread.is_connected:
                self._duplicates.on_broker_lost(uptime())
            self._thread.report(is_connected=False, fault=why)
            if target is not None and uptime() - began > GOOD_SECONDS:
                self._turn.on_good(target)
            await asyncio.sleep(
                with_jitter(
                    backoff_seconds(self._turn.rounds + 1, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                )
            )

    async def _run_session(self, target: Target) -> None:
        """Run one session with MQTT 5, or with 3.1.1 if the broker knows no better."""
        protocol = self._protocols.get(target.broker.endpoint, ProtocolVersion.V5)
        try:
            await self._hold_session(target, protocol)
        except mqtt.OldProtocol:
            await self._hold_session(target, ProtocolVersion.V311)

    async def _hold_session(self, target: Target, protocol: ProtocolVersion) -> None:
        """Run one session until it ends; raises Unreachable with the reason."""
        topics, bridging = self._topics, self._bridging
        # A cluster can take seconds to store a subscription with QoS 1. Only commands need it.
        birth = [f"{bridging.discovery_prefix}/status"] if bridging.discovery != "off" else []
        will = aiomqtt.Will(topics.availability(), OFFLINE, QOS, retain=True)
        async with mqtt.mqtt_session(
            BRIDGE,
            target.broker,
            [topics.commands] if bridging.commands else [],
            qos0_topics=[topics.availability(), *birth, topics.alive()],
            # A fixed client id can belong to a node of a cluster that is dead, and the cluster waits for it.
            # With a new one, the will of the old session may arrive late; _receive answers it.
            identifier=f"{topics.node()}-{os.urandom(4).hex()}",
            will=will,
            protocol=protocol,
            address=target.address,
            keepalive_seconds=KEEPALIVE_SECONDS,
            connect_seconds=mqtt.CONNECT_SECONDS if self._turn.rounds else QUICK_CONNECT_SECONDS,
        ) as client:
            client.pending_calls_threshold = 2 * MAX_IN_FLIGHT + MAX_UNANSWERED
            self._protocols[target.broker.endpoint] = protocol
            self._thread.protocol = "MQTT 5" if protocol == ProtocolVersion.V5 else "MQTT 3.1.1"
            self._refusals.clear()
            self._standstill.clear()
            self._id = os.urandom(SESSION_BYTES).hex()
            self._remember(sessions=(*self._memory.sessions, self._id)[-MAX_SESSIONS:])
            self._duplicates.on_broker_back(uptime())
            try:
                await run_until_first_ends(
                    self._receive(client), self._publish_house(client), self._standstill.wait()
                )
            finally:
                await self._publish_offline(client)
            # Only a standstill ends the session without an error.
            raise aiomqtt.MqttError("the bridge stood still; a new session follows")

    async def _publish_offline(self, client: MqttClient) -> None:
        """Publish that the bridge is offline: after a clean end the broker does not publish the will."""
        with suppress(aiomqtt.MqttError):
            payload = OFFLINE.encode()
            await client.publish(
                self._topics.availability(), payload, QOS, retain=True, timeout=OFFLINE_SECONDS
            )

    async def _publish_house(self, client: MqttClient) -> None:
        """Publish the house, and check again and again that commands would arrive."""
        if not self._bridging.commands:
            await self._announce_and_send(client)
            return
        await self._check_echo(client)
        await run_until_first_ends(self._announce_and_send(client), self._repeat_echo(client))

    async def _announce_and_send(self, client: MqttClient) -> None:
        await self._announce(client)
        self._thread.report(is_connected=True, fault=self._refusal())
        await run_until_first_ends(self._send_outbox(client), self._repeat_alive(client))

    async def _repeat_alive(self, client: MqttClient) -> None:
        """Publish that the house is alive: at once, after each change, and at least once a minute."""
        sent_at, sent = 0.0, None
        while True:
            alive = self._thread.alive
            is_due = uptime() - sent_at > EVERY_SECONDS - CHANGE_SECONDS / 2
            if alive and (is_due or alive != sent):
                sent_at, sent = uptime(), alive
                full = structs.replace(alive, at=time.time(), session=self._id)
                message = BrokerMessage(self._topics.alive(), msgspec.json.encode(full), retain=True)
                await self._publish_one(client, message)
            await asyncio.sleep(CHANGE_SECONDS)

    def _refusal(self) -> str | None:
        """Return why the broker refuses messages, for the first of the topics; None if it refuses none."""
        return next(iter(self._refusals.values()), None)

    # To itself

    async def _repeat_echo(self, client: MqttClient) -> None:
        while True:
            await asyncio.sleep(
                CLUSTER_ECHO_INTERVAL_SECONDS if self._turn.has_others else ECHO_INTERVAL_SECONDS
            )
            await self._check_echo(client)

    async def _check_echo(self, client: MqttClient) -> None:
        """Send a message to the bridge itself; MqttError when it does not come back.

        A broker may accept a subscription or a message, and deliver nothing: many apply their access list
        without a word.
        """
        topic, commands = self._topics.echo, self._topics.commands
        self._echo = os.urandom(8).hex().encode()
        self._echo_received.clear()
        try:
            await client.publish(topic, self._echo, QOS, timeout=ANSWER_SECONDS)
        except RefusedMessage as error:
            raise aiomqtt.MqttError(f"the broker does not let the bridge publish {topic}: {error}") from error
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await self._echo_received.wait()
        except TimeoutError as error:
            raise aiomqtt.MqttError(
                f"no message comes back from {topic} within {ECHO_SECONDS:g} s; the broker's access list "
                f"must let the bridge publish there, and subscribe to {commands}"
            ) from error

    # To the broker

    async def _announce(self, client: MqttClient) -> None:
        """Publish all retained messages, and clear those that are no longer needed."""
        retained = self._outbox.take_all()
        bridge, alive = self._topics.availability(), self._topics.alive()
        ours = {*retained, bridge, alive}
        stale = [topic for topic in self._memory.topics if topic not in ours]
        self._remember(topics=tuple(sorted(ours.union(stale))))  # before the first publication
        moving = [topic for topic in stale if self._has_changed_format(topic, retained)]
        if moving:  # Home Assistant keeps the settings only if it has released the old format first
            await self._publish(client, [BrokerMessage(topic, MIGRATION, retain=True) for topic in moving])
            await asyncio.sleep(MIGRATION_SECONDS)
            await self._publish(client, [BrokerMessage(topic, b"", retain=True) for topic in moving])
            await asyncio.sleep(MIGRATION_SECONDS)
        await self._publish(client, list(retained.values()))
        await self._publish(
            client, [BrokerMessage(topic, b"", retain=True) for topic in stale if topic not in moving]
        )
        await self._publish(client, [BrokerMessage(bridge, ONLINE.encode(), retain=True)])
        self._remember(topics=tuple(sorted(ours)))

    def _has_changed_format(self, topic: str, retained: Collection[str]) -> bool:
        """Return whether the device of a discovery topic is now announced in the other format."""
        prefix = self._bridging.discovery_prefix
        node = node_of_topic(topic, prefix)
        nodes = {node_of_topic(other, prefix): other for other in retained}
        other = nodes.get(node) if node else None
        device_prefix = f"{prefix}/device/"
        return other is not None and topic.startswith(device_prefix) != other.startswith(device_prefix)

    async def _send_outbox(self, client: MqttClient) -> None:
        """Publish the messages of the outbox, whenever there are some."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while messages := self._outbox.take(uptime(), MAX_IN_FLIGHT):
                added = {one.topic for one in messages if one.retain and one.payload}
                if not added <= set(self._memory.topics):
                    self._remember(topics=tuple(sorted(added.union(self._memory.topics))))
                await self._publish(client, messages)
                if cleared := {one.topic for one in messages if not one.payload}:
                    self._remember(topics=tuple(t for t in self._memory.topics if t not in cleared))

    async def _publish(self, client: MqttClient, messages: list[BrokerMessage]) -> None:
        """Publish messages, several at once; the messages of one topic stay in order."""
        for start in range(0, len(messages), MAX_IN_FLIGHT):
            part = messages[start : start + MAX_IN_FLIGHT]
            await asyncio.gather(*(self._publish_one(client, one) for one in part))

    async def _publish_one(self, client: MqttClient, message: BrokerMessage) -> None:
        topic, payload, retain = message.topic, message.payload, message.retain
        properties = None
        if self._thread.protocol == "MQTT 5":
            properties = mqtt.message_properties(message.properties, message.expiry_seconds)
        try:
            await client.publish(topic, payload, QOS, retain, properties, timeout=ANSWER_SECONDS)
            self._refusals.pop(topic, None)
        except RefusedMessage as error:
            self._refusals[topic] = f"the broker does not let the bridge publish {topic}: {error}"
        if self._thread.is_connected:
            self._thread.report(is_connected=True, fault=self._refusal())
        self._thread.sent_messages += 1
        self._thread.sent_bytes += len(message.topic) + len(message.payload)

    def _remember(self, **changes: Any) -> None:
        memory = structs.replace(self._memory, **changes)
        if memory != self._memory:
            self._memory = memory
            self._thread.journal.save(memory)
            self._changed.set()

    # From the broker

    async def _receive(self, client: MqttClient) -> None:
        status = f"{self._bridging.discovery_prefix}/status"
        async for message in client.messages:
            topic, payload = str(message.topic), message.payload
            if topic == self._topics.availability():
                if payload == OFFLINE.encode() and not message.retain:  # the will of an older session
                    await self._publish_one(client, BrokerMessage(topic, ONLINE.encode(), retain=True))
                    self._outbox.resend()  # older states may have arrived just before it
            elif topic == self._topics.alive():
                if not message.retain:
                    self._on_alive(bytes(payload))
            elif topic == status:
                if payload == ONLINE.encode() and not message.retain:
                    self._start_task(self._answer_birth())
            elif topic == self._topics.echo and payload == self._echo:
                self._echo_received.set()
            else:
                self._handle_command(client, message)

    def _on_alive(self, payload: bytes) -> None:
        """Note another house that uses the prefix: the id in its alive message is not one of this house."""
        try:
            alive = decode_alive(payload)
        except MessageError as error:
            self._dropped.add(self._topics.alive(), error)
            return
        if alive.session not in self._memory.sessions:
            self._thread.rival = Rival(alive.name, alive.version, uptime())

    async def _answer_birth(self) -> None:
        """Publish the discovery messages again for a Home Assistant that has just started."""
        await asyncio.sleep(random.uniform(0.1, BIRTH_SECONDS))  # noqa: S311  not a secret
        self._outbox.resend(f"{self._bridging.discovery_prefix}/")

    def _handle_command(self, client: MqttClient, message: aiomqtt.Message) -> None:
        """Forward a command, or reject it; each command gets a receipt."""
        topic, payload = str(message.topic), bytes(message.payload)
        address = self._topics.read(topic)
        self._thread.commands += 1
        if address is None:
            self._reject(client, None, None, outcome="rejected", reason=f"{topic[:200]}: not a command topic")
            return
        try:
            broker_command, who = apply_properties(
                parse_command(address, payload, self._thread.kinds), *mqtt.read_properties(message)
            )
        except Rejected as error:
            self._reject(client, address, None, outcome="rejected", reason=str(error))
            return
        word = broker_command.command or ""
        if not is_accepted(self._bridging.commands, address.device, word):
            reason = refusal(self._bridging.commands, address.device, word)
            self._reject(client, address, broker_command, outcome="rejected", reason=reason)
            return
        if message.retain:
            self._reject(client, address, broker_command, outcome="rejected", reason=RETAINED)
            return
        if len(self._tasks) >= MAX_UNANSWERED:
            text = f"{MAX_UNANSWERED} commands are waiting already; try again later"
            self._reject(client, address, broker_command, outcome="rejected", reason=text)
            return
        if self._standstill.is_set() and broker_command.deadline is None:
            self._reject(client, address, broker_command, outcome="expired", reason=AGE_UNKNOWN)
            return
        may_repeat = message.qos or not client.granted[self._topics.commands]
        if broker_command.id is None and may_repeat and broker_command.command not in SAFE_COMMANDS:
            key = f"{topic} {hashlib.sha256(payload).hexdigest()}"
            if self._duplicates.is_duplicate(key, uptime()):
                self._reject(client, address, broker_command, outcome="rejected", reason=REPEATED)
                return
            self._duplicates.record(key, uptime())
        now, wall = self._clock.now(), time.time()
        ledger, left_seconds = register(self._memory.ledger, address.device, broker_command, now, wall)
        self._remember(ledger=ledger)
        self._start_task(self._forward(client, address, broker_command, wall + left_seconds, who))

    async def _forward(
        self, client: MqttClient, address: Address, broker_command: BrokerCommand, until: float, who: str
    ) -> None:
        wait = min(max(until - time.time(), SHORTEST_WAIT_SECONDS), MAX_SECONDS)
        request = CommandRequest(args=broker_command.args, id=broker_command.id, timeout_seconds=wait)
        receipt = await self._command_client.send(
            address.device, broker_command.command or "", request, until, who=who
        )
        await self._send_receipt(client, address.device, {"command": broker_command.command, **receipt})

    def _reject(
        self,
        client: MqttClient,
        address: Address | None,
        broker_command: BrokerCommand | None,
        **receipt: Any,
    ) -> None:
        """Publish the receipt of a command that is not forwarded."""
        device = address.device if address and address.device in self._thread.kinds else BRIDGE
        id_ = {"id": broker_command.id} if broker_command and broker_command.id else {}
        word = (broker_command and broker_command.command) or (address and address.word)
        self._dropped.add(f"{device}/command", receipt["reason"])
        full_receipt = {**id_, "command": word, "device": device, **receipt, "at": time.time()}
        if len(self._tasks) < 2 * MAX_UNANSWERED:
            self._start_task(self._send_receipt(client, device, full_receipt))

    async def _send_receipt(self, client: MqttClient, device: str, receipt: dict[str, Any]) -> None:
        with suppress(aiomqtt.MqttError):  # the sender may repeat the command with its id
            await self._publish_one(
                client, BrokerMessage(self._topics.receipt(device), encode(receipt), retain=False)
            )

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
