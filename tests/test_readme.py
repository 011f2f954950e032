"""The README and the documents: their commands run, their links lead somewhere, their TOML is right."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tomli

from daemons.cli.main import main
from daemons.config.house import load_house
from tests.support.house import PROJECT, HouseFactory
from tests.support.patience import patience

README = (PROJECT / "README.md").read_text()
DOCUMENTS = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
MAKEFILE = (PROJECT / "Makefile").read_text()


def code(text: str) -> list[str]:
    """Return all code of a document: indented and fenced lines, and words in backticks."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in re.findall(r"^    (.*)$", rest, re.MULTILINE)]
    return [
        *lines,
        *re.findall(r"`([^`\n]+)`", rest),
        *(line for block in fenced for line in block.splitlines()),
    ]


def verbs(document: Path, program: str) -> list[str]:
    """Return the verbs of `make` or `house` in a document."""
    found = []
    for line in code(document.read_text()):
        words = line.partition("#")[0].split()
        if not words or words[0].rpartition("/")[2] != program:
            continue
        while len(words) > 1 and words[1].startswith("--"):
            del words[1 : 2 if words[1] == "--help" else 3]
        found += words[1:2]
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_verb_in_a_document_exists(document: Path) -> None:
    """`make` has a target of that name, and `house` a command."""
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(verbs(document, "make")) <= targets
    assert set(verbs(document, "house")) <= set(main.commands)


def test_the_readme_names_the_verbs_of_a_first_visit() -> None:
    """The first visit needs some verbs, so the test above checks at least these."""
    assert {"up", "press", "mirror", "logs", "restart", "status", "down"} <= set(verbs(DOCUMENTS[0], "make"))
    assert {"up", "kinds", "drivers", "check"} <= set(verbs(DOCUMENTS[0], "house"))


def test_make_alone_prints_every_verb_in_a_line() -> None:
    """Each target that is no file has its line of help."""
    done = subprocess.run(["make", "-C", PROJECT, "-s"], capture_output=True, text=True, check=True)  # noqa: S607
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE) == phony[1].split()


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """A relative link names an existing file, and an existing heading in it."""
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text())
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document.name}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{document.name}: {link}"


def toml_blocks() -> Iterator[tuple[str, str]]:
    """Yield every TOML block of every document, with its position."""
    for document in DOCUMENTS:
        text = document.read_text()
        for found in re.finditer(r"^```toml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield f"{document.name}:{text[: found.start()].count(chr(10)) + 1}", found[1]


@pytest.mark.parametrize("block", [pytest.param(block, id=where) for where, block in toml_blocks()])
def test_every_toml_block_is_toml(block: str) -> None:
    """A copied block has no syntax error."""
    assert tomli.loads(block)


def test_the_readmes_appliances_can_be_added_to_the_shipped_house(tmp_path: Path) -> None:
    """Its blocks, put at the end of config/house.toml, pass `house check`; the first has twelve lines."""
    block, plug = re.findall(r"^```toml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert "Twelve lines" in README
    assert len(block.splitlines()) == 12
    file = tmp_path / "house.toml"
    file.write_text((PROJECT / "config" / "house.toml").read_text() + f"\n{block}\n{plug}")
    house = load_house(file)
    assert house.devices["second_toaster"].rules
    assert house.devices["kettle"].options.max_on_seconds == 600


# The README's first commands, as a visitor types them


@pytest.fixture
def make(make_house: HouseFactory, tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Return a function that runs `make` for a new house, with the environment of this interpreter."""
    house = make_house()
    venv = tmp_path / "venv"
    venv.mkdir()
    (venv / "bin").symlink_to(Path(sys.executable).parent)
    (venv / "installed").touch()

    def run(*words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["make", "-C", PROJECT, "--no-print-directory", f"VENV={venv}", *words],  # noqa: S607
            env={key: value for key, value in house.environment.items() if not key.startswith("MAKE")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return run


@contextmanager
def interrupted(process: "subprocess.Popen[str]") -> Iterator[Iterator[str]]:
    """Yield the lines of a command that runs until Ctrl-C, then interrupt it; it must print no traceback."""
    assert process.stdout is not None
    try:
        yield iter(process.stdout.readline, "")
    finally:
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=patience())
    assert "Traceback" not in rest


def test_the_readmes_commands_run(make: Callable[..., "subprocess.Popen[str]"]) -> None:
    """The commands run in their order, from `up` to `down`, and each does what its comment says."""

    def output(*words: str) -> str:
        process = make(*words)
        text, _ = process.communicate(timeout=patience())
        assert process.returncode == 0, text
        return text

    typed = [line for line in code(README) if line.startswith("make ") and "`" not in line]
    first = [line.partition("#")[0].split()[1:] for line in typed][:7]
    assert first == [
        ["up"],
        ["press"],
        ["mirror"],
        ["logs"],
        ["restart", "DEVICE=toaster"],
        ["status"],
        ["down"],
    ]
    assert "Breakfast house is up: 5 devices" in output("up")
    assert "bathroom_light: press applied" in output("press")
    with interrupted(make("mirror")) as lines:
        assert any("Toaster" in line or "toaster" in line for line in lines)
    with interrupted(make("logs")) as lines:
        assert any(re.match(r"bathroom_light .* is on \[\w+\]", line) for line in lines)
    assert "Restarted toaster in " in output("restart", "DEVICE=toaster")
    with interrupted(make("logs", "DEVICE=toaster")) as lines:
        for line in lines:
            assert line.startswith("toaster")
            if "restarts 1" in line:
                break
    assert "live" in output("status")
    assert "The house is down." in output("down")


def test_make_restart_without_a_device_asks_for_one(make: Callable[..., "subprocess.Popen[str]"]) -> None:
    """The message names the command to type, and no process restarts."""
    process = make("restart")
    text, _ = process.communicate(timeout=patience())
    assert process.returncode != 0
    assert "make restart DEVICE=toaster" in text
