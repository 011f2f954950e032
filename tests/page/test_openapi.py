"""The description for programs: it names every route, and says what the code and the document say."""

import re
from pathlib import Path
from typing import Any

from daemons.kinds.mirror import PRESENCES
from daemons.message import Command
from daemons.page.courier import Wish
from daemons.page.openapi import SCHEMAS, STANDING, describe
from tests.household import PROJECT
from tests.page.stand import Stand, serving
from tests.page.visitor import ask

NOT_DESCRIBED = {
    ("GET", "/"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/page"),
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
