"""The commands in README.md, CONTRIBUTING.md and docs/: all that a test can run do run, in order."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.house import BREAKFAST, PROJECT, HouseFactory, TemporaryHouse
from tests.support.patience import patience

PAGES = sorted(
    str(page.relative_to(PROJECT)) for page in (*PROJECT.glob("[RC]*.md"), *(PROJECT / "docs").glob("*.md"))
)
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"sh", "console", "text", "toml", "python", "json", "ini"}
"""sh: commands that run without hardware; console: a session that is not run; text: output."""
COMMANDS = frozenset(
    [
        "house",
        "make",
        "cat",
        "echo",
        "export",
        "grep",
        "head",
        "hostname",
        "kill",
        "ls",
        "mkdir",
        "printf",
        "rm",
        "sed",
        "tail",
        "test",
    ]
)
"""The programs that a block may run."""
LONG_RUNNING = re.compile(r"(make|house) (mirror|watch\b.*|logs\b(?!.*--no-follow).*)")
"""Commands that end at Ctrl-C only: interrupted after their first line."""
NOT_RUN = {
    r"git clone .*|cd house": "the test's house is a checkout already",
    r"(python|pip|\.venv/bin/pip) .*|make extra .*": "it installs packages",
    r"(house|make) upgrade\b.*": "it installs packages; tests/test_upgrade.py runs it",
    r"(sudo )?apt(-get)? .*": "it installs packages of the system",
    r"(sudo )?(systemctl|loginctl|journalctl) .*": "it changes the services of the machine",
    r"make (test|test-long|test-all|check|bench|bench-full|pictures|clean)\b.*": "it takes minutes",
    r"house fleet\b.*": "it needs a broker; tests/cli/fleet/ runs it",
    r"house drill\b.*": "it takes a minute; tests/cli/test_drill.py runs it",
    r"house doctor\b.*": "its exit status is about the machine; tests/cli/test_doctor.py runs it",
    r"house discover\b.*": "it searches the network of the machine",
    r"house .*(--host|/srv/|<).*|make .*(HOST=|<).*": "it needs another host, folder or name",
    r"(ssh|scp|rsync|chronyc|timedatectl|openssl|curl|mosquitto_\w+) .*": "it needs another host or program",
}
"""Commands that a test cannot run, as patterns of the whole command, with the reason."""
RUNS_WHILE_DOWN = re.compile(
    r"(house|make) (up|down|check|add|keys|token|kinds|drivers|try|extra|--help)\b.*"
)


class Step(NamedTuple):
    """One command of a page: a line, with its continuations and its here-document."""

    line: int
    text: str


def read_steps(page: str) -> list[Step]:
    """Return the commands of all `sh` blocks of a page, and of the indented lines of README.md."""
    text = (PROJECT / page).read_text()
    steps: list[Step] = []
    for found in FENCE.finditer(text):
        if found[2] == "sh":
            first = text[: found.start(3)].count("\n") + 1
            steps += split_commands(found[3].splitlines(), first, found[1])
    if page == "README.md":
        outside = FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
        for number, line in enumerate(outside.splitlines(), 1):
            if re.match(r"    (git|cd|make|house) ", line):
                steps.append(Step(number, without_comment(line.strip())))
    return sorted(steps)


def split_commands(lines: list[str], first: int, indent: str = "") -> list[Step]:
    """Split the lines of a block, the first of which has the number `first`, into its commands."""
    steps: list[Step] = []
    rest = [line.removeprefix(indent) for line in lines]
    while rest:
        number = first + len(lines) - len(rest)
        taken = [rest.pop(0)]
        while taken[-1].endswith("\\") and rest:
            taken.append(rest.pop(0))
        if end := re.search(r"<<-?'?(\w+)'?", taken[0]):
            while rest and taken[-1].strip() != end[1]:
                taken.append(rest.pop(0))
        else:
            taken = [without_comment(line) for line in taken]
        if text := "\n".join(taken).strip():
            steps.append(Step(number, text))
    return steps


def without_comment(line: str) -> str:
    """Return a line of shell without the comment at its end."""
    return re.sub(r"(^|\s+)#\s.*$", "", line)


def reason_not_to_run(text: str) -> str | None:
    """Return the reason why a test cannot run a command, or None if it can."""
    return next(
        (reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, text, re.DOTALL)), None
    )


ALL_STEPS = {page: steps for page in PAGES if (steps := read_steps(page))}


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_names_its_language(page: str) -> None:
    """Each code block names its language, and a block of commands shows no prompt or output."""
    text = (PROJECT / page).read_text()
    for found in FENCE.finditer(text):
        where = f"{page}:{text[: found.start()].count(chr(10)) + 1}"
        assert found[2] in LANGUAGES, f"{where}: ```{found[2]}"
        is_session = re.search(r"^ *\$ ", found[3], re.MULTILINE) is not None
        assert is_session == (found[2] == "console"), f"{where}: `console` is for lines that begin with $"


@pytest.mark.parametrize("page", ALL_STEPS)
def test_every_command_of_a_page_is_known(page: str) -> None:
    """Each command can be run by a test, or is in the table with the reason."""
    for step in ALL_STEPS[page]:
        program = step.text.split()[0]
        known = program in COMMANDS or reason_not_to_run(step.text)
        assert known, f"{page}:{step.line}: no test runs {step.text!r}; add it to COMMANDS or to NOT_RUN"


def test_the_first_pages_have_commands() -> None:
    """The tests of this file find the commands that a newcomer types."""
    assert {"README.md", "docs/tutorial.md"} <= ALL_STEPS.keys()
    assert "make press" in [step.text for step in ALL_STEPS["README.md"]]
    assert split_commands(["a \\", "b", "", "cat <<'END'", "x # y", "END", "c  # d"], 5) == [
        Step(5, "a \\\nb"),
        Step(8, "cat <<'END'\nx # y\nEND"),
        Step(11, "c"),
    ]


class Checkout:
    """A checkout of the project with its own house, in which a test runs commands."""

    def __init__(self, house: TemporaryHouse) -> None:
        self.folder = house.config.parent
        (self.folder / "config").mkdir()
        house.config = house.config.rename(self.folder / "config" / "house.toml")
        for name in ("pyproject.toml", "Makefile"):
            shutil.copy(PROJECT / name, self.folder)
        venv = self.folder / ".venv"
        venv.mkdir()
        (venv / "bin").symlink_to(Path(sys.executable).parent)
        (venv / "installed").touch()
        self.environment = {k: v for k, v in house.environment.items() if not k.startswith("MAKE")}
        self.environment["PATH"] = f"{venv / 'bin'}:{self.environment['PATH']}"
        self.is_up = False

    def run(self, text: str) -> None:
        """Run a command, and fail if it fails; start the house first if the command needs it."""
        if re.match("house|make", text) and not RUNS_WHILE_DOWN.match(text) and not self.is_up:
            self.run("house up")
        process = subprocess.Popen(
            ["bash", "-c", text],  # noqa: S607
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        is_endless = LONG_RUNNING.fullmatch(text) is not None
        if is_endless:
            assert process.stdout is not None
            assert process.stdout.readline(), text
            os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=2 * patience())
        assert "Traceback" not in output, f"{text}\n{output}"
        assert is_endless or process.returncode == 0, f"{text}\n{output}"
        if found := re.fullmatch(r"(?:house|make) (up|down)\b.*", text):
            self.is_up = found[1] == "up"


@pytest.mark.long
@pytest.mark.parametrize("page", ALL_STEPS)
def test_the_commands_of_a_page_run(page: str, make_house: HouseFactory) -> None:
    """In one house, in the order of the page, each command ends with exit status 0."""
    checkout = Checkout(make_house(BREAKFAST))
    for step in ALL_STEPS[page]:
        if not reason_not_to_run(step.text):
            checkout.run(step.text)
