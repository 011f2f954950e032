"""A person's own programs: what is asked of them, what they may print, and when they are killed."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.drivers.command import LONGEST_WORD, MOST_BYTES, Told, environment, parse, show
from daemons.kinds import Setting
from tests.drivers.test_faults import standing
from tests.support.house import eventually

TRUE = ["true"]


def script(folder: Path, text: str) -> list[str]:
    """Give a program that does so."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return [str(path)]


def lost(options: dict[str, object]) -> str:
    """Give what is complained of by a device with these programs, once it wants to be on."""
    with standing("command", {"on": TRUE, "off": TRUE, **options}) as stand:
        stand.set(on=True)
        return str(stand.until(lambda r: r.reachable is False, "a complaint").fault)


def test_without_read_it_is_what_was_done_last() -> None:
    """Nothing is known at first; then it is what its program was told and said it did."""
    with standing("command", {"on": TRUE, "off": TRUE}) as stand:
        reading = stand.until(lambda r: r.reachable, "a first word")
        assert reading.on is None
        for on in (True, False):
            stand.set(on)
            stand.reaches(on)


def test_all_that_is_asked_stands_in_the_environment(tmp_path: Path) -> None:
    """In whole words, and only what is asked."""
    on = script(tmp_path, f'env | grep ^HOUSE_ | sort > "{tmp_path}/asked"')
    with standing("command", {"on": on, "off": TRUE}) as stand:
        stand.set(on=True, off_after_seconds=90.0)
        stand.reaches(on=True)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "HOUSE_DEVICE=plug" in asked
    assert "HOUSE_ON=1" in asked
    (left,) = (line for line in asked if line.startswith("HOUSE_OFF_AFTER_SECONDS="))
    assert 80 < float(left.partition("=")[2]) <= 90


def test_each_part_of_a_setting_has_a_name() -> None:
    """So a program need not parse anything."""
    setting = Setting(
        on=True, brightness_percent=30, colour_temperature_kelvin=2700, direction="open", off_after_seconds=5
    )
    assert environment("blind", setting) == {
        "HOUSE_DEVICE": "blind",
        "HOUSE_ON": "1",
        "HOUSE_BRIGHTNESS_PERCENT": "30",
        "HOUSE_COLOUR_TEMPERATURE_KELVIN": "2700",
        "HOUSE_DIRECTION": "open",
        "HOUSE_OFF_AFTER_SECONDS": "5",
    }
    assert environment("fan", Setting(on=False)) == {"HOUSE_DEVICE": "fan", "HOUSE_ON": "0"}


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        (b"on\n", Told(on=True)),
        (b" OFF ", Told(on=False)),
        (b'{"on": true, "power_watts": 7.5}', Told(on=True, power_watts=7.5)),
        (b'{"temperature_celsius": 21}', Told(temperature_celsius=21.0)),
    ],
)
def test_what_read_may_print(printed: bytes, told: Told) -> None:
    """A word, or what is known as JSON."""
    assert parse(printed) == told


@pytest.mark.parametrize(
    "printed", [b"", b"maybe", b"[]", b'{"on": 1}', b'{"watts": 7}', b'{"position_percent": 101}', b"\xff"]
)
def test_what_read_may_not_print(printed: bytes) -> None:
    """Anything else is no reading, rather than half of one."""
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        parse(printed)


@given(st.binary(max_size=2000))
def test_a_complaint_is_one_short_printable_line(printed: bytes) -> None:
    """Whatever bytes a program prints, the log and the mirror stay whole."""
    line = show(printed)
    assert len(line) <= LONGEST_WORD
    assert line.isprintable()


def test_a_program_that_is_not_there_is_named() -> None:
    """With its path, and why it cannot be started."""
    assert lost({"on": ["/nowhere/fan"]}) == "/nowhere/fan: cannot be started: No such file or directory"


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    """Its status, and the last line of its complaint."""
    on = script(tmp_path, "echo first >&2; echo the fan is unplugged >&2; exit 3")
    assert lost({"on": on}) == f"{on[0]}: ended with status 3: the fan is unplugged"


def test_a_program_that_takes_too_long_is_killed_with_what_it_started(tmp_path: Path) -> None:
    """Nothing of it lives on."""
    pids = tmp_path / "pids"
    on = script(tmp_path, f'sleep 600 & echo $! $$ > "{pids}"; wait')
    assert "took longer than 3 s, and was killed" in lost({"on": on, "timeout": "3s"})
    for pid in map(int, pids.read_text().split()):
        eventually(is_gone(pid))


def is_gone(pid: int) -> Callable[[], bool]:
    """Give what tells whether a process is no more, or only waits to be buried."""

    def gone() -> bool:
        try:
            return ") Z" in Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True

    return gone


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_a_program_that_prints_for_ever_fills_no_memory(tmp_path: Path, stream: str) -> None:
    """It is killed when it has printed too much, and does not keep its device busy until then."""
    read = script(tmp_path, f"exec yes {stream}")
    assert lost({"read": read}) == f"{read[0]}: printed more than {MOST_BYTES} bytes, and was killed"


def test_a_sensor_behind_a_program(tmp_path: Path) -> None:
    """It is read again and again, without being asked."""
    value = tmp_path / "value"
    value.write_text('{"temperature_celsius": 20}')
    with standing(
        "command", {"on": TRUE, "off": TRUE, "read": ["cat", str(value)], "poll": "100ms"}
    ) as stand:
        stand.until(lambda r: r.temperature_celsius == 20, "20 °C")
        new = tmp_path / "new"
        new.write_text('{"temperature_celsius": 21.5}')
        new.replace(value)
        stand.until(lambda r: r.temperature_celsius == 21.5, "21.5 °C")
