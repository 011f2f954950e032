"""The client of a Shelly of the first generation: each request is one HTTP GET, with a login if it asks."""

import asyncio
from base64 import b64encode
from typing import Any

import msgspec

from daemons.drivers.shelly_http.options import Options
from daemons.drivers.transports.http_get import get
from daemons.drivers.transports.http_response import BadResponse
from daemons.drivers.transports.os_error import reason
from daemons.errors import Unreachable

ANSWER_SECONDS = 5.0
"""How long the device may take to answer."""
OK, UNAUTHORIZED = 200, 401
LOCKED = "it requires a password: name its file as shelly_gen1.password_file"
NO_SHELLY = "it is no Shelly of the first generation; for a newer one, use the driver shelly"


class HttpClient:
    """Sends requests to one device."""

    def __init__(self, device: str, address: str, username: str, password: str | None) -> None:
        self._device, self._address = device, address
        self._password = password
        login = b64encode(f"{username}:{password or ''}".encode()).decode()
        self._headers = {} if password is None else {"Authorization": f"Basic {login}"}

    async def get(self, target: str) -> dict[str, Any]:
        """Return the answer to a request; raises Unreachable without one, or if the device refuses it."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await get(self._address, target, self._headers)
        except TimeoutError as error:
            raise self.unreachable(f"no answer within {ANSWER_SECONDS:g} s") from error
        except BadResponse as error:
            raise self.unreachable(str(error)) from error
        except OSError as error:
            raise self.unreachable(reason(error)) from error
        if response.status == UNAUTHORIZED:
            raise self.unreachable(LOCKED if self._password is None else "it refuses the password")
        if response.status != OK:
            raise self.unreachable(f"it refuses {target.partition('?')[0]} (HTTP {response.status})")
        try:
            return msgspec.json.decode(response.body, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            raise self.unreachable(f"its answer is not an object in JSON: {error}") from error

    async def info(self) -> dict[str, Any]:
        """Return what the device is; it needs no login. Raises Unreachable if it is of another generation."""
        found = await self.get("/shelly")
        if "gen" in found or not isinstance(found.get("type"), str):
            raise self.unreachable(NO_SHELLY)
        return found

    def unreachable(self, why: str) -> Unreachable:
        """Return the error for this device; its text has the address once."""
        return Unreachable(self._device, self._address, why)


def client_of(device: str, options: Options, password: str | None) -> HttpClient:
    """Return the client for the options of a device."""
    return HttpClient(device, options.address, options.username, password)
