"""The archive of a backup: a tar.gz whose first file, the manifest, lists all others with their SHA-256.

An archive may come from anywhere, so nothing in it is trusted. Each header is read by itself: a long
name or an extended header, whose size the archive decides, is refused like every entry that is no file.
"""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from msgspec import Meta, Struct

from daemons.errors import StorageError
from daemons.storage.paths import describe

FORMAT = 1
MANIFEST = "manifest.json"
FOLDERS = ("config", "run")
"""The first part of each name: the folder of the configuration, and the run directory."""
MOST_FILES = 20_000
MOST_BYTES = 8 << 30
"""How large all files together may be. A file of a tar has at most so many bytes."""
MANIFEST_BYTES = 8 << 20
BLOCK, CHUNK = tarfile.BLOCKSIZE, 1 << 20
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]


class ArchivedFile(Struct, frozen=True):
    """One file of an archive."""

    size_bytes: Annotated[int, Meta(ge=0, le=MOST_BYTES)]
    sha256: Digest


class Manifest(Struct, frozen=True, kw_only=True):
    """What an archive contains."""

    format: int
    """The format of the archive."""
    house: str
    """The version of House that made it."""
    made_at: float
    """When it was made, in Unix seconds."""
    config: str
    """The name of the main file of the configuration, in the folder `config`."""
    files: dict[str, ArchivedFile]


class Head(Struct, frozen=True):
    """The part of a manifest that every format has."""

    format: int
    house: str


def write_archive(
    path: Path, house: str, made_at: float, config: str, files: Mapping[str, Path | bytes]
) -> int:
    """Write an archive of files, each a path or its content, and return its size in bytes.

    An archive of this name is replaced as a whole, and any other file is left. Raises StorageError.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        if path.exists():
            read_manifest(path)
    except StorageError as error:
        raise StorageError(f"{path} is there and is no backup, so it is left; choose another name") from error
    try:
        listed = {name: describe_file(content) for name, content in sorted(files.items())}
        manifest = Manifest(format=FORMAT, house=house, made_at=made_at, config=config, files=listed)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as raw,
            gzip.GzipFile("", "wb", 6, raw, 0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
        ):
            add(tar, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)), made_at)
            for name in listed:
                add(tar, name, files[name], made_at)
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(path)
        return path.stat().st_size
    except (OSError, ValueError, tarfile.TarError) as error:
        with suppress(OSError):
            new.unlink()
        reason = (
            describe(error, f"{path} cannot be written") if isinstance(error, OSError) else f"{path}: {error}"
        )
        raise StorageError(reason) from error


def describe_file(content: Path | bytes) -> ArchivedFile:
    """Return the size and the digest of a file."""
    if isinstance(content, bytes):
        return ArchivedFile(len(content), hashlib.sha256(content).hexdigest())
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return ArchivedFile(file.tell(), digest.hexdigest())


def add(tar: tarfile.TarFile, name: str, content: Path | bytes, made_at: float) -> None:
    """Add a file to an archive."""
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = 0o600, int(made_at)
    if isinstance(content, bytes):
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
        return
    with content.open("rb") as file:
        info.size = os.fstat(file.fileno()).st_size
        tar.addfile(info, file)


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of an archive; raises StorageError if it is none."""
    with opened(path) as packed:
        return _read_manifest(packed)


def extract(path: Path, into: Path) -> Manifest:
    """Write the files of an archive into a folder that is empty, and return its manifest.

    Raises StorageError if the archive is not whole, or not as its manifest says. Delete the folder then.
    """
    with opened(path) as packed:
        manifest = _read_manifest(packed)
        free_bytes = shutil.disk_usage(into).free
        needed_bytes = sum(file.size_bytes for file in manifest.files.values())
        if needed_bytes > free_bytes:
            raise ValueError(f"its files have {needed_bytes} bytes, and {into} has {free_bytes} free bytes")
        left = dict(manifest.files)
        while (info := next_header(packed, into)) is not None:
            file = left.pop(info.name, None)
            if file is None:
                raise ValueError(f"{info.name!r} is not in its manifest, or is there twice")
            if info.size != file.size_bytes:
                raise ValueError(f"{info.name!r} has another size than in its manifest")
            target = into / info.name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                digest = copy(packed, out, info.size)
            if digest != file.sha256:
                raise ValueError(
                    f"{info.name!r} has another content than in its manifest: a byte has changed"
                )
        if left:
            raise ValueError(f"{min(left)!r} is missing in it")
        check_end(packed)
    return manifest


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Yield the unpacked content of an archive; an error becomes a StorageError with its path."""
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as packed:
            yield packed  # type: ignore[misc]
    except (gzip.BadGzipFile, tarfile.HeaderError) as error:
        raise StorageError(f"{path} is no backup of House, or a damaged one: {error}") from error
    except (EOFError, zlib.error) as error:
        raise StorageError(f"{path} is cut short or damaged: {error}") from error
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(describe(error, f"{path} cannot be restored")) from error
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise StorageError(f"{path} is no backup that can be restored: {error}") from error


def _read_manifest(packed: BinaryIO) -> Manifest:
    info = next_header(packed, Path("/"))
    if info is None or info.name != MANIFEST:
        raise ValueError("its first file is no manifest.json")
    if info.size > MANIFEST_BYTES:
        raise ValueError(f"its manifest is larger than {MANIFEST_BYTES} bytes")
    out = io.BytesIO()
    copy(packed, out, info.size)
    head = msgspec.json.decode(out.getvalue(), type=Head)
    if head.format != FORMAT:
        raise ValueError(
            f"House {head.house} made it in format {head.format}; this version reads format {FORMAT}"
        )
    manifest = msgspec.json.decode(out.getvalue(), type=Manifest)
    if len(manifest.files) > MOST_FILES:
        raise ValueError(f"it has {len(manifest.files)} files; at most {MOST_FILES} are restored")
    if sum(file.size_bytes for file in manifest.files.values()) > MOST_BYTES:
        raise ValueError(f"its files are larger than {MOST_BYTES} bytes together")
    for name in manifest.files:
        check_name(name)
    if f"config/{manifest.config}" not in manifest.files:
        raise ValueError("it has no configuration")
    return manifest


def check_name(name: str) -> None:
    """Raise ValueError for a name that leads out of the folders of an archive, or is not printable."""
    parts = name.split("/")
    is_inside = parts[0] in FOLDERS and len(parts) > 1 and not {"", ".", ".."} & set(parts)
    if not is_inside or not name.isprintable() or "\\" in name:
        raise ValueError(f"{name!r} is no name of a file in a backup")


def next_header(packed: BinaryIO, into: Path) -> tarfile.TarInfo | None:
    """Return the header of the next file; None at the end. Raises ValueError for anything but a file."""
    block = packed.read(BLOCK)
    if not block.strip(b"\0"):
        if not block:
            raise EOFError("its end is missing")
        return None
    info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    if info.name != MANIFEST:
        check_name(info.name)
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise ValueError(f"{info.name!r} is no file, but a link, a device, a folder or an extended header")
    if info.size < 0:
        raise ValueError(f"{info.name!r} has a size below zero")
    if data_filter := getattr(tarfile, "data_filter", None):  # Python 3.11.4; what is above refuses as much
        try:
            data_filter(info, str(into))
        except tarfile.FilterError as error:
            raise ValueError(str(error)) from error
    return info


def copy(packed: BinaryIO, out: BinaryIO, size: int) -> str:
    """Copy the content of a file with its padding, and return its SHA-256."""
    digest, left = hashlib.sha256(), size
    while left:
        if not (chunk := packed.read(min(left, CHUNK))):
            raise EOFError("the last file is not whole")
        digest.update(chunk)
        out.write(chunk)
        left -= len(chunk)
    packed.read(-size % BLOCK)
    return digest.hexdigest()


def check_end(packed: BinaryIO) -> None:
    """Check that nothing follows the last file, and with that the checksum of the whole archive."""
    rest = packed.read(CHUNK)
    if len(rest) == CHUNK or rest.strip(b"\0"):
        raise ValueError("something follows its last file")
