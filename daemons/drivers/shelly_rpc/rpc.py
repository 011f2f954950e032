"""The client of a Shelly's RPC (JSON-RPC): one WebSocket carries requests, answers and notifications."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

import msgspec

from daemons.drivers.shelly_rpc.login import Login, answer_to
from daemons.drivers.transports.os_error import reason
from daemons.drivers.transports.tasks import run_until_first_ends
from daemons.drivers.transports.websocket import HandshakeRefused, WebSocket, connect
from daemons.errors import Unreachable

ANSWER_SECONDS = 5.0
"""How long the device may take to answer."""
HEARTBEAT_SECONDS = 10.0
"""How often a silent connection is tested. A device that does not answer within half of it is lost."""
LONGEST_FRAME_BYTES = 256 * 1024
MOST_PAGES = 50
UNAUTHORIZED = 401
LOCKED = "it requires a password: name its file as shelly.password_file"
OLD = "for a Shelly of the first generation, use the driver shelly_gen1"
T = TypeVar("T")


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


class RpcClient:
    """One connection to a Shelly."""

    def __init__(
        self,
        device: str,
        address: str,
        socket: WebSocket,
        password: str | None,
        on_notification: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._device, self._address = device, address
        self._socket = socket
        self._password = password
        self._on_notification = on_notification
        self._last_id = 0
        self._pending: dict[int, asyncio.Future[RpcFrame]] = {}
        self._login: Login | None = None

    async def call(
        self, method: str, params: dict[str, Any] | None = None, seconds: float = ANSWER_SECONDS
    ) -> dict[str, Any]:
        """Send a request and return its result. If the device demands a login, send it again with one.

        Raises Unreachable if the device refuses it, and TimeoutError without an answer within `seconds`.
        """
        response = await self._request(method, params, seconds)
        if response.error and response.error.code == UNAUTHORIZED:
            if self._password is None:
                raise self.unreachable(LOCKED)
            try:
                self._login = answer_to(response.error.message, self._password)
            except ValueError as error:
                raise self.unreachable("its authentication challenge is not supported") from error
            response = await self._request(method, params, seconds)
            if response.error and response.error.code == UNAUTHORIZED:
                raise self.unreachable("it refuses the password")
        if refusal := response.error:
            raise self.unreachable(f"it refuses {method}: {refusal.message or refusal.code}")
        return response.result if isinstance(response.result, dict) else {}

    async def dynamic_components(self) -> list[dict[str, Any]]:
        """Return the components that a person has added, with their status and their settings."""
        found: list[dict[str, Any]] = []
        params = {"dynamic_only": True, "include": ["status", "config"]}
        for _ in range(MOST_PAGES):
            page = await self.call("Shelly.GetComponents", {**params, "offset": len(found)})
            components = page.get("components")
            if not isinstance(components, list) or not components:
                break
            found += [one for one in components if isinstance(one, dict)]
            total = page.get("total")
            if not isinstance(total, int) or len(found) >= total:
                break
        return found

    async def _request(self, method: str, params: dict[str, Any] | None, seconds: float) -> RpcFrame:
        self._last_id += 1
        frame: dict[str, Any] = {"id": self._last_id, "src": f"house-{self._device}", "method": method}
        frame |= {"params": params} if params else {}
        frame |= {"auth": self._login.proof(secrets.randbelow(10**9))} if self._login else {}
        reply = self._pending[self._last_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                await self._socket.send(msgspec.json.encode(frame).decode())
                response: RpcFrame = await reply
                return response
        finally:
            self._pending.pop(frame["id"], None)

    async def receive(self) -> NoReturn:
        """Handle answers and notifications until the connection is lost; raises Unreachable then."""
        while (message := await self._socket.receive()) is not None:
            if isinstance(message, bytes):
                raise self.unreachable("it sent a frame that is not text")
            try:
                frame = msgspec.json.decode(message, type=RpcFrame)
            except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
                raise self.unreachable(f"it sent a frame that is not one of its RPC: {error}") from error
            if frame.method is not None:
                self._on_notification(frame.method, frame.params or {})
            elif (reply := self._pending.get(frame.id)) and not reply.done():
                reply.set_result(frame)
        raise self.unreachable("it has ended the connection")

    def unreachable(self, why: str) -> Unreachable:
        """Return the error for this device; its text has the address once."""
        return Unreachable(self._device, self._address, why)


async def session(
    device: str,
    address: str,
    password: str | None,
    on_notification: Callable[[str, dict[str, Any]], None],
    work: Callable[[RpcClient], Coroutine[Any, Any, T]],
) -> T:
    """Connect, run `work` with the client until it ends, and return its result.

    Raises Unreachable if the connection fails or is lost.
    """
    try:
        async with connect(address, "/rpc", ANSWER_SECONDS, LONGEST_FRAME_BYTES, HEARTBEAT_SECONDS) as socket:
            client = RpcClient(device, address, socket, password, on_notification)
            return await run_until_first_ends(work(client), client.receive())
    except HandshakeRefused as error:
        why = f"it does not support Shelly's RPC (HTTP {error.status}); {OLD}"
        raise Unreachable(device, address, why) from error
    except TimeoutError as error:
        raise Unreachable(device, address, f"no answer within {ANSWER_SECONDS:g} s") from error
    except Unreachable:
        raise
    except OSError as error:
        raise Unreachable(device, address, reason(error)) from error
