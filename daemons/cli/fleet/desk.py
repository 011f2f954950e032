"""The options of `house fleet`: the brokers, the login and the prefix, from the command line or a file."""

from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta, Struct

from daemons.config.files import parse
from daemons.config.location import Lines
from daemons.drivers.transports.broker import Broker, BrokerUrl
from daemons.drivers.transports.secret import SecretFile
from daemons.errors import ConfigurationError
from daemons.values import Problem, parse_table

FLEET = "fleet"
"""The default prefix, and the name whose password stands in the environment: HOUSE_PASSWORD_FLEET."""
OuterPrefix = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_]+(/[A-Za-z0-9_]+)*)?\Z", max_length=100)]


class Desk(Struct, frozen=True, kw_only=True):
    """The file of `--file`: the keys are the options of the command line."""

    broker: BrokerUrl | None = None
    """The address of the broker."""
    brokers: Annotated[tuple[BrokerUrl, ...], Meta(max_length=20)] = ()
    """Several brokers, or nodes of a cluster, which are tried in turn; in place of `broker`."""
    prefix: OuterPrefix = FLEET
    """The levels of the topics before the name of a house; "" if there are none."""
    username: str | None = None
    password_file: SecretFile | None = None
    """An absolute path; the first line of the file is the password."""
    ca_file: SecretFile | None = None
    """An absolute path of a file (PEM) with the authorities to trust; None for the list of the machine."""

    certificate_file: SecretFile | None = None
    """An absolute path of a file (PEM) with the certificate of this client."""
    key_file: SecretFile | None = None
    """An absolute path of a file (PEM) with its key; None if it is in `certificate_file`."""

    def each_broker(self) -> tuple[Broker, ...]:
        """Return the connection to each broker, in the order in which they are tried."""
        urls = (self.broker,) if self.broker is not None else self.brokers
        return tuple(
            Broker(
                broker=url.host,
                port=url.port,
                username=self.username,
                password_file=self.password_file,
                tls=url.scheme == "mqtts",
                certificate_authority=self.ca_file,
                certificate_file=self.certificate_file,
                key_file=self.key_file,
            )
            for url in urls
        )

    @property
    def place(self) -> str:
        """The names of all brokers with their ports."""
        return ", ".join(broker.endpoint for broker in self.each_broker())

    @property
    def base(self) -> str:
        """The beginning of all topics, with a slash at its end; empty without a prefix."""
        return f"{self.prefix}/" if self.prefix else ""


def make_desk(file: Path | None, given: dict[str, Any]) -> Desk:
    """Return the options of a file and of the command line, which count more; None stands for no option.

    Raises ConfigurationError with the line of each mistake in the file, or ValueError with the option that is
    wrong or missing.
    """
    raw: dict[str, Any] = {}
    if file is not None:
        text, raw = parse(file.absolute())
        problems: list[Problem] = []
        if parse_table(raw, Desk, (), problems) is None:
            lines = Lines(text)
            raise ConfigurationError([lines.locate(str(file), problem) for problem in problems])
    given = dict(given)
    brokers = given.pop("brokers", None)
    options: dict[str, Any] = {key: str(value) for key, value in given.items() if value is not None}
    if brokers:
        options["brokers"] = [check_url(url) for url in brokers]
        raw = {key: value for key, value in raw.items() if key not in ("broker", "brokers")}
    problems = []
    desk = parse_table(raw | options, Desk, (), problems)
    if desk is None:
        raise ValueError(f"--{problems[0].path[0]}: {problems[0].text}".replace("_", "-"))
    if not desk.each_broker():
        raise ValueError(
            f"which broker? name it with --broker, {BrokerUrl.allowed}, or in a file with --file"
        )
    if desk.broker is not None and desk.brokers:
        raise ValueError(f"{file}: broker and brokers exclude each other")
    for key in ("ca_file", "certificate_file", "key_file"):
        if getattr(desk, key) is not None and not any(broker.tls for broker in desk.each_broker()):
            raise ValueError(f"--{key} is for a broker with TLS: mqtts://".replace("_", "-"))
    if desk.key_file is not None and desk.certificate_file is None:
        raise ValueError("--key-file is for --certificate-file, which is missing")
    return desk


def check_url(text: str) -> str:
    """Return the address of a broker; ValueError names the option for anything else."""
    problems: list[Problem] = []
    if parse_table({"broker": text}, Desk, (), problems) is None:
        raise ValueError(f"--broker: {problems[0].text}")
    return text
