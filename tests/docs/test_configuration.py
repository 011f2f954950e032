"""docs/configuration.md: its generated tables agree with the code."""

import re

import pytest
import tomli

from daemons.cli.catalog import MARKED, update_tables
from daemons.config import loader
from daemons.config.device import build
from daemons.values import Problem
from tests.support.house import PROJECT
from tests.support.libraries import skip_without_library

TEXT = (PROJECT / "docs" / "configuration.md").read_text()


def test_every_kind_and_every_driver_has_a_table() -> None:
    """The page has one pair of markers for each file of daemons/kinds and daemons/drivers."""
    marked = sorted((found[2], found[3]) for found in MARKED.finditer(TEXT))
    kinds = [("kind", word) for word in loader.available("kinds")]
    assert marked == sorted(kinds + [("driver", word) for word in loader.available("drivers")])


def test_the_tables_are_up_to_date() -> None:
    """After a change of options, run `python -m daemons.cli.catalog docs/configuration.md`."""
    for module in ("aiomqtt", "kasa", "gpiozero"):
        pytest.importorskip(module)
    assert update_tables(TEXT) == TEXT


def test_the_examples_of_the_driver_mqtt_are_valid() -> None:
    """Each table in the section is a device that the check of the configuration accepts."""
    skip_without_library("mqtt")
    section = TEXT.partition("\n### mqtt\n")[2].partition("\n### ")[0]
    tables = [tomli.loads(block)["devices"] for block in re.findall(r"```toml\n(.*?)```", section, re.DOTALL)]
    devices = {name: table for found in tables for name, table in found.items()}
    kinds = {"plug", "sensor", "lamp", "cover", "thermostat", "button"}
    assert {table["kind"] for table in devices.values()} == kinds
    for name, table in devices.items():
        problems: list[Problem] = []
        assert build(name, table, (), problems) is not None, problems
        assert not problems
