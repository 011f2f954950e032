"""Shelly plugs, relays, dimmers and covers of the second generation and newer, through their RPC.

One WebSocket carries requests, answers and the device's notifications (JSON-RPC,
shelly-api-docs.shelly.cloud/gen2/General/RPCProtocol). With a password, each request carries a
digest (SHA-256, after RFC 7616, with a fixed method and path; .../General/Authentication).
`toggle_after` is a timer in the device. It switches the device off even if House has stopped.
"""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from daemons.drivers import Found, Remote
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.drivers.transports.websocket import HandshakeRefused, WebSocket, connect
from daemons.errors import Unreachable
from daemons.kinds import Ability, Setting, Touch

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

ANSWER_SECONDS = 5.0
"""How long the device may take to answer."""
POLL_SECONDS = 60.0
"""How often the whole status is requested, in addition to the notifications."""
CLOCK_TOLERANCE_SECONDS = 5.0
"""How far the clock of a device may be ahead of ours."""
HEARTBEAT_SECONDS = 10.0
"""How often a silent connection is tested. A device that does not answer within half of it is lost."""
LONGEST_FRAME_BYTES = 256 * 1024
USER = "admin"
"""The only user of a Shelly."""
UNAUTHORIZED = 401
HA2 = hashlib.sha256(b"dummy_method:dummy_uri").hexdigest()
"""The hash of a fixed method and path, because the RPC has neither."""
TOUCHES: dict[str, Touch] = {
    "single_push": "single",
    "double_push": "double",
    "triple_push": "triple",
    "long_push": "long",
    "btn_up": "release",
}
"""The events of an input that are presses. `btn_up` follows each press, and counts after a long one only."""
FAULTS = {
    "overpower": "it draws more power than it may",
    "overtemp": "it is too hot inside",
    "overvoltage": "the mains voltage is too high",
    "undervoltage": "the mains voltage is too low",
    "overcurrent": "it draws more current than it may",
}
SERVICE = "_shelly._tcp.local."


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a Shelly."""

    address: Annotated[str, Meta(pattern=r"^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?\Z")]
    """A host or IP address, with `:port` if the port is not 80."""
    password_file: SecretFile | None = None
    """The file with its password, an absolute path. The user is always `admin`."""
    component: Literal["switch", "light", "cover"] = "switch"
    """The type of its component."""
    channel: Annotated[int, Meta(ge=0, le=31)] = 0
    """The number of its switch, light or cover, counted from 0."""
    input: Annotated[int, Meta(ge=0, le=31)] | None = None
    """The number of the input whose presses you want. Set that input to `button` in the Shelly."""


class Shelly(Remote[Options]):
    """Shelly plugs, relays, dimmers and covers of the second generation and newer, through their RPC."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"switch", "dim", "move", "press"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Connect a WebSocket, and use it until it is lost."""
        address = self.options.address
        password = read_secret(self.device, self.options.password_file)
        try:
            async with connect(
                address, "/rpc", ANSWER_SECONDS, LONGEST_FRAME_BYTES, HEARTBEAT_SECONDS
            ) as socket:
                await RpcConnection(self.device, self.options, socket, password, channel).run()
        except HandshakeRefused as error:
            why = f"it does not support Shelly's RPC (HTTP {error.status}); the first generation has no RPC"
            raise Unreachable(self.device, address, why) from error
        except TimeoutError as error:
            raise Unreachable(self.device, address, f"no answer within {ANSWER_SECONDS:g} s") from error
        except OSError as error:
            raise Unreachable(self.device, address, reason(error)) from error

    @classmethod
    async def discover(cls, seconds: float, known: Sequence[Options]) -> list[Found]:  # noqa: ARG003
        """Search for Shelly's service with mDNS; a note marks devices of the first generation."""
        from daemons.drivers.transports import mdns  # noqa: PLC0415  only a search needs it

        return [to_found(service) for service in await mdns.browse(SERVICE, seconds)]


def reason(error: OSError) -> str:
    """Return why a device cannot be connected; the text of a system error would describe sockets."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error) or type(error).__name__


def to_found(service: Any) -> Found:
    """Return the options for an announced Shelly."""
    generation = (
        int(service.properties.get("gen", "1")) if service.properties.get("gen", "1").isdecimal() else 1
    )
    app = service.properties.get("app", "")
    component = "cover" if "shutter" in app.lower() else "light" if "dimmer" in app.lower() else "switch"
    options = {"address": service.address} | ({"component": component} if component != "switch" else {})
    is_new = generation > 1
    return Found(
        title=service.name,
        address=service.address,
        model=app or f"generation {generation}",
        firmware=service.properties.get("ver", ""),
        kind={"cover": "cover", "light": "lamp"}.get(component, "plug"),
        driver="shelly" if is_new else None,
        options=options if is_new else {},
        note="" if is_new else "the first generation has no RPC; use MQTT or `command`",
    )


class RpcConnection:
    """One connection: sends requests, and receives their answers and the device's notifications."""

    def __init__(
        self,
        device: str,
        options: Options,
        socket: WebSocket,
        password: str | None,
        channel: "HardwareChannel",
    ) -> None:
        self._device = device
        self._options = options
        self._socket = socket
        self._password = password
        self._channel = channel
        self._last_id = 0
        self._pending: dict[int, asyncio.Future[RpcFrame]] = {}
        self._auth: dict[str, Any] | None = None
        self._fault: str | None = None
        self._is_held = False
        """Whether the button of the input is held after a long press."""
        self._component = f"{options.component}:{options.channel}"
        self._name = options.component.capitalize()

    async def run(self) -> None:
        """Apply settings and handle messages until the connection is lost."""
        await run_until_first_ends(self._control(), self._receive())

    async def _control(self) -> None:
        """Request the status, then apply each setting and request the resulting status."""
        await self._poll(None)
        while True:
            setting = None
            with suppress(TimeoutError):
                setting = await asyncio.wait_for(self._channel.next_setting(), POLL_SECONDS)
            if setting is not None:
                await self._call(*set_request(self._options, setting))
                if self._name != "Cover":  # a cover accepts the move, and reports it when it begins
                    self._channel.confirm(on=setting.on)
            await self._poll(setting)

    async def _poll(self, setting: Setting | None) -> None:
        status = await self._call(f"{self._name}.GetStatus", {"id": self._options.channel})
        changes = parse_status(self._options, status)
        self._fault = None
        self._remember_fault(status)
        needs_timer = setting and setting.on and setting.off_after_seconds and self._name != "Cover"
        if needs_timer and not status.get("timer_duration"):
            changes.setdefault("fault", "its own timer was not armed")
        self._channel.update(**changes)

    def _remember_fault(self, status: dict[str, Any]) -> None:
        """Store the device's fault, because a notification contains only changed fields."""
        if "errors" in status:
            self._fault = parse_status(self._options, status).get("fault")

    async def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its result. If the device demands a digest, send it again with one."""
        response = await self._request(method, params)
        if response.error and response.error.code == UNAUTHORIZED:
            if self._password is None:
                raise self._unreachable("it requires a password: name its file as shelly.password_file")
            self._auth = self._answer_challenge(response.error)
            response = await self._request(method, params)
            if response.error and response.error.code == UNAUTHORIZED:
                raise self._unreachable("it refuses the password")
        if error := response.error:
            raise self._unreachable(f"it refuses {method}: {error.message or error.code}")
        return response.result if isinstance(response.result, dict) else {}

    async def _request(self, method: str, params: dict[str, Any]) -> "RpcFrame":
        self._last_id += 1
        frame: dict[str, Any] = {"id": self._last_id, "src": f"house-{self._device}", "method": method}
        frame |= {"params": params} if params else {}
        frame |= {"auth": self._auth} if self._auth else {}
        reply = self._pending[self._last_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._socket.send(msgspec.json.encode(frame).decode())
                response: RpcFrame = await reply
                return response
        finally:
            self._pending.pop(frame["id"], None)

    def _answer_challenge(self, error: "RpcError") -> dict[str, Any]:
        try:
            challenge = msgspec.json.decode(error.message, type=Challenge)
        except (msgspec.MsgspecError, RecursionError) as problem:
            raise self._unreachable("its authentication challenge is not supported") from problem
        return digest(challenge, self._password or "", secrets.randbelow(10**9))

    async def _receive(self) -> None:
        """Handle answers and notifications; anything else ends the connection."""
        while (message := await self._socket.receive()) is not None:
            if isinstance(message, bytes):
                raise self._unreachable("it sent a frame that is not text")
            try:
                frame = msgspec.json.decode(message, type=RpcFrame)
            except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
                raise self._unreachable(f"it sent a frame that is not one of its RPC: {error}") from error
            if frame.method is not None:
                self._on_notification(frame)
            elif (reply := self._pending.get(frame.id)) and not reply.done():
                reply.set_result(frame)
        raise self._unreachable("it has ended the connection")

    def _on_notification(self, frame: "RpcFrame") -> None:
        params = frame.params
        if params is None:
            return
        status = params.get(self._component)
        if frame.method in ("NotifyStatus", "NotifyFullStatus") and isinstance(status, dict):
            self._channel.update(**{"fault": self._fault, **parse_status(self._options, status)})
            self._remember_fault(status)
        if frame.method == "NotifyEvent" and self._options.input is not None:
            events = params.get("events")
            for event in events if isinstance(events, list) else ():
                touch = touch_of(event, f"input:{self._options.input}")
                if touch is not None and (touch != "release" or self._is_held):
                    self._channel.press(touch)
                if touch is not None:
                    self._is_held = touch == "long"

    def _unreachable(self, why: str) -> Unreachable:
        return Unreachable(self._device, self._options.address, why)


class RpcError(msgspec.Struct, frozen=True):
    """Why the device refuses a request."""

    code: int = 0
    message: str = ""


class RpcFrame(msgspec.Struct, frozen=True):
    """A frame from the device: the answer to a request, or a notification, which has a method."""

    id: int = 0
    method: str | None = None
    params: dict[str, Any] | None = None
    result: Any = None
    error: RpcError | None = None


class Challenge(msgspec.Struct, frozen=True):
    """The device's challenge for the digest."""

    realm: str
    nonce: int
    nc: int = 1
    algorithm: str = "SHA-256"


def digest(challenge: Challenge, password: str, cnonce: int) -> dict[str, Any]:
    """Return the digest, which proves the password without sending it."""
    realm, nonce = challenge.realm, challenge.nonce
    secret = hashlib.sha256(f"{USER}:{realm}:{password}".encode()).hexdigest()
    proof = f"{secret}:{nonce}:{challenge.nc}:{cnonce}:auth:{HA2}"
    return {
        "realm": realm,
        "username": USER,
        "nonce": nonce,
        "cnonce": cnonce,
        "response": hashlib.sha256(proof.encode()).hexdigest(),
        "algorithm": "SHA-256",
    }


def set_request(options: Options, setting: Setting) -> tuple[str, dict[str, Any]]:
    """Return the method and the parameters of the request for a setting."""
    params: dict[str, Any] = {"id": options.channel}
    if options.component == "cover":
        if not setting.on:
            return "Cover.Stop", params
        if setting.off_after_seconds:
            params["duration"] = round(setting.off_after_seconds, 1)
        return ("Cover.Close" if setting.direction == "close" else "Cover.Open"), params
    params["on"] = setting.on
    if setting.on and setting.off_after_seconds:
        params["toggle_after"] = round(setting.off_after_seconds, 1)
    if options.component == "light":
        if setting.on and setting.brightness_percent is not None:
            params["brightness"] = setting.brightness_percent
        return "Light.Set", params
    return "Switch.Set", params


def touch_of(event: Any, component: str) -> Touch | None:
    """Return the touch that an event of a notification reports; None if it is of another component."""
    if not isinstance(event, dict) or event.get("component") != component:
        return None
    return TOUCHES.get(str(event.get("event")))


def remaining_seconds(status: dict[str, Any]) -> float | None:
    """Return how long the device's running timer takes to end, by this machine's clock; None without one.

    A device whose clock is wrong reports a beginning that cannot be: then the timer counts as unknown.
    """
    started, seconds = status.get("timer_started_at"), status.get("timer_duration")
    if not isinstance(started, int | float) or not isinstance(seconds, int | float):
        return None
    left = float(started + seconds - time.time())
    return left if 0 < left <= seconds + CLOCK_TOLERANCE_SECONDS else None


def parse_status(options: Options, status: dict[str, Any]) -> dict[str, Any]:
    """Parse a status, whole or in part, and return the fields of a Reading that it contains."""
    found: dict[str, Any] = {}
    if options.component == "cover":
        if (state := status.get("state")) is not None:
            moves = {"opening": "open", "closing": "close"}.get(state)
            found |= {"on": moves is not None, "direction": moves}
        if isinstance(position := status.get("current_pos"), int | float):
            found["position_percent"] = min(100, max(0, round(position)))
    elif isinstance(status.get("output"), bool):
        found["on"] = status["output"]
        found["off_after_seconds"] = remaining_seconds(status) if status["output"] else None
    if isinstance(bright := status.get("brightness"), int | float):
        found["brightness_percent"] = round(bright)
    if isinstance(watts := status.get("apower"), int | float):
        found["power_watts"] = float(watts)
    energy = status.get("aenergy")
    if isinstance(energy, dict) and isinstance(total := energy.get("total"), int | float):
        found["energy_watt_hours"] = float(total)
    if isinstance(errors := status.get("errors"), list):
        found["fault"] = "; ".join(FAULTS.get(str(error), str(error)) for error in errors) or None
    return found
