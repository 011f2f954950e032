"""The session with the broker, kept up: what stands in the outbox goes out, commands come in.

What is heavy (asyncio, the MQTT library) is loaded here, in the thread of the uplink. Each session
is a new one, of which the broker remembers nothing: everything is published anew, and what was said
while there was none is not heard later.
"""

import asyncio
import hashlib
import random
import time
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import aiomqtt
from msgspec import structs

from daemons.bus.message import BRIDGE, encode
from daemons.bus.requests import Courier, Wish
from daemons.bus.sockets import Refusals
from daemons.drivers.transports import mqtt
from daemons.drivers.transports.mqtt import ANSWER_SECONDS, QOS
from daemons.drivers.transports.worker import Waiters
from daemons.errors import Rejected, Unreachable
from daemons.processes.bridge.commands import ENDS, LONGEST_SECONDS, Doubt, Order, enter, read_order
from daemons.processes.bridge.discovery import MIGRATION, node_of
from daemons.processes.bridge.outbox import Said
from daemons.processes.bridge.session_thread import Memory, Uplink
from daemons.processes.bridge.topics import OFFLINE, ONLINE, Address
from daemons.runtime.clock import uptime

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
"""Between two attempts; each pause is up to twice the last, and never the same."""
GOOD_SECONDS = 10.0
"""A session that has lasted so long was a good one: after it, the first attempt is soon again."""
BEAT_SECONDS = 0.5
STANDSTILL_SECONDS = 5.0
"""A beat that is so late means that we stood still, and do not know how old it is what waited for us."""
MOST_AT_ONCE = 20
"""How many messages are under way to the broker."""
MOST_UNANSWERED = 100
"""How many commands are under way to devices."""
SHORTEST_WAIT_SECONDS = 2.0
"""How long a receipt is waited for, also past the deadline: the first time it may have been in time."""
LEAVE_SECONDS = 0.3
BIRTH_SECONDS = 2.0
"""Home Assistant is answered within this, at random: it has much to do when it starts."""
RETAINED = "it is retained, and may be of any time; publish it without that"
REPEATED = "the same came just before the broker was lost; with an id it is known whether it is a new one"
MIGRATION_SECONDS = 1.0
"""What Home Assistant gets for each step from one form of discovery to the other."""
LATE = "the bridge stood still, so it is not known how old this is; one with a deadline would have been taken"


def run(uplink: Uplink) -> None:
    """Hold sessions in this thread until the uplink ends it."""
    with suppress(asyncio.CancelledError):
        asyncio.run(cross(uplink))


async def cross(uplink: Uplink) -> None:
    """Hold one session after the other."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  for the type checker
    loop.set_default_executor(Waiters())  # a broker that neither answers nor refuses holds up no end
    uplink.when_ended = partial(loop.call_soon_threadsafe, task.cancel)
    crossing = Crossing(uplink)
    uplink.outbox.wake = partial(wake, loop, crossing)
    beside = [asyncio.create_task(crossing.watch()), asyncio.create_task(crossing.secure())]
    try:
        await crossing.keep_on()
    finally:
        for task in beside:
            task.cancel()
        crossing.end()


def wake(loop: asyncio.AbstractEventLoop, crossing: "Crossing") -> None:
    """Have the thread look into the outbox; to be called in any other."""
    with suppress(RuntimeError):  # it has ended
        loop.call_soon_threadsafe(crossing.stir)


class Crossing:
    """What goes over, both ways."""

    def __init__(self, uplink: Uplink) -> None:
        self._uplink = uplink
        self._bridging = uplink.bridging
        self._topics = uplink.topics
        self._outbox = uplink.outbox
        memory = uplink.journal.load() or Memory()
        self._memory = (
            memory
            if memory.place == self._bridging.place
            else Memory(place=self._bridging.place, ledger=memory.ledger)
        )
        self._courier = Courier()
        self._refusals = Refusals(uplink.log)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stirred = asyncio.Event()
        self._changed = asyncio.Event()
        self._standstill = asyncio.Event()
        self._doubt = Doubt()

    def stir(self) -> None:
        """Look into the outbox."""
        self._stirred.set()

    def end(self) -> None:
        """Let go of everything."""
        for task in self._tasks:
            task.cancel()
        self._courier.end()

    async def watch(self) -> None:
        """Beat, and see whether we stood still."""
        while True:
            self._uplink.beat()
            before = uptime()
            await asyncio.sleep(BEAT_SECONDS)
            if uptime() - before > BEAT_SECONDS + STANDSTILL_SECONDS:
                self._standstill.set()

    async def secure(self) -> None:
        """Force to the disk what was remembered; a busy disk takes its time, and that holds up nobody."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.to_thread(self._uplink.journal.secure)
            await asyncio.sleep(1.0)

    async def keep_on(self) -> None:
        """Hold one session after the other, with a pause in between that grows while none can be had."""
        pause, failure = FIRST_PAUSE_SECONDS, ""
        while True:
            began = uptime()
            try:
                await self._attend()
            except Unreachable as error:
                why = str(error).removeprefix(f"{BRIDGE}: ")
            except Exception as error:
                why = f"the bridge has failed: {type(error).__name__}: {error}"[:1000]
                if why != failure:  # the same one fails again and again
                    self._uplink.log.exception("the bridge has failed")
                failure = why
            if self._uplink.is_connected:
                self._doubt.lose(uptime())
            self._uplink.tell(is_connected=False, fault=why)
            pause = FIRST_PAUSE_SECONDS if uptime() - began > GOOD_SECONDS else pause
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  not a secret
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _attend(self) -> None:
        """Hold one session to its end; Unreachable says why it could not be had, or has ended."""
        topics, bridging = self._topics, self._bridging
        heard = [topics.availability()]
        heard += [topics.commands] if bridging.commands else []
        heard += [f"{bridging.discovery_prefix}/status"] if bridging.discovery != "off" else []
        # The name is the same each time: so the broker ends what is left of the last session, and says
        # the will of that before anything of this one, not a while after it.
        will = aiomqtt.Will(topics.availability(), OFFLINE, QOS, retain=True)
        async with mqtt.connected(BRIDGE, bridging, heard, identifier=topics.node(), will=will) as client:
            client.pending_calls_threshold = 2 * MOST_AT_ONCE + MOST_UNANSWERED
            self._standstill.clear()
            self._doubt.begin(uptime())
            try:
                await self._announce(client)
                self._uplink.tell(is_connected=True, fault=None)
                await self._first_of(self._hear(client), self._tell(client), self._standstill.wait())
            finally:
                await self._leave(client)
            # Only the standstill ends without an error.
            raise aiomqtt.MqttError("the bridge stood still, and begins anew")

    async def _first_of(self, *works: Coroutine[Any, Any, Any]) -> None:
        """Work until one has ended, and end the others."""
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError, aiomqtt.MqttError, OSError):
                    await task

    async def _leave(self, client: aiomqtt.Client) -> None:
        """Say that we are away, where the broker still hears it: it says a will only of who is lost."""
        with suppress(aiomqtt.MqttError):
            said = OFFLINE.encode()
            await client.publish(self._topics.availability(), said, QOS, retain=True, timeout=LEAVE_SECONDS)

    # What goes out

    async def _announce(self, client: aiomqtt.Client) -> None:
        """Publish all there is, and clear what was published before and is no more."""
        standing = self._outbox.renew()
        bridge = self._topics.availability()
        stale = [topic for topic in self._memory.topics if topic not in standing and topic != bridge]
        ours = {*standing, bridge}
        self._remember(topics=tuple(sorted(ours.union(stale))))  # before anything is said there
        moving = [topic for topic in stale if self._moves(topic, standing)]
        if moving:  # it lets go of the old form, keeping what a person has set, before it hears the new one
            await self._publish(client, [Said(topic, MIGRATION, retain=True) for topic in moving])
            await asyncio.sleep(MIGRATION_SECONDS)
            await self._publish(client, [Said(topic, b"", retain=True) for topic in moving])
            await asyncio.sleep(MIGRATION_SECONDS)
        await self._publish(client, [Said(topic, text, retain=True) for topic, text in standing.items()])
        await self._publish(client, [Said(topic, b"", retain=True) for topic in stale if topic not in moving])
        await self._publish(client, [Said(bridge, ONLINE.encode(), retain=True)])
        self._remember(topics=tuple(sorted(ours)))

    def _moves(self, topic: str, standing: dict[str, bytes]) -> bool:
        """Tell whether what was announced here is announced elsewhere now: in the other form."""
        prefix = self._bridging.discovery_prefix
        node = node_of(topic, prefix)
        nodes = {node_of(other, prefix): other for other in standing}
        other = nodes.get(node) if node else None
        is_device = f"{prefix}/device/"
        return other is not None and topic.startswith(is_device) != other.startswith(is_device)

    async def _tell(self, client: aiomqtt.Client) -> None:
        """Publish what is new in the outbox, whenever there is something."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            while said := self._outbox.take(uptime(), MOST_AT_ONCE):
                here = {one.topic for one in said if one.retain and one.payload}
                if not here <= set(self._memory.topics):
                    self._remember(topics=tuple(sorted(here.union(self._memory.topics))))
                await self._publish(client, said)
                if gone := {one.topic for one in said if not one.payload}:
                    self._remember(topics=tuple(t for t in self._memory.topics if t not in gone))

    async def _publish(self, client: aiomqtt.Client, said: list[Said]) -> None:
        """Publish, some at once; what is said first on a topic arrives there first."""
        for start in range(0, len(said), MOST_AT_ONCE):
            part = said[start : start + MOST_AT_ONCE]
            await asyncio.gather(*(self._say(client, one) for one in part))

    async def _say(self, client: aiomqtt.Client, said: Said) -> None:
        await client.publish(said.topic, said.payload, QOS, retain=said.retain, timeout=ANSWER_SECONDS)
        self._uplink.sent_messages += 1
        self._uplink.sent_bytes += len(said.topic) + len(said.payload)

    def _remember(self, **changes: Any) -> None:
        memory = structs.replace(self._memory, **changes)
        if memory != self._memory:
            self._memory = memory
            self._uplink.journal.save(memory)
            self._changed.set()

    # What comes in

    async def _hear(self, client: aiomqtt.Client) -> None:
        status = f"{self._bridging.discovery_prefix}/status"
        async for message in client.messages:
            topic, payload = str(message.topic), message.payload
            if topic == self._topics.availability():
                if payload == OFFLINE.encode() and not message.retain:  # the last word of an older session
                    await self._say(client, Said(topic, ONLINE.encode(), retain=True))
            elif topic == status:
                if payload == ONLINE.encode() and not message.retain:
                    self._do(self._greet(client))
            else:
                self._take(client, message)

    async def _greet(self, client: aiomqtt.Client) -> None:
        """Tell a Home Assistant that has just started what there is."""
        await asyncio.sleep(random.uniform(0.1, BIRTH_SECONDS))  # noqa: S311  not a secret
        prefix = f"{self._bridging.discovery_prefix}/"
        standing = self._outbox.standing()
        found = [
            Said(topic, text, retain=True) for topic, text in standing.items() if topic.startswith(prefix)
        ]
        with suppress(aiomqtt.MqttError):  # the session has ended, and the next one tells all
            await self._publish(client, found)

    def _take(self, client: aiomqtt.Client, message: aiomqtt.Message) -> None:
        """Pass a command on, or refuse it; each gets a receipt."""
        topic, payload = str(message.topic), bytes(message.payload)
        address = self._topics.read(topic)
        self._uplink.commands += 1
        if address is None:
            self._answer(
                client, None, None, outcome="rejected", reason=f"{topic[:200]}: no topic of a command"
            )
            return
        try:
            order = read_order(address, payload, self._uplink.kinds)
        except Rejected as error:
            self._answer(client, address, None, outcome="rejected", reason=str(error))
            return
        if message.retain:
            self._answer(client, address, order, outcome="rejected", reason=RETAINED)
            return
        if len(self._tasks) >= MOST_UNANSWERED:
            text = f"{MOST_UNANSWERED} commands are under way already"
            self._answer(client, address, order, outcome="rejected", reason=text)
            return
        if self._standstill.is_set() and order.deadline is None:
            self._answer(client, address, order, outcome="expired", reason=LATE)
            return
        if order.id is None and message.qos and order.command not in ENDS:
            words = f"{topic} {hashlib.sha256(payload).hexdigest()}"
            if self._doubt.is_repetition(words, uptime()):
                self._answer(client, address, order, outcome="rejected", reason=REPEATED)
                return
            self._doubt.note(words, uptime())
        ledger, until = enter(self._memory.ledger, address.device, order, time.time())
        self._remember(ledger=ledger)
        self._do(self._carry(client, address, order, until))

    async def _carry(self, client: aiomqtt.Client, address: Address, order: Order, until: float) -> None:
        wait = min(max(until - time.time(), SHORTEST_WAIT_SECONDS), LONGEST_SECONDS)
        wish = Wish(args=order.args, id=order.id, timeout_seconds=wait)
        receipt = await self._courier.carry(address.device, order.command or "", wish, until)
        await self._give(client, address.device, {"command": order.command, **receipt})

    def _answer(
        self, client: aiomqtt.Client, address: Address | None, order: Order | None, **receipt: Any
    ) -> None:
        """Give the receipt of what is not passed on."""
        device = address.device if address and address.device in self._uplink.kinds else BRIDGE
        id_ = {"id": order.id} if order and order.id else {}
        word = (order and order.command) or (address and address.word)
        self._refusals.add(f"{device}/command", receipt["reason"])
        told = {**id_, "command": word, "device": device, **receipt, "at": time.time()}
        if len(self._tasks) < 2 * MOST_UNANSWERED:
            self._do(self._give(client, device, told))

    async def _give(self, client: aiomqtt.Client, device: str, receipt: dict[str, Any]) -> None:
        with suppress(aiomqtt.MqttError):  # who sent it hears nothing, and may send it again with its id
            await self._say(client, Said(self._topics.receipt(device), encode(receipt), retain=False))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
