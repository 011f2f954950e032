"""The archive of a backup: what comes out is what went in, and a hostile one changes nothing."""

import gzip
import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from daemons.errors import StorageError
from daemons.storage.archive import extract, read_manifest, write_archive

FILES: dict[str, Path | bytes] = {"config/house.toml": b"[house]\n", "run/journal/lamp.0.json": b"x" * 8192}
Entry = tuple[tarfile.TarInfo, bytes]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a sound archive."""
    path = tmp_path / "house.tar.gz"
    assert write_archive(path, "1.0.0", 1.0, "house.toml", FILES) == path.stat().st_size
    return path


def regular(name: str, content: bytes) -> Entry:
    """Return an entry that is a file."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def special(name: str, type_: bytes, target: str = "") -> Entry:
    """Return an entry that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type_, target
    return info, b""


def manifest(contents: dict[str, bytes], **more: object) -> Entry:
    """Return the entry of a manifest that lists these files and a configuration."""
    listed = {
        name: {"size_bytes": len(content), "sha256": sha256(content).hexdigest()}
        for name, content in {"config/house.toml": b"", **contents}.items()
    }
    told = {"format": 1, "house": "1.0.0", "made_at": 1.0, "config": "house.toml", "files": listed, **more}
    return regular("manifest.json", msgspec.json.encode(told))


def packed(path: Path, *entries: Entry, after: bytes = b"") -> Path:
    """Write an archive of entries, whatever they are."""
    with gzip.open(path, "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for info, content in entries:
                tar.addfile(info, io.BytesIO(content))
        out.write(after)
    return path


CONFIG = regular("config/house.toml", b"")
HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "symbolic link": (
        lambda path: packed(path, manifest({"run/a": b""}), special("run/a", tarfile.SYMTYPE, "/etc/passwd")),
        "'run/a' is no file, but a link",
    ),
    "hard link": (
        lambda path: packed(path, manifest({"run/a": b""}), special("run/a", tarfile.LNKTYPE, "../b")),
        "'run/a' is no file, but a link",
    ),
    "device": (
        lambda path: packed(path, manifest({"run/a": b""}), special("run/a", tarfile.CHRTYPE)),
        "'run/a' is no file, but a link, a device",
    ),
    "pipe": (
        lambda path: packed(path, manifest({"run/a": b""}), special("run/a", tarfile.FIFOTYPE)),
        "'run/a' is no file",
    ),
    "folder": (
        lambda path: packed(path, manifest({"run/a": b""}), special("run/a", tarfile.DIRTYPE)),
        "is no file",
    ),
    "absolute path": (
        lambda path: packed(path, manifest({"/evil": b"x"}), regular("/evil", b"x")),
        "'/evil' is no name of a file in a backup",
    ),
    "path that leads out": (
        lambda path: packed(path, manifest({"run/../../evil": b"x"}), regular("run/../../evil", b"x")),
        "'run/../../evil' is no name",
    ),
    "path that leads out of the tar alone": (
        lambda path: packed(path, manifest({}), regular("run/../../evil", b"x")),
        "'run/../../evil' is no name",
    ),
    "long name": (
        lambda path: packed(path, manifest({"run/" + "a" * 200: b"x"}), regular("run/" + "a" * 200, b"x")),
        "is no name of a file",
    ),
    "file that is not listed": (
        lambda path: packed(path, manifest({}), regular("run/token", b"x")),
        "'run/token' is not in its manifest",
    ),
    "file that is there twice": (
        lambda path: packed(path, manifest({}), CONFIG, CONFIG),
        "'config/house.toml' is not in its manifest, or is there twice",
    ),
    "file that is missing": (lambda path: packed(path, manifest({})), "'config/house.toml' is missing in it"),
    "other content": (
        lambda path: packed(path, manifest({"run/token": b"a"}), CONFIG, regular("run/token", b"b")),
        "'run/token' has another content",
    ),
    "larger than listed": (
        lambda path: packed(
            path, manifest({"run/token": b"a"}), CONFIG, regular("run/token", bytes(1 << 24))
        ),
        "'run/token' has another size",
    ),
    "bomb behind the end": (
        lambda path: packed(path, manifest({}), CONFIG, after=bytes(1 << 24)),
        "something follows its last file",
    ),
    "manifest that is too large": (
        lambda path: packed(path, regular("manifest.json", b" " * ((8 << 20) + 1))),
        "its manifest is larger than",
    ),
    "size of many terabytes": (
        lambda path: packed(
            path, manifest({}, files={"config/house.toml": {"size_bytes": 1 << 50, "sha256": "0" * 64}})
        ),
        "no backup that can be restored",
    ),
    "too many files": (
        lambda path: packed(path, manifest({f"run/stopped/{number}": b"" for number in range(20_001)})),
        "at most 20000 are restored",
    ),
    "later format": (
        lambda path: packed(path, manifest({}, format=2, house="3.0.0", files="elsewhere")),
        "House 3.0.0 made it in format 2",
    ),
    "no configuration": (lambda path: packed(path, manifest({}, config="b.toml")), "it has no configuration"),
    "no manifest": (lambda path: packed(path, CONFIG), "its first file is no manifest.json"),
    "nothing": (packed, "its first file is no manifest.json"),
}


@pytest.fixture(params=["3.11.4", "3.11.2"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with the data filter of tarfile, and as on the Python of Debian 12 without it."""
    if request.param == "3.11.2":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused(tmp_path: Path, what: str) -> None:
    """The error names the archive and the reason, and no file is written outside the folder."""
    make, why = HOSTILE[what]
    into = tmp_path / "inside" / "into"
    into.mkdir(parents=True)
    with pytest.raises(StorageError) as caught:
        extract(make(tmp_path / "bad.tar.gz"), into)
    assert why in str(caught.value)
    assert str(tmp_path / "bad.tar.gz") in str(caught.value)
    outside = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")}
    assert outside == {"bad.tar.gz", "inside"}
    assert [path.name for path in into.parent.iterdir()] == ["into"]
    assert not Path("/evil").exists()


@pytest.mark.usefixtures("python")
def test_what_comes_out_is_what_went_in(made: Path, tmp_path: Path) -> None:
    """Only their owner can read the archive and its files."""
    into = tmp_path / "into"
    into.mkdir()
    found = extract(made, into)
    assert {name: (into / name).read_bytes() for name in found.files} == FILES
    assert read_manifest(made) == found
    assert {path.stat().st_mode & 0o777 for path in (made, *into.rglob("*.*"))} == {0o600}


def damages(content: bytes) -> Iterator[bytes]:
    """Yield the archive cut short at many places, and with one byte changed at many others."""
    for end in {*range(0, len(content), 13), len(content) - 1, len(content) - 4}:
        yield content[:end]
    for at in range(0, len(content), 7):
        if at not in range(3, 10):  # the flags, the time and the system in the head of gzip mean nothing here
            yield content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :]


def test_a_cut_or_changed_archive_is_refused(made: Path, tmp_path: Path) -> None:
    """Wherever it was cut, and whichever byte has changed."""
    content = made.read_bytes()
    for number, damaged in enumerate(damages(content)):
        into = tmp_path / str(number)
        into.mkdir()
        made.write_bytes(damaged)
        with pytest.raises(StorageError):
            extract(made, into)


def test_a_backup_replaces_only_a_backup(made: Path, tmp_path: Path) -> None:
    """A configuration that is named by mistake stays, and no half file is left."""
    precious = tmp_path / "house.toml"
    precious.write_text("[house]\n")
    with pytest.raises(StorageError, match="is there and is no backup, so it is left"):
        write_archive(precious, "1.0.0", 1.0, "house.toml", FILES)
    assert precious.read_text() == "[house]\n"
    write_archive(made, "1.0.1", 2.0, "house.toml", FILES)
    assert read_manifest(made).house == "1.0.1"
    with pytest.raises(StorageError, match="cannot be written"):
        write_archive(made, "1.0.2", 2.0, "house.toml", FILES | {"run/token": tmp_path / "missing"})
    assert read_manifest(made).house == "1.0.1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["house.tar.gz", "house.toml"]


def test_an_archive_that_is_larger_than_the_disk_is_refused(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written then."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 100}))
    (tmp_path / "into").mkdir()
    with pytest.raises(StorageError, match=r"its files have 8200 bytes, and .* has 100 free bytes"):
        extract(made, tmp_path / "into")
    assert not any((tmp_path / "into").iterdir())
