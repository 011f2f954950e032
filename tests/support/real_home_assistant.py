"""A real Home Assistant on loopback, for the long tests: in an environment of its own, driven as its page is.

`HOUSE_HASS` names another program `hass`. Otherwise the newest one that can be installed is put beside the
project's own environment, once.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.house import PROJECT, eventually
from tests.support.ports import free_port

VARIABLE = "HOUSE_HASS"
ENVIRONMENT = PROJECT / ".homeassistant"
INSTALL_SECONDS = 800.0
START_SECONDS = 180.0
CONFIGURATION = """\
homeassistant:
  name: Test
  unit_system: metric
  time_zone: UTC
  currency: EUR
http:
  server_host: 127.0.0.1
  server_port: {port}
onboarding:
config:
api:
websocket_api:
recorder:
history:
energy:
logger:
  default: warning
"""


def program() -> Path:
    """Return `hass`; install it if that was not done before. Skip the test where that is not possible."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    hass = ENVIRONMENT / "bin" / "hass"
    if not (ENVIRONMENT / "installed").exists():
        python = getattr(sys, "_base_executable", sys.executable)
        try:
            subprocess.run([python, "-m", "venv", ENVIRONMENT], check=True, timeout=INSTALL_SECONDS)
            pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "-q", "homeassistant"]
            subprocess.run(pip, check=True, timeout=INSTALL_SECONDS, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            pytest.skip(f"Home Assistant cannot be installed: {error}")
        (ENVIRONMENT / "installed").touch()
    return hass


class HomeAssistant:
    """One Home Assistant with a broker; a context manager."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self._program = program()
        self._folder = folder
        self._broker_port = broker_port
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._token = ""

    def __enter__(self) -> Self:
        """Start it, make its first user, and connect it to the broker."""
        self._folder.mkdir(parents=True)
        (self._folder / "configuration.yaml").write_text(CONFIGURATION.format(port=self._port))
        path = f"{self._program.parent}{os.pathsep}{os.environ['PATH']}"
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [self._program, "-c", self._folder],
                stdout=output,
                stderr=output,
                env={**os.environ, "PATH": path},
            )
        eventually(self._answers, START_SECONDS)
        client = f"http://127.0.0.1:{self._port}/"
        user = {"client_id": client, "name": "t", "username": "t", "password": "t", "language": "en"}
        code = self._post("/api/onboarding/users", user)["auth_code"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": client}
        self._token = self._post("/auth/token", grant, is_form=True)["access_token"]
        flow = self._post("/api/config/config_entries/flow", {"handler": "mqtt"})
        broker = {"broker": "127.0.0.1", "port": self._broker_port}
        made = self._post(f"/api/config/config_entries/flow/{flow['flow_id']}", broker)
        assert made["type"] == "create_entry", made
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(30)

    @property
    def log(self) -> str:
        """All warnings and errors since its start."""
        return (self._folder / "output").read_text()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/onboarding", timeout=10):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _post(self, path: str, body: dict[str, Any], *, is_form: bool = False) -> Any:
        content = urllib.parse.urlencode(body) if is_form else json.dumps(body)
        type_ = "application/x-www-form-urlencoded" if is_form else "application/json"
        headers = {"Content-Type": type_} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", content.encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  the URL is ours
            return json.loads(response.read())

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """Yield a connection to its WebSocket, as its page has one."""
        url = f"ws://127.0.0.1:{self._port}/api/websocket"
        async with connect(url, max_size=None) as socket:
            await socket.recv()
            await socket.send(json.dumps({"type": "auth", "access_token": self._token}))
            assert json.loads(await socket.recv())["type"] == "auth_ok"
            yield Session(socket)


class Session:
    """A connection to the WebSocket of Home Assistant."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._id = 0

    async def ask(self, type_: str, **more: Any) -> Any:
        """Send a command, and return its result; raises AssertionError if it is refused."""
        self._id += 1
        await self._socket.send(json.dumps({"id": self._id, "type": type_, **more}))
        while (answer := json.loads(await self._socket.recv())).get("id") != self._id:
            pass
        assert answer["success"], answer
        return answer["result"]

    async def states(self) -> dict[str, dict[str, Any]]:
        """Return the state of each entity by its id."""
        return {one["entity_id"]: one for one in await self.ask("get_states")}

    async def call(self, service: str, entity: str, **data: Any) -> None:
        """Call a service for an entity, such as `light.turn_on`."""
        domain, name = service.split(".")
        target = {"entity_id": entity}
        await self.ask("call_service", domain=domain, service=name, service_data=data, target=target)

    async def wait_for(self, entity: str, state: str, seconds: float = 30.0, **attributes: Any) -> None:
        """Wait until an entity has a state, and these attributes."""
        states: dict[str, dict[str, Any]] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    states = await self.states()
                    found = states.get(entity)
                    if (
                        found
                        and found["state"] == state
                        and attributes.items() <= found["attributes"].items()
                    ):
                        return
                    await asyncio.sleep(0.2)  # it has no event for "nothing else is to come"
        except TimeoutError:
            text = (
                f"{entity} is {states.get(entity)}, and not {state} {attributes}; there are {sorted(states)}"
            )
            raise AssertionError(text) from None
