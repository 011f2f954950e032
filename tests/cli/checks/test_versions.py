"""`house doctor` compares the installed packages with what House needs."""

import pytest

from daemons.cli.checks import versions

REQUIRED = ("click>=8.3,<9", "aiomqtt<3,>=2.4; extra == 'mqtt'", "pytest>=8; extra == 'test'", "tzdata")


@pytest.mark.parametrize(
    ("version", "bounds", "expected"),
    [
        ("8.3", ">=8.3,<9", True),
        ("8.10.1", ">=8.3,<9", True),
        ("9.0.0", ">=8.3,<9", False),
        ("8.2.9", "<9,>=8.3", False),
        ("4.3.0", "==4.3", True),
        ("2026.1", "", True),
        ("9rc1", "<9", False),
    ],
)
def test_a_version_is_within_its_bounds(version: str, bounds: str, expected: bool) -> None:
    """Versions are compared as numbers, and not as text; a candidate of the next one is too new."""
    (found,) = versions.package_findings((f"click{bounds}",), {"click": version})
    assert found.ok is expected


def test_a_missing_and_an_old_package_are_found() -> None:
    """A package of an extra may be missing, and those of the tests do not matter."""
    (fine,) = versions.package_findings(REQUIRED, {"click": "8.3.1", "tzdata": "2026.1", "pytest": "1"})
    assert (fine.ok, fine.text) == (True, "2 packages, as House needs them")
    old, missing = versions.package_findings(REQUIRED, {"click": "8.3.1", "aiomqtt": "2.3"})
    assert old.text == "aiomqtt 2.3 is installed, and House needs <3,>=2.4"
    assert missing.text == "the package tzdata is not installed"
    assert old.ok is missing.ok is False


def test_an_environment_of_another_version_is_found() -> None:
    """The package that pip knows is older than the code, or the Python is too old."""
    assert versions.house_finding("0.0.1").ok is False
    assert versions.house_finding(None).ok is None
    assert versions.python_finding((3, 10, 9)).ok is False
    assert versions.python_finding((3, 11, 0)).ok is True


def test_a_house_that_runs_from_another_environment_is_found() -> None:
    """What supervisord has mapped names its environment."""
    maps = "7f00-7f01 r-xp 0 08:01 5    /srv/old/lib/python3.13/site-packages/zmq/z.so\n"
    assert [one.ok for one in versions.environment_finding(maps, "/srv/new")] == [False]
    assert versions.environment_finding(maps, "/srv/old") == []
    assert versions.environment_finding(None, "/srv/new") == []


def test_the_newest_upgrade_note_is_found() -> None:
    """The note is that of the newest release that has one, without links and line breaks."""
    text = (
        "# Changelog\n\n## [Unreleased]\n\n- A.\n\n## [1.1.0] - 2027-01-01\n\n**Upgrade note:** journals\n"
        "are [kept](docs/upgrading.md).\n\n- B.\n\n## [1.0.0] - 2026-11-28\n\n**Upgrade note:** first.\n"
    )
    assert versions.note_finding(text).text == "upgrade note of 1.1.0: journals are kept."
    assert versions.note_finding(None).ok is None
    assert versions.note_finding(versions.read_changelog()).ok is True
