"""docs/from-the-pyzmq-tutorial.md: its three scripts run together, and the files that it names exist."""

import ast
import re
import time
from pathlib import Path

import pytest

from tests.support.patience import patience
from tests.support.script import PATIENCE_SECONDS, Script, running

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "from-the-pyzmq-tutorial.md"
SCRIPTS = {
    found[1]: found[0]
    for found in re.finditer(
        r"(?<=^```python\n)# (\S+\.py): .*?(?=^```)", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the scripts of the page."""
    monkeypatch.chdir(tmp_path)
    for name, text in SCRIPTS.items():
        Path(name).write_text(text)
    return Path()


def test_the_page_shows_three_short_scripts() -> None:
    """A switch, an appliance and a mirror, each complete and not longer than a screen."""
    assert list(SCRIPTS) == ["switch.py", "appliance.py", "mirror.py"]
    for text in SCRIPTS.values():
        assert ast.parse(text)
        assert len(text.splitlines()) <= 25


@pytest.mark.parametrize("order", ["as shown", "reversed"])
def test_a_press_makes_breakfast(folder: Path, order: str) -> None:
    """The mirror prints each phase of both appliances and the sentence, in any order of starting."""
    starts = {
        "mirror": ("mirror.py", "coffee_maker", "toaster"),
        "coffee_maker": ("appliance.py", "coffee_maker", "0.6"),
        "toaster": ("appliance.py", "toaster", "0.3"),
        "switch": ("switch.py",),
    }
    scripts: dict[str, Script] = {}
    try:
        for key in starts if order == "as shown" else reversed(starts):
            scripts[key] = Script(folder, *starts[key])
        for name in ("coffee_maker", "toaster"):
            scripts[name].lines_until(f"{name} receives switch/state")
        idle = {"coffee_maker idle", "toaster idle"}
        end = time.monotonic() + patience(PATIENCE_SECONDS)
        assert {scripts["mirror"].next_line(end) for _ in idle} == idle
        scripts["switch"].press()
        scripts["switch"].lines_until("switch on")
        lines = scripts["mirror"].lines_until("Breakfast is ready.")
    finally:
        for script in scripts.values():
            script.kill()
    assert len(lines) == 5
    for name in ("coffee_maker", "toaster"):  # which of them is first is up to the machine
        assert [line for line in lines if line.startswith(name)] == [f"{name} working", f"{name} ready"]


def test_a_second_mirror_has_the_states_without_a_press(folder: Path) -> None:
    """The scripts publish whole states again and again, so a late subscriber is up to date."""
    with running(folder, "appliance.py", "toaster", "1"), running(folder, "mirror.py", "toaster") as first:
        first.lines_until("toaster idle")
        with running(folder, "mirror.py", "toaster") as second:
            assert second.lines_until("toaster idle") == ["toaster idle"]


def test_the_switch_ends_with_its_input(folder: Path) -> None:
    """At the end of its input the switch ends with exit status 0."""
    with running(folder, "switch.py") as switch:
        assert switch.process.stdin is not None
        switch.process.stdin.close()
        assert switch.process.wait(patience(PATIENCE_SECONDS)) == 0


def test_every_file_that_the_page_names_exists() -> None:
    """The links into the code lead to files of today's tree."""
    links = re.findall(r"\]\(\.\./(daemons/[^)#]+)\)", PAGE.read_text())
    assert len(links) > 10
    for link in links:
        assert (PROJECT / link).exists(), link
