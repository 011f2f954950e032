"""What a backup of a house contains, and how it becomes a house again, also on another machine."""

import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from daemons import __version__
from daemons.config.files import Files, parse, read_files
from daemons.config.include import find_files
from daemons.errors import HouseError, StorageError
from daemons.storage import history, last_backup
from daemons.storage.archive import Manifest, extract, write_archive
from daemons.storage.lock import UPGRADE
from daemons.storage.paths import check_path, describe, replace_file
from daemons.storage.record import decode
from daemons.supervision.operations import one_verb_at_a_time
from daemons.supervision.supervisord import running_pid

KEPT = (
    "journal/*.json",
    "keys/*.toml",
    "keys/clients/*.toml",
    "tokens/*.toml",
    "token",
    "acknowledge.key",
    "host",
    "stopped/*",
    "hardware/**/*",
    "versions/*.json",
)
"""The files of the run directory that a backup has, besides the history. The others are made anew."""
STORIES = ".test.toml"
ATTEMPTS = 20
"""How often a journal is read again that is written at this moment."""


class Saved(Struct, frozen=True):
    """What a backup contains."""

    files: int
    size_bytes: int
    """The size of the archive."""
    left_out: tuple[str, ...]
    """The absolute paths of files that the configuration names, such as passwords. They are not in it."""


class Restored(Struct, frozen=True):
    """What was restored."""

    manifest: Manifest
    aside: Path | None
    """The folder with all that was replaced; None if nothing was."""


def back_up(config: Path, path: Path) -> Saved:
    """Write a backup of the house whose run directory is the working directory; the house may run.

    Raises ConfigurationError and StorageError.
    """
    files = read_files(config)
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as folder:
        found: dict[str, Path | bytes] = {f"config/{name}": one for name, one in config_files(files).items()}
        found |= {f"run/{file}": read_whole(file) for file in run_files()}
        if history.PATH.exists():
            found[f"run/{history.PATH}"] = copy_history(Path(folder) / "history.db")
        size_bytes = write_archive(path, __version__, time.time(), files.main.path.name, found)
    return Saved(len(found), size_bytes, tuple(sorted(named_files(files.merged()[0]))))


def config_files(files: Files) -> dict[str, bytes]:
    """Return the files of a configuration, its stories, and its own kinds and drivers, by their names."""
    folder = files.main.path.parent
    paths = [files.main.path, *(folder / name for name in (*files.included, *files.code))]
    paths += [story for path in paths if (story := path.with_suffix(STORIES)).is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def run_files() -> list[Path]:
    """Return the files of the run directory that a backup has."""
    found = {path for pattern in KEPT for path in Path().glob(pattern)}
    return sorted(
        path for path in found if path.is_file() and not path.is_symlink() and path.suffix != ".new"
    )


def read_whole(path: Path) -> bytes:
    """Return the content of a file; a journal is read again while its process writes it."""
    for _ in range(ATTEMPTS if path.parent.name == "journal" else 1):
        content = path.read_bytes()
        try:
            decode(content)
            break
        except (ValueError, RecursionError, msgspec.MsgspecError):
            time.sleep(0.01)
    return content


def copy_history(path: Path) -> Path:
    """Copy the history by SQLite's own backup, which the recorder does not wait for; return the copy."""
    try:
        with (
            closing(sqlite3.connect(f"{history.PATH.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StorageError(f"{history.PATH.absolute()} cannot be copied: {error}") from error
    return path


def named_files(value: Any) -> Iterator[str]:
    """Yield each absolute path of a file that a configuration names."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from named_files(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named_files(inner)
    elif isinstance(value, str) and value.startswith("/") and value.isprintable():
        with suppress(OSError, ValueError):
            if Path(value).is_file():
                yield value


def restore(path: Path, config: Path, run: Path, *, force: bool) -> Restored:
    """Restore a backup into a configuration and a run directory, which may have other paths than before.

    With `force`, what is there is kept aside. After a StorageError or AlreadyRunning, all is as before.
    """
    check_path(run)
    run = run.resolve()
    staging = run.with_name(f".{run.name}.restore-{os.getpid()}")
    with house_stopped(run):
        try:
            staging.mkdir(mode=0o700, parents=True)
            manifest = extract(path, staging)
            check_version(path, manifest)
            (staging / "run").mkdir(mode=0o700, exist_ok=True)
            aside = put_in_place(staging, manifest, config, run, force=force)
        except OSError as error:
            if isinstance(error, HouseError):
                raise
            raise StorageError(describe(error, f"{path} cannot be restored")) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Restored(manifest, aside)


def check_version(path: Path, manifest: Manifest) -> None:
    """Refuse a backup of a later version, whose journals this version cannot read."""

    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".")[:3] if part.isdigit()]

    if numbers(manifest.house) > numbers(__version__):
        raise StorageError(
            f"{path} is of House {manifest.house}, and this is {__version__}; install the newer one first"
        )


@contextmanager
def house_stopped(run: Path) -> Iterator[None]:
    """Keep other verbs out; raises StorageError while any process of the house runs."""
    if not run.exists():
        yield
        return
    os.chdir(run)
    with one_verb_at_a_time():
        names = ["supervisord"] if running_pid() else running_names()
        if UPGRADE in names:
            raise StorageError(f"an upgrade of the house in {run} runs; wait for its end")
        if names:
            raise StorageError(f"the house in {run} runs ({', '.join(names)}); `house down` ends it")
        yield
        os.chdir("/")


def running_names() -> list[str]:
    """Return the processes that hold their lock, without this verb."""
    found = []
    for path in sorted(Path("lock").iterdir()):
        if path.name == "house" or not path.is_file():
            continue
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(path.name)
    return found


def put_in_place(staging: Path, manifest: Manifest, config: Path, run: Path, *, force: bool) -> Path | None:
    """Move the extracted files to their places; return the folder with what was there, or None."""
    targets = config_targets(staging, manifest, config)
    replaced = [target for target, source in targets.items() if is_other(target, source)]
    occupied = has_memory(run)
    there = [*map(str, replaced), *([str(run)] if occupied else [])]
    if there and not force:
        more = f" and {len(there) - 3} more" * (len(there) > 3)  # noqa: PLR2004
        raise StorageError(
            f"{', '.join(there[:3])}{more} would be replaced; --force keeps what is there aside"
        )
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = run.with_name(f"{run.name}.replaced-{stamp}")
    for number in range(2, 1000):
        if not aside.exists():
            break
        aside = run.with_name(f"{run.name}.replaced-{stamp}-{number}")
    aside.mkdir(mode=0o700)
    done: list[tuple[Path, Path | None]] = []
    try:
        for target in replaced:
            kept = aside / "config" / os.path.relpath(target, config.parent)
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(target, kept)
        if run.exists():
            run.rename(aside / "run")
            done.append((run, aside / "run"))
        (staging / "run").rename(run)
        done = [(run, aside / "run" if done else None)]
        for target, source in targets.items():
            kept = aside / "config" / os.path.relpath(target, config.parent)
            was = target.exists()
            if was and target not in replaced:
                continue
            if source is None:
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                mode = target.stat().st_mode & 0o777 if was else 0o600
                replace_file(target.resolve(), source.read_bytes(), mode)
            done.append((target, kept if was else None))
    except BaseException as error:
        try:
            put_back(done, run)
        except OSError as failure:
            text = f"{error}\nWhat was there could not be put back ({failure}); it is in {aside}"
            raise StorageError(text) from error
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if not there:
        shutil.rmtree(aside)
        return None
    return aside


def is_other(target: Path, source: Path | None) -> bool:
    """Return whether a file is there, and is not what it would become."""
    return target.exists() and (source is None or target.read_bytes() != source.read_bytes())


def put_back(done: list[tuple[Path, Path | None]], run: Path) -> None:
    """Undo the steps of a restore that failed, the last one first."""
    for target, kept in reversed(done):
        if target == run:
            shutil.rmtree(run, ignore_errors=True)
            if kept is not None:
                kept.rename(run)
        elif kept is None:
            target.unlink(missing_ok=True)
        else:
            replace_file(target.resolve(), kept.read_bytes(), kept.stat().st_mode & 0o777)


def config_targets(staging: Path, manifest: Manifest, config: Path) -> dict[Path, Path | None]:
    """Return each file of the configuration and the extracted file that it becomes.

    A file that is included now and is not in the backup becomes none: the house would have its devices.
    """
    main = staging / "config" / manifest.config
    renamed = {main: config, main.with_suffix(STORIES): config.with_suffix(STORIES)}
    found: dict[Path, Path | None] = {}
    for name in manifest.files:
        if name.startswith("config/"):
            source = staging / name
            found[renamed.get(source, config.parent / source.relative_to(staging / "config"))] = source
    with suppress(HouseError, OSError):
        _, raw = parse(main)
        for name in find_files(raw.get("include", []), config, []):
            found.setdefault(config.parent / name, None)
    return found


def has_memory(run: Path) -> bool:
    """Return whether a run directory has anything that a house remembers."""
    return any(
        path.is_file() and path.relative_to(run).parts[0] not in ("lock", last_backup.FILE.name)
        for path in run.rglob("*")
    )
