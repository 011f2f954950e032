"""`house kiosk`: how the browser is started and signed in, and when the screen is switched."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemons.cli import kiosk_files
from daemons.cli.kiosk_browser import display_path, is_display_gone
from daemons.cli.kiosk_screen import ScreenPower, drain, find_program, open_inputs, outputs
from tests.support.browser import CHROMIUM, CHROMIUM_OPTIONS
from tests.support.house import BREAKFAST, HOUSE, HouseFactory, eventually
from tests.support.patience import patience
from tests.support.ports import free_port

RECORDER = """\
import json, os, sys, time
from pathlib import Path
page = Path(sys.argv[-1].removeprefix("file://"))
about = {"args": sys.argv[1:], "text": page.read_text()}
about |= {"mode": page.stat().st_mode, "folder": page.parent.stat().st_mode}
new = Path(os.environ["RECORD"] + ".new")
new.write_text(json.dumps(about))
new.rename(os.environ["RECORD"])
time.sleep(float(os.environ["SECONDS_UP"]))
"""
"""A browser that writes down how it was started."""


@contextmanager
def listening(path: Path) -> Iterator[None]:
    """Listen on the socket of a display, as a compositor does."""
    with socket.socket(socket.AF_UNIX) as compositor:
        compositor.bind(str(path))
        compositor.listen()
        yield


def write_program(folder: Path, name: str, text: str) -> Path:
    """Write a program into a folder for PATH."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.long
def test_the_token_is_in_no_command_line_and_in_no_readable_file(
    make_house: HouseFactory, tmp_path: Path
) -> None:
    """The browser gets a private file, which signs it in with a token that may not manage the house.
    A browser that ends is started again; a second kiosk ends; the screen follows `screen_off`. The kiosk
    ends with its display, so that it is not in the way of the next session.
    """
    toml = BREAKFAST.replace("port = 0", 'port = 0\nscreen_off = ["00:00", "23:59"]')
    house = make_house(toml)
    house.house("up")
    programs = tmp_path / "programs"
    browser = write_program(programs, "browser", f"#!{sys.executable}\n{RECORDER}")
    write_program(programs, "wlopm", f'#!/bin/sh\necho "$*" >> {tmp_path}/screen\n')
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    record = tmp_path / "record"
    environment = {
        **house.environment,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "RECORD": str(record),
        "SECONDS_UP": "1",
        "WAYLAND_DISPLAY": str(tmp_path / "wayland-0"),
        "XDG_RUNTIME_DIR": str(runtime),
    }
    command = [*HOUSE, "kiosk", "--browser", str(browser)]
    with listening(tmp_path / "wayland-0"):
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        tokens = []
        for _ in range(2):
            eventually(record.exists)
            about = json.loads(record.read_text())
            record.unlink()
            assert stat.S_IMODE(about["mode"]) == 0o600
            assert stat.S_IMODE(about["folder"]) == 0o700
            found = re.search(r"/login#token=(kiosk\.[\w-]+)&glass=black", about["text"])
            assert found
            assert found[1] not in " ".join(about["args"])
            assert "--kiosk" in about["args"]
            assert "--ozone-platform=wayland" in about["args"]
            assert "--hide-crash-restore-bubble" in about["args"]
            tokens.append(found[1])
        assert tokens[0] != tokens[1]
        listed = json.loads(house.house("token", "list", "--json").stdout)["tokens"]["kiosk"]
        assert (listed["manage"], listed["edit"]) == (False, False)
        eventually((tmp_path / "screen").exists)
        second = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=patience(), check=True
        )
        assert second.stdout == "A kiosk of this house runs already; nothing was done.\n"
    _, errors = process.communicate(timeout=patience())  # its display has ended
    assert errors.endswith("The display has ended, and so does the kiosk.\n")
    assert process.returncode == 0
    first, *_, last = (tmp_path / "screen").read_text().splitlines()
    assert (first, last) == ("--off *", "--on *")
    assert list(runtime.iterdir()) == []


@pytest.mark.long
@pytest.mark.xdist_group("browser")
@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium; on Debian: sudo apt install chromium")
def test_a_real_chromium_is_signed_in_on_the_dark_page(make_house: HouseFactory, tmp_path: Path) -> None:
    """Without the token the page would show its form; the flag for the wall is kept over the sign-in."""
    port = free_port(2)
    house = make_house(BREAKFAST.replace("port = 0", f"port = {port}"))
    house.house("up")
    house.house("token", "--no-qr")
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    debug = port + 1
    options = ["--headless=new", f"--remote-debugging-port={debug}", *CHROMIUM_OPTIONS]
    process = subprocess.Popen(
        [*HOUSE, "kiosk", "--browser", " ".join([str(CHROMIUM), *options])],
        env={**house.environment, "XDG_RUNTIME_DIR": str(runtime)},
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: f"http://127.0.0.1:{port}/?glass=black" in addresses(debug))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(patience()) == 0


def addresses(port: int) -> list[str]:
    """Return the addresses of the pages of a Chromium; none while it starts."""
    import urllib.request  # noqa: PLC0415

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
            return [page["url"] for page in json.load(answer)]
    except OSError:
        return []


def test_the_program_for_the_screen_is_that_of_the_session(tmp_path: Path) -> None:
    """Wayland comes first; without a program the screen stays on."""
    for name in ("wlr-randr", "xset"):
        write_program(tmp_path / "bin", name, "#!/bin/sh\n")
    path = {"PATH": str(tmp_path / "bin")}
    assert find_program({**path, "WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}) == "wlr-randr"
    assert find_program({**path, "DISPLAY": ":0"}) == "xset"
    assert find_program(path) is None
    ScreenPower({"PATH": str(tmp_path)}).switch(False)


def test_each_screen_is_switched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """wlr-randr needs the names of the screens, which it prints without an indent."""
    calls = tmp_path / "calls"
    listing = 'HDMI-A-1 "LG"\n  Enabled: yes\nDSI-1 "panel"\n  Modes:\n'
    text = f"#!/bin/sh\nif [ $# = 0 ]; then printf %s '{listing}'; else echo \"$*\" >> {calls}; fi\n"
    write_program(tmp_path / "bin", "wlr-randr", text)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    power = ScreenPower(os.environ)
    for is_on in (True, True, False):
        power.switch(is_on)
    assert calls.read_text().splitlines() == [
        "--output HDMI-A-1 --on",
        "--output DSI-1 --on",
        "--output HDMI-A-1 --off",
        "--output DSI-1 --off",
    ]
    assert outputs(listing) == ["HDMI-A-1", "DSI-1"]


@pytest.mark.parametrize(
    ("program", "text", "failure"),
    [
        ("wlopm", "echo no such protocol >&2; exit 1", "wlopm: no such protocol"),
        (
            "wlr-randr",
            "[ $# = 0 ] && echo DSI-1 || { echo failed to apply >&2; exit 1; }",
            "wlr-randr: failed to apply",
        ),
        ("wlopm", "exit 3", "wlopm: exit status 3"),
        (
            "xset",
            "echo server does not have extension for dpms option >&2",
            "xset: server does not have extension for dpms option",
        ),
    ],
)
def test_a_screen_that_cannot_be_switched_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, text: str, failure: str
) -> None:
    """xset ends with 0 also when it fails. A screen that must show an alarm is not given up."""
    path = write_program(tmp_path / "bin", program, f"#!/bin/sh\n{text}\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    display = "DISPLAY" if program == "xset" else "WAYLAND_DISPLAY"
    power = ScreenPower({"PATH": str(tmp_path / "bin"), display: ":0"})
    assert [power.switch(True), power.switch(True)] == [failure, failure]
    path.write_text("#!/bin/sh\n[ $# = 0 ] && echo DSI-1\nexit 0\n")
    assert power.switch(True) is None


def test_a_display_is_gone_when_its_socket_refuses(tmp_path: Path) -> None:
    """A compositor that is killed leaves its socket behind."""
    environment = {"XDG_RUNTIME_DIR": str(tmp_path), "WAYLAND_DISPLAY": "wayland-7", "DISPLAY": "desk:0"}
    assert is_display_gone(environment)
    with listening(tmp_path / "wayland-7"):
        assert not is_display_gone(environment)
    assert is_display_gone(environment)


def test_the_socket_of_an_x_display_has_its_number() -> None:
    """The number of the screen is no part of it."""
    assert display_path({"DISPLAY": ":7391.0"}) == Path("/tmp/.X11-unix/X7391")  # noqa: S108
    assert is_display_gone({"DISPLAY": ":7391"})


@pytest.mark.parametrize("environment", [{}, {"DISPLAY": "desk:0"}, {"DISPLAY": ""}])
def test_a_display_elsewhere_counts_as_there(environment: dict[str, str]) -> None:
    """The browser itself tells whether it reaches a display of another machine."""
    assert not is_display_gone(environment)


def test_a_touch_is_noticed_and_an_input_that_is_gone_is_left(tmp_path: Path) -> None:
    """An input that this user may not read, or that is unplugged, is no error."""
    os.mkfifo(tmp_path / "event0")
    (file,) = open_inputs(tmp_path)
    writer = os.open(tmp_path / "event0", os.O_WRONLY)
    os.write(writer, b"touch")
    assert drain(file)
    os.close(writer)
    assert not drain(file)
    os.close(file)
    assert open_inputs(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("word", "quoted"),
    [("/a b", '"/a b"'), ("100%", '"100%%"'), ('a"$\\', '"a\\\\"\\\\$\\\\\\\\"')],
)
def test_a_word_of_an_autostart_entry_is_escaped(word: str, quoted: str) -> None:
    """It is quoted as an argument, and then escaped as a string; a percent sign is doubled."""
    assert kiosk_files.quote(word) == quoted
