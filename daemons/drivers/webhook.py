"""Messages by HTTP POST to any service: Home Assistant, Slack, Discord, Telegram, or your own program.

The body is a JSON object with `text`, `title`, `urgent`, `id`, `repeat` and `device`, and with
`acknowledge_url` if the message has a link. The header
`Idempotency-Key` is the same for each attempt of one message. A status from 200 to 299 means that the
service has taken the message.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct, field

from daemons.drivers import Remote
from daemons.drivers.transports.delivery import (
    Answer,
    Progress,
    check_timeout,
    deliver_messages,
    quote,
    text_with_link,
)
from daemons.drivers.transports.http_post import (
    HttpUrl,
    Url,
    answer_to,
    bearer,
    parse_url,
    post,
)
from daemons.drivers.transports.http_response import BadResponse
from daemons.drivers.transports.secret import SecretFile, read_secret
from daemons.errors import HouseError, StorageError
from daemons.kinds import Ability, Message
from daemons.values import Seconds

if TYPE_CHECKING:
    from daemons.drivers.transports.worker import HardwareChannel

Key = Annotated[str, Meta(min_length=1, max_length=64)]


class Options(Struct, frozen=True, kw_only=True):
    """The options of a webhook."""

    url: HttpUrl | None = None
    """The address that takes the messages."""
    url_file: SecretFile | None = None
    """The file with that address, an absolute path, if the address itself is secret."""
    token_file: SecretFile | None = None
    """The file with a token for the header `Authorization: Bearer`, an absolute path."""
    text_key: Key = "text"
    """The key of the text in the JSON object; Discord calls it `content`."""
    add: dict[Key, str | bool | int | float] | None = None
    """More keys of the JSON object, each with its value; Telegram needs `chat_id`."""
    certificate_authority: SecretFile | None = None
    """A file (PEM) with the authorities to trust, an absolute path. The default is the machine's list."""
    timeout_seconds: Seconds = field(name="timeout", default=Seconds(15))
    """How long one attempt may take, `"1s"` to `"60s"`."""

    def __post_init__(self) -> None:
        """Raise ValueError if the time limit or the address cannot be used."""
        check_timeout(self.timeout_seconds)
        if (self.url is None) == (self.url_file is None):
            raise ValueError("either url or url_file names the address")
        if self.url is not None:
            parse_url(self.url)


class Webhook(Remote[Options]):
    """Messages by HTTP POST to any service: Home Assistant, Slack, Discord, Telegram, or your own program."""

    options_type = Options
    abilities: ClassVar[frozenset[Ability]] = frozenset({"notify"})

    async def run(self, channel: "HardwareChannel") -> None:
        """Post each message."""
        try:
            where = self._url().where
        except HouseError:
            where = "webhook"  # the reason follows with the first attempt
        seconds = self.options.timeout_seconds
        await deliver_messages(self.device, channel, where, seconds, self._deliver)

    async def _deliver(self, message: Message, progress: Progress) -> Answer:
        """Post a message once."""
        url = self._url()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"{self.device}-{message.key}",
        }
        token = read_secret(self.device, self.options.token_file)
        if token is not None:
            headers["Authorization"] = bearer(token)
        body = msgspec.json.encode(content(self.device, self.options, message))
        try:
            response = await post(url, headers, body, progress, self.options.certificate_authority)
        except BadResponse as error:
            return Answer("unknown", quote(str(error), token, url.target), reachable=False)
        said = quote(response.body.decode(errors="replace"), token, url.target)
        return answer_to(response, said)

    def _url(self) -> Url:
        """Return the address; raises StorageError, without the address, if its file has none."""
        if self.options.url is not None:
            return parse_url(self.options.url)
        text = read_secret(self.device, self.options.url_file) or ""
        try:
            return parse_url(text)
        except ValueError as error:
            raise StorageError(f"{self.options.url_file}: {error}") from None


def content(device: str, options: Options, message: Message) -> dict[str, Any]:
    """Return the JSON object of a message."""
    return {
        "device": device,
        "id": message.key,
        "title": message.title,
        "urgent": message.urgent,
        "repeat": message.is_repeat,
        options.text_key: text_with_link(message),
        **({"acknowledge_url": message.link} if message.link else {}),
        **(options.add or {}),
    }
