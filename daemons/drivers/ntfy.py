"""Push messages to phones and browsers through ntfy: your own server, or ntfy.sh.

A message is published as JSON (docs.ntfy.sh/publish). Its key is its `sequence_id`. So a repeat replaces
the notification of the first attempt, with an ntfy server of version 2.16 or newer.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct, field

from daemons.drivers import Remote
from daemons.drivers.transports.delivery import Answer, Progress, check_timeout, deliver_messages, quote
from daemons.drivers.transports.http_post import (
    HttpUrl,
    answer_to,
    bearer,
    parse_url,
    post,
)
from daemons.drivers.transports.http_response import BadResponse, Response
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.kinds import Ability, Message
from daemons.values import Seconds

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

NORMAL, URGENT = 3, 5
"""Priorities of ntfy: the default one, and the highest."""
MAX_SEQUENCE_ID = 64


class Options(Struct, frozen=True, kw_only=True):
    """The options of a topic of ntfy."""

    topic: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
    """The topic. Without access rules on the server, everybody who knows it can read your messages."""
    server: HttpUrl = "https://ntfy.sh"
    """The address of the server."""
    token_file: SecretFile | None = None
    """The file with an access token, an absolute path."""
    click: HttpUrl | None = None
    """The address that a tap on the message opens, for example that of your page."""
    certificate_authority: SecretFile | None = None
    """A file (PEM) with the authorities to trust, an absolute path. The default is the machine's list."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(15))
    """How long one attempt may take, `"1s"` to `"60s"`."""

    def __post_init__(self) -> None:
        """Raise ValueError if the time limit or the server cannot be used."""
        check_timeout(self.timeout_seconds)
        parse_url(self.server)


class Ntfy(Remote[Options]):
    """Push messages to phones and browsers through ntfy: your own server, or ntfy.sh."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"notify"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Publish each message."""
        where = parse_url(self.options.server).where
        seconds = self.options.timeout_seconds
        await deliver_messages(self.device, channel, where, seconds, self._deliver)

    async def _deliver(self, message: Message, progress: Progress) -> Answer:
        """Publish a message once."""
        token = read_secret(self.device, self.options.token_file)
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = bearer(token)
        body = msgspec.json.encode(content(self.device, self.options, message))
        url = parse_url(self.options.server)._replace(target="/")
        try:
            response = await post(url, headers, body, progress, self.options.certificate_authority)
        except BadResponse as error:
            return Answer("unknown", quote(str(error), token), reachable=False)
        found = parse_answer(response)
        answer = answer_to(response, quote(str(found.get("error", "")), token))
        if answer.result == "taken" and found.get("event") != "message":
            return Answer("refused_for_now", "its answer is not that of ntfy; correct ntfy.server")
        return answer


def content(device: str, options: Options, message: Message) -> dict[str, Any]:
    """Return the JSON object of a message."""
    optional = {"title": message.title, "click": options.click, "actions": actions(message)}
    return {
        "topic": options.topic,
        "message": message.text,
        "priority": URGENT if message.urgent else NORMAL,
        "sequence_id": f"{device}-{message.key}"[-MAX_SEQUENCE_ID:],
        **{key: value for key, value in optional.items() if value is not None},
    }


def actions(message: Message) -> list[dict[str, Any]] | None:
    """Return the button of a notification that acknowledges the message; None without a link."""
    if message.link is None:
        return None
    return [{"action": "http", "label": "Seen", "url": message.link, "method": "POST", "clear": True}]


def parse_answer(response: Response) -> dict[str, Any]:
    """Return the JSON object that ntfy answers; empty if the answer is none."""
    try:
        return msgspec.json.decode(response.body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {}
