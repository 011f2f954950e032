"""ESPHome nodes through their native API: switches, lights, covers, thermostats, sensors and buttons.

aioesphomeapi keeps the connection, also an encrypted one (Noise, with the key of `api: encryption:`). A
node pushes the state of its entities, and confirms a command by a new state only. It has no timer that
switches an entity off: what House has switched on stays on if House has stopped.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from aioesphomeapi import core, model
from aioesphomeapi.client import APIClient
from msgspec import Meta, Struct
from msgspec.structs import replace

from daemons.drivers import Found, Remote
from daemons.drivers.esphome_entities import climate
from daemons.drivers.esphome_entities.measurement import Measurement
from daemons.drivers.esphome_entities.state import (
    MIRED,
    about,
    colour_values,
    cover,
    has_port,
    lacking,
    light,
    sensors_of,
)
from daemons.drivers.esphome_entities.touch import touch_of
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.errors import HouseError, Unreachable
from daemons.kinds import ABILITIES, Ability, Reading, Setting
from daemons.runtime import clock_trust

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

logging.getLogger("aioesphomeapi").setLevel(logging.CRITICAL)  # each error becomes a fault

PORT = 6053
SERVICE = "_esphomelib._tcp.local."
CONNECT_SECONDS = 10.0
"""How long the node may take to accept a connection, and to list its entities."""
ANSWER_SECONDS = 5.0
"""How long the node may take to answer, and to report the state that a command leads to."""
CHECK_SECONDS = 10.0
"""How often a silent node is asked whether it is there."""
Component = Literal["switch", "light", "cover", "climate", "binary_sensor", "sensor", "event"]
INFO: dict[str, type[model.EntityInfo]] = {
    "switch": model.SwitchInfo,
    "light": model.LightInfo,
    "cover": model.CoverInfo,
    "climate": model.ClimateInfo,
    "binary_sensor": model.BinarySensorInfo,
    "sensor": model.SensorInfo,
    "event": model.EventInfo,
}
STATE: dict[str, type[model.EntityState]] = {
    "switch": model.SwitchState,
    "light": model.LightState,
    "cover": model.CoverState,
    "climate": model.ClimateState,
    "binary_sensor": model.BinarySensorState,
    "sensor": model.SensorState,
    "event": model.Event,
}
CAN: dict[str, frozenset[Ability]] = {
    "switch": frozenset({"switch"}),
    "light": frozenset({"switch", "dim", "tint", "colour"}),
    "cover": frozenset({"move"}),
    "climate": frozenset({"regulate"}),
    "binary_sensor": frozenset({"sense", "press"}),
    "sensor": frozenset({"sense"}),
    "event": frozenset({"press", "switch"}),
}
"""The abilities of each component. Where an event switches a light switch, the setting is the state."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of an entity of an ESPHome node."""

    address: Annotated[str, Meta(pattern=r"^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?\Z")]
    """A host or IP address, with `:port` if the port is not 6053."""
    encryption_key_file: SecretFile | None = None
    """The file with its encryption key (`api: encryption: key:` in its YAML), an absolute path."""
    password_file: SecretFile | None = None
    """The file with its password, an absolute path. Only old firmware has one."""
    component: Component = "switch"
    """The type of the entity."""
    entity: str | None = None
    """The object id of the entity, such as `"kitchen_relay"`. Without it, the node must have only one."""
    sensors: tuple[str, ...] = ()
    """The object ids of sensors of the node that belong to this device, such as `["power", "energy"]`."""
    dims: bool = True
    """False for a light that cannot be dimmed."""
    tints: bool = True
    """False for a light without a colour temperature."""
    colours: bool = False
    """True for a light with colours; it then also has `dims`."""

    def __post_init__(self) -> None:
        """Raise ValueError for a light with colours that cannot be dimmed."""
        if self.colours and not self.dims:
            raise ValueError("colours needs dims = true")


class Esphome(Remote[Options]):
    """ESPHome nodes through their native API: switches, lights, covers, thermostats, sensors and buttons."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset().union(*CAN.values())

    @classmethod
    def abilities_with(cls, options: Options) -> frozenset[Ability]:
        """Return the abilities of the component; a measurement of `sensors` makes no sensor of a switch."""
        without = {
            "dim": not options.dims,
            "tint": not options.dims or not options.tints,
            "colour": not options.colours,
        }
        return frozenset(one for one in ABILITIES if one in CAN[options.component] and not without.get(one))

    async def run(self, channel: "HardwareChannel") -> None:
        """Connect to the node, and use its entity until the connection is lost."""
        asyncio.get_running_loop().set_exception_handler(ignore_protocol_errors)
        async with connected(self.device, self.options) as (client, lost, info, entities):
            node = Node(self.device, self.options, client, channel)
            node.choose(info, entities)
            await run_until_first_ends(node.control(), until_lost(self.device, self.options.address, lost))

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:
        """Search for nodes with mDNS, and ask each for its entities."""
        from daemons.drivers.esphome_entities import found  # noqa: PLC0415  only a search needs it
        from daemons.drivers.transports import mdns  # noqa: PLC0415  as above

        async def search(service: Any) -> list[Found]:
            address = service.address.removesuffix(f":{PORT}")
            names = {address, f"{service.name}.local"}
            options = next((one for one in known if one.address in names), Options(address=address))
            if service.properties.get("api_encryption") and options.encryption_key_file is None:
                return [found.encrypted(service, address)]
            try:
                async with connected(service.name, replace(options, address=address)) as node:
                    return list(found.found_in(node[2], node[3], options))
            except HouseError as error:  # Unreachable, or a key file that cannot be read
                return [found.silent(service, address, str(error).removeprefix(f"{service.name}: "))]

        services = await mdns.browse(SERVICE, seconds)
        return [one for part in await asyncio.gather(*map(search, services)) for one in part]


Lost = asyncio.Future[Exception | None]
"""Done when the connection is lost, with the error of the library."""
Connected = tuple[APIClient, Lost, model.DeviceInfo, list[model.EntityInfo]]


@asynccontextmanager
async def connected(device: str, options: Options) -> AsyncIterator[Connected]:
    """Yield a connected client, and what the node is and has; raises Unreachable for each error."""
    host, _, port = (
        options.address.rpartition(":") if has_port(options.address) else (options.address, "", "")
    )
    key = read_secret(device, options.encryption_key_file) if options.encryption_key_file else None
    password = read_secret(device, options.password_file)
    lost: Lost = asyncio.get_running_loop().create_future()
    client = APIClient(
        host.strip("[]"),
        int(port or PORT),
        password,
        noise_psk=key,
        client_info="House",
        provide_time=clock_trust.is_clock_right(),  # a node may ask for the time
    )

    def on_closed(event: Any) -> None:
        if not lost.done():
            lost.set_result(event.error)

    client.add_connection_closed_callback(on_closed)
    seconds = CONNECT_SECONDS
    try:
        async with asyncio.timeout(seconds):
            await client.connect(login=True, log_errors=False)
            info, entities, _ = await client.device_info_and_list_entities()
        seconds = ANSWER_SECONDS
        yield client, lost, info, entities
    except Unreachable:  # it is an OSError, too
        raise
    except core.APIConnectionError as error:
        first = lost.result() if lost.done() else None
        raise Unreachable(device, options.address, reason(first or error)) from error
    except TimeoutError as error:
        raise Unreachable(device, options.address, f"no answer within {seconds:g} s") from error
    except OSError as error:
        raise Unreachable(device, options.address, error.strerror or str(error)) from error
    finally:
        with suppress(core.APIConnectionError):
            client.force_disconnect()


def reason(error: Exception) -> str:
    """Return why a node cannot be used, and what to do."""
    match error:
        case core.InvalidAuthAPIError():
            return "it requires another password: name its file as esphome.password_file"
        case core.RequiresEncryptionAPIError():
            return "it requires encryption: name the file with its key as esphome.encryption_key_file"
        case core.InvalidEncryptionKeyAPIError():
            return "it refuses the encryption key"
        case core.EncryptionPlaintextAPIError() | core.EncryptionHelloAPIError():
            return "it has no encryption: leave out esphome.encryption_key_file"
        case core.TimeoutAPIError() | core.PingFailedAPIError():
            return f"no answer within {CONNECT_SECONDS:g} s"
        case core.ResolveAPIError():
            return "its name cannot be resolved"
        case core.SocketAPIError():
            match error.__cause__:
                case OSError(errno=int(number)) if number > 0:
                    return os.strerror(number)
            return "it has ended the connection"
        case core.ProtocolAPIError():
            return f"it sent what is no message of its API: {str(error).rpartition(': ')[2]}"
    return str(error) or type(error).__name__


def ignore_protocol_errors(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle an error in a callback of the loop: one of the library's protocol becomes a fault anyway."""
    if "protocol" not in context:
        loop.default_exception_handler(context)


async def until_lost(device: str, address: str, lost: Lost) -> None:
    """Wait for the loss of the connection, and raise Unreachable."""
    error = await lost
    raise Unreachable(device, address, "it has ended the connection" if error is None else reason(error))


class Node:
    """One entity of a node, and the sensors that belong to it."""

    def __init__(self, device: str, options: Options, client: APIClient, channel: "HardwareChannel") -> None:
        self._device = device
        self._options = options
        self._client = client
        self._channel = channel
        self._entity: Any = None
        self._sensors: dict[tuple[int, int], Measurement] = {}
        """By key and device id of a sensor, what it measures."""
        self._reported = Reading(reachable=None)
        self._first: dict[str, Any] | None = {}
        """What was reported before the entity has a state: until then the node is not reachable."""
        self._fault: str | None = None
        """What the light was asked for, and cannot do."""
        self._news = asyncio.Event()
        """Set when the entity has a new state."""

    def choose(self, info: model.DeviceInfo, entities: Sequence[model.EntityInfo]) -> None:
        """Find the entity and its sensors; raises Unreachable with the allowed ids if there is none."""
        options = self._options
        fitting = [one for one in entities if isinstance(one, INFO[options.component])]
        named = [one for one in fitting if options.entity in (None, one.object_id)]
        if len(named) != 1:
            ids = ", ".join(sorted(one.object_id for one in fitting)) or "none"
            which = "entity is missing" if options.entity is None else f"it has no entity {options.entity!r}"
            raise self._unreachable(f"{which}; of the type {options.component} it has: {ids}")
        self._entity = named[0]
        why = climate.refusal(self._entity) if isinstance(self._entity, model.ClimateInfo) else None
        if why is not None:
            raise self._unreachable(f"{self._entity.object_id} is {why}")
        ours = set(options.sensors) | ({self._entity.object_id} if options.component == "sensor" else set())
        try:
            self._sensors = sensors_of(entities, ours)
        except ValueError as error:
            raise self._unreachable(str(error)) from error
        self._report(about=about(info, options.address))

    async def control(self) -> None:
        """Report each state, and apply each setting."""
        self._client.subscribe_states(self._on_state)
        if self._options.component != "event":  # an event has no state
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._news.wait()
        first, self._first = self._first or {}, None
        self._channel.update(**first)
        while True:
            setting = None
            with suppress(TimeoutError):
                setting = await asyncio.wait_for(self._channel.next_setting(), CHECK_SECONDS)
            if setting is not None:
                self._send(setting)
            async with asyncio.timeout(ANSWER_SECONDS):  # a command has no answer of its own
                await self._client.device_info()
            if setting is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await self._wait_until_met(setting)

    def _send(self, setting: Setting) -> None:
        """Send a setting to the entity; the node does not answer."""
        options, entity = self._options, self._entity
        where = {"key": entity.key, "device_id": entity.device_id}
        match options.component:
            case "switch":
                self._client.switch_command(state=setting.on, **where)
            case "light":
                values: dict[str, Any] = {}
                if setting.on and setting.brightness_percent is not None and options.dims:
                    values["brightness"] = setting.brightness_percent / 100
                if setting.on and setting.colour_temperature_kelvin is not None and options.tints:
                    values["color_temperature"] = MIRED / setting.colour_temperature_kelvin
                if setting.on and setting.colour is not None and options.colours:
                    values |= colour_values(entity, setting.colour)
                self._fault = lacking(entity, values)
                self._client.light_command(state=setting.on, **values, **where)
            case "cover" if setting.on:
                self._client.cover_command(position=0.0 if setting.direction == "close" else 1.0, **where)
            case "cover":
                self._client.cover_command(stop=True, **where)
            case "climate":
                self._client.climate_command(**climate.command(setting, entity), **where)
        has_no_state = options.component == "event" or getattr(entity, "assumed_state", False)
        if has_no_state and options.component != "switch":
            self._report(on=setting.on, direction=setting.direction if setting.on else None)

    async def _wait_until_met(self, setting: Setting) -> None:
        while not setting.is_met_by(self._reported):
            self._news.clear()
            await self._news.wait()

    def _on_state(self, state: model.EntityState) -> None:
        """Handle a new state of any entity of the node."""
        if isinstance(state, model.SensorState) and (what := self._sensors.get((state.key, state.device_id))):
            value = None if state.missing_state else what.convert(state.state)
            self._report(**{what.field: value})
        ours = (self._entity.key, self._entity.device_id)
        if (state.key, state.device_id) == ours and isinstance(state, STATE[self._options.component]):
            self._on_entity_state(state)
            self._news.set()

    def _on_entity_state(self, state: Any) -> None:
        match state:
            case model.SwitchState():
                self._report(on=state.state)
            case model.LightState():
                options = self._options
                tints = options.dims and options.tints
                self._report(**light(state, dims=options.dims, tints=tints, has_colours=options.colours))
            case model.CoverState():
                self._report(**cover(state, self._entity))
            case model.ClimateState():
                self._report(**climate.read(state, self._entity))
            case model.BinarySensorState():
                was_on, is_on = self._reported.on, None if state.missing_state else state.state
                self._report(on=is_on)
                if is_on and was_on is False:
                    self._channel.press("single")
            case model.Event():
                if touch := touch_of(state.event_type):
                    self._channel.press(touch)

    def _report(self, **changes: Any) -> None:
        self._reported = replace(self._reported, **changes)
        if self._first is None:
            self._channel.update(**changes, fault=self._fault)
        else:
            self._first |= changes

    def _unreachable(self, why: str) -> Unreachable:
        return Unreachable(self._device, self._options.address, why)
