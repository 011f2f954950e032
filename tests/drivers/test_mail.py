"""Mail, through a real SMTP server on loopback, and through servers that refuse, hang or die."""

import email
import email.policy
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from daemons.config import device
from daemons.drivers.mail import Options
from daemons.values import Problem, convert
from tests.support.loopback_server import LoopbackServer, deliver, opened, read_some, reason, result
from tests.support.mosquitto import make_certificate
from tests.support.patience import patience
from tests.support.ports import free_port

PASSWORD = "open sesame"  # noqa: S105
ADDRESSES: dict[str, Any] = {"from": "house@example.org", "to": ["anna@example.org", "bob@example.org"]}


class Mailbox:
    """The handler of a real SMTP server: keeps mails, and refuses what a test wants refused."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.replies: dict[str, str] = {}
        """What the server answers, by command, or by the address of a receiver."""

    async def handle_MAIL(  # noqa: N802  a name of the library
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer MAIL FROM."""
        envelope.mail_from = address
        return self.replies.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer RCPT TO."""
        reply = self.replies.get(address, self.replies.get("RCPT", "250 OK"))
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail, and answer the end of DATA."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return self.replies.get("DATA", "250 OK")


@contextmanager
def mail_server(
    certificate: Path | None = None, *, password: str | None = None, port: int | None = None
) -> Iterator[tuple[Mailbox, int]]:
    """Yield the mailbox and the port of a real SMTP server, with STARTTLS if it has a certificate."""
    mailbox, port = Mailbox(), port or free_port()
    more: dict[str, Any] = {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        more = {"tls_context": context, "require_starttls": True}

    def authenticate(_server: Any, _session: Any, _envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = password is not None and data.password == password.encode()
        return AuthResult(success=right, handled=False)

    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=authenticate if password else None,
        auth_required=bool(password),
        **more,
    )
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


def plain(port: int, **more: Any) -> dict[str, Any]:
    """Return the options for a server without TLS."""
    return {"server": f"127.0.0.1:{port}", "security": "none", "timeout": "5s", **ADDRESSES, **more}


def test_a_mail_arrives_with_its_headers() -> None:
    """Each attempt has the same Message-ID; a repeat and an urgent mail are marked."""
    text = ".dot\n..two\n" + "long " * 100 + "\nGröße 🧊"
    with mail_server() as (mailbox, port), opened("mail", **plain(port)) as driver:
        assert result(deliver(driver, text=text, title="Kälte 🧊 im Keller", urgent=True)) == "taken"
        assert result(deliver(driver, attempt=2, text="a" * 200, is_repeat=True)) == "taken"
    first, second = mailbox.mails
    assert first.get_content().replace("\r\n", "\n").rstrip("\n") == text
    assert first["Subject"] == "Kälte 🧊 im Keller"
    assert (first["From"], first["To"]) == ("house@example.org", "anna@example.org, bob@example.org")
    assert first["Message-ID"] == second["Message-ID"] == "<197e-1.phone@example.org>"
    assert (first["Importance"], first["X-House-Repeat"]) == ("high", None)
    assert (second["Importance"], second["X-House-Repeat"]) == (None, "yes")
    assert first["Auto-Submitted"] == "auto-generated"
    assert abs(email.utils.parsedate_to_datetime(first["Date"]).timestamp() - time.time()) < 60
    assert second["Subject"] == "a" * 75 + "..."


def test_a_login_goes_over_verified_tls(tmp_path: Path) -> None:
    """The server's certificate is verified before the password is sent."""
    good, other = make_certificate(tmp_path, "good"), make_certificate(tmp_path, "other")
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    with mail_server(good, password=PASSWORD) as (mailbox, port):
        options = {**plain(port), "security": "starttls", "user": "anna", "password_file": str(password)}
        with opened("mail", certificate_authority=str(good), **options) as driver:
            assert result(deliver(driver)) == "taken"
        with opened("mail", certificate_authority=str(other), **options) as driver:
            reading = deliver(driver)
            assert result(reading) == "refused_for_now"
            assert "its certificate is refused" in reason(reading)
        password.write_text("wrong secret")
        with opened("mail", certificate_authority=str(good), **options) as driver:
            reading = deliver(driver)
            assert result(reading) == "refused_for_now"
            assert "it refuses the user or the password: 535" in reason(reading)
            assert "secret" not in reason(reading)
    assert len(mailbox.mails) == 1


def test_a_server_without_starttls_gets_nothing() -> None:
    """The mail is not sent unprotected."""
    with (
        mail_server() as (mailbox, port),
        opened("mail", **{**plain(port), "security": "starttls"}) as driver,
    ):
        reading = deliver(driver)
        assert result(reading) == "refused_for_now"
        assert "does not support STARTTLS" in reason(reading)
    assert not mailbox.mails


def test_tls_from_the_beginning_needs_tls() -> None:
    """A server without TLS is not taken for one; the attempt has a time limit."""
    options = {"security": "tls", "timeout": "2s"}
    with mail_server() as (_, port), opened("mail", **{**plain(port), **options}) as driver:
        reading = deliver(driver)
        assert result(reading) == "refused_for_now"
        assert f"127.0.0.1:{port}: no " in reason(reading)


@pytest.mark.parametrize(
    ("command", "reply", "expected"),
    [
        ("MAIL", "451 try later", "refused_for_now"),
        ("MAIL", "550 not you", "refused"),
        ("RCPT", "450 greylisted", "refused_for_now"),
        ("RCPT", "550 no such mailbox", "refused"),
        ("DATA", "452 disk full", "refused_for_now"),
        ("DATA", "554 it looks like spam", "refused"),
    ],
)
def test_a_refusal_of_the_server_is_final_or_for_now(command: str, reply: str, expected: str) -> None:
    """4xx is for now, 5xx is for ever (RFC 5321). The reason quotes the server."""
    with mail_server() as (mailbox, port), opened("mail", **plain(port)) as driver:
        mailbox.replies[command] = reply
        reading = deliver(driver)
        assert result(reading) == expected
        assert reply in reason(reading)
        mailbox.replies.clear()
        assert result(deliver(driver, attempt=2)) == "taken"


def test_one_bad_address_does_not_keep_the_mail_from_the_others() -> None:
    """The message counts as delivered, and the fault names the address."""
    with mail_server() as (mailbox, port), opened("mail", **plain(port)) as driver:
        mailbox.replies["bob@example.org"] = "550 no such mailbox"
        reading = deliver(driver)
        assert result(reading) == "taken"
        assert "it refuses bob@example.org (550 no such mailbox)" in reason(reading)
        mailbox.replies["anna@example.org"] = "450 greylisted"
        assert result(deliver(driver, attempt=2)) == "refused_for_now"
    assert len(mailbox.mails) == 1


GREETING, OK = b"220 hello\r\n", b"250 OK\r\n"


def script(*steps: bytes, then: str = "close") -> Any:
    """Return a server that says a greeting, and one reply for each line or mail; then it closes or hangs."""

    def behave(connection: socket.socket, server: LoopbackServer) -> None:
        for index, step in enumerate(steps):
            if index:
                data = read_some(connection)
                while steps[index - 1].startswith(b"354") and not data.endswith(b"\r\n.\r\n"):
                    data += read_some(connection)
                server.received.append(data)
            connection.sendall(step)
        if then == "close":
            read_some(connection)
            return
        while then == "repeat" and not server.ended.is_set():
            connection.sendall(steps[-1])
        server.ended.wait(20)

    return behave


TO_DATA = (GREETING, OK, OK, OK, OK)
"""The replies until DATA: greeting, EHLO, MAIL and two RCPT."""
CERTAIN = {
    "hangs before the greeting": script(then="hang"),
    "closes after the greeting": script(GREETING),
    "hangs after MAIL": script(GREETING, OK, then="hang"),
    "dies after RCPT": script(*TO_DATA[:-1]),
    "hangs at DATA": script(*TO_DATA, then="hang"),
    "is no mail server": script(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "says megabytes": script(b"220-" + b"x" * 500 + b"\r\n", then="repeat"),
    "says megabytes in one line": script(b"x" * 65536, then="repeat"),
    "refuses everybody": script(b"554 go away\r\n"),
}
UNCERTAIN = {
    "dies after the mail": script(*TO_DATA, b"354 go\r\n"),
    "hangs after the mail": script(*TO_DATA, b"354 go\r\n", b"", then="hang"),
    "says garbage after the mail": script(*TO_DATA, b"354 go\r\n", b"\x00\xff\r\n"),
    "says megabytes after the mail": script(*TO_DATA, b"354 go\r\n", b"250-ok\r\n", then="repeat"),
    "says one long line after the mail": script(*TO_DATA, b"354 go\r\n", b"2" * 65536, then="repeat"),
}


@pytest.mark.parametrize("name", CERTAIN)
def test_a_server_that_fails_before_the_mail_has_not_taken_it(name: str) -> None:
    """So the next attempt is no repeat. The attempt ends in time."""
    with (
        LoopbackServer(CERTAIN[name]) as server,
        opened("mail", **plain(server.port, timeout="1s")) as driver,
    ):
        began = time.monotonic()
        reading = deliver(driver)
        assert time.monotonic() - began < patience(6)
        assert result(reading) == "refused_for_now"
        assert reason(reading).startswith(f"127.0.0.1:{server.port}: ")
        assert len(reason(reading)) < 400


@pytest.mark.parametrize("name", UNCERTAIN)
def test_a_server_that_fails_after_the_mail_may_have_taken_it(name: str) -> None:
    """The outcome is unknown, and the driver goes on with the next attempt."""
    with (
        LoopbackServer(UNCERTAIN[name]) as server,
        opened("mail", **plain(server.port, timeout="1s")) as driver,
    ):
        began = time.monotonic()
        reading = deliver(driver)
        assert time.monotonic() - began < patience(6)
        assert result(reading) == "unknown"
        assert "it is not known whether it took the message" in reason(reading)
        server.behave = script(*TO_DATA, b"354 go\r\n", OK)
        assert result(deliver(driver, attempt=2)) == "taken"


def test_an_answer_that_comes_twice_counts_once() -> None:
    """The second one is not read."""
    twice = script(*TO_DATA, b"354 go\r\n", OK + OK)
    with LoopbackServer(twice) as server, opened("mail", **plain(server.port)) as driver:
        assert result(deliver(driver)) == "taken"


@pytest.mark.parametrize(
    ("server", "security", "host", "port"),
    [
        ("mail.example.org", "starttls", "mail.example.org", 587),
        ("mail.example.org", "tls", "mail.example.org", 465),
        ("mail.example.org:2525", "none", "mail.example.org", 2525),
        ("[::1]", "none", "::1", 25),
        ("[::1]:2525", "none", "::1", 2525),
    ],
)
def test_the_port_follows_from_the_security(server: str, security: str, host: str, port: int) -> None:
    """Each has its usual port."""
    options = convert({"server": server, "security": security, **ADDRESSES}, Options)
    assert (options.host, options.port) == (host, port)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"security": "none", "user": "anna"}, "would send the password unprotected"),
        ({"password_file": "/etc/secret"}, "password_file goes with user"),
        ({"server": "a:70000"}, "the port of server must be from 1 to 65535"),
        ({"server": "a b"}, "is not allowed; server takes"),
        ({"to": []}, "is not allowed; to takes"),
        ({"to": ["anna@example.org\r\nBcc: eve@example.org"]}, "is not allowed; to takes"),
        ({"from": "anna"}, "is not allowed; from takes"),
        ({"timeout": "0s"}, "timeout must be from 1s to 60s"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], words: str) -> None:
    """The problem says what is allowed."""
    problems: list[Problem] = []
    table = {"kind": "messenger", "driver": "mail", "mail": {"server": "a", **ADDRESSES, **options}}
    device.build("phone", table, ("devices", "phone"), problems)
    assert words in str(problems)
