"""Delivers the messages of one messenger: one attempt at a time, each with a time limit and an outcome.

The queue and the pauses between two attempts belong to the kind. So an attempt that fails is no lost
connection: it is an outcome, and the driver waits for the next message.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from daemons.drivers.transports import os_error
from daemons.errors import HouseError, StorageError
from daemons.kinds import DeliveryResult, Message, Outcome
from daemons.storage.acknowledgement import make_link
from daemons.values import Seconds, printable

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""The limits of the option `timeout`. The kind waits longer than that for an outcome."""
MAX_REASON = 200
"""The longest quotation of a server's answer, in characters."""


class Answer(NamedTuple):
    """The result of one attempt."""

    result: DeliveryResult
    text: str = ""
    """The reason, for a person; empty if nothing is wrong."""
    reachable: bool = True
    """Whether the server has answered."""


class Progress:
    """How far one attempt has come. A thread may go on with an attempt whose time is over."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_sent = False
        self._is_over = False

    @property
    def is_sent(self) -> bool:
        """Whether the server may have taken the message."""
        return self._is_sent

    def begin_sending(self) -> None:
        """Note that the server may take the message from now on; raises TimeoutError if the time is over."""
        with self._lock:
            if self._is_over:
                raise TimeoutError
            self._is_sent = True

    def end(self) -> bool:
        """End the attempt, and return whether the server may have taken the message."""
        with self._lock:
            self._is_over = True
            return self._is_sent


Deliver = Callable[[Message, Progress], Awaitable[Answer]]
"""Makes one attempt. It may raise any error instead of returning an answer."""


async def deliver_messages(
    device: str, channel: "HardwareChannel", where: str, seconds: float | None, deliver: Deliver
) -> None:
    """Deliver each message that the channel returns; `where` names the server in the reasons.

    `seconds` limits an attempt; with None, `deliver` limits it.
    """
    channel.update()
    while True:
        setting = await channel.next_setting()
        if (message := setting.message) is None:
            continue
        answer = await attempt(device, where, seconds, deliver, with_link(device, message))
        reason = f"{where}: {answer.text}" if answer.text else ""
        outcome = Outcome(message.key, message.attempt, answer.result, reason)
        channel.update(reachable=answer.reachable, fault=reason or None, outcome=outcome)


def with_link(device: str, message: Message) -> Message:
    """Return a message with the link that acknowledges it, if it has the address of a page.

    A link that cannot be made delays no message.
    """
    link = None
    if message.link is not None and message.id is not None:
        try:
            link = make_link(message.link, device, message.id)
        except StorageError as error:
            logging.getLogger(device).warning("the message has no link that acknowledges it: %s", error)
    return replace(message, link=link)


def text_with_link(message: Message) -> str:
    """Return the text of a message; its link, if there is one, is the last line."""
    return message.text if message.link is None else f"{message.text}\n\nSeen: {message.link}"


async def attempt(
    device: str, where: str, seconds: float | None, deliver: Deliver, message: Message
) -> Answer:
    """Make one attempt within the time limit, and return its answer."""
    progress = Progress()
    reachable = False
    try:
        async with asyncio.timeout(seconds):
            return await deliver(message, progress)
    except TimeoutError:
        text = f"no answer within {seconds:g} s"
    except OSError as error:
        text = reason(error)
    except HouseError as error:  # a missing password file
        text, reachable = str(error).removeprefix(f"{device}: "), True
    except Exception as error:
        logging.getLogger(device).exception("its driver has failed at %s", where)
        text = f"its driver has failed: {type(error).__name__}"
    if progress.end():
        return Answer("unknown", f"{text}; it is not known whether it took the message", reachable)
    return Answer("refused_for_now", text, reachable)


def tls_context(certificate_authority: str | None) -> ssl.SSLContext:
    """Return a TLS context that verifies the server; raises StorageError if the file cannot be used."""
    try:
        return ssl.create_default_context(cafile=certificate_authority)
    except OSError as error:
        why = error.strerror or "it has no certificate (PEM)"
        raise StorageError(f"the file {certificate_authority} cannot be read: {why}") from error


def reason(error: OSError) -> str:
    """Return why a server cannot be used, without the socket's part of a system error."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS connection: {error.reason or 'the answer is not TLS'}"
    return quote(os_error.reason(error))


def quote(text: str, *secrets: str | None) -> str:
    """Return what a server has said, shortened and without control characters and secrets."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    text = " ".join(str(printable(text)).split())
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."


def check_timeout(seconds: Seconds) -> None:
    """Raise ValueError if a time limit is too short, or longer than the kind waits."""
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ValueError("timeout must be from 1s to 60s")
