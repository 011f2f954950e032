"""The first half of an upgrade: fetches and builds a new version, and checks it. The house is not touched."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import click

from daemons.cli.checks.versions import PACKAGE, TOOLS
from daemons.cli.context import Context
from daemons.errors import HouseError
from daemons.storage.release import describe_version
from daemons.supervision.environment import Environment, find_link, new_name, present
from daemons.supervision.observed import read_status, ready_names, text_of
from daemons.supervision.source_tree import Fetched, SourceTree, find_tree, install_package
from daemons.supervision.upgrade import Record, is_interrupted, read_record

WITHOUT_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""A check leaves no compiled code beside a kind or a driver of the user."""


class Options(NamedTuple):
    """What the user has asked for."""

    source: str | None
    timeout_seconds: float
    fetch: bool = True
    untested: bool = False


class NewVersion:
    """The new version of a House, beside the present one; the working directory is the run directory."""

    def __init__(self, context: Context, options: Options) -> None:
        """Find the present environment and the project; raises UsageError and HouseError."""
        self._options = options
        if sys.prefix == sys.base_prefix:
            raise HouseError(
                "this House is not in a virtual environment of its own, so no other version can stand beside "
                "it; a container gets a new image, and a package of the system is upgraded by the system"
            )
        self._link = find_link()
        self._present = Environment(present(self._link), context.config, context.run, context.host)
        self._tree = find_tree(self._link)
        if self._tree and options.source:
            raise click.UsageError(
                f"House is built from {self._tree.root}; only one of pip takes {options.source}"
            )
        if self._tree and not (self._present.path / "wheel").exists():
            raise HouseError(
                f"this house runs the project folder {self._tree.root} itself (EDITABLE=1), and a fetch "
                "would change it; `make upgrade` installs a copy, and `house down` and `house up` start it"
            )
        stamp = self._present.path / "installed"
        self._stamp = stamp if self._tree and not self._tree.is_newer(stamp) else None
        self._ready = ready_names(read_status(self._present))

    def interrupted(self) -> Record | None:
        """Return an upgrade that was interrupted while it restarted the house, or None."""
        record = read_record()
        return record if is_interrupted(record) else None

    def prepare(self) -> Record | None:
        """Fetch, build and check the new version; return what to restart, or None without a newer version.

        After an error, everything is as before.
        """
        fetched = self._fetch()
        if self._tree and self._is_newest(fetched, self._tree):
            return None
        with self._put_back(fetched):
            new = new_name(self._link)
            try:
                environment = self._build(self._tree, new)
                if environment is None:
                    shutil.rmtree(new)
                    return None
                self._check(environment)
                return self._record(environment, fetched)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise

    def dry_run(self) -> None:
        """Fetch, build and check the new version in a temporary folder, and say what would happen."""
        if self.interrupted():
            click.echo("An upgrade was interrupted; `house upgrade` completes it first.")
        with tempfile.TemporaryDirectory(prefix="house-upgrade-") as name:
            folder = Path(name)
            tree, config = self._tree, self._present.config
            if tree:
                copy = SourceTree(folder / "project")
                fetched = tree.copy(copy.root, fetch=self._options.fetch)
                self._say_fetched(fetched)
                if self._is_newest(fetched, tree):
                    return
                if any(config.parent in (tree.root / path).parents for path in fetched.changed):
                    config = copy.root / config.relative_to(tree.root)
                tree = copy
            environment = self._build(tree, folder / "environment")
            if environment is None:
                return
            self._check(environment._replace(config=config))
        up = (
            f"{len(self._ready)} processes would restart" if self._ready else "The house is down and stays so"
        )
        click.echo(f"{up}. Nothing was changed.")

    def back(self) -> Record:
        """Check the version before the last upgrade, and return what to restart; raises HouseError."""
        record = read_record()
        if record is None or record.old == str(self._present.path) or not Path(record.old).is_dir():
            raise HouseError("no earlier version is kept here; docs/upgrading.md shows how to install one")
        environment = self._present._replace(path=Path(record.old))
        click.echo(f"Back: House {environment.version()} is in {environment.path}.")
        self._check(environment)
        if self._tree and self._tree.is_clone:
            click.echo(f"{self._tree.root} stays as it is; `git` goes back there.")
        return self._record(environment, Fetched("", ""))

    def _fetch(self) -> Fetched:
        """Fetch the new version into the project, if there is one."""
        if self._tree and self._tree.is_clone and self._options.fetch:
            fetched = self._tree.fetch()
        else:
            commit = self._tree.commit() if self._tree else ""
            fetched = Fetched(commit, commit)
        self._say_fetched(fetched)
        return fetched

    def _say_fetched(self, fetched: Fetched) -> None:
        if not self._tree:
            click.echo(f"Fetch: pip looks for {self._options.source or PACKAGE}.")
        elif not self._options.fetch or not self._tree.is_clone:
            click.echo(f"Fetch: nothing; {self._tree.root} is taken as it is.")
        elif fetched.before == fetched.after:
            click.echo(f"Fetch: commit {fetched.after[:12]} is the newest one.")
        else:
            click.echo(f"Fetch: commit {fetched.before[:12]} → {fetched.after[:12]}.")

    def _is_newest(self, fetched: Fetched, tree: SourceTree) -> bool:
        """Return whether the project has nothing that is not installed, and say so.

        A user that fetches nothing wants the project installed again, for example with another Python.
        """
        if (
            not self._options.fetch
            or fetched.before != fetched.after
            or tree.is_newer(self._present.path / "installed")
        ):
            return False
        self._say_newest()
        return True

    def _say_newest(self) -> None:
        click.echo(f"House {describe_version()} is installed, and there is no newer version.")

    @contextmanager
    def _put_back(self, fetched: Fetched) -> Iterator[None]:
        """Put the project back to the commit before, if anything fails."""
        try:
            yield
        except BaseException:
            if self._tree and (sentence := self._tree.put_back(fetched, self._stamp)):
                click.echo(sentence, err=True)
            raise

    def _build(self, tree: SourceTree | None, new: Path) -> Environment | None:
        """Build the new environment; return None if its version is the present one. Raises HouseError."""
        if tree:
            tree.build(self._link, new)
        else:
            install_package(self._options.source or PACKAGE, present_extras(), new)
        environment = self._present._replace(path=new)
        version = environment.version()
        if not version:
            raise HouseError(f"The new version does not start: {text_of(environment.house('--version'))}")
        if not tree and not self._options.source and version == describe_version():
            self._say_newest()
            return None
        click.echo(f"Build: House {version}, beside {describe_version()}.")
        return environment

    def _check(self, environment: Environment) -> None:
        """Check the configuration and the stories with a version, and say what devices would forget."""
        done = environment.house("check", **WITHOUT_CACHE)
        if done.returncode != 0:
            raise HouseError(
                f"{text_of(done)}\nThe new version refuses the configuration; the house was not touched. "
                "Correct the file, and upgrade again"
            )
        click.echo(f"Check: {last_line(done.stdout)}")
        if not self._options.untested:
            done = environment.house("test", **WITHOUT_CACHE)
            if done.returncode != 0:
                raise HouseError(
                    f"{done.stdout.strip()}\n{done.stderr.strip()}\nA story does not hold with the new "
                    "version; the house was not touched. `house upgrade --untested` upgrades all the same"
                )
            click.echo(f"Test: {last_line(done.stdout)}")
        done = environment.house("plan", "--json", **WITHOUT_CACHE)
        if done.returncode != 0:
            raise HouseError(f"{text_of(done)}\nThe new version makes no plan; the house was not touched")
        for line in plan_lines(json.loads(done.stdout)):
            click.echo(f"Plan: {line}")

    def _record(self, environment: Environment, fetched: Fetched) -> Record:
        """Return what to restart: all processes that are ready now, and were so at the beginning."""
        status = read_status(self._present)
        old, last = self._present.path, read_record()
        if old == self._link:
            old = new_name(self._link)
            old.rmdir()  # the folder gets this name when a link takes its place
        return Record(
            step="restart",
            link=str(self._link),
            old=str(old),
            new=str(environment.path),
            config=str(environment.config),
            run=str(environment.run),
            host=environment.host,
            was_up=bool(status.get("up")),
            ready=tuple(name for name in ready_names(status) if name in self._ready),
            timeout_seconds=self._options.timeout_seconds,
            root=str(self._tree.root) if self._tree and fetched.before != fetched.after else None,
            before=fetched.before,
            after=fetched.after,
            stamp=str(self._stamp) if self._stamp else None,
            kept=last.old if last else "",
        )


def last_line(text: str) -> str:
    """Return the last line that a verb has printed."""
    return text.strip().rpartition("\n")[2]


def plan_lines(plan: dict[str, Any]) -> Iterator[str]:
    """Yield what an upgrade means for the devices: what they forget, and which come and go."""
    forgotten = plan.get("forgotten", {})
    for name, texts in forgotten.items():
        for text in texts:
            yield f"{name} would forget: {text}."
    for word, done in (("start", "start"), ("stop", "end")):
        if names := [change["name"] for change in plan["changes"] if change["action"] == word]:
            yield f"{', '.join(names)} would {done}: the configuration has changed."
    for change in plan["changes"]:
        yield from (f"{change['name']}: {text}." for text in change.get("dropped", ()))
    if not forgotten:
        yield "no device forgets anything; every process restarts."


def present_extras() -> list[str]:
    """Return the extras of this House whose packages are all installed here."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    installed = {canonicalize_name(one.name) for one in metadata.distributions() if one.name}
    found = []
    for extra in set(metadata.metadata(PACKAGE).get_all("Provides-Extra") or ()) - TOOLS:
        names = {
            canonicalize_name(one.name)
            for one in map(Requirement, metadata.requires(PACKAGE) or ())
            if one.marker and one.marker.evaluate({"extra": extra}) and not one.marker.evaluate({"extra": ""})
        }
        if names and names <= installed:
            found.append(extra)
    return sorted(found)
