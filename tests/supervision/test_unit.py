"""The text of the systemd unit, its escapes, and what systemd itself says about it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from daemons.supervision.unit import Scope, UnitOptions, command_line, quote, read_marks, unit_text

SCOPES: tuple[Scope, ...] = ("user", "system")
WORST_EXPOSURE = {"system": 4.0, "user": 7.0}
"""The exposure levels of systemd-analyze security, from 0 (none) to 10."""
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="there is no systemd-analyze; on Debian: sudo apt install systemd",
)


def make_options(folder: Path, scope: Scope) -> UnitOptions:
    """Return the options of a house whose paths need every escape."""
    program = folder / "hä %h s" / "my house"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    config = folder / "Küche 100% $HOME" / "house.toml"
    return UnitOptions(scope, (str(program),), config, folder / "rün ${x}", user="root")


def test_the_unit_of_a_user_and_of_the_system() -> None:
    """systemd restarts the house for ever, kills only what is left, and reloads it by `house reload`."""
    options = UnitOptions("system", ("/opt/house",), Path("/h/house.toml"), Path("/h/run"), "hall", "pi")
    lines = unit_text(options).splitlines()
    start = "/opt/house --config /h/house.toml --run /h/run --host hall"
    for line in (
        "Type=notify",
        f"ExecStart={start} up --foreground",
        f"ExecReload={start} reload",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "KillMode=mixed",
        "WatchdogSec=60",
        "OOMPolicy=continue",
        "User=pi",
        "After=network-online.target time-sync.target",
        "Wants=network-online.target time-sync.target",
        "WantedBy=multi-user.target",
        "ReadWritePaths=-/h/run -/h",
    ):
        assert line in lines
    own = unit_text(options._replace(scope="user"))
    assert "WantedBy=default.target" in own
    assert not re.search("User=|After=|ProtectSystem", own)  # the manager of a user has none of these


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("/h/house.toml", "/h/house.toml"),
        ("/a b", '"/a b"'),
        ("/Küche", "/Küche"),
        ("100%", "100%%"),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("it's", '"it\'s"'),
        ("", '""'),
    ],
)
def test_a_word_is_escaped(word: str, quoted: str) -> None:
    """Spaces and quotes need quotes; a percent sign is doubled, because it begins a specifier."""
    assert quote(word) == quoted


def test_systemd_expands_no_variable_in_a_path() -> None:
    """A dollar sign in an argument is doubled."""
    assert command_line(["/bin/a", "$HOME"]) == "/bin/a $$HOME"


def test_the_house_of_a_unit_is_found_again(tmp_path: Path) -> None:
    """The marks hold the paths as they are; a unit of something else has none."""
    options = make_options(tmp_path, "user")
    assert read_marks(unit_text(options)) == (options.run, options.config)
    assert read_marks("[Unit]\nDescription=x\n") is None
    assert read_marks('X-HouseRun=5\nX-HouseConfig="/x"\n') is None
    with pytest.raises(ValueError, match="control character"):
        unit_text(options._replace(config=Path("/a\nb")))
    with pytest.raises(ValueError, match="quote or a backslash"):
        unit_text(options._replace(program=("/it's/house",)))


@needs_systemd
@pytest.mark.parametrize("scope", SCOPES)
def test_systemd_accepts_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: Scope) -> None:
    """systemd finds the program at the path that was escaped, and has no remark."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    unit = tmp_path / "house.service"
    options = make_options(tmp_path, scope)
    unit.write_text(unit_text(options))
    assert analyze("verify", f"--{scope}", "--man=no", unit) == ""
    Path(options.program[0]).unlink()
    assert "is not executable" in analyze("verify", f"--{scope}", "--man=no", unit)


@needs_systemd
@pytest.mark.parametrize("scope", SCOPES)
def test_the_unit_is_hardened(tmp_path: Path, scope: Scope) -> None:
    """The exposure level stays below a bound; docs/running.md says what is left open."""
    unit = tmp_path / "house.service"
    unit.write_text(unit_text(make_options(tmp_path, scope)))
    found = re.search(r"exposure level for \S+: ([\d.]+)", analyze("security", "--offline=yes", unit))
    assert found
    assert float(found[1]) <= WORST_EXPOSURE[scope]


def analyze(*words: str | Path) -> str:
    """Return what systemd-analyze prints."""
    program = shutil.which("systemd-analyze")
    assert program
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
