"""Whether a key may come in: libzmq asks this at each handshake, before anything else is let through.

The question and the answer are those of ZAP (rfc.zeromq.org/spec/27). What is answered here comes
back with each frame of the connection, as its User-Id, so nobody can speak in another's name.
"""

from collections.abc import Callable

import zmq
from zmq.utils import z85

from daemons.bus import Context, Refusals, drain, open_socket

ENDPOINT = "inproc://zeromq.zap.01"
FRAMES = 9
"""Way back (two frames), version, request, domain, address, identity, mechanism, and the key."""


class Porter:
    """Answers for all sockets of a context that are CURVE servers."""

    def __init__(self, context: Context, find: Callable[[str], str | None], refusals: Refusals) -> None:
        """`find` gives the name of who has a public key (Z85), or nothing."""
        self.socket = open_socket(context, zmq.ROUTER)
        self.socket.bind(ENDPOINT)
        self._find = find
        self._refusals = refusals

    def answer(self) -> None:
        """Answer the questions that have come."""
        for frames in drain(self.socket):
            name = None
            address = frames[5].decode(errors="replace") if len(frames) == FRAMES else "?"
            if len(frames) == FRAMES and frames[7] == b"CURVE":
                key = z85.encode(frames[8]).decode()
                name = self._find(key)
                if name is None:
                    self._refusals.add(f"the door, from {address}", f"nobody is known by the key {key}")
            status = (b"200", b"OK") if name else (b"400", b"nobody is known by that key")
            reply = [*frames[:2], b"1.0", frames[3], *status, (name or "").encode(), b""]
            self.socket.send_multipart(reply)
