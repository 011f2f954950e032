"""The tokens of persons: their files, what each person sees and may command, and their end."""

import asyncio
import csv
import json
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemons.bus.origin import Reason
from daemons.errors import StorageError
from daemons.processes.mirror.page import person_tokens
from daemons.processes.mirror.page.auth import COOKIE_NAME, AccessPolicy, make_token
from daemons.processes.mirror.page.person_tokens import (
    FOLDER,
    PersonTokens,
    find_person,
    make_person_token,
    person_cookie,
    read_tokens,
    revoke_person_token,
)
from daemons.processes.mirror.page.view import WHOLE_HOUSE, View, may_send
from tests.support.house import TemporaryHouse, eventually
from tests.support.page_client import HttpResponse, LiveMessage, http_post, http_request, live_client
from tests.support.page_server import PageStub, serve_page
from tests.support.patience import patience
from tests.support.stub_device import receipt as stub_receipt
from tests.support.stub_device import stub_device

FORM = "application/x-www-form-urlencoded"
HIDDEN = ("toaster", "switch", "Light", "Bathroom", "steward", "Smart mirror")
"""What anna, who sees only the lamp, must not read."""


def bearer(token: str) -> dict[str, Any]:
    """Return the headers of a program with a token."""
    return {"Authorization": f"Bearer {token}"}


def anna(see: tuple[str, ...] = ("lamp",), command: tuple[str, ...] = ("lamp",), **more: Any) -> str:
    """Make a token for anna."""
    return make_person_token("anna", see, command, **more)[0]


@asynccontextmanager
async def page(**options: Any) -> AsyncIterator[PageStub]:
    """Serve a page without a house, with a state of every process."""
    stub = PageStub(**options)
    stub.publish_all()
    async with serve_page(stub):
        yield stub


async def request(stub: PageStub, path: str, *args: Any, **more: Any) -> HttpResponse:
    """Send a request to a page that is served in this loop."""
    return await asyncio.to_thread(http_request, stub.url, path, *args, **more)


# The files


def test_only_hashes_are_stored(run: Path) -> None:
    """The file is private, and neither the token nor its cookie is in it."""
    token = anna()
    path = FOLDER / "anna.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(FOLDER.stat().st_mode) == 0o700
    content = path.read_text()
    name, _, secret = token.partition(".")
    assert name == "anna"
    assert len(secret) == 32
    assert secret not in content
    assert person_cookie(token).partition(".")[2] not in content
    assert secret not in person_cookie(token)


def test_the_rights_are_those_of_keys(run: Path) -> None:
    """A name without a slash is a device, and a star is the whole house; other text is refused."""
    _, token = make_person_token("anna", ["lamp", "toaster/"], ["*"])
    assert (token.see, token.command) == (("lamp/", "toaster/"), ("*",))
    assert str(token) == "sees lamp/, toaster/; commands *"
    assert read_tokens(lambda *_: None) == {"anna": token}
    with pytest.raises(ValueError, match=r'--see Lamp/: allowed are "\*"'):
        make_person_token("anna", ["Lamp"], [])


@pytest.mark.parametrize("name", ["", "Anna", "a.b", "../x", "a/b", "ä", "a" * 41, "1a", "a\n"])
def test_a_wrong_name_is_refused(run: Path, name: str) -> None:
    """No name leads out of the folder."""
    with pytest.raises(ValueError, match="is not the name of a person"):
        make_person_token(name, [], [])
    assert not revoke_person_token(name)


def test_a_token_of_a_later_version_gives_no_access(run: Path) -> None:
    """This version does not know what a new key of such a file takes away."""
    token = anna()
    path = FOLDER / "anna.toml"
    assert person_tokens._read(path) is not None
    path.write_text(f"format = 2\n{path.read_text()}")
    with pytest.raises(StorageError, match="it is of format 2"):
        person_tokens._read(path)
    assert token


@pytest.mark.parametrize("content", [b"", b"\xff", b"see = 7", b"x" * 70_000, b'token_sha256 = "0"'])
def test_a_broken_file_gives_no_access_and_delays_no_other(run: Path, content: bytes) -> None:
    """It is reported, and read again after it has changed."""
    anna()
    good = (FOLDER / "anna.toml").read_bytes()
    tokens, invalid = PersonTokens(), list[str]()
    tokens.on_invalid = lambda name, _: invalid.append(name)
    (FOLDER / "berta.toml").write_bytes(content)
    (FOLDER / "berta.toml").chmod(0o600)
    assert list(tokens.read() or ()) == ["anna"]
    assert invalid == ["berta"]
    (FOLDER / "berta.toml").write_bytes(good)
    assert list(tokens.read() or ()) == ["anna", "berta"]


def test_a_file_that_others_can_read_gives_no_access(run: Path) -> None:
    """Its hashes may have been replaced or read."""
    anna()
    (FOLDER / "anna.toml").chmod(0o644)
    errors: dict[str, StorageError] = {}
    assert read_tokens(errors.__setitem__) == {}
    assert "chmod 600" in str(errors["anna"])


# The door


@given(
    st.text(max_size=60) | st.text("anna.", max_size=9) | st.builds("anna.{}".format, st.text(max_size=50))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_text_is_a_token(run: Path, given_text: str) -> None:
    """Neither as a token, nor as a cookie, nor in the form."""
    if not FOLDER.exists():
        anna()
    policy = AccessPolicy("0.0.0.0", ())  # noqa: S104
    assert policy.account(f"Bearer {given_text}", None) is None
    assert policy.account(None, given_text) is None
    assert policy.sign_in(given_text) is None


def test_only_the_exact_token_is_accepted(run: Path) -> None:
    """The token is no cookie, the cookie is no token, and both belong to one name."""
    token = anna()
    make_person_token("berta", [], [])
    cookie = person_cookie(token)
    tokens = read_tokens(lambda *_: None)
    now = time.time()
    assert find_person(tokens, token, now, is_cookie=False) == "anna"
    assert find_person(tokens, cookie, now, is_cookie=True) == "anna"
    assert find_person(tokens, cookie, now, is_cookie=False) is None
    assert find_person(tokens, token, now, is_cookie=True) is None
    secret = token.partition(".")[2]
    hashes = (tokens["anna"].token_sha256, tokens["anna"].cookie_sha256)
    for wrong in (
        token[:-1], token + "x", token + "\n", " " + token, token.upper(), f"berta.{secret}", f".{secret}",
        f"anna.{hashes[0]}", f"anna.{hashes[1]}", hashes[0], "anna.", "anna", "", "\udcff", token + "\udcff",
        secret,
    ):  # fmt: skip
        assert find_person(tokens, wrong, now, is_cookie=False) is None, wrong
        assert find_person(tokens, wrong, now, is_cookie=True) is None, wrong


async def test_a_huge_header_is_refused(run: Path) -> None:
    """The longest header that is read costs no access, and a longer one is refused with 431."""
    anna()
    async with page() as stub:
        for text, status in (("anna." + "x" * 8000, 401), ("anna." + "x" * 200_000, 431)):
            for headers in (bearer(text), {"Cookie": f"{COOKIE_NAME}={text}"}):
                try:
                    response = await request(stub, "/api/house", source="127.0.0.9", **headers)
                except ConnectionError:  # the page closes the connection before it has read all
                    assert status == 431
                    continue
                assert response.status in (status, 429)


async def test_a_person_signs_in_with_a_cookie(run: Path) -> None:
    """As the owner does; the cookie ends with the token."""
    token = anna(valid_seconds=3600.0)
    async with page() as stub:
        response = await request(stub, "/login", "POST", f"token={token}".encode(), Content_Type=FORM)
        assert (response.status, response.headers["Location"]) == (303, "/")
        cookie, *rest = response.headers["Set-Cookie"].split("; ")
        (max_age,) = [int(part.partition("=")[2]) for part in rest if part.startswith("Max-Age=")]
        assert 3590 <= max_age <= 3600
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rest)
        assert (await request(stub, "/", Cookie=cookie)).status == 200
        house = (await request(stub, "/api/house", Cookie=cookie)).json
        assert list(house["devices"]) == ["lamp"]
        wrong = await request(stub, "/login", "POST", f"token={token}x".encode(), Content_Type=FORM)
        assert wrong.headers["Location"] == "/login?wrong"


async def test_the_owner_keeps_all_rights(run: Path) -> None:
    """Tokens of persons change nothing for the owner's token, nor for loopback without one."""
    token = anna()
    async with page() as stub:
        assert len((await request(stub, "/api/house")).json["devices"]) == 4
        owner = make_token()
        assert (await request(stub, "/api/house")).status == 401
        assert len((await request(stub, "/api/house", **bearer(owner))).json["devices"]) == 4
        assert len((await request(stub, "/api/house", **bearer(token))).json["devices"]) == 1


async def test_a_revoked_token_has_no_rights_on_an_open_page_either(run: Path) -> None:
    """Without this rule, a person would get the rights of the owner by the revocation."""
    token = anna()
    async with page() as stub:
        assert (await request(stub, "/api/house", **bearer(token))).status == 200
        assert revoke_person_token("anna")
        assert (await request(stub, "/api/house", **bearer(token))).status == 401
        cookie = f"{COOKIE_NAME}={person_cookie(token)}"
        assert (await request(stub, "/api/house", Cookie=cookie)).status == 401
        assert (await request(stub, "/", Cookie=cookie)).headers["Location"] == "/login"
        assert (await request(stub, "/api/house")).status == 200


def test_a_page_beyond_loopback_is_served_for_persons_alone(run: Path) -> None:
    """The owner's token may be missing, and the owner then has no access."""
    policy = AccessPolicy("0.0.0.0", ())  # noqa: S104
    assert policy.is_locked
    token = anna()
    assert not policy.is_locked
    account = policy.account(f"Bearer {token}", None)
    assert account is not None
    assert (account.name, account.who, account.sees_everything) == ("anna", "page:anna", False)
    assert policy.account(None, None) is None


async def test_tokens_that_cannot_be_read_close_the_page(run: Path) -> None:
    """As with the owner's token: no request is accepted by mistake."""
    FOLDER.write_bytes(b"")
    async with page() as stub:
        assert (await request(stub, "/api/house")).status == 503
        FOLDER.unlink()
        assert (await request(stub, "/api/house")).status == 200


# What a person sees


async def test_a_person_sees_only_the_own_devices(run: Path) -> None:
    """No document names another device, its room, a service, or the sentence about them."""
    token = anna()
    async with page() as stub:
        stub.publish_state("toaster", status=True, phase="toasting", ready=False)
        for path in ("/api/house", "/api/devices/lamp", "/api/openapi.json"):
            response = await request(stub, path, **bearer(token))
            assert response.status == 200
            text = response.body.decode()
            if path == "/api/openapi.json":
                text = json.dumps(response.json["paths"])
            assert [word for word in HIDDEN if word in text] == [], path
        for path in (
            "/api/devices/toaster",
            "/api/devices/no_device",
            "/api/history?device=toaster",
            "/metrics",
        ):
            response = await request(stub, path, **bearer(token))
            assert response.status == 403, path
            assert response.reason.startswith("anna may not see ")
        nothing = make_person_token("berta", [], [])[0]
        house = (await request(stub, "/api/house", **bearer(nothing))).json
        assert (house["devices"], house["services"], house["message"]) == ({}, {}, "All is quiet.")


async def test_the_sentence_is_about_the_own_devices(run: Path) -> None:
    """A person reads of the toaster only if the token gives the right to see it."""
    see_toaster = make_person_token("berta", ["toaster"], [])[0]
    async with page() as stub:
        stub.publish_state("toaster", status=True, phase="toasting", ready=False, cause="c1")
        expected = {"anna": "All is quiet.", "berta": "Toaster is toasting"}
        for name, token in (("anna", anna()), ("berta", see_toaster)):
            assert (await request(stub, "/api/house", **bearer(token))).json["message"] == expected[name]
            async with live_client(stub.url, additional_headers=bearer(token)) as client:
                assert (await client.receive("house"))["message"] == expected[name]
                assert (await client.receive("beat"))["message"] == expected[name]


async def test_what_a_device_hears_is_not_named(run: Path) -> None:
    """The toaster hears a switch, which the person does not see; nor are the lines of its log shown."""
    token = make_person_token("anna", ["toaster"], [])[0]
    async with page() as stub:
        assert (await request(stub, "/api/devices/toaster")).json["hears"] == ["switch"]
        document = (await request(stub, "/api/devices/toaster", **bearer(token))).json
        assert (document["hears"], document["last_lines"]) == ([], [])
        assert (document["commands"], document["primary_commands"], document["control"]) == ({}, [], None)
        assert "switch" not in json.dumps(document)


async def test_a_live_page_shows_only_the_own_devices(run: Path) -> None:
    """The changes and beats of other devices are not sent; a filter cannot widen the rights."""
    token = anna()
    async with page() as stub:
        async with live_client(stub.url, additional_headers=bearer(token)) as client:
            received: list[LiveMessage] = [await client.receive("house")]
            stub.publish_state("toaster", phase="toasting")
            stub.publish_state("lamp", status=True, phase="on")
            received += await client.receive_until(lambda it: it["type"] == "change")
            received += await client.receive_until(lambda it: it["type"] == "beat")
        assert received[-1]["ages"].keys() == {"lamp"}
        assert [each["device"] for each in received if each["type"] == "change"] == ["lamp"]
        text = json.dumps([{**each, "mirror": ""} for each in received])
        assert [word for word in HIDDEN[:-1] if word in text] == []
        for query in ("?device=toaster", "?device=steward", "?device=nothing"):
            assert (await request(stub, f"/api/live{query}", **bearer(token))).status == 403
        assert (await request(stub, "/api/live?room=Bathroom", **bearer(token))).status == 404
        async with live_client(stub.url, "?room=Kitchen", additional_headers=bearer(token)) as client:
            assert list((await client.receive("house"))["devices"]) == ["lamp"]


async def test_a_person_may_see_the_whole_house(run: Path) -> None:
    """With a star, as the owner does, with its services, the mirror's sentence and the figures."""
    token = make_person_token("anna", ["*"], [])[0]
    async with page() as stub:
        house = (await request(stub, "/api/house", **bearer(token))).json
        same = (await request(stub, "/api/house")).json
        assert house["devices"].keys() == same["devices"].keys()
        assert house["services"].keys() == same["services"].keys()
        assert house["devices"]["lamp"]["commands"] == {}
        assert (await request(stub, "/metrics", **bearer(token))).status == 200
        assert (await request(stub, "/api/devices/no_device", **bearer(token))).status == 404


# Commands


async def test_a_person_commands_only_the_allowed_devices(run: Path) -> None:
    """The command has the name of the person; any other is refused with 403, also an unknown device."""
    token = anna()
    async with page() as stub, stub_device("lamp", stub_receipt()) as lamp:
        async with stub_device("toaster", stub_receipt()) as toaster:
            response = await asyncio.to_thread(http_post, stub.url, "/api/devices/lamp/on", **bearer(token))
            assert (response.status, response.json["outcome"]) == (200, "applied")
            for device in ("toaster", "no_device"):
                path = f"/api/devices/{device}/start"
                response = await asyncio.to_thread(http_post, stub.url, path, **bearer(token))
                assert (response.status, response.reason) == (403, f"anna may not command {device!r}")
            async with live_client(stub.url, additional_headers=bearer(token)) as client:
                assert (await client.send_command("lamp", "off"))["outcome"] == "applied"
                for device in ("toaster", "no_device"):
                    rejected = await client.send_command(device, "start", id="mine")
                    assert (rejected["type"], rejected["id"], rejected["device"]) == (
                        "receipt",
                        "mine",
                        device,
                    )
                    assert (rejected["outcome"], rejected["reason"]) == (
                        "rejected",
                        f"anna may not command {device!r}",
                    )
        assert not toaster
    assert [command.who for command in lamp] == ["page:anna", "page:anna"]


# The end of a token


@pytest.mark.parametrize("end", ["revoked", "replaced", "other rights", "expired", "unreadable"])
async def test_open_connections_end_with_the_token(run: Path, end: str) -> None:
    """The WebSocket is closed within about a second, also one that sends nothing; other clients stay."""
    token = anna(valid_seconds=1.0 if end == "expired" else None)
    other = make_person_token("berta", ["lamp"], [])[0]
    async with (
        page() as stub,
        live_client(stub.url, additional_headers=bearer(token)) as client,
        live_client(stub.url, additional_headers=bearer(other)) as stays,
    ):
        await client.receive("house")
        began = time.monotonic()
        path = FOLDER / "anna.toml"
        match end:
            case "revoked":
                revoke_person_token("anna")
            case "replaced":
                anna()
            case "other rights":
                path.write_text(path.read_text().replace('see = ["lamp/"]', 'see = ["lamp/", "toaster/"]'))
            case "unreadable":
                path.write_bytes(b"?")
        async with asyncio.timeout(patience()):
            await client.socket.wait_closed()
        assert (client.socket.close_code, client.socket.close_reason) == (1008, "the token has changed")
        assert time.monotonic() - began < patience() / 2
        status = (await request(stub, "/api/house", **bearer(token))).status
        assert status == (200 if end == "other rights" else 401)
        await stays.receive("beat")
        stub.publish_state("lamp", status=True)
        assert (await stays.receive("change"))["device"] == "lamp"


async def test_a_command_after_the_revocation_is_not_sent(run: Path) -> None:
    """The token is checked for each message, not only once a second."""
    token = anna()
    async with (
        page() as stub,
        stub_device("lamp", stub_receipt()) as lamp,
        live_client(stub.url, additional_headers=bearer(token)) as client,
    ):
        await client.receive("house")
        revoke_person_token("anna")
        await client.send(type="command", device="lamp", command="on")
        async with asyncio.timeout(patience()):
            await client.socket.wait_closed()
    assert not lamp


def test_an_expired_token_is_refused_at_its_second(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as a cookie, which a browser may keep for longer."""
    token = anna(valid_seconds=60.0)
    policy, now = AccessPolicy("127.0.0.1", ()), time.time()
    for seconds, is_valid in ((59.0, True), (60.1, False), (1e9, False)):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: now + seconds)
        assert (policy.account(f"Bearer {token}", None) is not None) == is_valid
        assert (policy.account(None, person_cookie(token)) is not None) == is_valid
        assert (policy.sign_in(token) is not None) == is_valid


def test_an_unchanged_file_is_not_read_again(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request checks the files, and only a change costs their content."""
    anna()
    tokens, reads = PersonTokens(), list[str]()
    read = person_tokens._read

    def count(path: Path) -> person_tokens.PersonToken:
        reads.append(path.name)
        return read(path)

    monkeypatch.setattr(person_tokens, "_read", count)
    for _ in range(3):
        assert list(tokens.read() or ()) == ["anna"]
    assert reads == ["anna.toml"]
    os.utime(FOLDER / "anna.toml")
    assert list(tokens.read() or ()) == ["anna"]
    assert reads == ["anna.toml"] * 2


# A real house


def test_a_person_lives_in_a_real_house(shared: TemporaryHouse, url: str) -> None:
    """The reason of a state names the person, and the history does not name the switch that was pressed."""
    shared.send("bathroom_light", "press")
    eventually(lambda: http_request(url, "/api/devices/toaster").json["state"]["status"])
    made = shared.house("token", "make", "anna", "--see", "toaster,kitchen_lamp", "--command", "kitchen_lamp")
    token = made.stdout.strip()
    whole = eventually(
        lambda: (found := http_request(url, "/api/history?device=toaster").json)["causes"] and found
    )
    assert "bathroom_light" in {cause["device"] for cause in whole["causes"].values()}
    for query in ("?device=toaster", ""):
        history = http_request(url, f"/api/history{query}", **bearer(token))
        assert history.json["devices"]["toaster"]["stretches"]
        assert "bathroom" not in history.body.decode()
        assert "coffee" not in history.body.decode()
        table = http_request(url, f"/api/history.csv{query}", **bearer(token))
        assert table.headers.get_content_type() == "text/csv"
        devices = {row["device"] for row in csv.DictReader(StringIO(table.body.decode()))}
        assert "toaster" in devices <= {"toaster", "kitchen_lamp"}
    assert http_request(url, "/api/history.csv?device=coffee_maker", **bearer(token)).status == 403
    sent = http_post(url, "/api/devices/kitchen_lamp/toggle", **bearer(token)).json
    with shared.listen("kitchen_lamp") as listener:
        listener.wait_for(lambda it: it.states and it.states["kitchen_lamp"].cause == sent["id"])
    state = listener.states["kitchen_lamp"]
    assert state.reason == Reason("command", "page:anna")
    assert state.origin is not None
    assert state.origin.who == "page:anna"
    assert http_post(url, "/api/devices/toaster/stop", **bearer(token)).status == 403
    shared.house("token", "revoke", "anna")
    assert http_request(url, "/api/house", **bearer(token)).status == 401


async def test_a_person_gets_only_the_notices_of_the_own_devices(run: Path) -> None:
    """The sentence names them too; what concerns another device stays hidden."""
    see_toaster = make_person_token("berta", ["toaster"], [])[0]
    async with page() as stub:
        stub.publish_state("toaster", status=False, phase="idle", fault="the lever is stuck")
        async with live_client(stub.url, additional_headers=bearer(see_toaster)) as client:
            house = await client.receive("house")
            assert [one["text"] for one in house["attention"]] == ["Toaster: the lever is stuck"]
            assert house["message"] == "Toaster: the lever is stuck"
            assert [part["code"] for part in house["sentence"]] == ["attention.fault"]
        assert (await request(stub, "/api/house", **bearer(anna()))).json["attention"] == []


def test_a_person_may_acknowledge_only_what_the_own_devices_have(run: Path) -> None:
    """The mirror itself may be commanded by the owner alone."""
    context = PageStub().context
    view = View(frozenset({"lamp"}), frozenset({"lamp"}), frozenset({"lamp"}))

    def may(target: str, command: str, **args: str) -> bool:
        return may_send(context, view, target, command, args)

    assert may("mirror", "acknowledge", device="lamp")
    assert not may("mirror", "acknowledge", device="toaster")
    assert not may("mirror", "acknowledge")
    assert not may("mirror", "snapshot", device="lamp")
    assert not may("toaster", "acknowledge", device="lamp")
    assert may("lamp", "on")
    assert may_send(context, WHOLE_HOUSE, "mirror", "acknowledge", {})
