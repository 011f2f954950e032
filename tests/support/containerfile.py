"""The steps of the Containerfile without an engine: each stage is a layer over the files of this machine.

The present machine takes the place of the base image: its Python and its `sh` run the steps. All that a step
writes is in memory, and is gone at the end.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.house import PROJECT
from tests.support.patience import patience

FILE = PROJECT / "Containerfile"
BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
OF_MACHINE = re.compile(r"(PIP_|SSL_|HTTPS?_PROXY|NO_PROXY)", re.IGNORECASE)
"""Variables that tell pip of this machine where packages are."""
SETTINGS = ("WORKDIR", "USER", "ENV", "CMD", "HEALTHCHECK", "VOLUME", "STOPSIGNAL", "ARG")


class Step(NamedTuple):
    """One instruction."""

    word: str
    text: str


class Stage(NamedTuple):
    """One stage, from its FROM on."""

    name: str
    base: str
    steps: tuple[Step, ...]

    def texts(self, word: str) -> list[str]:
        """Return the texts of all instructions of a word."""
        return [step.text for step in self.steps if step.word == word]

    def command(self, word: str) -> list[str]:
        """Return the words of CMD or HEALTHCHECK, which are in the form of JSON."""
        (text,) = self.texts(word)
        found: list[str] = json.loads(text[text.index("[") :])
        return found


def read_stages() -> list[Stage]:
    """Parse the Containerfile."""
    lines = [line for line in FILE.read_text().splitlines() if line.strip() and not line.startswith("#")]
    stages: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, text = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = text.partition(" AS ")
            stages.append(Stage(name, base, ()))
        else:
            stages[-1] = stages[-1]._replace(steps=(*stages[-1].steps, Step(word, text.strip())))
    return stages


def obstacle() -> str | None:
    """Return why the steps cannot be carried out on this machine, or None."""
    if os.geteuid() != 0:
        return "it needs root for chroot"
    for program in ("unshare", "nsenter", "chroot"):
        if not shutil.which(program):
            return f"there is no {program}"
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)  # noqa: S607
    return None if done.returncode == 0 else "this machine allows no mount namespace"


MOUNTS = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 layers {folder}
for stage in {stages}; do
    mkdir -p {folder}/$stage/upper {folder}/$stage/work {folder}/$stage/root
    mount -t overlay -o lowerdir=/,upperdir={folder}/$stage/upper,workdir={folder}/$stage/work stage \\
        {folder}/$stage/root
    for one in proc dev; do mount --rbind /$one {folder}/$stage/root/$one; done
done
echo ready
exec sleep 3600
"""


class Layers:
    """The stages as folders of a mount namespace of their own."""

    def __init__(self, folder: Path, pid: int) -> None:
        self._folder, self._pid = folder, pid
        self.environment: dict[str, str] = {"PATH": BASE_PATH}
        self.directory = "/"
        self.user = "root"

    def command(self, stage: str, words: list[str], user: str = "root") -> list[str]:
        """Return the command that runs words in a stage as a user, with the present settings."""
        environment = [f"{key}={value}" for key, value in self.environment.items()]
        root = str(self._folder / stage / "root")
        inner = ["env", "-i", "-C", self.directory, *environment, *words]
        return [*self.enter, "chroot", f"--userspec={user}", root, *inner]

    @property
    def enter(self) -> list[str]:
        """The words that enter the namespace."""
        return ["nsenter", f"--mount=/proc/{self._pid}/ns/mnt", "--"]

    def run(self, stage: str, *words: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        """Run a command in a stage to its end."""
        return subprocess.run(
            self.command(stage, list(words), user),
            capture_output=True,
            text=True,
            check=False,
            timeout=patience(600),
            stdin=subprocess.DEVNULL,
        )

    def shell(self, stage: str, text: str, user: str = "root") -> str:
        """Run a text by `sh -e` in a stage, and return what it printed; it must succeed."""
        done = self.run(stage, "sh", "-ec", text, user=user)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def copy(self, stage: str, text: str) -> None:
        """Copy files of the project, or of an earlier stage, as COPY does."""
        words = shlex.split(text)
        source = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
        *sources, target = words
        base = self._folder / source / "root" if source else PROJECT
        root = self._folder / stage / "root"
        to = root / (
            target.lstrip("/") if target.startswith("/") else f"{self.directory}/{target}".lstrip("/")
        )
        for one in sources:
            path = base / one.lstrip("/")
            is_into = target.endswith("/")
            script = 'mkdir -p "$3"; if [ -d "$1" ]; then cp -a "$1/." "$2/"; else cp -a "$1" "$2"; fi'
            parent = to if is_into or path.is_dir() or source else to.parent
            done = subprocess.run(
                [*self.enter, "sh", "-ec", f'{script}; chown -R 0:0 "$2"', "sh", path, to, parent],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr


def prepare(layers: Layers, stage: str) -> None:
    """Make the present machine look like the base image: it has `python`, and no files of the image."""
    python = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    folders = " ".join(shlex.quote(str(one)) for one in python.parents)
    layers.shell(
        stage,
        f"""
        chmod a+x {folders}
        mkdir -p /usr/local/bin
        ln -sf {shlex.quote(str(python))} /usr/local/bin/python
        rm -rf /src /wheel /opt/house /config /data
        sed -i '/^[^:]*:[^:]*:1000:/d' /etc/passwd
        sed -i '/^[^:]*:[^:]*:1000:/d; /^house:/d' /etc/group
        """,
    )


@contextmanager
def built(folder: Path) -> Iterator[tuple[Layers, Stage]]:
    """Carry out all steps; yield the layers with the settings of the last stage, and that stage."""
    stages = read_stages()
    names = [stage.name or "final" for stage in stages]
    script = MOUNTS.format(folder=shlex.quote(str(folder)), stages=" ".join(names))
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script],  # noqa: S607
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stderr
    try:
        assert holder.stdout.readline() == "ready\n", holder.stderr.read()
        for name, stage in zip(names, stages, strict=True):
            layers = Layers(folder, holder.pid)
            prepare(layers, name)
            for step in stage.steps:
                carry_out(layers, name, step)
        yield layers, stages[-1]._replace(name=names[-1])
    finally:
        holder.kill()
        holder.communicate()


def carry_out(layers: Layers, stage: str, step: Step) -> None:
    """Carry out one instruction."""
    if step.word == "RUN":
        machine = {key: value for key, value in os.environ.items() if OF_MACHINE.match(key)}
        exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in machine.items())
        layers.shell(stage, exports + step.text)
    elif step.word == "COPY":
        layers.copy(stage, step.text)
    elif step.word == "WORKDIR":
        layers.directory = "/"
        layers.shell(stage, f"mkdir -p {step.text}")
        layers.directory = step.text
    elif step.word in ("ENV", "ARG"):
        for word in shlex.split(step.text):
            key, _, value = word.partition("=")
            layers.environment[key] = value.replace("$PATH", layers.environment["PATH"])
    elif step.word == "USER":
        layers.user = step.text
    else:
        assert step.word in SETTINGS, step
