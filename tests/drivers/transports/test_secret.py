"""Passwords from a file that only its owner can read, or from the environment."""

from pathlib import Path

import pytest

from daemons.drivers.transports.secret import read_secret
from daemons.errors import StorageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a valid password file."""
    path = tmp_path / "password"
    path.write_text("open sesame\nand a note\n")
    path.chmod(0o600)
    return path


def test_the_first_line_of_the_file_is_the_password(file: Path) -> None:
    """The lines below it are ignored."""
    assert read_secret("plug", str(file)) == "open sesame"


def test_without_a_file_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each device has its own variable; without the variable there is no password."""
    assert read_secret("plug", None) is None
    monkeypatch.setenv("HOUSE_PASSWORD_PLUG", "open sesame")
    assert read_secret("plug", None) == "open sesame"
    assert read_secret("other", None) is None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    """The error has the command that fixes the mode, and not the password."""
    file.chmod(mode)
    with pytest.raises(StorageError, match=rf"can be read by others; run `chmod 600 {file}`") as caught:
        read_secret("plug", str(file))
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"\nopen sesame\n", "is empty"), (b"\xff\xfe", "not UTF-8")]
)
def test_a_file_without_a_password_is_refused(file: Path, content: bytes, message: str) -> None:
    """An empty first line is not an empty password."""
    file.write_bytes(content)
    with pytest.raises(StorageError, match=message):
        read_secret("plug", str(file))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(StorageError, match=r"nowhere cannot be read: No such file"):
        read_secret("plug", str(tmp_path / "nowhere"))
