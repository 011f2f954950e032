"""The installed configuration: all files of a house in one, which a kill never leaves half new."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.config.files import File, Files, pack, unpack
from daemons.config.house import House, load_house
from daemons.errors import StorageError
from daemons.storage import paths
from daemons.storage.installed import INSTALLED, INSTALLED_FINGERPRINT
from daemons.supervision import install, operations
from tests.test_run_directory import FakeSupervisor, failing_after

MAIN = """\
include = ["rooms/*.toml"]
[defaults.kinds.lamp]
driver = "simulated"
{}
[devices.m]
kind = "mirror"
"""
LAMP = '[devices.{}]\nkind = "lamp"\n'
OLD = {
    "house.toml": MAIN.format(""),
    "rooms/a.toml": LAMP.format("hall"),
    "rooms/b.toml": LAMP.format("attic"),
}
NEW = {
    "house.toml": MAIN.format("brightness_percent = 40"),
    "rooms/a.toml": LAMP.format("attic"),  # it has moved here
    "rooms/c.toml": LAMP.format("cellar") + 'room = "Cellar"\n',
}
FEWEST_WRITES = 5


class Killed(BaseException):
    """The process is killed, so that no code of it runs any more."""


def load(folder: Path, texts: dict[str, str]) -> House:
    """Return the house of some files in a folder of their own."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load_house(folder / "house.toml")


def killed_at(number: int, replace: Callable[..., None]) -> Callable[..., None]:
    """Return a function that ends the process instead of replacing the file of this number."""
    calls: list[Path] = []

    def wrapped(path: Path, content: bytes, mode: int = 0o600) -> None:
        calls.append(path)
        if len(calls) == number:
            raise Killed
        replace(path, content, mode)

    return wrapped


def test_the_installed_house_is_that_of_all_files(run: Path, tmp_path: Path) -> None:
    """It does not need the files any more, and its roster has the defaults."""
    paths.enter(run)
    house = load(tmp_path / "config", OLD)
    install.install(house, run)
    for path in sorted((tmp_path / "config").rglob("*.toml")):
        path.unlink()
    found = install.installed_house()
    assert found.devices == house.devices
    assert found.raw == house.raw
    assert [*install.installed_roster().peers] == ["hall", "attic", "m"]
    assert {file.text for file in found.files} == set(OLD.values())


def test_each_file_is_part_of_the_fingerprint(run: Path, tmp_path: Path) -> None:
    """Hosts compare it: a changed comment in an included file is another configuration."""
    paths.enter(run)
    prints = []
    for number, comment in enumerate(("", "# new\n", "")):
        texts = {**OLD, "rooms/b.toml": comment + OLD["rooms/b.toml"]}
        install.install(load(tmp_path / str(number), texts), run)
        prints.append(INSTALLED_FINGERPRINT.read())
    assert prints[0] == prints[2] != prints[1]


def test_a_kill_at_any_write_leaves_one_whole_configuration(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is installed is the old or the new house, and never files of both; a reload then ends the work."""
    old, new = load(tmp_path / "old", OLD), load(tmp_path / "new", NEW)
    replace, kills = paths.replace_file, 0
    paths.enter(run)
    for number in range(1, 100):
        monkeypatch.setattr(install, "replace_file", replace)
        install.install(old, run)
        monkeypatch.setattr(install, "replace_file", killed_at(number, replace))
        try:
            install.install(new, run)
        except Killed:
            kills += 1
        else:
            break
        assert install.installed_house().devices in (old.devices, new.devices)
        assert set(install.installed_roster().peers) in ({*old.devices}, {*new.devices})
        monkeypatch.setattr(install, "replace_file", replace)
        install.install(new, run)
        assert install.installed_house().devices == new.devices
        assert operations.plan(new, run) == []
    assert kills >= FEWEST_WRITES


def test_a_reload_that_fails_puts_all_files_back(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever write fails, the installed house has its old files again."""
    old, new = load(tmp_path / "old", OLD), load(tmp_path / "new", NEW)
    paths.enter(run)
    monkeypatch.setattr(operations, "Supervisor", FakeSupervisor)
    monkeypatch.setattr(operations, "wait_ready", lambda *_: None)
    write = install.write_if_changed
    install.install(old, run)
    before = {path: path.read_bytes() for path in install.installed_files()}
    for number in range(1, FEWEST_WRITES + 1):
        monkeypatch.setattr(install, "write_if_changed", failing_after(number, write))
        with pytest.raises(StorageError, match="The previous configuration was put back"):
            operations.reload(new, run, 1.0, lambda *_: None)
        assert {path: path.read_bytes() for path in install.installed_files()} == before
        assert install.installed_house().devices == old.devices


def test_a_house_of_one_file_is_installed_as_it_is(run: Path, tmp_path: Path) -> None:
    """The installed configuration is the file itself."""
    text = "# a comment\r\n" + MAIN.format("").partition("\n")[2].replace("\n", "\r\n")
    (tmp_path / "one.toml").write_bytes(text.encode())
    install.install(load_house(tmp_path / "one.toml"), run)
    assert INSTALLED.read_bytes() == text.encode()


@pytest.mark.parametrize(
    "text", ["file = 5", "[[file]]\n", '[[file]]\nname = "a"\ntext = ""\n', MAIN.format("")]
)
def test_a_damaged_installed_configuration_is_one_sentence(run: Path, text: str) -> None:
    """As if it was of another version."""
    paths.enter(run)
    INSTALLED.write_text(text)
    for read in (install.installed_house, install.installed_roster):
        with pytest.raises(StorageError, match=r"house.toml is damaged, or .* \(.*`house reload`"):
            read()


characters = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from('\t\n"\\')
)


@given(characters, characters | st.just('""""') | st.just('"""\\'), st.booleans())
def test_a_text_comes_back_as_it_was(one: str, other: str, crlf: bool) -> None:
    """Every character that can be in a TOML file is kept, also the ends of its lines."""
    texts = ["".join(f"#{line}\n" for line in text.split("\n")) + f"# {text[-3:]!r}" for text in (one, other)]
    texts = [text.replace("\n", "\r\n") if crlf else text for text in texts]
    main, *included = (File(Path("x"), text, {}) for text in [*texts, '# """\n#\\"'])
    files = Files(main, {f"a {number}é.toml": file for number, file in enumerate(included)})
    found = unpack(Path("packed.toml"), pack(files))
    assert [file.text for file in found] == [file.text for file in files]
    assert [*found.included] == [*files.included]
