"""The first half of `house upgrade`: what it says about the plan, and which extras the new version gets."""

from collections.abc import Iterator
from email.message import Message
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from daemons.cli.main import main
from daemons.cli.new_version import plan_lines, present_extras
from daemons.storage.lock import UPGRADE, NameLock
from daemons.storage.paths import make_folders
from tests.support.house import SHIPPED


def test_the_plan_says_what_is_forgotten_and_what_comes_and_goes() -> None:
    """That every process restarts is said once, and not for each process."""
    changes = [
        {"name": "desk", "action": "start"},
        {"name": "hall", "action": "stop"},
        {"name": "lamp", "action": "restart", "dropped": ["when[0] has begun"]},
    ]
    assert list(plan_lines({"changes": changes})) == [
        "desk would start: the configuration has changed.",
        "hall would end: the configuration has changed.",
        "lamp: when[0] has begun.",
        "no device forgets anything; every process restarts.",
    ]
    plan = {"changes": [], "forgotten": {"lamp": ["it was a lamp and becomes a plug"]}}
    assert list(plan_lines(plan)) == ["lamp would forget: it was a lamp and becomes a plug."]


def test_the_extras_of_the_present_version_are_installed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra counts if all of its packages are here; a package for another processor does not count."""
    monkeypatch.setattr(
        metadata,
        "requires",
        lambda _: [
            "click>=8",
            'aiomqtt<3,>=2.4; extra == "mqtt"',
            'icalendar; extra == "calendar"',
            'recurring-ical-events; extra == "calendar"',
            'gpiozero; extra == "gpio"',
            'lgpio; platform_machine == "another" and extra == "gpio"',
            'pytest; extra == "test"',
        ],
    )

    about = Message()
    for extra in ("mqtt", "calendar", "gpio", "kasa", "test"):
        about["Provides-Extra"] = extra
    monkeypatch.setattr(metadata, "metadata", lambda _: about)

    def distributions() -> Iterator[SimpleNamespace]:
        return (SimpleNamespace(name=name) for name in ("Aiomqtt", "icalendar", "gpiozero", "pytest"))

    monkeypatch.setattr(metadata, "distributions", distributions)
    assert present_extras() == ["gpio", "mqtt"]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the options that name a house which is down; its run directory is the working directory."""
    (tmp_path / "house.toml").write_text(SHIPPED)
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path / "run")
    make_folders()
    return ["--config", str(tmp_path / "house.toml"), "--run", str(tmp_path / "run")]


def test_two_upgrades_do_not_meet(house: list[str]) -> None:
    """The second one names the first, and changes nothing."""
    lock = NameLock(UPGRADE)
    done = CliRunner().invoke(main, [*house, "upgrade"])
    lock.release()
    assert (done.exit_code, done.output.startswith("another upgrade of this house runs (PID ")) == (1, True)


def test_a_restore_waits_for_the_end_of_an_upgrade(house: list[str], tmp_path: Path) -> None:
    """It would put other files into the run directory that the upgrade works in."""
    assert CliRunner().invoke(main, [*house, "backup", str(tmp_path / "house.tar.gz")]).exit_code == 0
    lock = NameLock(UPGRADE)
    done = CliRunner().invoke(main, [*house, "restore", str(tmp_path / "house.tar.gz"), "--force"])
    lock.release()
    assert done.exit_code == 1
    assert done.output == f"an upgrade of the house in {tmp_path}/run runs; wait for its end\n"


def test_an_upgrade_needs_a_house(tmp_path: Path) -> None:
    """Without a run directory there is nothing to restart, and none is made."""
    done = CliRunner().invoke(main, ["--run", str(tmp_path / "run"), "upgrade"])
    assert (done.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert "`house up` makes one of this version" in done.output


def test_the_way_back_takes_no_version(house: list[str]) -> None:
    """`--back` fetches nothing, so nothing of a fetch goes with it."""
    for words in (["house.whl"], ["--no-fetch"], ["--dry-run"]):
        assert CliRunner().invoke(main, [*house, "upgrade", "--back", *words]).exit_code == 2
