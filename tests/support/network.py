"""A network of a test's own: hosts are network namespaces, joined by an Ethernet hub in user space.

What goes wrong between real hosts is made here by the hub: it delays frames, loses them, lets one
overtake another and forwards nothing at all, between any two hosts and at any time. The kernel's
own means for that, tc's netem, is a module that not every kernel has. The hub has one end of a TAP
device (Linux, Documentation/networking/tuntap.rst) whose other end stands in the namespace, so all
that a host says passes through it, and nothing of it comes near any other network.
"""

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import selectors
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.support.reaper import NETNS, SEARCH, remove_namespace

TUN = Path("/dev/net/tun")
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
LONGEST_FRAME = 1 << 16
BURST = 64
"""Frames that are read from one host before the next has its turn."""
SETTINGS = {"ipv6/conf/all/disable_ipv6": 1, "ipv4/tcp_retries2": 3, "ipv4/tcp_syn_retries": 2}
"""TCP gives a connection up after some three seconds here, instead of after a quarter of an hour."""
_number = itertools.count(1)


@dataclass(frozen=True)
class Way:
    """How frames fare from one host to another."""

    is_cut: bool = False
    delay_seconds: float = 0.0
    spread_seconds: float = 0.0
    """So much longer, at random, each may take: so one overtakes another."""
    loss: float = 0.0
    """How many of them are lost, from 0 to 1."""


class Port:
    """One host's plug in the hub."""

    def __init__(self, host: str, number: int) -> None:
        """Make the namespace, and the network card in it."""
        self.address = f"10.213.0.{number}"
        self.namespace = f"house-{os.getpid()}-{next(_number)}-{host}"
        self.mac = bytes((2, 0, 0, 0, 0, number))
        card = f"house{os.getpid() % 1_000_000}n{number}"[:15]
        ip("netns", "add", self.namespace)
        try:
            self.tap = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            request = struct.pack("16sH22x", card.encode(), IFF_TAP | IFF_NO_PI)
            fcntl.ioctl(self.tap, TUNSETIFF, request)
            ip("link", "set", card, "netns", self.namespace)
            mac = self.mac.hex(":")
            for words in (
                f"link set {card} name eth0",
                f"link set eth0 address {mac}",
                f"addr add {self.address}/24 dev eth0",
                "link set eth0 up",
                "link set lo up",
            ):
                ip("-n", self.namespace, *words.split())
            settings = "; ".join(f"echo {value} > /proc/sys/net/{name}" for name, value in SETTINGS.items())
            subprocess.run([*self.inside, "sh", "-c", settings], check=True)
        except BaseException:
            remove_namespace(self.namespace)
            raise

    @property
    def inside(self) -> list[str]:
        """Give the words before a command that have it run on this host."""
        return ["nsenter", f"--net={NETNS / self.namespace}"]

    def open_socket(self, kind: socket.SocketKind) -> socket.socket:
        """Give a socket of this host: a thread that goes there for a moment opens it."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._open, kind).result()

    def _open(self, kind: socket.SocketKind) -> socket.socket:
        libc = ctypes.CDLL(None, use_errno=True)
        with (NETNS / self.namespace).open() as file:
            if libc.setns(file.fileno(), 0):
                raise OSError(ctypes.get_errno(), f"cannot go to {self.namespace}")
        return socket.socket(socket.AF_INET, kind)

    def remove(self) -> None:
        """Have the host be no more; who runs in it still, runs without a network."""
        os.close(self.tap)
        remove_namespace(self.namespace)


class Wire:
    """The hub, and the hosts at it; a context manager."""

    def __init__(self, tell: Callable[[str], None] = lambda _: None, seed: int = 7) -> None:
        """`tell` is given the name of each namespace, to remove it even when this process is killed."""
        self.ports: dict[str, Port] = {}
        self._tell = tell
        self._chance = random.Random(seed)  # noqa: S311
        self._numbers: dict[str, int] = {}
        self._ways: dict[tuple[int, int], Way] = {}
        self._late: list[tuple[float, int, int, int, bytes]] = []
        """The frames that are under way: when each is due, its number, from where, to where."""
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = os.pipe()
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    def add(self, host: str) -> Port:
        """Plug a host in; one that was here before has the address that it had."""
        number = self._numbers.setdefault(host, len(self._numbers) + 1)
        port = Port(host, number)
        self._tell(port.namespace)
        with self._lock:
            self.ports[host] = port
            self._selector.register(port.tap, selectors.EVENT_READ, number)
        self._wake()
        return port

    def remove(self, host: str) -> None:
        """Take a host away altogether."""
        with self._lock:
            port = self.ports.pop(host)
            self._selector.unregister(port.tap)
            port.remove()

    def set(self, *hosts: str, **how: Any) -> None:
        """Change how frames fare between two hosts, both ways; between all hosts, where none is named."""
        numbers = [self._numbers[host] for host in hosts or self._numbers]
        with self._lock:
            for way in itertools.permutations(numbers, 2):
                self._ways[way] = replace(self._ways.get(way, Way()), **how)

    def cut(self, *hosts: str) -> None:
        """Forward nothing between these hosts, or between any."""
        self.set(*hosts, is_cut=True)

    def heal(self, *hosts: str) -> None:
        """Forward again."""
        self.set(*hosts, is_cut=False)

    def __enter__(self) -> Self:
        """Begin to forward."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over = True
        self._wake()
        self._thread.join()
        for host in list(self.ports):
            self.remove(host)
        self._selector.close()
        os.close(self._wake_out)
        os.close(self._wake_in)

    def _wake(self) -> None:
        os.write(self._wake_in, b".")

    def _run(self) -> None:
        while not self._is_over:
            patience = max(0.0, self._late[0][0] - time.monotonic()) if self._late else None
            ready = self._selector.select(patience)
            with self._lock:
                taps = {port.mac[-1]: port.tap for port in self.ports.values()}
                for key, _ in ready:
                    if key.fd == self._wake_out:
                        os.read(self._wake_out, 4096)
                    elif taps.get(key.data) == key.fd:  # it may have been taken away meanwhile
                        self._take(key.data, key.fd, taps)
                while self._late and self._late[0][0] <= time.monotonic():
                    *_, from_, to, frame = heapq.heappop(self._late)
                    if to in taps and not self._ways.get((from_, to), Way()).is_cut:
                        put(taps[to], frame)

    def _take(self, from_: int, tap: int, taps: dict[int, int]) -> None:
        for _ in range(BURST):
            try:
                frame = os.read(tap, LONGEST_FRAME)
            except OSError:
                return
            is_for_one = not frame[0] & 1
            for to in [frame[5]] if is_for_one else list(taps):
                way = self._ways.get((from_, to), Way())
                if to == from_ or to not in taps or way.is_cut or self._chance.random() < way.loss:
                    continue
                delay = way.delay_seconds + way.spread_seconds * self._chance.random()
                if delay > 0:
                    due = time.monotonic() + delay
                    heapq.heappush(self._late, (due, next(self._count), from_, to, frame))
                else:
                    put(taps[to], frame)


def put(tap: int, frame: bytes) -> None:
    """Hand a frame to a host; one that takes none just now loses it, as Ethernet does."""
    try:
        os.write(tap, frame)
    except OSError:
        return


def ip(*words: str) -> None:
    """Run `ip`; what it complains of is in the error."""
    program = shutil.which("ip", path=SEARCH) or "ip"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def lack() -> str | None:
    """Say why no network can be made here; nothing where one can."""
    missing = [word for word in ("ip", "nsenter") if not shutil.which(word, path=SEARCH)]
    if missing:
        return f"there is no {missing[0]} here; on Debian: apt install iproute2 util-linux"
    if os.getuid() != 0:
        return "a network of its own can be made by root only"
    probe = f"house-{os.getpid()}-probe"
    try:
        os.close(os.open(TUN, os.O_RDWR))
        ip("netns", "add", probe)
    except OSError as error:
        return f"no network can be made here: {error}"
    remove_namespace(probe)
    return None


def need_network() -> None:
    """Skip the test where no network can be made."""
    if why := lack():
        pytest.skip(why)
