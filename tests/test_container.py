"""The image of House: small, without root, with a health check; it is built and run."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import containerfile
from tests.support.house import PROJECT
from tests.support.patience import patience

STAGES = containerfile.read_stages()
MOST_MEGABYTES = 200
"""The environment in the image may be so large; the base image comes on top."""


def test_the_image_runs_as_an_ordinary_user_with_a_health_check() -> None:
    """The last stage starts the house in the foreground, and has volumes for all that must stay."""
    last = STAGES[-1]
    assert last.texts("USER") == ["house"]
    assert last.command("CMD") == ["house", "up", "--foreground"]
    assert last.command("HEALTHCHECK") == ["house", "status"]
    assert json.loads(last.texts("VOLUME")[0]) == ["/config", "/data"]
    assert [text.split()[0] for text in last.texts("COPY")] == ["--from=build"]
    assert {stage.base.rpartition("-")[2] for stage in STAGES} == {"slim"}


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    """`.dockerignore` lets through what COPY names, and nothing else."""
    allowed = {
        line.removeprefix("!")
        for line in (PROJECT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        word
        for stage in STAGES
        for text in stage.texts("COPY")
        if not text.startswith("--from")
        for word in text.split()[:-1]
    }
    assert copied == allowed
    assert all((PROJECT / path).exists() for path in copied)


def test_the_image_has_every_extra_of_a_driver() -> None:
    """The extras are those of pyproject.toml without the tools."""
    text = (PROJECT / "pyproject.toml").read_text()
    section = text[text.index("[project.optional-dependencies]") : text.index("[project.scripts]")]
    extras = set(re.findall(r"(?m)^([a-z]+) = \[", section)) - {"test", "bench", "check", "contract"}
    (given,) = STAGES[0].texts("ARG")
    assert set(given.partition("=")[2].split(",")) == extras


def engine() -> str | None:
    """Return the container engine that works here, or None."""
    for name in ("podman", "docker"):
        if (
            shutil.which(name)
            and not subprocess.run([name, "info"], capture_output=True, check=False).returncode
        ):
            return name
    return None


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture(scope="module")
def layers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[containerfile.Layers, containerfile.Stage]]:
    """Carry out the steps of the image; the house in it is down and has a configuration."""
    if reason := containerfile.obstacle():
        pytest.skip(reason)
    with containerfile.built(tmp_path_factory.mktemp("image")) as (found, stage):
        yield found, stage


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_steps_of_the_image_make_a_house_that_runs(
    layers: tuple[containerfile.Layers, containerfile.Stage], capsys: pytest.CaptureFixture[str]
) -> None:
    """A user without rights starts it, the health check sees it, SIGTERM ends it, its memory stays."""
    image, stage = layers
    name, user = stage.name, image.user
    check, start = stage.command("HEALTHCHECK"), stage.command("CMD")
    refused = image.run(name, *start, user=user)
    assert refused.returncode == 2
    assert "`house init` writes one" in refused.stderr
    image.shell(name, "house init /config", user)
    image.shell(name, "sed -i 's/^kind = \"mirror\"/&\\nport = 0/' /config/house.toml", user)
    assert image.run(name, *check, user=user).returncode == 1
    for expected in ("off", "on"):
        house = subprocess.Popen(image.command(name, start, user))
        try:
            wait(lambda: image.run(name, *check, user=user).returncode == 0)
            status = json.loads(image.shell(name, "house status --json", user))
            light = status["devices"]["bathroom_light"]
            assert light["state"]["phase"] == expected
            pid = light["process"]["pid"]
            assert int(image.shell(name, f"stat -c %u /proc/{pid}")) == 1000
            if expected == "off":
                image.shell(name, "house press bathroom_light", user)
            house.send_signal(signal.SIGTERM)
            assert house.wait(60) == 0
        finally:
            image.run(name, "house", "down", user=user)
            house.kill()
            house.wait()
    assert image.run(name, *check, user=user).returncode == 1
    megabytes = int(image.shell(name, "du -sm /opt/house").split()[0])
    findings = json.loads(image.run(name, "house", "doctor", "--json", user=user).stdout)["findings"]
    versions = [one["text"] for one in findings if one["check"] == "versions" and one["ok"]]
    assert any(text.startswith("upgrade note of ") for text in versions)
    assert any(text.endswith("packages, as House needs them") for text in versions)
    image.directory = "/"  # the first stage has no /config
    wheel = int(image.shell("build", "stat -c %s /wheel/*.whl")) / 1e6
    with capsys.disabled():
        sys.stdout.write(f"\nThe environment of the image has {megabytes} MB, the wheel {wheel:.1f} MB.\n")
    assert megabytes < MOST_MEGABYTES
    assert image.run(name, "sh", "-c", "touch /opt/house/x", user=user).returncode != 0


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_image_is_built_and_run(tmp_path: Path) -> None:
    """The engine of this machine builds it, sees it healthy, and stops it."""
    program = engine()
    if program is None:
        pytest.skip("neither podman nor docker works here")

    def call(*words: str) -> str:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, check=False, timeout=patience(600)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    form = ["--format", "docker"] if program == "podman" else []
    call("build", *form, "-f", str(containerfile.FILE), "-t", "house-test", str(PROJECT))
    volumes = ["-v", "house-test-config:/config", "-v", "house-test-data:/data"]
    try:
        call("run", "--rm", *volumes, "house-test", "house", "init", "/config")
        call("run", "-d", "--init", "--name", "house-test", *volumes, "house-test")
        wait(lambda: subprocess.run([program, "exec", "house-test", "house", "status"], check=False,
                                    capture_output=True).returncode == 0)  # fmt: skip
        assert "applied" in call("exec", "house-test", "house", "press", "bathroom_light")
        assert call("exec", "house-test", "id", "-u") == "1000"
        call("stop", "--time", "60", "house-test")
        assert call("inspect", "--format", "{{.State.ExitCode}}", "house-test") == "0"
    finally:
        for words in (["rm", "-f", "house-test"], ["volume", "rm", "house-test-config", "house-test-data"]):
            subprocess.run([program, *words], capture_output=True, check=False)
