"""The rights to manage and to edit: who has them, and what their lack refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons.processes.mirror.page.auth import make_token
from daemons.processes.mirror.page.person_tokens import make_person_token
from tests.support.page_client import HttpResponse, http_post, http_request
from tests.support.page_server import PageStub, serve_page

EDIT = {"version": "0" * 64, "text": "[devices.lamp]\n"}


@asynccontextmanager
async def page(**options: Any) -> AsyncIterator[PageStub]:
    """Serve a page without a house."""
    stub = PageStub(**options)
    stub.publish_all()
    async with serve_page(stub):
        yield stub


async def get(stub: PageStub, path: str, token: str | None = None) -> HttpResponse:
    """Send a GET request with a token."""
    more: dict[str, Any] = {"Authorization": f"Bearer {token}"} if token else {}
    return await asyncio.to_thread(http_request, stub.url, path, **more)


async def post(stub: PageStub, path: str, document: Any = None, token: str | None = None) -> HttpResponse:
    """Send a POST request with a token."""
    more: dict[str, Any] = {"Authorization": f"Bearer {token}"} if token else {}
    return await asyncio.to_thread(http_post, stub.url, path, document, **more)


async def account(stub: PageStub, token: str | None = None) -> dict[str, Any]:
    """Return what an account may do."""
    found: dict[str, Any] = (await get(stub, "/api/account", token)).json
    return found


async def test_the_owner_manages_and_edits_with_a_token_alone(run: Path) -> None:
    """Without a token, an open page on loopback can be managed as before, and never edited."""
    async with page(edit=True) as stub:
        found = await account(stub)
        assert (found["name"], found["manage"], found["edit"]) == (None, True, False)
        assert found["edit_code"] == "no_token"
        assert "house token" in found["edit_reason"]
        assert (await post(stub, "/api/edit/lamp/check", EDIT)).reason == found["edit_reason"]
        found = await account(stub, make_token())
        assert (found["manage"], found["edit"], found["edit_code"]) == (True, True, None)


async def test_editing_is_off_until_the_mirror_allows_it(run: Path) -> None:
    """Also for the owner with a token, and for each request that edits."""
    async with page() as stub:
        token = make_token()
        found = await account(stub, token)
        assert (found["edit"], found["edit_code"]) == (False, "off")
        assert "edit = true" in found["edit_reason"]
        assert (await get(stub, "/api/edit/lamp", token)).status == 403
        for path in ("form", "check", "plan", "stories", "replay", "apply"):
            assert (await post(stub, f"/api/edit/lamp/{path}", EDIT, token)).status == 403
        assert (await post(stub, "/api/edit/undo", None, token)).status == 403


@pytest.mark.parametrize(
    ("rights", "manage", "edit", "logs"),
    [
        ({}, False, False, False),
        ({"see": ["*"]}, False, False, False),
        ({"see": ["*"], "command": ["*"]}, False, False, False),
        ({"see": ["*"], "manage": True}, True, False, True),
        ({"see": ["lamp"], "manage": True}, True, False, False),
        ({"see": ["*"], "edit": True}, False, True, False),
    ],
)
async def test_a_person_has_only_the_rights_of_the_token(
    run: Path, rights: dict[str, Any], manage: bool, edit: bool, logs: bool
) -> None:
    """A right beyond commands is given by name."""
    make_token()
    token, _ = make_person_token("anna", **{"see": [], "command": [], **rights})
    async with page(edit=True) as stub:
        found = await account(stub, token)
        assert (found["name"], found["manage"], found["edit"]) == ("anna", manage, edit)
        assert (await get(stub, "/api/logs/lamp", token)).status == (200 if logs else 403)
        refused = await post(stub, "/api/processes/steward/stop", None, token)
        is_seen = "*" in rights.get("see", [])
        assert refused.status == (409 if manage and is_seen else 403)


async def test_a_person_manages_only_what_the_person_sees(run: Path) -> None:
    """A process out of sight is refused as one that does not exist."""
    make_token()
    token, _ = make_person_token("anna", ["lamp"], [], manage=True)
    async with page() as stub:
        for name in ("toaster", "steward", "mirror", "nothing"):
            found = await post(stub, f"/api/processes/{name}/restart", None, token)
            assert (found.status, found.reason) == (403, f"anna may not see {name!r}")


async def test_the_mirror_and_the_steward_are_not_stopped(run: Path) -> None:
    """The page would take itself away; an unknown action or process is said to be unknown."""
    async with page() as stub:
        assert "house stop mirror" in (await post(stub, "/api/processes/mirror/stop")).reason
        assert (await post(stub, "/api/processes/steward/stop")).status == 409
        assert (await post(stub, "/api/processes/lamp/kill")).status == 404
        assert (await post(stub, "/api/processes/nothing/restart")).status == 404
        assert (await get(stub, "/api/processes/lamp/restart")).status == 405
        assert (await get(stub, "/api/jobs/0123456789abcdef")).status == 404
        assert (await get(stub, "/api/jobs")).json == {"jobs": []}


async def test_the_right_to_edit_needs_the_whole_house(run: Path) -> None:
    """The table of a device names other devices. A file that a person has changed gives no more."""
    with pytest.raises(ValueError, match="--edit needs"):
        make_person_token("anna", ["lamp"], [], edit=True)
    make_token()
    token, _ = make_person_token("anna", ["*"], [], edit=True)
    file = run / "tokens" / "anna.toml"
    file.write_text(file.read_text().replace('"*"', '"lamp/"', 1))
    async with page(edit=True) as stub:
        assert (await account(stub, token))["edit"] is False


async def test_a_body_that_edits_has_its_bounds(run: Path) -> None:
    """Of length, of type, of fields and of the version."""
    token = make_token()
    async with page(edit=True) as stub:
        path = "/api/edit/lamp/check"
        assert (await post(stub, path, {**EDIT, "text": "x" * 70_000}, token)).status == 413
        wrongs: list[Any] = [{"text": ""}, {**EDIT, "more": 1}, {**EDIT, "version": "../../x"}, []]
        for wrong in [*wrongs, {**EDIT, "text": 1}]:
            assert (await post(stub, path, wrong, token)).status == 400
        assert (await post(stub, path, None, token)).status == 415
        foreign = await asyncio.to_thread(
            http_post, stub.url, path, EDIT, Authorization=f"Bearer {token}", Origin="http://evil.example"
        )
        assert foreign.status == 403
        assert (await post(stub, "/api/edit/nothing/check", EDIT, token)).status == 404


@pytest.mark.long
async def test_an_edit_without_a_known_configuration_is_unavailable(run: Path) -> None:
    """The program says what to do; it is a real one."""
    token = make_token()
    async with page(edit=True) as stub:
        found = await get(stub, "/api/edit/lamp", token)
        assert (found.status, "house reload" in found.reason) == (503, True)
