"""The environments beside each other: the link leads to a whole one at any moment."""

import sys
from pathlib import Path

import pytest

from daemons.supervision import environment
from daemons.supervision.environment import find_link, present, remove_others, swap


def make_environment(path: Path) -> Path:
    """Make a folder that counts as an environment, with a file that names it."""
    path.mkdir()
    (path / "pyvenv.cfg").touch()
    (path / "name").write_text(path.name)
    return path


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """Return a link to the environment `.venv.old`, beside which is `.venv.new`."""
    link = tmp_path / ".venv"
    make_environment(tmp_path / ".venv.old")
    make_environment(tmp_path / ".venv.new")
    link.symlink_to(".venv.old")
    return link


def test_a_link_leads_to_the_other_environment(link: Path) -> None:
    """The link is replaced; what a kill of an earlier attempt has left does not disturb."""
    new, old = link.with_name(".venv.new"), link.with_name(".venv.old")
    link.with_name(".venv.link").symlink_to("nowhere")
    swap(link, new, old)
    assert (present(link), (link / "name").read_text()) == (new, ".venv.new")
    swap(link, old, new)
    assert present(link) == old
    assert sorted(path.name for path in link.parent.iterdir()) == [".venv", ".venv.new", ".venv.old"]


def test_a_folder_is_exchanged_with_a_link(tmp_path: Path) -> None:
    """An environment that is a folder, such as one of pip, gets another name in the same step."""
    link, new = make_environment(tmp_path / ".venv"), make_environment(tmp_path / ".venv.new")
    assert present(link) == link
    swap(link, new, tmp_path / ".venv.old")
    assert (link.readlink(), (tmp_path / ".venv.old" / "name").read_text()) == (Path(".venv.new"), ".venv")
    swap(link, tmp_path / ".venv.old", new)
    assert (link / "name").read_text() == ".venv"


def test_older_environments_are_removed(link: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The present one, those that are kept, those in use and all other files stay."""
    folder = link.parent
    for name in (".venv.older", ".venv.used", ".venvother.x"):
        make_environment(folder / name)
    (folder / ".venv.mine").mkdir()
    (folder / ".venv.mine" / "file").touch()
    (folder / ".venv.empty").mkdir()
    monkeypatch.setattr(environment, "used_files", lambda: iter([f"x {folder}/.venv.used/lib.so\n"]))
    removed = remove_others(link, folder / ".venv.new")
    assert sorted(path.name for path in removed) == [".venv.empty", ".venv.older"]
    left = sorted(path.name for path in folder.iterdir())
    assert left == [".venv", ".venv.mine", ".venv.new", ".venv.old", ".venv.used", ".venvother.x"]


@pytest.mark.parametrize("prefix", [".venv", ".venv.old", ".venv.new"])
def test_a_process_finds_the_link_of_its_environment(
    link: Path, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    """It may run from the link, from the folder that it leads to, or from one beside that."""
    monkeypatch.setattr(sys, "prefix", str(link.with_name(prefix)))
    assert find_link() == link


def test_an_environment_without_a_link_is_its_own_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder gets another name at the first upgrade, whatever dots are in the present one."""
    monkeypatch.setattr(sys, "prefix", str(make_environment(tmp_path / "house.env")))
    assert find_link() == tmp_path / "house.env"
