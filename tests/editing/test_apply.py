"""An edit is applied as a whole, or file and house are as before; a kill in between is noticed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from daemons.config.house import House
from daemons.config.plan import ProcessChange
from daemons.editing import record
from daemons.editing.apply import Failed, apply
from daemons.editing.configuration import edit, read_source
from daemons.editing.record import FileChange, NewText, NothingToUndo
from daemons.editing.undo import describe_undo, one_edit_at_a_time, undo_text
from daemons.errors import AlreadyRunning, NotReady
from daemons.storage.installed import SOURCE
from daemons.supervision import operations

MAIN = '[devices.lamp]\nkind = "lamp"\ndriver = "simulated"\n'
AFTER = MAIN + 'room = "Hall"\n'
CHANGES = [ProcessChange("lamp", "restart", ())]
Reload = Callable[..., list[ProcessChange]]


@pytest.fixture
def main(run: Path) -> Path:
    """Write a configuration behind a link, with a mode of its own."""
    real, link = run / "real.toml", run / "config.toml"
    real.write_text(MAIN)
    real.chmod(0o640)
    link.symlink_to(real)
    SOURCE.write_text(str(link))
    return link


@pytest.fixture
def reload(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the reload and the plan of the house: the test says what they do."""
    house: dict[str, Any] = {"reload": lambda: CHANGES, "differs": []}
    monkeypatch.setattr(operations, "reload", lambda *_: house["reload"]())
    monkeypatch.setattr(operations, "plan", lambda *_: house["differs"])
    return house


def new_edit(text: str = AFTER) -> tuple[NewText, House]:
    """Return an edit of the lamp."""
    source = read_source("lamp")
    found = edit(source, text)
    assert found.house is not None
    change = FileChange(source.file.path, source.file.text, found.content)
    return NewText("lamp", "page", (change,)), found.house


def run_apply(text: str = AFTER) -> list[ProcessChange]:
    """Apply an edit of the lamp."""
    new, house = new_edit(text)
    return apply(new, house, Path(), lambda _: None)


def test_an_applied_edit_is_written_and_can_be_undone_twice(main: Path, reload: dict[str, Any]) -> None:
    """The link and the mode of the file stay; the undo of an undo is the edit again."""
    assert run_apply() == CHANGES
    assert main.read_text() == AFTER
    assert main.is_symlink()
    assert main.stat().st_mode & 0o777 == 0o640
    for expected in (MAIN, AFTER):
        undo = describe_undo(Path())
        assert undo is not None
        assert (undo.device, undo.by, undo.is_interrupted) == ("lamp", "page", False)
        new, _ = undo_text()
        assert new.changes[0].after == expected
        apply(new, new_edit()[1], Path(), lambda _: None)
        assert main.read_text() == expected


def test_an_edit_that_does_not_become_ready_is_rolled_back(main: Path, reload: dict[str, Any]) -> None:
    """The file has its text again, and there is nothing to undo."""

    def fail() -> list[ProcessChange]:
        assert main.read_text() == AFTER
        raise NotReady("lamp", "fails again and again")

    reload["reload"] = fail
    with pytest.raises(Failed, match="fails again and again") as caught:
        run_apply()
    assert caught.value.is_rolled_back
    assert main.read_text() == MAIN
    assert describe_undo(Path()) is None


def test_a_roll_back_that_is_not_whole_says_so(main: Path, reload: dict[str, Any]) -> None:
    """The house may still differ from the file, and a person may have changed the file meanwhile."""

    def fail() -> list[ProcessChange]:
        raise NotReady("lamp", "hangs")

    reload["reload"], reload["differs"] = fail, CHANGES
    with pytest.raises(Failed, match="these are not: lamp") as caught:
        run_apply()
    assert not caught.value.is_rolled_back
    assert main.read_text() == MAIN

    def change_and_fail() -> list[ProcessChange]:
        main.write_text("# A person's.\n" + AFTER)
        raise NotReady("lamp", "hangs")

    reload["reload"] = change_and_fail
    with pytest.raises(Failed, match="left as it is"):
        run_apply()
    assert main.read_text() == "# A person's.\n" + AFTER


def test_a_file_that_changes_at_the_last_moment_is_left(main: Path, reload: dict[str, Any]) -> None:
    """Nothing is written then."""
    new, house = new_edit()
    main.write_text("# A person's.\n" + MAIN)
    with pytest.raises(Failed, match="has changed at this moment"):
        apply(new, house, Path(), lambda _: None)
    assert main.read_text() == "# A person's.\n" + MAIN


def test_a_file_that_cannot_be_written_changes_nothing(main: Path, reload: dict[str, Any]) -> None:
    """The reload does not happen."""
    new, house = new_edit()
    reload["reload"] = lambda: pytest.fail("the house was reloaded")
    (main.parent / f"real.toml.{os.getpid()}.new").mkdir()
    with pytest.raises(Failed, match="cannot be written") as caught:
        apply(new, house, Path(), lambda _: None)
    assert caught.value.is_rolled_back
    assert main.read_text() == MAIN


def test_a_kill_before_the_reload_can_be_undone(main: Path, reload: dict[str, Any]) -> None:
    """The edit counts as interrupted while the house does not run it, and is complete once it does."""

    def kill() -> list[ProcessChange]:
        raise KeyboardInterrupt  # nothing handles it, as nothing handles a kill

    reload["reload"], reload["differs"] = kill, CHANGES
    with pytest.raises(KeyboardInterrupt):
        run_apply()
    assert main.read_text() == AFTER
    undo = describe_undo(Path())
    assert undo is not None
    assert undo.is_interrupted
    assert undo_text()[0].changes[0].after == MAIN
    reload["differs"] = []
    undo = describe_undo(Path())
    assert undo is not None
    assert not undo.is_interrupted


def test_an_edit_by_hand_ends_the_undo(main: Path, reload: dict[str, Any]) -> None:
    """Otherwise the undo would lose it."""
    run_apply()
    main.write_text(AFTER + "\n")
    assert describe_undo(Path()) is None
    with pytest.raises(NothingToUndo):
        undo_text()
    assert record.last_edit() is None


def test_two_edits_do_not_meet(main: Path, reload: dict[str, Any]) -> None:
    """The second one is refused, and meanwhile there is nothing to undo."""
    run_apply()
    with one_edit_at_a_time():
        assert describe_undo(Path()) is None
        with pytest.raises(AlreadyRunning), one_edit_at_a_time():
            pytest.fail("two edits at once")
