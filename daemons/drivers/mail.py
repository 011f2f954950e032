"""Mail through an SMTP server with TLS, for example that of your mail provider.

Each attempt of one message has the same Message-ID, so that most mail programs show a repeat only once. A
repeat also has the header `X-House-Repeat`. The server's certificate is always verified.
"""

import asyncio
import re
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import IO, TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from msgspec import Meta, Struct, field

from daemons.drivers import Remote
from daemons.drivers.transports.delivery import (
    Answer,
    Progress,
    check_timeout,
    deliver_messages,
    quote,
    text_with_link,
    tls_context,
)
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.kinds import Ability, Message
from daemons.values import Seconds

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

Address = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+\Z", max_length=254)]
"""A mail address, without a name."""
PORTS = {"starttls": 587, "tls": 465, "none": 25}
MAX_REPLY_BYTES = 64 * 1024
"""How much a server may say in one connection."""
OWN_NAME = "[127.0.0.1]"
"""The name in EHLO. A name of your network would need a look-up, and would be in each mail."""
NOT_SMTP = "its answer is not SMTP"
MAX_SUBJECT = 78
ACCEPTED, SEND_DATA, TOO_LATE = (250, 251, 252), 354, 500
"""Replies of RFC 5321: accepted, send the data; from 500 on, the server refuses for ever."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a mailbox."""

    server: Annotated[str, Meta(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?\Z")]
    """The SMTP server, with `:port` if that is not the usual one of `security`."""
    sender: Address = field(name="from")
    """The address from which the mail comes."""
    to: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=20)]
    """The addresses to which the mail goes."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`"starttls"` (port 587), `"tls"` from the beginning (port 465), or `"none"` (port 25)."""
    user: Annotated[str, Meta(min_length=1, max_length=254)] | None = None
    """The user of the account; by default none."""
    password_file: SecretFile | None = None
    """The file with the password, an absolute path."""
    certificate_authority: SecretFile | None = None
    """A file (PEM) with the authorities to trust, an absolute path. The default is the machine's list."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(30))
    """How long one attempt may take, `"1s"` to `"60s"`."""

    def __post_init__(self) -> None:
        """Raise ValueError for a bad time limit or port, and for a password that everybody could read."""
        check_timeout(self.timeout_seconds)
        if self.security == "none" and self.user is not None:
            raise ValueError('security = "none" would send the password unprotected; use starttls or tls')
        if self.password_file is not None and self.user is None:
            raise ValueError("password_file goes with user")
        if not 0 < self.port < 1 << 16:
            raise ValueError("the port of server must be from 1 to 65535")

    @property
    def host(self) -> str:
        """The name or address of the server."""
        host = re.sub(r":[0-9]+\Z", "", self.server) if not self.server.endswith("]") else self.server
        return host.strip("[]")

    @property
    def port(self) -> int:
        """The port of the server."""
        found = re.search(r"(?:^[^:\[]+|\]):([0-9]+)\Z", self.server)
        return int(found[1]) if found else PORTS[self.security]


class Mail(Remote[Options]):
    """Mail through an SMTP server with TLS, for example that of your mail provider."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"notify"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Send each message."""
        where = f"{self.options.host}:{self.options.port}"
        seconds = self.options.timeout_seconds
        await deliver_messages(self.device, channel, where, seconds, self._deliver)

    async def _deliver(self, message: Message, progress: Progress) -> Answer:
        """Send a message once. The library blocks, so it runs in a thread of its own."""
        password = read_secret(self.device, self.options.password_file)
        transaction = Transaction(self.options, password, progress)
        data = to_bytes(self.device, self.options, message)
        try:
            return await asyncio.to_thread(transaction.run, data)
        finally:
            transaction.abort()


class LimitedFile:
    """What a server says, up to MAX_REPLY_BYTES; raises OSError beyond."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = MAX_REPLY_BYTES

    def readline(self, longest: int) -> bytes:
        """Read a line."""
        line = self._file.readline(longest)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("it says too much")
        return line

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class LimitedSmtp(smtplib.SMTP):
    """A connection whose server can neither say too much nor hold a thread for ever."""

    def __init__(self, transaction: "Transaction", **more: Any) -> None:
        self._transaction = transaction
        super().__init__(**more)

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> Any:
        """Connect; from here on the transaction can abort the connection."""
        self._transaction.connection = self
        return super().connect(host, port, source_address)

    def getreply(self) -> tuple[int, bytes]:
        """Return a reply; raises SMTPServerDisconnected if the server says too much."""
        if self.file is None and self.sock is not None:
            self.file = cast("Any", LimitedFile(self.sock.makefile("rb")))
        return super().getreply()


class LimitedSmtpTls(LimitedSmtp, smtplib.SMTP_SSL):
    """The same with TLS from the beginning."""


class Transaction:
    """One attempt to send one mail."""

    def __init__(self, options: Options, password: str | None, progress: Progress) -> None:
        self._options = options
        self._password = password
        self._progress = progress
        self.connection: smtplib.SMTP | None = None

    def abort(self) -> None:
        """End the connection, so that a thread that waits for it ends too."""
        opened = self.connection and self.connection.sock
        if opened:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def run(self, data: bytes) -> Answer:
        """Send the mail, and return what the server answers; raises OSError if it does not."""
        try:
            with closing(self._connect()) as smtp:
                return self._send(smtp, data)
        except smtplib.SMTPResponseException as error:  # of the greeting, EHLO, STARTTLS or AUTH
            if error.smtp_code < 0 or self._progress.is_sent:
                raise ConnectionError(NOT_SMTP) from error
            said = self._quote(error.smtp_code, error.smtp_error)
            if isinstance(error, smtplib.SMTPAuthenticationError):
                said = f"it refuses the user or the password: {said}"
            return Answer("refused_for_now", said)
        except smtplib.SMTPNotSupportedError:
            wanted = "STARTTLS" if self._options.security == "starttls" else "AUTH"
            return Answer("refused_for_now", f"it does not support {wanted}; correct mail.security")
        except smtplib.SMTPServerDisconnected as error:
            raise ConnectionError("it has ended the connection") from error

    def _connect(self) -> smtplib.SMTP:
        options = self._options
        common: dict[str, Any] = {
            "host": options.host,
            "port": options.port,
            "local_hostname": OWN_NAME,
            "timeout": options.timeout_seconds,
        }
        if options.security == "tls":
            return LimitedSmtpTls(self, context=tls_context(self._options.certificate_authority), **common)
        return LimitedSmtp(self, **common)

    def _send(self, smtp: smtplib.SMTP, data: bytes) -> Answer:
        options = self._options
        smtp.ehlo_or_helo_if_needed()
        if options.security == "starttls":
            smtp.starttls(context=tls_context(self._options.certificate_authority))
            smtp.ehlo_or_helo_if_needed()
        if options.user is not None:
            smtp.login(options.user, self._password or "")
        code, said = smtp.mail(options.sender)
        if code not in ACCEPTED:
            return self._refusal(code, said)
        replies = [(address, *smtp.rcpt(address)) for address in options.to]
        refused = [reply for reply in replies if reply[1] not in ACCEPTED]
        if len(refused) == len(replies):
            mildest = min(refused, key=lambda reply: reply[1])  # one that may be repaired counts
            return self._refusal(*mildest[1:])
        code, said = smtp.docmd("DATA")
        if code != SEND_DATA:
            return self._refusal(code, said)
        self._progress.begin_sending()
        smtp.send(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
        code, said = smtp.getreply()
        if code not in ACCEPTED:
            return self._refusal(code, said)
        others = ", ".join(f"{address} ({self._quote(code, said)})" for address, code, said in refused)
        text = f"it refuses {others}, and took the mail for the other addresses"
        return Answer("taken", text if others else "")

    def _refusal(self, code: int, said: bytes) -> Answer:
        if code < 0:  # no reply of SMTP
            raise ConnectionError(NOT_SMTP)
        return Answer("refused" if code >= TOO_LATE else "refused_for_now", self._quote(code, said))

    def _quote(self, code: int, said: bytes | str) -> str:
        text = said if isinstance(said, str) else said.decode(errors="replace")
        return quote(f"{code} {text}", self._password)


@contextmanager
def closing(smtp: smtplib.SMTP) -> Iterator[smtplib.SMTP]:
    """Send QUIT at the end of the block, without a wait for the answer."""
    try:
        yield smtp
    finally:
        with suppress(OSError, smtplib.SMTPException):
            smtp.putcmd("quit")
        smtp.close()


def to_bytes(device: str, options: Options, message: Message) -> bytes:
    """Return the mail of a message."""
    mail = EmailMessage(policy=SMTP)
    subject = message.title or message.text.partition("\n")[0]
    mail["Subject"] = subject if len(subject) <= MAX_SUBJECT else f"{subject[: MAX_SUBJECT - 3]}..."
    mail["From"] = options.sender
    mail["To"] = ", ".join(options.to)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = f"<{message.key}.{device}@{options.sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.urgent:
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    if message.is_repeat:
        mail["X-House-Repeat"] = "yes"
    mail.set_content(text_with_link(message))
    return mail.as_bytes()
