"""`house try` on emulated and simulated hardware: it is switched on and off, and never left on."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.cli import trial
from daemons.cli.main import main
from daemons.storage.lock import NameLock
from tests.support.emulator import EMULATORS, Emulator, emulator, table
from tests.support.house import HOUSE, HouseFactory, eventually
from tests.support.patience import patience

Try = Callable[..., Result]


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Return a function that runs `house try` on a device of this kind, driver and options."""
    monkeypatch.chdir(tmp_path)

    def run(kind: str, driver: str, options: str = "{}", *words: str) -> Result:
        file = tmp_path / "house.toml"
        file.write_text(f'[devices.it]\nkind = "{kind}"\ndriver = "{driver}"\n{driver} = {options}\n')
        return CliRunner().invoke(
            main, ["--config", str(file), "--run", str(tmp_path / "run"), "try", "it", *words]
        )

    return run


@pytest.mark.parametrize("word", [word for word in EMULATORS if word != "kasa"])
@pytest.mark.parametrize("on", [False, True])
def test_hardware_is_switched_on_and_off_and_restored(
    attempt: Try, tmp_path: Path, word: str, on: bool
) -> None:
    """While it is on, its own timer runs if it has one; each step is printed."""
    plug = emulator(word)(tmp_path)
    if on:
        plug.switch_relay(on=True)  # before it starts, so that it never reports another state
    with plug:
        armed = record_timer(plug)
        done = attempt("plug", word, table(plug.options()))
        assert (done.exit_code, plug.on) == (0, on), done.output
        assert plug.switchings == ([True, False, True] if on else [True, False])
        if plug.has_timer:
            assert any(9 <= seconds <= 11 for seconds in armed if seconds)
    assert [line for line in ("goes on", "goes off") if f"✓ {line} " in done.stdout] == [
        "goes on",
        "goes off",
    ]
    assert re.search(r"✓ goes on +\d+ ms   on", done.stdout)
    assert done.stdout.endswith(f"it: all worked; it was left {'on, as it was found' if on else 'off'}.\n")


def record_timer(plug: Emulator) -> list[float | None]:
    """Record each value to which the hardware's own timer is set."""
    armed: list[float | None] = []

    class Recording(type(plug)):  # type: ignore[misc]
        def __setattr__(self, name: str, value: float | None) -> None:
            if name == "armed_seconds":
                armed.append(value)
            super().__setattr__(name, value)

    plug.__class__ = Recording
    return armed


def test_unreachable_hardware_fails_the_first_step(
    attempt: Try, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step has the address and the reason, and nothing is switched."""
    monkeypatch.setattr(trial, "PATIENCE_SECONDS", 1.0)
    plug = emulator("shelly")(tmp_path)
    done = attempt("plug", "shelly", table(plug.options()))
    assert done.exit_code == 1
    assert re.search(r"✗ answers +\d+ ms   127.0.0.1:\d+", done.stdout)
    assert done.stderr == "it: not all worked; nothing was switched.\n"


@pytest.mark.parametrize("fault", ["disagree", "fail", "hang"])
def test_hardware_that_does_not_follow_fails_the_step(
    attempt: Try, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The exit status is 1, and the failed step is printed."""
    monkeypatch.setattr(trial, "PATIENCE_SECONDS", 0.3)
    done = attempt("plug", "simulated", f'{{ fault = "{fault}" }}')
    assert done.exit_code == 1
    assert "✗ goes on " in done.stdout


@pytest.mark.parametrize(("kind", "why"), [("toaster", "it heats"), ("cover", "it moves")])
def test_a_device_that_heats_or_moves_needs_yes(attempt: Try, tmp_path: Path, kind: str, why: str) -> None:
    """Without --yes nothing is switched, and not even the run directory is created."""
    done = attempt(kind, "simulated")
    assert (done.exit_code, why in done.stderr, (tmp_path / "run").exists()) == (2, True, False)
    done = attempt(kind, "simulated", "{}", "--yes")
    assert (done.exit_code, "✓ goes off" in done.stdout) == (0, True)


def test_a_device_with_a_running_process_is_refused(attempt: Try, tmp_path: Path) -> None:
    """The error contains the command that stops the process; afterwards the test runs."""
    attempt("lamp", "simulated")
    lock = NameLock("it")
    try:
        done = attempt("lamp", "simulated")
    finally:
        lock.release()
    assert done.exit_code == 1
    assert "`house stop it` first" in done.stderr
    assert attempt("lamp", "simulated").exit_code == 0


def test_a_sensor_is_only_read(attempt: Try, tmp_path: Path) -> None:
    """Its measurements are printed, and nothing is switched."""
    done = attempt("sensor", "simulated", "{ temperature_celsius = 4.5 }")
    assert (done.exit_code, "4.5 °C" in done.stdout) == (0, True)
    assert not (tmp_path / "run" / "hardware" / "it" / "switchings.jsonl").exists()


@pytest.mark.parametrize(("fault", "words"), [("none", "all worked"), ("fail", "refused_for_now")])
def test_a_messenger_delivers_a_test_message(attempt: Try, tmp_path: Path, fault: str, words: str) -> None:
    """The server gets one message, and the test fails if it does not take it."""
    done = attempt("messenger", "simulated", f'{{ fault = "{fault}" }}')
    assert done.exit_code == (0 if fault == "none" else 1)
    assert "delivers a test message" in done.stdout
    assert words in done.stdout + done.stderr
    record = (tmp_path / "run" / "hardware" / "it" / "messages.jsonl").read_text()
    assert record.count("This is a test message of your house.") == 1


def test_a_thermostat_is_only_read(attempt: Try, tmp_path: Path) -> None:
    """It may sleep, and it would warm a radiator for long after the test."""
    done = attempt("thermostat", "simulated", "{ temperature_celsius = 19 }")
    assert (done.exit_code, "✓ reports" in done.stdout, "19 °C" in done.stdout) == (0, True, True), (
        done.output
    )
    assert not (tmp_path / "run" / "hardware" / "it" / "switchings.jsonl").exists()


def test_a_button_waits_for_a_press(make_house: HouseFactory) -> None:
    """The timeout is printed first, and the press as soon as it happens."""
    house = make_house('[devices.it]\nkind = "button"\ndriver = "simulated"\n')
    with subprocess.Popen(
        [*HOUSE, "try", "it"], env=house.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("Press it within 15 s (simulated: add a line to")
        assert process.stdout.readline().startswith("✓ answers")
        (house.run / "hardware" / "it" / "presses.jsonl").write_text(
            f'{{"at": {time.time()}, "what": "double"}}\n'
        )
        assert re.match(r"✓ is pressed +\d+ ms   double", process.stdout.readline())
        assert process.wait(patience()) == 0


def test_a_button_without_a_press_fails(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit status is 1."""
    monkeypatch.setattr(trial, "REPORT_SECONDS", 0.2)
    done = attempt("button", "simulated")
    assert (done.exit_code, "✗ is pressed" in done.stdout) == (1, True)


def test_a_mirror_cannot_be_tested(tmp_path: Path) -> None:
    """The exit status is 2, as for any mistake in the command line."""
    file = tmp_path / "house.toml"
    file.write_text('[devices.it]\nkind = "mirror"\n')
    done = CliRunner().invoke(main, ["--config", str(file), "--run", str(tmp_path / "run"), "try", "it"])
    assert (done.exit_code, "drives no hardware" in done.stderr) == (2, True)


def test_ctrl_c_switches_the_hardware_off(make_house: HouseFactory, tmp_path: Path) -> None:
    """Ctrl-C is pressed while the hardware is on and answers slowly."""
    with emulator("shelly")(tmp_path) as plug:
        options = table(plug.options())
        house = make_house(f'[devices.it]\nkind = "plug"\ndriver = "shelly"\nshelly = {options}\n')
        plug.slow_down(1.5)  # so that each step lasts for a while
        with subprocess.Popen(
            [*HOUSE, "try", "it"],
            env=house.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            eventually(lambda: plug.on)
            process.send_signal(signal.SIGINT)
            _, printed = process.communicate(timeout=patience())
        assert (process.returncode, plug.on, plug.switchings) == (1, False, [True, False])
    assert "Traceback" not in printed
    assert "it: not all worked; it was left off." in printed
