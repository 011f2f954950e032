"""KLAP, TP-Link's encrypted protocol over HTTP with an account: the side of the plug.
Two handshakes prove that both sides have the account: SHA-256 over both seeds and a digest of the
account. Each later request and response is encrypted by AES-128-CBC with a key from the seeds and a
sequence number, and signed. Version 2 (Tapo) has other digests.
Source: python-kasa 0.10 (kasa/transports/klaptransport.py).
"""

import json
import secrets
import threading
from collections.abc import Callable
from hashlib import md5, sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

BLOCK_BITS = 128


class Session:
    """The session of one client: its keys, and the state of the handshakes."""

    def __init__(self, seed: bytes, account: bytes, version: int) -> None:
        self.own = secrets.token_bytes(16)
        first, second = (self.own, seed) if version > 1 else (b"", b"")
        self.proof = sha256(seed + first + account).digest()
        """Proves to the client that the plug has the account."""
        self.expected = sha256(self.own + second + account).digest()
        """The proof that the client must send."""
        self.is_open = False
        both = seed + self.own + account
        self._key = sha256(b"lsk" + both).digest()[:16]
        self._start = sha256(b"iv" + both).digest()[:12]
        self._signature = sha256(b"ldk" + both).digest()[:28]

    def decrypt(self, message: bytes, number: bytes) -> bytes:
        """Decrypt a request; raises ValueError if its signature is wrong."""
        signature, text = message[:32], message[32:]
        if signature != sha256(self._signature + number + text).digest():
            raise ValueError("a wrong signature")
        cipher = self._cipher(number).decryptor()
        unpadder = PKCS7(BLOCK_BITS).unpadder()
        return unpadder.update(cipher.update(text) + cipher.finalize()) + unpadder.finalize()

    def encrypt(self, plain: bytes, number: bytes) -> bytes:
        """Encrypt a response."""
        padder = PKCS7(BLOCK_BITS).padder()
        cipher = self._cipher(number).encryptor()
        text = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
        return sha256(self._signature + number + text).digest() + text

    def _cipher(self, number: bytes) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(self._start + number))


class KlapServer:
    """A plug that answers only clients with its account."""

    def __init__(
        self,
        port: int,
        username: str,
        password: str,
        reply: Callable[[dict[str, Any]], dict[str, Any] | bytes],
        version: int = 1,
        host: str = "127.0.0.1",
    ) -> None:
        part, whole = (sha1, sha256) if version > 1 else (md5, md5)
        digests = (part(text.encode(), usedforsecurity=False).digest() for text in (username, password))
        self.account = whole(b"".join(digests), usedforsecurity=False).digest()
        self.reply = reply
        self.version = version
        self.sessions: dict[str, Session] = {}
        plug = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 0.5  # the plug closes a connection without HTTP soon, too

            def do_POST(self) -> None:
                plug.post(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def post(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request, or refuse it with status 403."""
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        url = urlsplit(request.path)
        cookie = request.headers.get("Cookie", "").partition("TP_SESSIONID=")[2].partition(";")[0]
        session = self.sessions.get(cookie)
        if url.path == "/app/handshake1":
            name, session = secrets.token_hex(16).upper(), Session(body, self.account, self.version)
            self.sessions[name] = session
            return send_response(
                request, 200, session.own + session.proof, f"TP_SESSIONID={name};TIMEOUT=86400"
            )
        if session and url.path == "/app/handshake2" and body == session.expected:
            session.is_open = True
            return send_response(request, 200)
        if session and session.is_open and url.path == "/app/request":
            number = int(parse_qs(url.query)["seq"][0]).to_bytes(4, "big", signed=True)
            response = self.reply(json.loads(session.decrypt(body, number)))
            plain = response if isinstance(response, bytes) else json.dumps(response).encode()
            return send_response(request, 200, session.encrypt(plain, number))
        return send_response(request, 403)

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(20)


def send_response(
    request: BaseHTTPRequestHandler, status: int, body: bytes = b"", cookie: str | None = None
) -> None:
    """Send a response."""
    request.send_response(status)
    if cookie:
        request.send_header("Set-Cookie", cookie)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
