"""Authenticates connections: libzmq asks at each CURVE handshake, before it passes any message on.

Request and reply follow ZAP (rfc.zeromq.org/spec/27). The reply carries a user id, and libzmq attaches it
to each frame of the connection as `User-Id`. So no client can use the name of another.

An unknown key gets no reply. libzmq then ends the handshake (ZMQ_HANDSHAKE_IVL), and the client tries
again. After a refusal libzmq would never retry, even if the key is added later.
"""

from collections.abc import Callable

import zmq
from zmq.utils import z85

from daemons.bus.sockets import Context, drain, open_socket

ENDPOINT = "inproc://zeromq.zap.01"
FRAMES = 9
"""Envelope (two frames), version, request id, domain, address, identity, mechanism, and the public key."""


class Authenticator:
    """Answers the authentication requests of all CURVE servers of one context."""

    def __init__(self, context: Context, authenticate: Callable[[str, str], str | None]) -> None:
        """`authenticate` gets a public key (Z85) and the address that the connection comes from.

        It returns the user id of the connection, or None when the connection is not accepted.
        """
        self.socket = open_socket(context, zmq.ROUTER)
        self.socket.bind(ENDPOINT)
        self._authenticate = authenticate

    def answer_requests(self) -> None:
        """Answer the requests that have arrived; frames that are no CURVE request get no reply."""
        for frames in drain(self.socket):
            if len(frames) != FRAMES or frames[7] != b"CURVE":
                continue
            address = frames[5].decode(errors="replace").removeprefix("::ffff:")  # IPv4 by an IPv6 socket
            if user_id := self._authenticate(z85.encode(frames[8]).decode(), address):
                self.socket.send_multipart(
                    [*frames[:2], b"1.0", frames[3], b"200", b"OK", user_id.encode(), b""], zmq.NOBLOCK
                )
