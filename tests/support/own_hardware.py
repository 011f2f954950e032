"""Parse the values of `--device`: a driver, and the address or options of the owner's hardware."""

from typing import Any

import msgspec
import pytest
import tomli

from daemons.config import loader
from daemons.errors import HouseError
from daemons.values import Problem, parse_table

USAGE = """\
--device takes DRIVER=ADDRESS, such as shelly=192.168.1.20, where there is a broker
DRIVER=BROKER[:PORT]/NAME, such as tasmota=192.168.1.2/kettle, or the options as an inline TOML table"""


def parse_device(text: str) -> tuple[str, dict[str, Any]]:
    """Parse the value of one `--device`; raises UsageError with the error and a hint."""
    word, equals, where = text.partition("=")
    words = loader.available("drivers")
    word = word if word in words else f"mqtt_{word}"
    if not equals or not where or word not in words:
        raise pytest.UsageError(f"{text!r}: {USAGE}; drivers: {', '.join(words)}")
    try:
        kind = loader.driver(word)
        options = (
            tomli.loads(f"options = {where}")["options"] if "{" in where else short_form_options(kind, where)
        )
    except (HouseError, tomli.TOMLDecodeError) as error:
        raise pytest.UsageError(f"{text!r}: {error}") from error
    problems: list[Problem] = []
    if parse_table(options, kind.options_type, (), problems) is None:
        message = "; ".join(": ".join([*map(str, problem.path), problem.text]) for problem in problems)
        raise pytest.UsageError(f"{text!r}: {message}")
    return word, options


def short_form_options(kind: Any, where: str) -> dict[str, Any]:
    """Return the options for an address, or for a broker and a name."""
    names = {field.encode_name for field in msgspec.structs.fields(kind.options_type)}
    if "broker" not in names:
        return {"address": where}
    place, _, name = where.partition("/")
    broker, _, port = place.partition(":")
    options: dict[str, Any] = {"broker": broker, "device" if "device" in names else "topic": name}
    return options | ({"port": int(port)} if port.isdecimal() else {})
