"""`house install` and `house uninstall`, with a systemctl and a loginctl of the test's."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.cli.install import house_program
from daemons.cli.main import main
from daemons.errors import HouseError
from daemons.storage.paths import interpreter
from daemons.supervision import systemd
from tests.support.house import BREAKFAST, HOUSE, HouseFactory

House = Callable[..., Result]
PROGRAM = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "$FAKE_FOLDER/calls"
case "$*" in
*is-active*) test -e "$FAKE_FOLDER/active" && echo active || echo inactive ;;
*" start "* | "start "*) {start}touch "$FAKE_FOLDER/active" ;;
*" stop "* | "stop "* | *--now*) {stop}rm -f "$FAKE_FOLDER/active" ;;
enable-linger*) test -z "$FAKE_REFUSES" || {{ echo "Access denied" >&2; exit 1; }} ;;
esac
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a systemctl and a loginctl on PATH that record their calls; return their folder."""
    folder = tmp_path / "fake"
    folder.mkdir()
    write_programs(folder)
    for name, value in {
        "FAKE_FOLDER": str(folder),
        "FAKE_REFUSES": "",
        "PATH": f"{folder}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HOUSE_SUPERVISORD", raising=False)
    monkeypatch.setattr(systemd, "SYSTEM_FOLDER", tmp_path / "system")
    return folder


def write_programs(folder: Path, start: str = "", stop: str = "") -> None:
    """Write the programs; the lines `start` and `stop` are run in front of what they do."""
    for name in ("systemctl", "loginctl"):
        (folder / name).write_text(PROGRAM.format(start=start, stop=stop))
        (folder / name).chmod(0o755)


def calls(folder: Path) -> list[str]:
    """Return the calls since the last time."""
    path = folder / "calls"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Return a function that runs `house` for a house that was never up; `run` is its run directory."""
    (tmp_path / "house.toml").write_text(BREAKFAST)

    def call(*words: str, run: str = "run") -> Result:
        monkeypatch.chdir(tmp_path)
        options = ["--config", str(tmp_path / "house.toml"), "--run", str(tmp_path / run)]
        return CliRunner().invoke(main, [*options, *words], prog_name="house")

    return call


def test_a_dry_run_prints_the_unit_and_writes_nothing(house: House, fake: Path, tmp_path: Path) -> None:
    """Its first line is the path of the unit."""
    done = house("install", "--user", "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"# {tmp_path}/config/systemd/user/house.service\n[Unit]\n")
    assert f"--run {tmp_path}/run up --foreground\n" in done.stdout
    assert not (tmp_path / "config").exists()
    assert not (tmp_path / "run").exists()
    assert calls(fake) == []


def test_a_unit_of_a_user_is_enabled_and_removed(house: House, fake: Path, tmp_path: Path) -> None:
    """The user lingers, so the unit starts at boot."""
    unit = tmp_path / "config" / "systemd" / "user" / "house.service"
    done = house("install", "--user")
    assert done.exit_code == 0, done.output
    assert f"{unit} is written" in done.stdout
    assert stat.S_IMODE(unit.stat().st_mode) == 0o644
    *first, linger = calls(fake)
    assert first == ["systemctl --user daemon-reload", "systemctl --user enable house.service"]
    assert linger.startswith("loginctl enable-linger ")
    done = house("uninstall")
    assert f"{unit} is removed." in done.stdout
    assert not unit.exists()
    assert calls(fake) == ["systemctl --user disable --now house.service", "systemctl --user daemon-reload"]
    assert house("uninstall").stdout == "There was nothing to remove.\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs units of the system")
def test_root_installs_a_unit_of_the_system(house: House, fake: Path, tmp_path: Path) -> None:
    """The house runs as the owner of its configuration, and of its run directory if there is one."""
    os.chown(tmp_path / "house.toml", 4711, -1)
    assert house("install").exit_code == 0
    assert "\nUser=4711\n" in (tmp_path / "system" / "house.service").read_text()
    assert calls(fake) == ["systemctl daemon-reload", "systemctl enable house.service"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the unit of another user")
def test_root_starts_and_stops_the_unit_of_another_user(house: House, fake: Path, tmp_path: Path) -> None:
    """Root may not use the run directory, but systemd may be told to start the house of its owner."""
    (tmp_path / "run").mkdir(mode=0o700)
    os.chown(tmp_path / "run", 1, -1)
    house("install", "--system")
    calls(fake)
    assert house("up").stdout.startswith("systemd runs the house: house.service (")
    assert calls(fake) == ["systemctl start house.service"]
    assert "systemd has stopped house.service" in house("down").stdout
    assert calls(fake) == ["systemctl stop house.service"]
    assert "belongs to" in house("status").stderr


def test_a_unit_of_the_system_needs_root(fake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another user learns the command that does it."""
    write_programs(fake, start="echo 'Interactive authentication required.' >&2; exit 1; ")
    unit = systemd.Unit("system", tmp_path / "house.service", tmp_path, tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    with pytest.raises(HouseError, match=r"needs root: sudo systemctl start house\.service"):
        unit.call("start")


def test_the_name_of_another_unit_is_not_taken(house: House, fake: Path, tmp_path: Path) -> None:
    """Two houses have two units; a file that is no unit of House is left as it is."""
    assert house("install", "--user").exit_code == 0
    refused = house("install", "--user", run="cellar")
    assert refused.exit_code == 1
    assert f"belongs to the house in {tmp_path}/run; choose another name with --name" in refused.stderr
    assert house("install", "--user", "--name", "cellar", run="cellar").exit_code == 0
    other = tmp_path / "config" / "systemd" / "user" / "other.service"
    other.write_text("[Unit]\n")
    assert "belongs to something else" in house("install", "--user", "--name", "other").stderr
    assert other.read_text() == "[Unit]\n"


def test_a_user_who_cannot_linger_learns_what_to_do(
    house: House, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without lingering, the house would start only at log-in."""
    monkeypatch.setenv("FAKE_REFUSES", "yes")
    done = house("install", "--user")
    assert done.exit_code == 1
    assert "(Access denied); run `sudo loginctl enable-linger " in done.stderr


def test_up_refuses_another_configuration_than_that_of_the_unit(
    house: House, fake: Path, tmp_path: Path
) -> None:
    """Otherwise the next boot would start another house."""
    house("install", "--user")
    (tmp_path / "other.toml").write_text(BREAKFAST)
    done = house("--config", str(tmp_path / "other.toml"), "up")
    assert done.exit_code == 2
    assert "`house install` writes it again for" in done.stderr


def test_the_kiosk_starts_at_log_in_and_no_file_has_a_token(
    house: House, fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An autostart entry is written, and one line for labwc; all other lines stay."""
    entry = tmp_path / "config" / "autostart" / "house-kiosk.desktop"
    labwc = tmp_path / "config" / "labwc" / "autostart"
    labwc.parent.mkdir(parents=True)
    labwc.write_text("swaybg &\n")
    for _ in range(2):  # the second time replaces the line
        done = house("install", "--kiosk")
        assert done.exit_code == 0, done.output
    assert f'"--run" "{tmp_path}/run" "kiosk"\n' in entry.read_text()
    first, line = labwc.read_text().splitlines()
    assert first == "swaybg &"
    assert f"--run {tmp_path}/run kiosk &  # written by" in line
    assert not (tmp_path / "run" / "tokens").exists()
    assert calls(fake) == []
    assert house("uninstall", "--kiosk").stdout == f"{entry} is removed.\n{labwc} is removed.\n"
    assert not entry.exists()
    assert labwc.read_text() == "swaybg &\n"


@pytest.mark.long
def test_up_and_down_go_through_systemd(make_house: HouseFactory, fake: Path, tmp_path: Path) -> None:
    """systemctl starts the house in the foreground, and `house up` waits for the devices as usual."""
    command = " ".join(HOUSE)
    start = f'setsid {command} up --foreground >/dev/null 2>&1 & echo $! > "$FAKE_FOLDER/pid"; '
    start += "timeout 60 sh -c 'until test -S \"$HOUSE_RUN/supervisord.sock\"; do sleep 0.1; done'; "
    stop = 'kill "$(cat "$FAKE_FOLDER/pid")"; tail --pid="$(cat "$FAKE_FOLDER/pid")" -f /dev/null; '
    write_programs(fake, start, stop)
    house = make_house()
    house.house("install", "--user")
    calls(fake)
    said = house.house("up").stdout
    assert "systemd runs the house: house.service" in said
    assert "is up: 5 devices" in said
    assert "systemctl --user start house.service" in calls(fake)
    assert "is up already" in house.house("up").stdout
    assert "systemctl --user start house.service" not in calls(fake)
    assert house.house("down").stdout == (
        "The house is down; systemd has stopped house.service and starts it at the next boot.\n"
    )
    assert "systemctl --user stop house.service" in calls(fake)
    assert house.process("toaster") is None


@pytest.mark.parametrize("name", [".venv", ".venv.aBcDeF"])
def test_the_unit_survives_an_upgrade(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts `house` by the link `.venv`, and the processes run from the environment behind the link."""
    environment = tmp_path / ".venv.aBcDeF"
    (environment / "bin").mkdir(parents=True)
    for program in ("house", "python3"):
        (environment / "bin" / program).touch()
    (tmp_path / ".venv").symlink_to(environment.name)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / name))
    assert house_program() == (str(tmp_path / ".venv" / "bin" / "house"),)
    assert interpreter() == environment / "bin" / "python3"


@pytest.mark.parametrize("link", [None, "other"])
def test_the_unit_names_an_environment_without_a_link(
    link: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder with the name of the link, or a link to another environment, is not used."""
    environment = tmp_path / "house.env"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "house").touch()
    (tmp_path / "other").mkdir()
    if link:
        (tmp_path / "house").symlink_to(link)
    else:
        (tmp_path / "house").mkdir()
    monkeypatch.setattr(sys, "prefix", str(environment))
    assert house_program() == (str(environment / "bin" / "house"),)
