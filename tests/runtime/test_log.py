"""One event is one line, with its cause, and no line waits for its reader."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemons.runtime.log import APPENDS_VARIABLE, FORMAT, Formatter, escape, open_log
from daemons.runtime.rotating_file import log_path
from tests.support import factories


def line(text: str, cause: str | None = None) -> str:
    """Return one formatted record."""
    record = logging.LogRecord("lamp", logging.INFO, "", 0, text, None, None)
    record.cause = cause
    return Formatter(FORMAT, "%Y-%m-%d %H:%M:%S").format(record)


def test_a_line_has_time_level_device_text_and_cause(capsys: pytest.CaptureFixture[str]) -> None:
    """A line begins with the local time to the millisecond and ends with the cause."""
    open_log("lamp_of_test_log").warning("is %s", "on", cause="a1b2")
    printed = capsys.readouterr().out
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} WARNING lamp_of_test_log: is on \[a1b2\]\n", printed
    )


def test_a_line_without_a_cause_ends_with_its_text() -> None:
    """A line without a cause has no brackets at its end."""
    assert line("is up").endswith("lamp: is up")


def test_a_log_that_is_opened_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A second `open_log` of the same name replaces the first one."""
    open_log("twice_of_test_log")
    open_log("twice_of_test_log").info("once")
    assert capsys.readouterr().out.count("once") == 1


@settings(max_examples=50)
@given(st.text(max_size=50))
def test_no_text_breaks_the_line(text: str) -> None:
    """A message with any characters stays one line of printable characters."""
    assert line(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"), ("bell\x07", r"bell\x07"), ("a\rb\tc", r"a\rb\tc"),
        ("\x9b31m", r"\x9b31m"), ("\u202etxt", r"\u202etxt"), ("\u2028", r"\u2028"), ("\udcff", r"\udcff"),
        ("Küche 21 °C 💡", "Küche 21 °C 💡"), (r"C:\new", r"C:\new"),
    ],
)  # fmt: skip
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    """A terminal that shows the file obeys none of them; ordinary text of any language stays."""
    assert line(text).endswith(f"lamp: {shown}")
    assert escape(f"{text}\n{text}\n") == f"{shown}\n{shown}\n"


def test_the_text_of_an_exception_is_escaped() -> None:
    """The traceback of an exception whose text came from outside has no control characters."""
    try:
        raise ValueError("\x1b]0;title\x07")
    except ValueError as error:
        information = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("lamp", logging.ERROR, "", 0, "fails", None, information)
    assert Formatter(FORMAT).format(record).endswith("\nValueError: \\x1b]0;title\\x07")


def test_all_that_a_process_prints_is_escaped() -> None:
    """Also what Python itself prints: a traceback, a warning, and the text of an exit."""
    program = """if True:
        import sys, warnings
        from daemons.runtime.log import escape_standard_streams
        escape_standard_streams()
        print("out \\x1b[31m", "é")
        warnings.warn("warning \\x1b[32m")
        sys.excepthook(*[(type(e), e, None) for e in [ValueError("error \\x1b[33m")]][0])
        sys.exit("exit \\x1b[34m \\udcff")
    """
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == "out \\x1b[31m é\n"
    for shown in ("warning \\x1b[32m", "error \\x1b[33m\n", "exit \\x1b[34m \\udcff\n"):
        assert shown in done.stderr
    assert all(text.isprintable() for text in done.stderr.splitlines())


def test_a_text_that_looks_like_a_traceback_cannot_forge_a_line() -> None:
    """A message from outside that contains the word Traceback cannot add a line."""
    assert "\n" not in line("bad\nTraceback\n2026-01-01 00:00:00.000 INFO lamp: all is well")


def test_a_traceback_stays_readable() -> None:
    """A real traceback follows the line of its event, line by line."""
    try:
        raise ValueError("broken")
    except ValueError as error:
        information = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("lamp", logging.ERROR, "", 0, "fails\nbadly", None, information)
    first, *rest = Formatter(FORMAT).format(record).splitlines()
    assert first.endswith("fails\\nbadly")
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ValueError: broken"


def test_a_line_never_waits_for_a_reader() -> None:
    """A full pipe loses lines, counts them, and says so with the first line that it accepts again."""
    out, into = os.pipe()
    with os.fdopen(into, "w") as stream, os.fdopen(out, "rb") as reader:
        log = open_log("pipe_of_test_log", stream)
        for number in range(2000):  # a pipe holds 65,536 bytes
            log.info("line %04d %s", number, "." * 40)
        read = os.read(reader.fileno(), 1 << 20).decode().splitlines()
        log.info("after")
        notice, after = os.read(reader.fileno(), 1 << 20).decode().splitlines()[-2:]
    assert 100 < len(read) < 1000
    assert [int(line.split(" line ")[1][:4]) for line in read] == list(range(len(read)))
    assert notice.endswith(
        f" WARNING log: {2000 - len(read)} lines of this log were lost: supervisord did not read them"
    )
    assert after.endswith("pipe_of_test_log: after")


def test_a_line_that_fits_only_in_part_is_completed_later() -> None:
    """A line longer than the space in the pipe is not torn: its rest comes before the next line."""
    out, into = os.pipe()
    with os.fdopen(into, "w") as stream, os.fdopen(out, "rb") as reader:
        log = open_log("parts_of_test_log", stream)
        log.info("%s", "x" * 150_000)
        log.info("lost")
        text = os.read(reader.fileno(), 1 << 20)
        log.info("lost as well")
        text += os.read(reader.fileno(), 1 << 20)
        log.info("after")
        lines = (text + os.read(reader.fileno(), 1 << 20)).decode().splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "x" * 150_000,
        "2 lines of this log were lost: supervisord did not read them",
        "after",
    ]


def test_a_pipe_without_a_reader_raises_nothing() -> None:
    """A process that outlives its supervisord for a moment goes on without its log."""
    out, into = os.pipe()
    os.close(out)
    with os.fdopen(into, "w") as stream:
        open_log("gone_of_test_log", stream).info("lost")


def test_a_process_of_a_house_appends_its_lines_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the logs plugin only a line, or the rest of one, that cannot be written goes to the pipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(APPENDS_VARIABLE, "1")
    out, into = os.pipe()
    with os.fdopen(out, "rb") as reader, os.fdopen(into, "w") as stream:
        log = open_log("file_of_test_log", stream)
        log.info("is %s", "on", cause="a1b2")
        with factories.full_disk(150):
            log.info("%s", "." * 100)
            log.info("to supervisord")
        log.info("bad \udcff")
        assert not os.get_blocking(into)  # a library that prints does not wait for supervisord
        stream.close()
        half, piped = reader.read().decode().splitlines()
    lines = log_path("file_of_test_log").read_text().splitlines()
    assert lines[0].endswith("INFO    file_of_test_log: is on [a1b2]")
    assert 0 < len(half) < 100
    assert set(half) == {"."}
    assert piped.endswith("file_of_test_log: to supervisord")
    assert lines[-1].endswith(r"file_of_test_log: bad \udcff")


def test_a_process_whose_output_is_no_pipe_writes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that a person starts in a terminal shows its lines there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(APPENDS_VARIABLE, "1")
    open_log("terminal_of_test_log").info("is up")
    assert capsys.readouterr().out.endswith("terminal_of_test_log: is up\n")
    assert not list(tmp_path.iterdir())
