"""A cached file: the file is read once, and again after each change."""

from pathlib import Path

from daemons.storage.changed_file import ChangedFile
from daemons.storage.paths import replace_file


def test_a_file_is_parsed_once_until_it_changes(tmp_path: Path) -> None:
    """Reading an unchanged file twice parses it once; a replaced file is parsed again."""
    path, parsed = tmp_path / "token", list[bytes]()

    def parse(content: bytes) -> str:
        parsed.append(content)
        return content.decode()

    file = ChangedFile(path, parse, "none")
    assert file.read() == "none"
    replace_file(path, b"one")
    assert [file.read(), file.read()] == ["one", "one"]
    replace_file(path, b"two")
    assert file.read() == "two"
    assert parsed == [b"one", b"two"]


def test_a_file_that_is_gone_has_no_value_and_is_read_again_later(tmp_path: Path) -> None:
    """The value of a file ends with the file, also when a new one has the old content."""
    path = tmp_path / "token"
    file = ChangedFile(path, bytes.decode, "none")
    replace_file(path, b"one")
    assert file.read() == "one"
    path.unlink()
    assert file.read() == "none"
    replace_file(path, b"one")
    assert file.read() == "one"
