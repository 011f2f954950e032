"""The house that is fuzzed: its configuration, its broker, its emulated hardware and its keys."""

import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import zmq

from bench.house import BREAKFAST, House
from daemons.bus.keys import Credentials, make_key, read_credentials
from daemons.bus.sockets import Context
from daemons.client.route import Route, connect
from daemons.config.house import load_house
from daemons.contract.subject import loadable
from daemons.storage.installed import INSTALLED
from daemons.storage.key_pair import new_key_pair
from tests.support.emulator import Emulator, emulator, table
from tests.support.mosquitto import SEARCH, Mosquitto
from tests.support.mqtt_plug import MqttPlug
from tests.support.ports import free_port

SWITCH = "bathroom_light"
FOREIGN = "shed_lamp"
"""A device that a program serves; here it is this program."""
REPORT_SECONDS = 5.0
DRIVERS = ("shelly", "kasa", "command", "esphome", "zmq")
BROKER_DRIVERS = ("mqtt_tasmota", "mqtt_zigbee2mqtt")
RIGHTS: dict[str, dict[str, tuple[str, ...]]] = {
    "good": {"hear": ("*",), "say": (f"{FOREIGN}/",), "command": ("*",)},
    "few": {"hear": ("toaster/",), "say": (f"{FOREIGN}/",), "command": ("kitchen_lamp/",)},
    "none": {},
}
"""The keys of the network gateway, and the rights of each."""
KEYS_OF_A_KIND = 4
"""The exchange locks out a key that sends too much, so that there are some of each kind of junk."""
TOML = """
[devices.bell]
kind = "button"
driver = "simulated"

[devices.shed_lamp]
kind = "lamp"
driver = "foreign"
foreign.every = "60s"

[exchange]
address = "127.0.0.1"
port = {port}
"""


class Target:
    """A running house with all its doors open, its hardware and its broker; a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.plugs: dict[str, Emulator] = {}
        """The emulated hardware, by the name of its device, which is the name of its driver."""
        self.broker: Mosquitto | None = None
        """The broker of the bridge and of the MQTT drivers; None where mosquitto is not installed."""
        self.port = free_port(3)
        self.context: Context = zmq.Context()
        self.keys: dict[str, list[Credentials]] = {}
        """The keys of the network gateway, by what they may do."""
        self.good_client: Any = None
        """The command socket of a program with all rights."""
        self._reporter: Any = None
        self._reported_at = 0.0

    def __enter__(self) -> Self:
        """Start the hardware, the broker and the house."""
        try:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fuzz")))
            toml = BREAKFAST + TOML.format(port=self.port) + self._start_plugs()
            self.home = self._stack.enter_context(House(toml))
            self._stack.callback(self.context.destroy, linger=0)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything, in any case."""
        self._stack.close()

    def prepare(self) -> None:
        """Make the token and the keys, and report the foreign device; works in the run directory."""
        self.home.house("token")
        self.token = Path("token").read_text().strip()
        address = f"tcp://127.0.0.1:{self.port}"
        for kind, rights in RIGHTS.items():
            files = [Path(f"../{kind}{number}.key") for number in range(KEYS_OF_A_KIND)]
            for file in files:
                make_key(file.stem, address, file, **rights)
            self.keys[kind] = [read_credentials(file) for file in files]
        self.server_key = self.keys["good"][0].server_key
        house = load_house(INSTALLED)
        self.devices = house.devices
        self.processes = [*(name for name in house.devices if name != FOREIGN), *house.roster.services]
        self.names = [*self.processes, FOREIGN]
        """All that publish on the bus; the foreign device has no process of its own."""
        self._reporter = self.connect_gateway(zmq.XPUB, 1, self.keys["good"][0])
        self._reporter.poll(5000)
        self.page = tuple(self.home.page().rstrip("/").removeprefix("http://").split(":"))

    def connect_gateway(self, kind: int, number: int, key: Credentials | None) -> Any:
        """Connect to one of the three sockets of a gateway: with a key over the network, else locally."""
        endpoints = (
            Route(Path()).gateway if key is None else [f"tcp://127.0.0.1:{self.port + n}" for n in range(3)]
        )
        made = connect(self.context, kind, endpoints[number], key)
        made.set(zmq.LINGER, 0)
        return made

    def stranger_key(self) -> Credentials:
        """Return a key that the house does not know."""
        pair = new_key_pair()
        return Credentials(
            public_key=pair.public_key, secret_key=pair.secret_key, server_key=self.server_key, address="-"
        )

    def report(self) -> None:
        """Report the foreign device, as its program does every few seconds."""
        if time.monotonic() - self._reported_at > REPORT_SECONDS:
            self._reported_at = time.monotonic()
            state = b'{"state":{"status":false,"phase":"off"}}'
            self._reporter.send_multipart([f"{FOREIGN}/state".encode(), state])

    # Hardware

    def _start_plugs(self) -> str:
        """Start the hardware; return its part of the configuration."""
        found = ""
        for word in loadable(DRIVERS):
            found += self._device(self._stack.enter_context(emulator(word)(self._subfolder(word))))
        brokered = loadable(BROKER_DRIVERS)
        if not brokered or shutil.which("mosquitto", path=SEARCH) is None:
            return found
        self.broker = self._stack.enter_context(Mosquitto(self._subfolder("broker")))
        for word in brokered:
            plug = emulator(word)(self._subfolder(word))
            assert isinstance(plug, MqttPlug)  # noqa: S101  for the type checker
            plug.broker = self.broker
            plug.open()
            self._stack.callback(plug.stop)
            found += self._device(plug)
        return f"{found}\n[bridge]\nport = {self.broker.port}\n"

    def _device(self, plug: Emulator) -> str:
        self.plugs[plug.driver] = plug
        options = {**plug.options(), **({"poll": "1s"} if plug.driver == "command" else {})}
        word = plug.driver
        return f'\n[devices.{word}]\nkind = "plug"\ndriver = "{word}"\n{word} = {table(options)}\n'

    def _subfolder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder
