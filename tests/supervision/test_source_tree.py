"""The project folder: a pull goes only forward, and neither it nor the way back loses an edit."""

import os
import subprocess
from pathlib import Path

import pytest

from daemons.supervision.source_tree import CannotFetch, SourceTree, find_tree


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, and return what it prints."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def publish(author: Path, name: str, text: str) -> str:
    """Commit a file in the repository from which the home is cloned; return the commit."""
    (author / name).write_text(text)
    git(author, "add", name)
    git(author, "commit", "--quiet", "--message=next")
    return git(author, "rev-parse", "HEAD")


@pytest.fixture
def author(tmp_path: Path) -> Path:
    """Return a repository with a commit."""
    author = tmp_path / "author"
    author.mkdir()
    git(author, "init", "--quiet", "--initial-branch=main")
    publish(author, "house.toml", "first")
    publish(author, "code.py", "first")
    return author


@pytest.fixture
def tree(author: Path, tmp_path: Path) -> SourceTree:
    """Return a clone of the repository."""
    git(tmp_path, "clone", "--quiet", "author", "home")
    return SourceTree(tmp_path / "home")


def test_a_fetch_goes_forward_and_back_around_an_edit(author: Path, tree: SourceTree) -> None:
    """The file that a person has edited is the same after the pull and after the way back."""
    first = tree.commit()
    (tree.root / "house.toml").write_text("mine")
    new = publish(author, "code.py", "second")
    fetched = tree.fetch()
    assert list(fetched) == [first, new, ("code.py",)]
    assert (tree.root / "code.py").read_text() == "second"
    stamp = author / "installed"
    stamp.touch()
    os.utime(stamp, (0, 0))
    assert tree.put_back(fetched, stamp) == f"{tree.root} is at commit {first[:12]} again."
    assert stamp.stat().st_mtime >= (tree.root / "code.py").stat().st_mtime
    assert (tree.commit(), (tree.root / "code.py").read_text()) == (first, "first")
    assert (tree.root / "house.toml").read_text() == "mine"


def test_the_way_back_keeps_an_edit_of_the_new_version(author: Path, tree: SourceTree) -> None:
    """A file that was edited after the pull, or a commit after it, leaves the project as it is."""
    new = publish(author, "code.py", "second")
    fetched = tree.fetch()
    (tree.root / "code.py").write_text("mine")
    assert "was left as it is" in tree.put_back(fetched)
    assert (tree.commit(), (tree.root / "code.py").read_text()) == (new, "mine")
    git(tree.root, "commit", "--quiet", "--all", "--message=mine")
    assert "has another commit by now" in tree.put_back(fetched)


@pytest.mark.parametrize("name", ["house.toml", "new.py"])
def test_an_edit_in_the_way_is_named(author: Path, tree: SourceTree, name: str) -> None:
    """It may be in a file that git knows, or in one that only the new version has."""
    first = tree.commit()
    publish(author, name, "second")
    (tree.root / name).write_text("mine")
    with pytest.raises(CannotFetch, match=f"the new version has others in: {name}; commit"):
        tree.fetch()
    assert (tree.commit(), (tree.root / name).read_text()) == (first, "mine")


def test_an_own_commit_and_a_missing_remote_are_named(author: Path, tree: SourceTree) -> None:
    """Nothing is merged; without a new version, an own commit is not in the way."""
    publish(tree.root, "own.py", "mine")
    own = tree.commit()
    assert tree.fetch() == (own, own, ())
    publish(author, "code.py", "second")
    with pytest.raises(CannotFetch, match="has 1 commit of its own that the remote does not have"):
        tree.fetch()
    git(tree.root, "checkout", "--quiet", "--detach")
    with pytest.raises(CannotFetch, match="it is on no branch; --no-fetch takes the project as it is"):
        tree.fetch()
    git(tree.root, "checkout", "--quiet", "main")
    git(tree.root, "remote", "remove", "origin")
    with pytest.raises(CannotFetch, match="its branch main follows no branch of a remote"):
        tree.fetch()
    assert tree.commit() == own


def test_a_copy_is_what_a_fetch_would_leave(author: Path, tree: SourceTree, tmp_path: Path) -> None:
    """It has the new version, the edits, the added and the deleted files; the project stays as it is."""
    publish(author, "gone.py", "first")
    tree.fetch()
    first, new = tree.commit(), publish(author, "code.py", "second")
    (tree.root / "house.toml").write_text("mine")
    (tree.root / "rooms").mkdir()
    (tree.root / "rooms" / "hall.toml").write_text("mine")
    (tree.root / "gone.py").unlink()
    before = {path: path.read_bytes() for path in tree.root.rglob("*") if path.is_file()}
    fetched = tree.copy(tmp_path / "copy", fetch=True)
    assert list(fetched) == [first, new, ("code.py",)]
    found = {
        str(path.relative_to(tmp_path / "copy")): path.read_text()
        for path in (tmp_path / "copy").rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    assert found == {"code.py": "second", "house.toml": "mine", "rooms/hall.toml": "mine"}
    assert {path: path.read_bytes() for path in tree.root.rglob("*") if path.is_file()} == before
    assert tree.copy(tmp_path / "same", fetch=False) == (first, first, ())
    assert (tmp_path / "same" / "code.py").read_text() == "first"


def test_only_a_folder_with_the_project_is_one(tmp_path: Path) -> None:
    """A House of pip has no project around its environment."""
    assert find_tree(tmp_path / ".venv") is None
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "venv").touch()
    (tmp_path / "daemons").mkdir()
    assert find_tree(tmp_path / ".venv") == SourceTree(tmp_path)
