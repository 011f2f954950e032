"""A log file with several writers: no line is lost by a rotation, nor by a kill at any of its steps."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from daemons.runtime.rotating_file import RotatingFile, log_path
from tests.support.house import PROJECT

WRITER = """if True:
    import sys
    from pathlib import Path
    from daemons.runtime.rotating_file import RotatingFile

    file = RotatingFile(Path("lamp.log"), 2000, 500)
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(3000):
        file.write(b"%s line %d\\n" % (sys.argv[1].encode(), number))
"""
KILLED = """if True:
    import fcntl, os, sys
    from pathlib import Path
    from daemons.runtime.rotating_file import RotatingFile

    left = int(sys.argv[1])

    def die_at_step(owner, name):
        call = getattr(owner, name)

        def counted(*args, **kwargs):
            global left
            if left == 0:
                os._exit(9)
            left -= 1
            return call(*args, **kwargs)

        setattr(owner, name, counted)

    file = RotatingFile(Path("lamp.log"), 20, 2)
    file.write(b"new 1\\n")
    for owner, name in ((os, "write"), (fcntl, "flock"), (Path, "replace"), (os, "close"), (os, "open")):
        die_at_step(owner, name)
    file.write(b"new 2 and the limit\\n")
    os._exit(0)
"""


def start(folder: Path, program: str, argument: str) -> "subprocess.Popen[str]":
    """Start a writer in a folder."""
    return subprocess.Popen(
        [sys.executable, "-c", program, argument],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def all_lines(folder: Path) -> list[str]:
    """Return the lines of a log and its backups, the oldest first."""
    files = sorted(folder.glob("lamp.log*"), key=lambda path: -int(path.suffix[1:].replace("log", "0")))
    return [line for file in files for line in file.read_text().splitlines()]


def test_writers_that_rotate_one_log_lose_no_line(tmp_path: Path) -> None:
    """Two processes write and rotate at once: each line of both is in one of the files, once and whole."""
    names = ["old", "new"]
    writers = [start(tmp_path, WRITER, name) for name in names]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n")
        assert writer.returncode == 0
    found = all_lines(tmp_path)
    assert len(list(tmp_path.iterdir())) > 20
    for name in names:
        own = [line for line in found if line.startswith(name)]
        assert sorted(own) == sorted(f"{name} line {number}" for number in range(3000))


@pytest.mark.parametrize("step", range(8))
def test_a_kill_at_any_step_of_a_rotation_loses_no_line(tmp_path: Path, step: int) -> None:
    """A process is killed before the given system call; the next one finds all lines, and goes on."""
    for number, age in enumerate((".2", ".1")):
        (tmp_path / f"lamp.log{age}").write_text(f"old {number}\n")
    writer = start(tmp_path, KILLED, str(step))
    writer.communicate()
    # The steps are: write, flock, two renames, close and open; the process then ends by itself.
    assert writer.returncode == (9 if step < 6 else 0)
    expected = {"old 1", "new 1"} | ({"new 2 and the limit"} if step else set())
    assert expected <= set(all_lines(tmp_path))
    file = RotatingFile(tmp_path / "lamp.log", 20, 2)
    file.write(b"next\n")
    file.close()
    found = all_lines(tmp_path)
    assert expected | {"next"} <= set(found)
    assert len(found) == len(set(found))
    assert found[-1] == "next"


def replace_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after whose call another process rotates the log just before the next write."""
    write = os.write

    def rotate_and_write(file: int, text: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        path.replace(f"{path}.1")
        path.write_text("other\n")
        return write(file, text)

    return lambda: monkeypatch.setattr(os, "write", rotate_and_write)


def test_a_rotation_by_another_process_between_two_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that was on its way to the renamed file is kept there; the next one goes to the new file."""
    path = tmp_path / "lamp.log"
    file = RotatingFile(path, 20, 2)
    file.write(b"1\n")
    replace_at(path, monkeypatch)()
    file.write(b"2 and more than the limit\n")
    file.write(b"3\n")
    file.close()
    assert path.read_text() == "other\n3\n"
    assert Path(f"{path}.1").read_text() == "1\n2 and more than the limit\n"
    assert not Path(f"{path}.2").exists()


def test_the_log_of_a_name_is_in_the_run_directory() -> None:
    """The path is relative, as every path of a process."""
    assert log_path("lamp") == Path("log/lamp.log")
