"""A private network for tests: hosts are network namespaces, joined by an Ethernet hub in user space.
The hub simulates the faults of a real network. It delays, loses and reorders frames, or drops all,
between any two hosts and at any time. The kernel can do that too (tc netem), but not every kernel has
that module. Each host has a TAP device (Linux, Documentation/networking/tuntap.rst): one end is in its
namespace, the hub has the other. All frames of a host pass through the hub and reach no other network.
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
"""The number of frames that are read from one host before those of the next."""
SETTINGS = {"ipv6/conf/all/disable_ipv6": 1, "ipv4/tcp_retries2": 3, "ipv4/tcp_syn_retries": 2}
"""TCP gives up a connection after some three seconds here, instead of 15 minutes."""
_number = itertools.count(1)


@dataclass(frozen=True)
class LinkQuality:
    """How frames are forwarded from one host to another."""

    is_cut: bool = False
    delay_seconds: float = 0.0
    spread_seconds: float = 0.0
    """The greatest random delay that is added to each frame: it makes frames overtake each other."""
    loss: float = 0.0
    """The share of frames that are lost, from 0 to 1."""


class HostPort:
    """The network namespace of one host, and its port at the hub."""

    def __init__(self, host: str, number: int) -> None:
        """Create the namespace, and the network card in it."""
        self.address = f"10.213.0.{number}"
        self.namespace = f"house-{os.getpid()}-{next(_number)}-{host}"
        self.mac = bytes((2, 0, 0, 0, 0, number))
        card = f"house{os.getpid() % 1_000_000}n{number}"[:15]
        run_ip("netns", "add", self.namespace)
        try:
            self.tap = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            request = struct.pack("16sH22x", card.encode(), IFF_TAP | IFF_NO_PI)
            fcntl.ioctl(self.tap, TUNSETIFF, request)
            run_ip("link", "set", card, "netns", self.namespace)
            mac = self.mac.hex(":")
            for words in (
                f"link set {card} name eth0",
                f"link set eth0 address {mac}",
                f"addr add {self.address}/24 dev eth0",
                "link set eth0 up",
                "link set lo up",
            ):
                run_ip("-n", self.namespace, *words.split())
            settings = "; ".join(f"echo {value} > /proc/sys/net/{name}" for name, value in SETTINGS.items())
            subprocess.run([*self.command_prefix, "sh", "-c", settings], check=True)
        except BaseException:
            remove_namespace(self.namespace)
            raise

    @property
    def command_prefix(self) -> list[str]:
        """Return the words that, put before a command, run it on this host."""
        return ["nsenter", f"--net={NETNS / self.namespace}"]

    def open_socket(self, kind: socket.SocketKind) -> socket.socket:
        """Open a socket in this host's namespace, by a thread that enters the namespace."""
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self._open, kind).result()

    def _open(self, kind: socket.SocketKind) -> socket.socket:
        libc = ctypes.CDLL(None, use_errno=True)
        with (NETNS / self.namespace).open() as file:
            if libc.setns(file.fileno(), 0):
                raise OSError(ctypes.get_errno(), f"cannot enter {self.namespace}")
        return socket.socket(socket.AF_INET, kind)

    def remove(self) -> None:
        """Remove the namespace; a process that still runs in it has no network from then on."""
        os.close(self.tap)
        remove_namespace(self.namespace)


class Network:
    """The hub and its hosts; a context manager."""

    def __init__(self, on_namespace: Callable[[str], None] = lambda _: None, seed: int = 7) -> None:
        """`on_namespace` gets the name of each namespace, for its removal after a kill of this process."""
        self.ports: dict[str, HostPort] = {}
        self._on_namespace = on_namespace
        self._random = random.Random(seed)  # noqa: S311
        self._numbers: dict[str, int] = {}
        self._links: dict[tuple[int, int], LinkQuality] = {}
        self._delayed: list[tuple[float, int, int, int, bytes]] = []
        """The delayed frames: when each is due, its number, source, destination and bytes."""
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = os.pipe()
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    def add(self, host: str) -> HostPort:
        """Add a host; a host that was removed gets the same address again."""
        number = self._numbers.setdefault(host, len(self._numbers) + 1)
        port = HostPort(host, number)
        self._on_namespace(port.namespace)
        with self._lock:
            self.ports[host] = port
            self._selector.register(port.tap, selectors.EVENT_READ, number)
        self._wake()
        return port

    def remove(self, host: str) -> None:
        """Remove a host and its namespace."""
        with self._lock:
            port = self.ports.pop(host)
            self._selector.unregister(port.tap)
            port.remove()

    def set(self, *hosts: str, **how: Any) -> None:
        """Change the quality of the links between these hosts, in both directions; without names, of all."""
        numbers = [self._numbers[host] for host in hosts or self._numbers]
        with self._lock:
            for link in itertools.permutations(numbers, 2):
                self._links[link] = replace(self._links.get(link, LinkQuality()), **how)

    def cut(self, *hosts: str) -> None:
        """Forward nothing between these hosts; without names, between any."""
        self.set(*hosts, is_cut=True)

    def heal(self, *hosts: str) -> None:
        """Forward frames between these hosts again."""
        self.set(*hosts, is_cut=False)

    def __enter__(self) -> Self:
        """Start the hub."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_stopped = True
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
        while not self._is_stopped:
            timeout = max(0.0, self._delayed[0][0] - time.monotonic()) if self._delayed else None
            ready = self._selector.select(timeout)
            with self._lock:
                taps = {port.mac[-1]: port.tap for port in self.ports.values()}
                for key, _ in ready:
                    if key.fd == self._wake_out:
                        os.read(self._wake_out, 4096)
                    elif taps.get(key.data) == key.fd:  # the host may have been removed
                        self._forward(key.data, key.fd, taps)
                while self._delayed and self._delayed[0][0] <= time.monotonic():
                    *_, from_, to, frame = heapq.heappop(self._delayed)
                    if to in taps and not self._links.get((from_, to), LinkQuality()).is_cut:
                        write_frame(taps[to], frame)

    def _forward(self, from_: int, tap: int, taps: dict[int, int]) -> None:
        for _ in range(BURST):
            try:
                frame = os.read(tap, LONGEST_FRAME)
            except OSError:
                return
            is_for_one = not frame[0] & 1
            for to in [frame[5]] if is_for_one else list(taps):
                quality = self._links.get((from_, to), LinkQuality())
                if to == from_ or to not in taps or quality.is_cut or self._random.random() < quality.loss:
                    continue
                delay = quality.delay_seconds + quality.spread_seconds * self._random.random()
                if delay > 0:
                    due = time.monotonic() + delay
                    heapq.heappush(self._delayed, (due, next(self._count), from_, to, frame))
                else:
                    write_frame(taps[to], frame)


def write_frame(tap: int, frame: bytes) -> None:
    """Write a frame to a host; it is lost when the queue is full, as on Ethernet."""
    try:
        os.write(tap, frame)
    except OSError:
        return


def run_ip(*words: str) -> None:
    """Run `ip`; raises OSError with its error output."""
    program = shutil.which("ip", path=SEARCH) or "ip"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def missing_for_network() -> str | None:
    """Return why no network can be created here; None where it can."""
    missing = [word for word in ("ip", "nsenter") if not shutil.which(word, path=SEARCH)]
    if missing:
        return f"there is no {missing[0]} here; on Debian: apt install iproute2 util-linux"
    if os.getuid() != 0:
        return "only root can create a network"
    probe = f"house-{os.getpid()}-probe"
    try:
        os.close(os.open(TUN, os.O_RDWR))
        run_ip("netns", "add", probe)
    except OSError as error:
        return f"no network can be created here: {error}"
    remove_namespace(probe)
    return None


def skip_without_network() -> None:
    """Skip the test where no network can be created."""
    if why := missing_for_network():
        pytest.skip(why)
