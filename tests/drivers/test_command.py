"""The driver `command`: environment, parsed output, faults, and the timeout of a program."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.drivers.command import (
    MAX_OUTPUT_BYTES,
    MAX_TEXT_LENGTH,
    ReadOutput,
    environment,
    last_line,
    parse,
)
from daemons.drivers.transports import program
from daemons.drivers.transports.program import ProgramRecord
from daemons.kinds import Setting
from daemons.values import Colour
from tests.drivers.test_faults import running_driver
from tests.support.house import HouseFactory, eventually

TRUE = ["true"]


def script(folder: Path, text: str) -> list[str]:
    """Return a program with this body."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return [str(path)]


def lost(options: dict[str, object]) -> str:
    """Return the fault of a device with these programs, once it should be on."""
    with running_driver("command", {"on": TRUE, "off": TRUE, **options}) as harness:
        harness.set(on=True)
        return str(harness.wait_until(lambda r: r.reachable is False, "a fault").fault)


def test_without_read_the_state_is_that_of_the_last_program() -> None:
    """The state is unknown at first. After a program has succeeded, the state is the requested one."""
    with running_driver("command", {"on": TRUE, "off": TRUE}) as harness:
        reading = harness.wait_until(lambda r: r.reachable, "a first reading")
        assert reading.on is None
        for on in (True, False):
            harness.set(on)
            harness.wait_for_on(on)


def test_a_setting_is_passed_in_the_environment(tmp_path: Path) -> None:
    """Each part of the setting is one variable; a part that is not set has none."""
    on = script(tmp_path, f'env | grep ^HOUSE_ | sort > "{tmp_path}/asked"')
    with running_driver("command", {"on": on, "off": TRUE}) as harness:
        harness.set(on=True, off_after_seconds=90.0)
        harness.wait_for_on(on=True)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "HOUSE_DEVICE=plug" in asked
    assert "HOUSE_ON=1" in asked
    (left,) = (line for line in asked if line.startswith("HOUSE_OFF_AFTER_SECONDS="))
    assert 80 < float(left.partition("=")[2]) <= 90


def test_each_part_of_a_setting_has_a_variable() -> None:
    """A program reads whole values and parses nothing."""
    setting = Setting(
        on=True,
        brightness_percent=30,
        colour_temperature_kelvin=2700,
        colour="#ff0000",
        direction="open",
        off_after_seconds=5,
    )
    assert environment("blind", setting) == {
        "HOUSE_DEVICE": "blind",
        "HOUSE_ON": "1",
        "HOUSE_BRIGHTNESS_PERCENT": "30",
        "HOUSE_COLOUR_TEMPERATURE_KELVIN": "2700",
        "HOUSE_COLOUR": "#ff0000",
        "HOUSE_DIRECTION": "open",
        "HOUSE_OFF_AFTER_SECONDS": "5",
    }
    assert environment("fan", Setting(on=False)) == {"HOUSE_DEVICE": "fan", "HOUSE_ON": "0"}


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"on\n", ReadOutput(on=True)),
        (b" OFF ", ReadOutput(on=False)),
        (b'{"on": true, "power_watts": 7.5}', ReadOutput(on=True, power_watts=7.5)),
        (b'{"colour": "#804000"}', ReadOutput(colour=Colour("#ff8000"))),
        (b'{"temperature_celsius": 21}', ReadOutput(temperature_celsius=21.0)),
    ],
)
def test_valid_output_of_read(printed: bytes, expected: ReadOutput) -> None:
    """Parse `on`, `off`, or a JSON object with known fields."""
    assert parse(printed) == expected


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"maybe",
        b"[]",
        b'{"on": 1}',
        b'{"watts": 7}',
        b'{"position_percent": 101}',
        b"\xff",
        b'{"colour": "#f"}',
    ],
)
def test_invalid_output_of_read_is_refused(printed: bytes) -> None:
    """Any other output raises an error; no part of it is used."""
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        parse(printed)


@given(st.binary(max_size=2000))
def test_an_error_output_becomes_one_short_printable_line(printed: bytes) -> None:
    """The line is printable for any bytes, because the log and the mirror show it."""
    line = last_line(printed)
    assert len(line) <= MAX_TEXT_LENGTH
    assert line.isprintable()


def test_a_missing_program_is_named() -> None:
    """The fault has the path of the program, and the reason."""
    assert lost({"on": ["/nowhere/fan"]}) == "/nowhere/fan: cannot be started: No such file or directory"


def test_the_fault_of_a_failed_program_quotes_it(tmp_path: Path) -> None:
    """The fault has the exit status and the last line of the error output."""
    on = script(tmp_path, "echo first >&2; echo the fan is unplugged >&2; exit 3")
    assert lost({"on": on}) == f"{on[0]}: ended with status 3: the fan is unplugged"


def test_a_program_that_exceeds_its_timeout_is_killed_with_its_children(tmp_path: Path) -> None:
    """No process of its group survives."""
    pids = tmp_path / "pids"
    on = script(tmp_path, f'sleep 600 & echo $! $$ > "{pids}"; wait')
    assert "took longer than 3 s, and was killed" in lost({"on": on, "timeout": "3s"})
    for pid in map(int, pids.read_text().split()):
        eventually(is_gone(pid))


def is_gone(pid: int) -> Callable[[], bool]:
    """Return a function that returns whether a process has ended, or is a zombie."""

    def gone() -> bool:
        try:
            return ") Z" in Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True

    return gone


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_the_output_of_a_program_is_limited(tmp_path: Path, stream: str) -> None:
    """A program that prints too much is killed at once, before its timeout."""
    read = script(tmp_path, f"exec yes {stream}")
    assert lost({"read": read}) == f"{read[0]}: printed more than {MAX_OUTPUT_BYTES} bytes, and was killed"


def test_a_sensor_is_polled(tmp_path: Path) -> None:
    """The program `read` runs again after each poll interval."""
    value = tmp_path / "value"
    value.write_text('{"temperature_celsius": 20}')
    with running_driver(
        "command", {"on": TRUE, "off": TRUE, "read": ["cat", str(value)], "poll": "100ms"}
    ) as harness:
        harness.wait_until(lambda r: r.temperature_celsius == 20, "20 °C")
        new = tmp_path / "new"
        new.write_text('{"temperature_celsius": 21.5}')
        new.replace(value)
        harness.wait_until(lambda r: r.temperature_celsius == 21.5, "21.5 °C")


def test_a_measurement_that_is_no_longer_printed_is_unknown(tmp_path: Path) -> None:
    """The last value would be shown as the present one."""
    output = tmp_path / "output"
    output.write_text('{"on": true, "power_watts": 1000}')
    options = {"on": TRUE, "off": TRUE, "read": ["/bin/cat", str(output)], "poll": "100ms"}
    with running_driver("command", options) as harness:
        harness.wait_until(lambda r: r.power_watts == 1000, "its power")
        output.write_text("on")
        assert harness.wait_until(lambda r: r.power_watts is None, "no power").on is True


def test_a_timeout_ends_a_process_in_a_session_of_its_own(tmp_path: Path) -> None:
    """The process is not in the group of its program; it is found by its mark, and holds up nothing."""
    pids = tmp_path / "pids"
    on = script(tmp_path, f"setsid sh -c 'echo $$ > \"{pids}\"; sleep 600' & wait; sleep 600")
    assert "took longer than 3 s, and was killed" in lost({"on": on, "timeout": "3s"})
    eventually(is_gone(int(pids.read_text())))


def test_a_process_that_a_finished_program_has_left_is_not_ended(tmp_path: Path) -> None:
    """A program may start a player and end; a new process of the device does not end the player."""
    pids = tmp_path / "pids"
    on = script(tmp_path, f'sleep 600 > /dev/null 2>&1 & echo $! > "{pids}"')
    for _ in range(2):
        with running_driver("command", {"on": on if not pids.exists() else TRUE, "off": TRUE}) as harness:
            harness.set(on=True)
            harness.wait_for_on(on=True)
    pid = int(pids.read_text())
    assert not is_gone(pid)()
    os.kill(pid, signal.SIGKILL)


SWITCHES_LATE = """cd "{folder}"
case $HOUSE_ON in
1) echo $$ >> programs
   sh -c 'echo $$ >> programs; while [ ! -e go ]; do sleep 0.1; done; echo on >> relay' ;;
0) echo off >> relay ;;
esac"""
"""A program with a child that switches on once the test allows it."""


def fan_house(program: list[str]) -> str:
    """Return a house with one fan whose program is given."""
    return (
        '[house]\nname = "House"\nwatchdog = "60s"\n[devices.fan]\nkind = "plug"\ndriver = "command"\n'
        f'command.on = ["{program[0]}"]\ncommand.off = ["{program[0]}"]\ncommand.timeout = "60s"\n'
    )


def recorded_pids(file: Path, number: int) -> list[int]:
    """Wait until a file has so many PIDs, and return them."""
    eventually(lambda: file.exists() and len(file.read_text().splitlines()) >= number)
    return [int(line) for line in file.read_text().splitlines()]


def test_a_program_ends_when_its_device_is_killed(make_house: HouseFactory, tmp_path: Path) -> None:
    """The device is killed (SIGKILL) while its program and a child of it wait to switch on: both end.

    The successor runs the program again, because the command was written down before the first run.
    """
    fan = script(tmp_path, SWITCHES_LATE.format(folder=tmp_path))
    house = make_house(fan_house(fan))
    house.house("up")
    with house.house_running("send", "fan", "on"):
        old = recorded_pids(tmp_path / "programs", 2)
        first = house.process("fan")
        assert first
        os.kill(first, signal.SIGKILL)
        for pid in old:
            eventually(is_gone(pid))
        eventually(lambda: house.process("fan") not in (None, first))
    new = recorded_pids(tmp_path / "programs", 4)
    assert not set(old) & set(new[2:])
    (tmp_path / "go").touch()
    eventually((tmp_path / "relay").exists)
    eventually(lambda: house.status()["devices"]["fan"]["state"]["confirmed"])
    assert (tmp_path / "relay").read_text().count("on") == 1
    assert house.status()["devices"]["fan"]["state"]["status"] is True


@pytest.mark.long
def test_a_program_ends_when_the_whole_house_is_killed(make_house: HouseFactory, tmp_path: Path) -> None:
    """supervisord is killed (SIGKILL) while a program runs; the program ends, its child at the next start."""
    fan = script(tmp_path, SWITCHES_LATE.format(folder=tmp_path))
    house = make_house(fan_house(fan))
    house.house("up")
    with house.house_running("send", "fan", "on"):
        leader, child = recorded_pids(tmp_path / "programs", 2)
        os.kill(int((house.run / "supervisord.pid").read_text()), signal.SIGKILL)
        eventually(is_gone(leader))
    house.house("up")
    eventually(is_gone(child))
    (tmp_path / "go").touch()
    eventually(lambda: house.status()["devices"]["fan"]["state"]["confirmed"])
    assert (tmp_path / "relay").read_text().count("on") <= 1


def test_a_process_that_does_not_end_keeps_every_program_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault has the PID, and no program runs beside the one that is left."""
    record = ProgramRecord("plug")
    record.begin("abc")
    monkeypatch.setattr(program, "end_marked", lambda _: [42])
    ran = tmp_path / "ran"
    on = script(tmp_path, f'touch "{ran}"')
    fault = lost({"on": on})
    assert fault == f"{on[0]}: an earlier run of it does not end (PID 42), so no program is started"
    assert not ran.exists()
