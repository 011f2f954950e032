"""The options of `house fleet`: the broker, the login and the prefix, from the command line or a file."""

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
    prefix: OuterPrefix = FLEET
    """The levels of the topics before the name of a house; "" if there are none."""
    username: str | None = None
    password_file: SecretFile | None = None
    """An absolute path; the first line of the file is the password."""
    ca_file: SecretFile | None = None
    """An absolute path of a file (PEM) with the authorities to trust; None for the list of the machine."""

    @property
    def options(self) -> Broker:
        """The options of the connection; `broker` must be set."""
        assert self.broker is not None  # noqa: S101  for the type checker
        return Broker(
            broker=self.broker.host,
            port=self.broker.port,
            username=self.username,
            password_file=self.password_file,
            tls=self.broker.scheme == "mqtts",
            certificate_authority=self.ca_file,
        )

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
    options = {key: str(value) for key, value in given.items() if value is not None}
    problems = []
    desk = parse_table(raw | options, Desk, (), problems)
    if desk is None:
        raise ValueError(f"--{problems[0].path[0]}: {problems[0].text}".replace("_", "-"))
    if desk.broker is None:
        raise ValueError(
            f"which broker? name it with --broker, {BrokerUrl.allowed}, or in a file with --file"
        )
    if desk.ca_file is not None and not desk.options.tls:
        raise ValueError("--ca-file is for a broker with TLS: mqtts://")
    return desk
