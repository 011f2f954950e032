"""What an owner names with `--device`: which driver, and how it reaches their hardware."""

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


def owned(text: str) -> tuple[str, dict[str, Any]]:
    """Read one; UsageError says what is wrong with it."""
    word, equals, where = text.partition("=")
    words = loader.available("drivers")
    word = word if word in words else f"mqtt_{word}"
    if not equals or not where or word not in words:
        raise pytest.UsageError(f"{text!r}: {USAGE}; drivers: {', '.join(words)}")
    try:
        kind = loader.driver(word)
        options = tomli.loads(f"options = {where}")["options"] if "{" in where else short(kind, where)
    except (HouseError, tomli.TOMLDecodeError) as error:
        raise pytest.UsageError(f"{text!r}: {error}") from error
    problems: list[Problem] = []
    if parse_table(options, kind.options_type, (), problems) is None:
        told = "; ".join(": ".join([*map(str, problem.path), problem.text]) for problem in problems)
        raise pytest.UsageError(f"{text!r}: {told}")
    return word, options


def short(kind: Any, where: str) -> dict[str, Any]:
    """Give the options that an address stands for."""
    names = {field.encode_name for field in msgspec.structs.fields(kind.options_type)}
    if "broker" not in names:
        return {"address": where}
    place, _, name = where.partition("/")
    broker, _, port = place.partition(":")
    options: dict[str, Any] = {"broker": broker, "device" if "device" in names else "topic": name}
    return options | ({"port": int(port)} if port.isdecimal() else {})
