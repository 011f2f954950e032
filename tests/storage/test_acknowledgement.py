"""The links of urgent messages: one link acknowledges one message of one messenger, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from daemons.errors import StorageError
from daemons.storage.acknowledgement import PATH, SECRET_PATH, Acknowledged, make_link, read_token

PAGE = "http://192.168.1.5:8060"


@pytest.fixture(autouse=True)
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a run directory."""
    monkeypatch.chdir(tmp_path)


def token(messenger: str, id_: str) -> str:
    """Return the token of a new link."""
    return make_link(PAGE, messenger, id_).removeprefix(PAGE + PATH)


def test_a_link_names_its_message() -> None:
    """The secret is made once, and only its owner can read it."""
    made = token("phone", "19a-7")
    assert read_token(made) == Acknowledged("phone", "19a-7")
    assert token("phone", "19a-7") == made
    assert make_link(PAGE + "/", "phone", "19a-7") == PAGE + PATH + made
    assert SECRET_PATH.stat().st_mode & 0o777 == 0o600


def test_no_other_text_is_a_token() -> None:
    """A changed name, id or proof, a token of another house, and any text at all."""
    made = token("phone", "19a-7")
    proof = made.rpartition(".")[2]
    for text in (
        f"mail.19a-7.{proof}",
        f"phone.19a-8.{proof}",
        f"phone.19a-7.{proof[:-1]}",
        f"phone.19a-7.{'0' * 32}",
        made.upper(),
        made + "\n",
        "",
        "..",
        "phone.19a-7.",
        "\ud800",
    ):
        assert read_token(text) is None
    SECRET_PATH.unlink()
    assert read_token(made) is None
    assert token("phone", "19a-7") != made


def test_processes_that_make_the_secret_at_once_have_the_same(tmp_path: Path) -> None:
    """Threads stand for the processes; each makes a file of its own, and one is linked."""
    start = Barrier(4)

    def make(_: int) -> str:
        start.wait()
        return make_link(PAGE, "phone", "1-1")

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(make, range(4)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == [SECRET_PATH.name]


def test_a_broken_secret_is_told() -> None:
    """The error names the file, and what to do."""
    SECRET_PATH.write_bytes(b"short")
    for use in (lambda: token("phone", "1-1"), lambda: read_token("phone.1-1." + "0" * 32)):
        with pytest.raises(StorageError, match=r"acknowledge\.key is no secret of 32 bytes; delete the file"):
            use()
