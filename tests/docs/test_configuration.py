"""docs/configuration.md: its generated tables agree with the code."""

import pytest

from daemons.cli.catalog import MARKED, update_tables
from daemons.config import loader
from tests.support.house import PROJECT

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
