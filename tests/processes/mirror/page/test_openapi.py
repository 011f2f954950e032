"""The OpenAPI description: it names every route, and agrees with the code and with docs/page.md."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemons.bus.status import PRESENCES
from daemons.processes.mirror.page.openapi import SCHEMAS, describe_api
from tests.support.house import PROJECT
from tests.support.page_client import http_request
from tests.support.page_server import PageStub, serve_page
from tests.support.patience import patience

NOT_DESCRIBED = {
    ("GET", "/"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/page/{name}"),
    ("GET", "/page/{version}/{name}"),
    ("GET", "/service_worker.js"),
    ("GET", "/seen/{token}"),  # a page for people
    ("POST", "/seen/{token}"),
    ("GET", "/metrics"),  # the format of Prometheus is documented elsewhere
    ("GET", "/api/live"),  # OpenAPI cannot describe a WebSocket
    ("GET", "/api/openapi.json"),
}
"""The routes for browsers, and those without a JSON document."""
METHODS = {"get", "post", "put", "delete", "patch", "head", "options"}
MOMENT = {"type": "number", "minimum": 0, "description": "Unix seconds"}
COUNT = {"type": "integer", "minimum": 0}


async def test_it_names_every_route(run: Path) -> None:
    """The routes and methods are exactly those of the application; HEAD is implied by GET."""
    async with serve_page(PageStub()) as app:
        routes = {(route.method, route.path) for route in app.routes}
    described = {
        (method.upper(), path)
        for path, item in describe_api(["toaster"])["paths"].items()
        for method in item
        if method in METHODS
    }
    assert routes - NOT_DESCRIBED == described
    assert routes >= NOT_DESCRIBED


def test_the_documentation_names_the_same_paths() -> None:
    """docs/page.md has each path, too."""
    text = (PROJECT / "docs" / "page.md").read_text()
    named = {
        re.sub(r"\{(\w+)\}", lambda found: found[1].upper(), path)
        for path in describe_api(["toaster"])["paths"]
    }
    assert named <= set(re.findall(r"`(?:GET |POST )?(/[\w/.]+)[`?]", text))


def test_a_status_has_the_documented_fields() -> None:
    """The schema has the fields of docs/page.md in their order, and every presence."""
    text = (PROJECT / "docs" / "page.md").read_text()
    section = text.partition("## What is known of a process")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    status = SCHEMAS["ProcessStatus"]["properties"]
    assert list(status) == [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(status["presence"]["enum"]) == sorted(PRESENCES)
    for presence in PRESENCES:
        assert f"`{presence}`" in section


@pytest.mark.parametrize("name", ["ProcessStatus", "DeviceDocument", "HouseDocument", "HistoryDocument"])
def test_every_field_of_a_document_is_required(name: str) -> None:
    """A field that is not known is null, and is never left out."""
    assert SCHEMAS[name]["required"] == list(SCHEMAS[name]["properties"])


def test_a_status_is_described_strictly() -> None:
    """Times and counts have their limits, and only fields that may be null allow null."""
    status = SCHEMAS["ProcessStatus"]["properties"]
    for name in ("presence_since", "since", "at", "started_at", "retry_at"):
        assert status[name] == {"anyOf": [MOMENT, {"type": "null"}]}
    for name in ("boot", "seq", "pid", "restarts"):
        assert status[name] == {"anyOf": [COUNT, {"type": "null"}]}
    assert status["last_lines"] == {"type": "array", "items": {"type": "string"}}
    device = SCHEMAS["DeviceDocument"]["properties"]
    assert {name: device[name] for name in status} == status


def test_the_other_documents_are_described_strictly() -> None:
    """Constants, enumerations and tuples have no wider type."""
    assert SCHEMAS["HouseDocument"]["properties"]["type"] == {"enum": ["house"]}
    assert SCHEMAS["HealthDocument"]["properties"]["ok"]["const"] is True
    receipt = SCHEMAS["ReceiptDocument"]
    assert receipt["required"] == ["id", "device", "outcome", "took_seconds"]
    assert receipt["properties"]["outcome"]["enum"] == ["applied", "expired", "rejected", "unanswered"]
    points = SCHEMAS["DeviceHistory"]["properties"]["measurements"]["additionalProperties"]["items"]
    assert (points["minItems"], points["maxItems"]) == (4, 4)
    assert {"from", "to", "state", "cause", "reason", "origin"} == set(SCHEMAS["Stretch"]["required"])


def test_a_command_request_is_described_as_it_is_parsed() -> None:
    """The same fields and limits, and no further field."""
    schema = SCHEMAS["CommandRequest"]
    assert schema["properties"].keys() == {"args", "id", "timeout_seconds"}
    assert schema["additionalProperties"] is False
    arguments = schema["properties"]["args"]
    assert arguments["maxProperties"] == 20
    assert arguments["propertyNames"] == {"minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}
    timeout = schema["properties"]["timeout_seconds"]
    assert (timeout["minimum"], timeout["maximum"]) == (0.01, 60)


def test_every_reference_has_its_schema(url: str) -> None:
    """Every schema is used, and the devices are those of this house."""
    text = http_request(url, "/api/openapi.json").body.decode()
    assert set(re.findall(r'"#/components/schemas/(\w+)"', text)) == SCHEMAS.keys()
    assert r"\\Z" not in text  # JSON Schema has no such anchor
    described: Any = http_request(url, "/api/openapi.json").json
    (name,) = described["paths"]["/api/devices/{name}"]["get"]["parameters"]
    assert set(name["schema"]["enum"]) == set(http_request(url, "/api/house").json["devices"])


CONFIGURATION = """
# `since` must be earlier than `until`: a schema cannot say that of two parameters.
[[operations]]
include-path-regex = "^/api/history"

[operations.checks]
positive_data_acceptance.expected-statuses = ["2xx", "400"]

# The house must go on: no process of it is stopped. This house has no token, so nothing is edited. A log may
# be waited for.
[[operations]]
include-path-regex = "^/api/(processes|edit|logs)/"
enabled = false

# A device that sends no receipt within the requested 10 ms is 504, as documented. A body that is both
# wrong and too long is 413.
[[operations]]
include-name = "POST /api/devices/{name}/{command}"

[operations.checks]
not_a_server_error.expected-statuses = ["2xx", "4xx", "504"]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "409", "413", "415", "429"]
"""


@pytest.mark.long
def test_the_page_behaves_as_described(url: str, tmp_path: Path) -> None:
    """Schemathesis sends requests that the description allows, and others; all its checks are on."""
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
        timeout=patience(110),
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 11" in done.stdout
