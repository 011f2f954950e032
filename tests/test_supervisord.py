"""The configuration for supervisord: one program per device, read by supervisord's own parser."""

from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from daemons.config.house import House, load_house
from daemons.errors import StorageError
from daemons.storage import paths
from daemons.supervision.install import install
from daemons.supervision.operations import plan
from daemons.supervision.programs import configuration
from tests.support.house import BREAKFAST


@pytest.fixture
def forks_supervisord() -> bool:
    """Start each supervisord anew: it is what these tests are about."""
    return False


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Return the configuration of the breakfast house."""
    file = tmp_path / "house.toml"
    file.write_text(BREAKFAST)
    return load_house(file)


def programs(file: Path) -> dict[str, Any]:
    """Return the programs that supervisord reads from a configuration."""
    options = ServerOptions()
    options.realize(["-c", str(file)])
    return {
        config.name: config for group in options.process_group_configs for config in group.process_configs
    }


@pytest.mark.parametrize("folder", ["run", "a run with spaces"])
def test_each_device_is_one_program(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """The program of a device runs in the run directory, and its log is there with a size limit."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / folder
    paths.enter(run)
    install(house, run)
    found = programs(configuration(run))
    steward = found.pop("steward")
    assert steward.stdout_logfile is None
    assert steward.stderr_logfile == str(run / "log" / "steward.log")
    assert found.keys() == {*house.devices, "recorder"}
    for name, config in found.items():
        assert config.command.endswith(f" -P -m daemons {name}")
        assert config.environment["HOUSE_RUN"] == str(run)
        assert config.directory == str(run)
        assert config.stdout_logfile == str(run / "log" / f"{name}.log")
        assert 0 < config.stdout_logfile_maxbytes <= 1 << 20
        assert config.redirect_stderr
        assert config.startsecs == 0


def test_only_a_changed_slice_changes_the_program(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another option, rule or timezone changes the program; a comment or another device does not."""
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    paths.enter(run)
    install(house, run)
    file = tmp_path / "house.toml"
    assert plan(house, run) == []

    def changes(old: str, new: str) -> list[str]:
        file.write_text(BREAKFAST.replace(old, new))
        return [change.name for change in plan(load_house(file), run)]

    assert changes("# The breakfast house", "# A house") == []
    assert changes("browning = 3", "browning = 4") == ["toaster"]
    assert changes('do = "off"', 'do = "toggle"') == ["kitchen_lamp"]
    assert changes("Europe/Berlin", "Europe/Paris") == sorted(house.devices)
    assert changes('name = "Breakfast house"', 'name = "Home"') == ["mirror"]
    assert changes('watchdog = "60s"', 'watchdog = "5s"') == ["steward"]
    assert changes('name = "Smart mirror"', 'name = "Looking glass"') == ["mirror"]


def test_the_projects_own_file_is_used_for_the_default_run_directory() -> None:
    """supervisord.conf is static, and the stock tools find the house with it."""
    project = Path(__file__).parent.parent
    assert configuration(project / "run") == project / "supervisord.conf"


@pytest.mark.parametrize("character", ['"', "%", ";", "[", "\n"])
def test_a_path_with_a_character_that_supervisord_cannot_read_is_refused(
    tmp_path: Path, character: str
) -> None:
    """The error names the path and the character, and nothing is created."""
    run = tmp_path / f"a{character}b"
    with pytest.raises(StorageError, match="supervisord's files cannot hold"):
        paths.enter(run)
    assert not run.exists()
