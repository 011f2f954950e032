"""Whether a key may come in: libzmq asks this at each handshake, before anything else is let through.

The question and the answer are those of ZAP (rfc.zeromq.org/spec/27). What is answered here comes
back with each frame of the connection, as its User-Id, so nobody can speak in another's name.

Who is not let in gets no answer: libzmq then ends the handshake (ZMQ_HANDSHAKE_IVL), and the other
side tries again. On a refusal it would try no more, also when it may come in later.
"""

from collections.abc import Callable

import zmq
from zmq.utils import z85

from daemons.bus.sockets import Context, drain, open_socket

ENDPOINT = "inproc://zeromq.zap.01"
FRAMES = 9
"""Way back (two frames), version, request, domain, address, identity, mechanism, and the key."""


class Porter:
    """Answers for all sockets of a context that are CURVE servers."""

    def __init__(self, context: Context, find: Callable[[str, str], str | None]) -> None:
        """`find` is given a public key (Z85) and the address that it is used from.

        What it gives is said of the connection from then on; it gives nothing for who stays outside.
        """
        self.socket = open_socket(context, zmq.ROUTER)
        self.socket.bind(ENDPOINT)
        self._find = find

    def answer(self) -> None:
        """Answer the questions that have come."""
        for frames in drain(self.socket):
            if len(frames) != FRAMES or frames[7] != b"CURVE":
                continue
            address = frames[5].decode(errors="replace").removeprefix("::ffff:")  # IPv4 by an IPv6 socket
            if mark := self._find(z85.encode(frames[8]).decode(), address):
                self.socket.send_multipart(
                    [*frames[:2], b"1.0", frames[3], b"200", b"OK", mark.encode(), b""], zmq.NOBLOCK
                )
