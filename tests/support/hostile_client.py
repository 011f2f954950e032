"""An attacker at the far door, as a program of its own: `python attacker.py KEYFILE WAY SECONDS`.

It holds a key that is known, which is the worst that can be: who has none does not get that far. It
prints a line when it begins, and how much it has done when it ends.
"""

import os
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import zmq

SAID = b'{"state": {"status": true, "phase": "on"}}'
key = tomllib.loads(Path(sys.argv[1]).read_text())
way, seconds = sys.argv[2], float(sys.argv[3])
context: Any = zmq.Context()
end = time.monotonic() + seconds


def connect(kind: int, number: int) -> Any:
    """Come in by one of the three sockets."""
    socket = context.socket(kind)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.SNDHWM, 100_000)
    socket.set(zmq.RCVHWM, 1)
    socket.set(zmq.RECONNECT_IVL, 10)
    socket.curve_serverkey = key["server_key"].encode()
    socket.curve_publickey, socket.curve_secretkey = key["public_key"].encode(), key["secret_key"].encode()
    base, _, port = key["address"].rpartition(":")
    socket.connect(f"{base}:{int(port) + number}")
    return socket


def subscribe_to_all_sorts() -> None:
    """Very many subscriptions on one connection; libzmq keeps each."""
    socket = connect(zmq.XSUB, 0)
    while time.monotonic() < end:
        send(socket, [b"\1" + os.urandom(200)])


def say_very_much() -> None:
    """States of its own device, as quickly as it can, and long ones of others'."""
    socket = connect(zmq.XPUB, 1)
    socket.poll(5000)
    while time.monotonic() < end:
        send(socket, [b"shed_lamp/state", SAID])
        send(socket, [b"toaster/state", b"x" * 60_000])


def ask_very_much() -> None:
    """Commands without end, and no receipt is ever read."""
    socket = connect(zmq.DEALER, 2)
    while time.monotonic() < end:
        wish = b'{"id":"%s","device":"toaster","command":"fly","deadline":%d}'
        send(socket, [b"", wish % (os.urandom(5).hex().encode(), int(time.time()) + 250)])


def send_too_long() -> None:
    """Messages that are longer than any may be, on each socket."""
    sockets = [connect(kind, number) for number, kind in enumerate((zmq.XSUB, zmq.XPUB, zmq.DEALER))]
    sockets[1].poll(2000)
    while time.monotonic() < end:
        for socket in sockets:
            send(socket, [b"\1" + b"x" * 1_000_000])
        time.sleep(0.05)


def connect_without_end() -> None:
    """Connection after connection, each with a subscription."""
    sockets: list[Any] = []
    while time.monotonic() < end:
        if len(sockets) < 400:
            sockets.append(connect(zmq.SUB, 0))
            sockets[-1].subscribe("")
        time.sleep(0.005)


def read_nothing() -> None:
    """Subscribe to everything again and again, and take none of it."""
    socket = connect(zmq.SUB, 0)
    while time.monotonic() < end:
        socket.subscribe("")
        time.sleep(0.01)


done = 0


def send(socket: Any, frames: list[bytes]) -> None:
    """Send, however much that is."""
    global done  # noqa: PLW0603
    try:
        socket.send_multipart(frames, zmq.NOBLOCK)
        done += 1
    except zmq.Again:
        socket.poll(1, zmq.POLLOUT)


sys.stdout.write("begins\n")
sys.stdout.flush()
globals()[way]()
sys.stdout.write(f"ends {done}\n")
context.destroy(linger=0)
