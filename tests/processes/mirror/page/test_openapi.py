"""The description for programs: it names every route, and says what the code and the document say."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemons.bus.message import Command
from daemons.bus.presence import PRESENCES
from daemons.bus.requests import Wish
from daemons.processes.mirror.page.openapi import SCHEMAS, STANDING, describe
from tests.support.house import PROJECT
from tests.support.page_client import ask
from tests.support.page_server import Stand, serving

NOT_DESCRIBED = {
    ("GET", "/"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/page/{name}"),
    ("GET", "/metrics"),  # Prometheus knows its own format
    ("GET", "/api/live"),  # OpenAPI has no words for a WebSocket
    ("GET", "/api/openapi.json"),
}
"""What a browser asks for, and what is no JSON of ours."""
WORDS = {"get", "post", "put", "delete", "patch", "head", "options"}


async def test_it_names_every_route_that_there_is(run: Path) -> None:
    """And none that there is not, with their methods; HEAD comes with GET."""
    made = Stand()
    async with serving(made) as page:
        routes = {
            (route.method, route.resource.canonical)
            for route in page.app.router.routes()
            if route.resource and route.method != "HEAD"
        }
    described = {
        (method.upper(), path)
        for path, item in describe(["toaster"])["paths"].items()
        for method in item
        if method in WORDS
    }
    assert routes - NOT_DESCRIBED == described
    assert routes >= NOT_DESCRIBED


def test_the_document_for_people_names_the_same() -> None:
    """docs/page.md has each path, too."""
    text = (PROJECT / "docs" / "page.md").read_text()
    named = {
        re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), path) for path in describe(["toaster"])["paths"]
    }
    assert named <= set(re.findall(r"`(?:GET |POST )?(/[\w/.]+)[`?]", text))


def test_a_standing_is_described_as_the_document_has_it() -> None:
    """Field for field; and every presence."""
    text = (PROJECT / "docs" / "page.md").read_text()
    section = text.partition("## What is known of a process")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert list(STANDING) == [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert STANDING["presence"] == {"enum": list(PRESENCES)}
    for presence in PRESENCES:
        assert f"`{presence}`" in section


def test_a_wish_is_described_as_it_is_read() -> None:
    """The same fields, and no other."""
    assert SCHEMAS["Wish"]["properties"].keys() == set(Wish.__struct_fields__)
    assert SCHEMAS["Wish"]["additionalProperties"] is False
    assert SCHEMAS["Wish"]["properties"]["args"]["maxProperties"] == 20
    assert "args" in Command.__struct_fields__


def test_every_reference_leads_somewhere(url: str) -> None:
    """And every schema is used; the devices are this house's."""
    text = ask(url, "/api/openapi.json").body.decode()
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) == SCHEMAS.keys()
    described: Any = ask(url, "/api/openapi.json").json
    (name,) = described["paths"]["/api/devices/{name}"]["get"]["parameters"]
    assert set(name["schema"]["enum"]) == set(ask(url, "/api/house").json["devices"])


CONFIGURATION = """
# `since` has to be before `until`: a schema cannot say that of two parameters.
[[operations]]
include-name = "GET /api/history"

[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "400"]

# A device that does not answer in the 10 ms that were asked for is 504, as is documented; and a body
# that is wrong and too long as well is told to be too long.
[[operations]]
include-name = "POST /api/devices/{name}/{command}"

[operations.checks]
not_a_server_error.expected-statuses = ["2xx", "4xx", "504"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "409", "413", "415", "429"]
"""


@pytest.mark.timeout(120)
def test_the_house_does_what_the_description_says(url: str, tmp_path: Path) -> None:
    """Schemathesis asks what the description allows, and what it forbids; every check is on."""
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{url}api/openapi.json",
            "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", "25",
            "--generation-deterministic", "--workers", "1", "--rate-limit", "25/s", "--no-color",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 5" in done.stdout
