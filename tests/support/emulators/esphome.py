"""An ESPHome node, by its native API: plain, or encrypted with Noise."""

import asyncio
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from aioesphomeapi import api_pb2 as pb
from aioesphomeapi.core import MESSAGE_TYPE_TO_PROTO

from tests.support.emulator import Emulator, Garbage
from tests.support.ports import free_port

NUMBERS: dict[Any, int] = {type_: number for number, type_ in MESSAGE_TYPE_TO_PROTO.items()}
RELAY, POWER, WIFI = 1, 2, 3
"""The keys of the entities of a plug."""


def varint(number: int) -> bytes:
    """Encode a number as a varint of protobuf."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


async def read_varint(reader: asyncio.StreamReader) -> int:
    """Read a varint."""
    number = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number


class Plain:
    """The framing of a connection without encryption."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def begin(self) -> None:
        """Do nothing: there is no handshake."""

    async def receive(self) -> Any:
        """Receive a message."""
        if await read_varint(self._reader) != 0:
            self.writer.write(b"\0Bad indicator byte")
            raise ConnectionError("an encrypted client")
        length, number = await read_varint(self._reader), await read_varint(self._reader)
        return MESSAGE_TYPE_TO_PROTO[number].FromString(await self._reader.readexactly(length))

    def send(self, message: Any) -> None:
        """Send a message."""
        data = message.SerializeToString()
        self.writer.write(b"\0" + varint(len(data)) + varint(NUMBERS[type(message)]) + data)


class Encrypted(Plain):
    """The framing of an encrypted connection (Noise_NNpsk0_25519_ChaChaPoly_SHA256)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> None:
        from noise.connection import NoiseConnection  # noqa: PLC0415  the library of the extra `esphome`

        super().__init__(reader, writer)
        self._noise = NoiseConnection.from_name(b"Noise_NNpsk0_25519_ChaChaPoly_SHA256")
        self._noise.set_as_responder()
        self._noise.set_psks(key)
        self._noise.set_prologue(b"NoiseAPIInit\0\0")

    async def begin(self) -> None:
        """Carry out the handshake; refuse a client with another key."""
        self._noise.start_handshake()
        await self._read_frame()
        self._write_frame(b"\x01kitchen\0a8032ab12345\0")
        handshake = await self._read_frame()
        try:
            self._noise.read_message(handshake[1:])
        except Exception as error:
            self._write_frame(b"\x01Handshake MAC failure")
            raise ConnectionError("another key") from error
        self._write_frame(b"\0" + bytes(self._noise.write_message()))

    async def receive(self) -> Any:
        """Receive a message."""
        data = bytes(self._noise.decrypt(await self._read_frame()))
        number, _ = struct.unpack_from(">HH", data)
        return MESSAGE_TYPE_TO_PROTO[number].FromString(data[4:])

    def send(self, message: Any) -> None:
        """Send a message."""
        data = message.SerializeToString()
        head = struct.pack(">HH", NUMBERS[type(message)], len(data))
        self._write_frame(bytes(self._noise.encrypt(head + data)))

    async def _read_frame(self) -> bytes:
        mark, length = struct.unpack(">BH", await self._reader.readexactly(3))
        if mark != 1:
            self._write_frame(b"\x01Bad indicator byte")
            raise ConnectionError("a client without encryption")
        return await self._reader.readexactly(length)

    def _write_frame(self, data: bytes) -> None:
        self.writer.write(struct.pack(">BH", 1, len(data)) + data)


class EsphomeNode(Emulator):
    """A plug with a meter, served from a thread. A test may give it other entities."""

    driver: ClassVar[str] = "esphome"
    has_meter = True

    def __init__(self, folder: Path, *, password: str | None = None, key: bytes | None = None) -> None:
        super().__init__(folder, password=password)
        self.port = free_port()
        self.key = key
        """The encryption key, 32 bytes; None for a plain connection."""
        self.info = pb.DeviceInfoResponse(
            name="kitchen",
            friendly_name="Kitchen",
            mac_address="A8:03:2A:B1:23:45",
            model="esp32dev",
            manufacturer="Espressif",
            esphome_version="2025.10.0",
            webserver_port=80,
        )
        self.entities: list[Any] = [
            pb.ListEntitiesSwitchResponse(object_id="relay", key=RELAY, name="Relay"),
            pb.ListEntitiesSensorResponse(
                object_id="power", key=POWER, name="Power", device_class="power", unit_of_measurement="W"
            ),
            pb.ListEntitiesSensorResponse(
                object_id="wifi", key=WIFI, name="WiFi", device_class="signal_strength",
                unit_of_measurement="dBm", entity_category=2,
            ),
        ]  # fmt: skip
        self.api_version = 10
        """The minor version of the API."""
        self.extra_states: list[Any] = []
        """The states of the entities that the test has added."""
        self.times: list[int] = []
        """Each time that a client has given, in Unix seconds; the node asks at each subscription."""
        self.commands: list[Any] = []
        """Each command, but those for the relay. Those for a thermostat are carried out too."""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end = asyncio.Event()
        self._subscribers: list[Plain] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._hangs = False
        self._garbage: Garbage | None = None
        self._lag_seconds = 0.0

    def options(self) -> dict[str, Any]:
        """Return the driver's table."""
        return {"address": f"127.0.0.1:{self.port}", "entity": "relay", "sensors": ["power"]}

    def open(self) -> None:
        """Listen on the port."""
        ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(ready),), daemon=True)
        self._thread.start()
        assert ready.wait(20)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", self.port, reuse_address=True)
        ready.set()
        await self._end.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()

    def stop(self) -> None:
        """Stop, and close all connections."""
        loop, self._loop = self._loop, None
        if loop and self._thread:
            loop.call_soon_threadsafe(self._end.set)
            self._thread.join(20)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Plain(reader, writer) if self.key is None else Encrypted(reader, writer, self.key)
        self._writers.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await connection.begin()
            while True:
                message = await connection.receive()
                await asyncio.sleep(self._lag_seconds)
                if self._garbage:
                    writer.write(self._garbage())
                elif not self._hangs:
                    self._answer(connection, message)
        self._writers.discard(writer)
        if connection in self._subscribers:
            self._subscribers.remove(connection)
        writer.close()

    def _answer(self, connection: Plain, message: Any) -> None:
        match message:
            case pb.HelloRequest():
                minor = self.api_version
                connection.send(
                    pb.HelloResponse(api_version_major=1, api_version_minor=minor, name="kitchen")
                )
            case pb.AuthenticationRequest() if self.password is not None:
                is_wrong = message.password != self.password
                connection.send(pb.AuthenticationResponse(invalid_password=is_wrong))
                if is_wrong:
                    raise ConnectionError("another password")
            case pb.DeviceInfoRequest():
                connection.send(self.info)
            case pb.ListEntitiesRequest():
                for entity in self.entities:
                    connection.send(entity)
                connection.send(pb.ListEntitiesDoneResponse())
            case pb.SubscribeStatesRequest():
                self._subscribers.append(connection)
                connection.send(pb.GetTimeRequest())
                for state in self.states():
                    connection.send(state)
            case pb.GetTimeResponse():
                self.times.append(message.epoch_seconds)
            case pb.PingRequest():
                connection.send(pb.PingResponse())
            case pb.DisconnectRequest():
                connection.send(pb.DisconnectResponse())
            case pb.SwitchCommandRequest() if message.key == RELAY:
                self.switch_relay(message.state)
                self._push(self.states())
            case pb.ClimateCommandRequest():
                self.commands.append(message)
                self._push([self.regulate(message)])
            case _ if "CommandRequest" in type(message).__name__:
                self.commands.append(message)

    def states(self) -> list[Any]:
        """Return the state of each entity."""
        return [
            pb.SwitchStateResponse(key=RELAY, state=self.on),
            pb.SensorStateResponse(key=POWER, state=self.power_watts if self.on else 0.0),
            pb.SensorStateResponse(key=WIFI, state=-61.0),
            *self.extra_states,
        ]

    def regulate(self, message: Any) -> Any:
        """Apply a command to the state of a thermostat among `extra_states`, and return that state."""
        states = (one for one in self.extra_states if isinstance(one, pb.ClimateStateResponse))
        state = next(one for one in states if one.key == message.key)
        if message.has_mode:
            state.mode = message.mode
        if message.has_target_temperature:
            state.target_temperature = message.target_temperature
        heats = state.mode == pb.CLIMATE_MODE_HEAT and state.target_temperature > state.current_temperature
        state.action = pb.CLIMATE_ACTION_HEATING if heats else pb.CLIMATE_ACTION_IDLE
        return state

    def _push(self, states: list[Any]) -> None:
        if not self._hangs and not self._garbage:
            for connection in self._subscribers:
                for state in states:
                    connection.send(state)

    def push(self, *states: Any) -> None:
        """Send states to each client that has subscribed."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._push, list(states))

    def switch_by_hand(self, on: bool) -> None:
        """Switch by the button of the node."""
        self.switch_relay(on)
        self.push(*self.states())

    def hang(self) -> None:
        """Send nothing at all."""
        self._hangs = True

    def slow_down(self, seconds: float) -> None:
        """Delay every answer."""
        self._lag_seconds = seconds

    def garble(self, garbage: Garbage | None = None) -> None:
        """Answer every request with garbage."""
        self._garbage = garbage or (lambda: b"\x00\x05\x1aI am a teapot")

    def recover(self) -> None:
        """End all faults."""
        self._hangs, self._garbage, self._lag_seconds = False, None, 0.0
