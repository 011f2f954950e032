"""`house doctor` reads the unit of the house, and says what keeps it from starting at boot."""

from pathlib import Path

import pytest

from daemons.cli.checks import unit
from daemons.cli.checks.unit import Seen
from daemons.supervision.systemd import Unit
from daemons.supervision.unit import Scope

CONFIG = Path("/home/anna/house.toml")


def seen(
    scope: Scope = "user", active: str = "active", enabled: str = "enabled", *, lingers: bool = True
) -> Seen:
    """Return what systemd says about a unit."""
    path = Path("/units/house.service")
    return Seen(Unit(scope, path, Path("/run"), CONFIG), active, enabled, "anna", lingers)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (seen(), None),
        (seen("system", lingers=False), None),
        (seen(active="failed"), "house.service does not run (failed)"),
        (seen(enabled="disabled"), "house.service is disabled: it does not start at boot"),
        (seen(lingers=False), "house.service starts only when anna logs in"),
    ],
)
def test_what_is_wrong_with_a_unit_is_named(found: Seen, expected: str | None) -> None:
    """Each fault has its remedy, and a unit without one is well."""
    (finding,) = unit.unit_findings(found, CONFIG)
    assert finding.ok is (expected is None)
    assert (finding.remedy is None) is (expected is None)
    if expected is not None:
        assert finding.text == expected


def test_a_unit_of_another_configuration_is_named() -> None:
    """Two configurations and one run directory do not go together."""
    (finding,) = unit.unit_findings(seen(), Path("/other.toml"))
    assert "runs the configuration /home/anna/house.toml, and this is /other.toml" in finding.text


def test_a_house_without_a_unit_needs_one_only_with_systemd() -> None:
    """A container has no systemd, and starts the house by itself."""
    assert unit.no_unit(is_systemd=True).ok is False
    assert unit.no_unit(is_systemd=False).ok is None
