"""A hostile client of the remote gateway: `python hostile_client.py KEYFILE ATTACK SECONDS`.

It has a valid key, which is the worst case: a client without a key never completes its handshake. It
prints a line when it begins, and the number of sent messages when it ends.
"""

import os
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import zmq

STATE = b'{"state": {"status": true, "phase": "on"}}'
key = tomllib.loads(Path(sys.argv[1]).read_text())
attack, seconds = sys.argv[2], float(sys.argv[3])
LONG_MESSAGE_FRAMES = 150_000
context: Any = zmq.Context()
end = time.monotonic() + seconds


def connect(kind: int, number: int, reconnect_milliseconds: int = 10) -> Any:
    """Connect to one of the three sockets of the gateway."""
    socket = context.socket(kind)
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.SNDHWM, 100_000)
    socket.set(zmq.RCVHWM, 1)
    socket.set(zmq.RECONNECT_IVL, reconnect_milliseconds)
    socket.curve_serverkey = key["server_key"].encode()
    socket.curve_publickey, socket.curve_secretkey = key["public_key"].encode(), key["secret_key"].encode()
    base, _, port = key["address"].rpartition(":")
    socket.connect(f"{base}:{int(port) + number}")
    return socket


def flood_subscriptions() -> None:
    """Send very many subscriptions on one connection; libzmq keeps each."""
    socket = connect(zmq.XSUB, 0)
    while time.monotonic() < end:
        send(socket, [b"\1" + os.urandom(200)])


def flood_long_subscriptions() -> None:
    """Send subscriptions of nearly the longest message; libzmq keeps one node of a tree for each byte."""
    socket = connect(zmq.XSUB, 0)
    while time.monotonic() < end:
        send(socket, [b"\1" + os.urandom(900)])


def flood_states() -> None:
    """Send states of its own device, and long ones of other devices, as quickly as possible."""
    socket = connect(zmq.XPUB, 1)
    socket.poll(5000)
    while time.monotonic() < end:
        send(socket, [b"shed_lamp/state", STATE])
        send(socket, [b"toaster/state", b"x" * 60_000])


def flood_commands() -> None:
    """Send commands without end, and read no receipt."""
    socket = connect(zmq.DEALER, 2)
    while time.monotonic() < end:
        command = b'{"id":"%s","device":"toaster","command":"fly","deadline":%d}'
        send(socket, [b"", command % (os.urandom(5).hex().encode(), int(time.time()) + 250)])


def flood_names() -> None:
    """Send commands of 49 KB that have thousands of arguments."""
    socket = connect(zmq.DEALER, 2)
    arguments = b",".join(b'"%d":0' % number for number in range(5000))
    while time.monotonic() < end:
        command = b'{"id":"%s","device":"toaster","command":"fly","deadline":0,"args":{%s}}'
        send(socket, [b"", command % (os.urandom(5).hex().encode(), arguments)])


def send_oversized() -> None:
    """Send messages above the size limit on each socket."""
    sockets = [connect(kind, number) for number, kind in enumerate((zmq.XSUB, zmq.XPUB, zmq.DEALER))]
    sockets[1].poll(2000)
    while time.monotonic() < end:
        for socket in sockets:
            send(socket, [b"\1" + b"x" * 1_000_000])
        time.sleep(0.05)


def flood_connections() -> None:
    """Open connection after connection, each with a subscription."""
    sockets: list[Any] = []
    while time.monotonic() < end:
        if len(sockets) < 400:
            sockets.append(connect(zmq.SUB, 0))
            sockets[-1].subscribe("")
        time.sleep(0.005)


def read_nothing() -> None:
    """Subscribe to everything again and again, and read no message."""
    socket = connect(zmq.SUB, 0)
    while time.monotonic() < end:
        socket.subscribe("")
        time.sleep(0.01)


def endless_subscription() -> None:
    """Send one message of very many frames to the socket for subscriptions."""
    send_endless(connect(zmq.XSUB, 0))


def endless_state() -> None:
    """Send one message of very many frames to the socket for states."""
    socket = connect(zmq.XPUB, 1)
    socket.poll(5000)
    send_endless(socket)


def endless_command() -> None:
    """Send one message of very many frames to the socket for commands."""
    send_endless(connect(zmq.DEALER, 2))


def send_endless(socket: Any) -> None:
    """Send messages of 150 MB; this program's own library sends a message only when it is whole."""
    frame = b"\1" + b"x" * 900
    while time.monotonic() < end:
        for _ in range(LONG_MESSAGE_FRAMES):
            socket.send(frame, zmq.SNDMORE)
        socket.send(frame)


def hold_connections() -> None:
    """Open connections to the socket for commands, fewer a second than a key may, and use none of them."""
    sockets: list[Any] = []
    while time.monotonic() < end:
        if len(sockets) < 300:
            sockets.append(connect(zmq.DEALER, 2, reconnect_milliseconds=-1))
        time.sleep(0.01 if len(sockets) < 100 else 0.12)


sent = 0


def send(socket: Any, frames: list[bytes]) -> None:
    """Send a message, and count it; wait a moment when the queue is full."""
    global sent  # noqa: PLW0603
    try:
        socket.send_multipart(frames, zmq.NOBLOCK)
        sent += 1
    except zmq.Again:
        socket.poll(1, zmq.POLLOUT)


sys.stdout.write("begins\n")
sys.stdout.flush()
globals()[attack]()
sys.stdout.write(f"ends {sent}\n")
context.destroy(linger=0)
