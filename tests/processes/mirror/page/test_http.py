"""The page over HTTP, as docs/page.md describes it: each route, each error, and the access checks."""

import asyncio
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from daemons.bus.origin import Reason
from daemons.processes.mirror.page.auth import COOKIE_NAME, TOKEN_PATH, make_token
from tests.support.house import TemporaryHouse, eventually
from tests.support.page_client import SMALL_HOUSE, HttpResponse, http_post, http_request, page_url
from tests.support.page_server import PageStub, serve_page
from tests.support.patience import patience
from tests.support.stub_device import receipt as stub_receipt
from tests.support.stub_device import stub_device

FORM = "application/x-www-form-urlencoded"
PATHS = (
    "/", "/login", "/page/index.html", "/page/", "/api/house", "/api/devices/toaster", "/api/devices/x",
    "/api/history", "/api/why/toaster", "/api/why/x", "/api/openapi.json", "/api/live",
    "/metrics", "/healthz", "/nothing",
)  # fmt: skip


@contextmanager
def stopped_process(house: TemporaryHouse, name: str) -> Iterator[None]:
    """Suspend a process during the block."""
    pid = house.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def page(stub: PageStub | None = None) -> AsyncIterator[PageStub]:
    """Serve a page without a house, with a state of every process."""
    stub = stub or PageStub()
    stub.publish_all()
    async with serve_page(stub):
        yield stub


async def request(stub: PageStub, path: str, *args: Any, **more: Any) -> HttpResponse:
    """Send a request to a page that is served in this loop."""
    return await asyncio.to_thread(http_request, stub.url, path, *args, **more)


# Successful requests


def test_the_house_is_served(url: str) -> None:
    """The document has all devices and services, and the settings of the house."""
    document = http_request(url, "/api/house").json
    assert document["type"] == "house"
    assert document["house"] == {
        "name": "Breakfast house",
        "timezone": "Europe/Berlin",
        "locale": "en-GB",
        "host": None,
    }
    names = {"bathroom_light", "mirror", "coffee_maker", "toaster", "kitchen_lamp"}
    assert document["devices"].keys() == names
    assert document["services"].keys() == {"steward", "recorder"}
    assert document["devices"]["toaster"]["hears"] == ["bathroom_light"]
    eventually(
        lambda: all(d["presence"] == "live" for d in http_request(url, "/api/house").json["devices"].values())
    )


def test_a_device_is_served(url: str) -> None:
    """The document equals the device's part of the house."""
    whole, alone = (
        http_request(url, "/api/house").json["devices"]["mirror"],
        http_request(url, "/api/devices/mirror").json,
    )
    assert alone.keys() == whole.keys()
    assert alone["state"]["url"] == url
    assert (alone["name"], alone["boot"]) == ("Smart mirror", whole["boot"])


def test_a_command_is_answered_with_its_receipt(shared: TemporaryHouse, url: str) -> None:
    """With a body or without; the hardware switches, and the mirror gets the new state."""
    response = http_post(url, "/api/devices/kitchen_lamp/off")
    assert response.status == 200
    assert response.json.keys() == {"id", "device", "outcome", "at", "took_seconds"}
    response = http_post(
        url, "/api/devices/kitchen_lamp/on", {"args": {"brightness_percent": 37}, "id": "thirty-seven"}
    )
    assert (response.status, response.json["id"], response.json["outcome"]) == (
        200,
        "thirty-seven",
        "applied",
    )
    eventually(
        lambda: http_request(url, "/api/devices/kitchen_lamp").json["state"]["brightness_percent"] == 37
    )
    assert http_request(url, "/api/devices/kitchen_lamp").json["cause"] == "thirty-seven"
    assert shared.switchings("kitchen_lamp")[-1].what == "on"
    with shared.listen("kitchen_lamp") as listener:
        listener.wait_for(lambda it: it.has_state("kitchen_lamp", brightness_percent=37))
    assert listener.states["kitchen_lamp"].reason == Reason("command", "page")


def test_a_repeated_id_is_carried_out_once(shared: TemporaryHouse, url: str) -> None:
    """The second request gets the receipt of the first."""
    before = len(shared.switchings("kitchen_lamp"))
    first, second = (
        http_post(url, "/api/devices/kitchen_lamp/toggle", {"id": "only-once"}).json for _ in range(2)
    )
    assert first.pop("took_seconds") >= 0
    assert second.pop("took_seconds") >= 0
    assert first == second
    assert len(shared.switchings("kitchen_lamp")) == before + 1


def test_a_rejected_command_is_a_conflict(url: str) -> None:
    """Status 409, and the receipt has the reason."""
    response = http_post(url, "/api/devices/toaster/start", {"args": {"browning": 99}})
    assert (response.status, response.json["outcome"], response.json["device"]) == (
        409,
        "rejected",
        "toaster",
    )
    assert "browning" in response.json["reason"]
    response = http_post(url, "/api/devices/toaster/fly")
    assert (response.status, response.json["outcome"]) == (409, "rejected")
    assert "start, stop" in response.json["reason"]


async def test_an_expired_command_is_a_conflict(run: Path) -> None:
    """Status 409, with the device's receipt."""
    late = stub_receipt("expired", reason="its deadline has passed")
    async with page() as stub, stub_device("toaster", late):
        response = await request(stub, "/api/devices/toaster/start", "POST")
    assert (response.status, response.json["outcome"]) == (409, "expired")


def test_a_silent_device_is_a_gateway_timeout(shared: TemporaryHouse, url: str) -> None:
    """Status 504 after the requested time, and the lamp does not carry out the command later."""
    before = len(shared.switchings("kitchen_lamp"))
    with stopped_process(shared, "kitchen_lamp"):
        response = http_post(url, "/api/devices/kitchen_lamp/toggle", {"timeout_seconds": 0.2, "id": "late"})
        assert (response.status, response.json["outcome"]) == (504, "unanswered")
        assert response.json["reason"] == "kitchen_lamp sent no receipt within 0.2 s"
        assert response.json["took_seconds"] >= 0.2
        assert http_post(url, "/api/devices/toaster/stop").status == 200
    assert http_post(url, "/api/devices/kitchen_lamp/fly").status == 409
    assert len(shared.switchings("kitchen_lamp")) == before


def test_the_history_is_served(url: str) -> None:
    """The history has all devices, or those in the query; a command appears once it is recorded."""
    http_post(url, "/api/devices/kitchen_lamp/toggle", {"id": "for-the-record"})
    document: Any = eventually(
        lambda: (
            (found := http_request(url, "/api/history?device=kitchen_lamp&since=1h").json)
            and any(s["cause"] == "for-the-record" for s in found["devices"]["kitchen_lamp"]["stretches"])
            and found
        )
    )
    assert document.keys() == {"since", "until", "resolution_seconds", "devices", "causes"}
    assert document["devices"].keys() == {"kitchen_lamp"}
    assert document["until"] - document["since"] == pytest.approx(3600, abs=1)
    assert document["causes"]["for-the-record"]["device"] == "kitchen_lamp"
    assert document["devices"]["kitchen_lamp"]["stretches"][-1]["to"] is None
    whole = http_request(url, "/api/history?since=90s&points=10").json
    assert {"toaster", "coffee_maker", "bathroom_light", "kitchen_lamp"} <= whole["devices"].keys()


def test_the_page_explains_the_last_change(url: str) -> None:
    """The chain begins with the command by the page, and `at` asks for an earlier change."""
    before = time.time()
    http_post(url, "/api/devices/kitchen_lamp/toggle", {"id": "to-be-explained"})
    document: Any = eventually(
        lambda: (
            (found := http_request(url, "/api/why/kitchen_lamp").json)
            and found["explanation"]
            and found["explanation"]["steps"][-1]["cause"] == "to-be-explained"
            and found
        )
    )
    (step,) = document["explanation"]["steps"]
    assert step["reason"]["by"] == "command"
    assert step["at"] >= before
    earlier = http_request(url, f"/api/why/kitchen_lamp?at={before:.3f}").json["explanation"]
    assert earlier is None or earlier["steps"][-1]["at"] < before
    assert http_request(url, "/api/why/unknown").status == 404
    for query in ("at=yesterday", "since=1h", "at="):
        assert http_request(url, f"/api/why/kitchen_lamp?{query}").status == 400


@pytest.mark.parametrize(
    "query",
    [
        "points=9", "points=2001", "points=x", "points=", "points=%C2%B2", "since=x", "since=nan",
        "since=inf", "since=1e400", "until=yesterday", "since=1h&until=2h", "since=", "devices=toaster",
        "Since=1h",
    ],
)  # fmt: skip
def test_an_invalid_history_query_is_refused(url: str, query: str) -> None:
    """Status 400 with the reason."""
    response = http_request(url, f"/api/history?{query}")
    assert response.status == 400
    assert response.reason


def test_there_is_no_history_without_a_recorder(make_house: Any) -> None:
    """Status 503, and every other route works; a lamp and a mirror are a whole house."""
    house = make_house(SMALL_HOUSE.replace("port = 0", 'port = 0\nhosts = ["house.example"]'))
    house.house("up")
    url = page_url(house)
    for path in ("/api/history", "/api/why/lamp"):
        response = http_request(url, path)
        assert response.status == 503
        assert response.reason
    assert http_request(url, "/api/house").json["services"].keys() == {"steward"}
    assert http_request(url, "/healthz", Host="house.example").status == 200
    assert http_request(url, "/healthz", Host="other.example").status == 403


def test_a_working_page_is_healthy(url: str) -> None:
    """Status 200."""
    assert http_request(url, "/healthz").json == {"ok": True}


async def test_a_page_is_unhealthy_when_its_mirror_hangs(run: Path) -> None:
    """Status 503; the other routes still work."""
    async with page() as stub:
        assert (await request(stub, "/healthz")).status == 200
        stub.hangs = True
        stub.server._mirror_alive_at -= 1000
        response = await request(stub, "/healthz")
        assert (response.status, response.reason) == (503, "the mirror's own loop does not respond")
        assert (await request(stub, "/api/house")).status == 200


async def test_a_device_without_a_status_is_unavailable(run: Path) -> None:
    """Status 503: the device exists, but its status is unknown."""
    async with serve_page(stub := PageStub()):
        response = await request(stub, "/api/devices/lamp")
    assert (response.status, response.reason) == (503, "nothing is known of lamp yet")


def test_head_is_get_without_the_body(url: str) -> None:
    """A client can check whether the page is served."""
    response = http_request(url, "/api/house", "HEAD")
    assert (response.status, response.body, response.headers.get_content_type()) == (
        200,
        b"",
        "application/json",
    )


# Errors


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404), ("/api", 404), ("/api/", 404), ("/api/house/", 404),
        ("/api/devices/stranger", 404),
        ("/api/devices/", 404), ("/api/devices/%ff", 404), ("/api/devices/a%0d%0ab", 404),
        ("/api/devices/steward", 404), ("/api/devices/..", 404), ("/api/history?device=stranger", 404),
        ("/api/history?device=%ff%0a", 404), ("/api/live?device=stranger", 404),
        ("/api/live?room=Attic", 404),
        ("/api/live", 400),
    ],
)  # fmt: skip
def test_an_unknown_path_or_name_is_refused(url: str, path: str, status: int) -> None:
    """Each error is JSON with a code and a reason."""
    response = http_request(url, path)
    assert response.status == status
    assert response.reason


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/api/house", "POST", {"GET", "HEAD"}), ("/api/devices/toaster", "DELETE", {"GET", "HEAD"}),
        ("/api/devices/toaster/start", "GET", {"POST"}), ("/api/devices/toaster/start", "PUT", {"POST"}),
        ("/login", "PATCH", {"GET", "HEAD", "POST"}), ("/metrics", "POST", {"GET", "HEAD"}),
        ("/api/house", "OPTIONS", {"GET", "HEAD"}), ("/healthz", "TRACE", {"GET", "HEAD"}),
    ],
)  # fmt: skip
def test_a_wrong_method_is_refused(url: str, path: str, method: str, allowed: set[str]) -> None:
    """Status 405, and the response lists the allowed methods."""
    response = http_request(url, path, method)
    assert response.status == 405
    assert response.reason
    assert set(re.split(r",\s*", response.headers["Allow"])) == allowed


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"args": 1}', b'{"more": 1}', b'{"id": ""}',
        b"[" * 10_000,
        b'{"timeout_seconds": 0}', b'{"timeout_seconds": 61}', b'{"timeout_seconds": NaN}',
        b'{"args": {"a": 1e400}}',
        b'{"args": {"a": "\\ud800"}}', b'{"args": ' + b'{"a": ' * 2000,
    ],
)  # fmt: skip
def test_an_invalid_body_is_refused(shared: TemporaryHouse, url: str, body: bytes) -> None:
    """Status 400 with the reason in one line, and no command is sent."""
    before = len(shared.switchings("kitchen_lamp"))
    response = http_request(
        url, "/api/devices/kitchen_lamp/toggle", "POST", body, Content_Type="application/json"
    )
    assert response.status == 400
    assert "\n" not in response.reason
    assert len(shared.switchings("kitchen_lamp")) == before


@pytest.mark.parametrize("word", ["a%20b", "%C3%BC", "x" * 65, "%0a", "%00"])
def test_an_impossible_command_name_is_refused(url: str, word: str) -> None:
    """Status 400: no device can have the command."""
    assert http_request(url, f"/api/devices/toaster/{word}", "POST").status == 400


def test_a_body_over_16_kib_is_refused(url: str) -> None:
    """Status 413; up to 16 KiB are accepted."""
    long = b'{"id": "x"' + b" " * 16 * 1024 + b"}"
    response = http_request(url, "/api/devices/toaster/stop", "POST", long, Content_Type="application/json")
    assert response.status == 413
    assert response.reason
    short = b'{"id": "x"' + b" " * 16_000 + b"}"
    assert (
        http_request(url, "/api/devices/toaster/stop", "POST", short, Content_Type="application/json").status
        == 200
    )


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "text/plain; application/json", FORM, "multipart/form-data"]
)
def test_a_body_that_is_not_json_is_refused(shared: TemporaryHouse, url: str, kind: str | None) -> None:
    """Status 415: a form of another site cannot send a command."""
    before = len(shared.switchings("kitchen_lamp"))
    more: dict[str, Any] = {"Content_Type": kind} if kind else {}
    response = http_request(url, "/api/devices/kitchen_lamp/toggle", "POST", b"{}", **more)
    assert (response.status, response.reason) == (415, "the body must be application/json")
    assert len(shared.switchings("kitchen_lamp")) == before


def test_a_sender_of_too_many_commands_has_to_wait(url: str) -> None:
    """Status 429 with Retry-After, for this sender only, and only for a while."""
    where = urlsplit(url)
    one = b"POST /api/devices/toaster/stop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    one += b"Content-Length: 1\r\n"
    with socket.create_connection((where.hostname, where.port), source_address=("127.0.0.2", 0)) as sender:
        sender.sendall((one + b"\r\n{") * 399 + one + b"Connection: close\r\n\r\n{")
        text = b"".join(iter(lambda: sender.recv(65536), b""))
    answers = re.findall(rb"HTTP/1.1 (\d+)", text)
    assert len(answers) == 400
    assert set(answers) == {b"400", b"429"}
    assert answers[:40] == [b"400"] * 40
    refused = json.loads(re.findall(rb'\{"error": ?"too_many[^}]*\}', text)[0])
    assert refused == {"error": "too_many_requests", "reason": "more than 20 commands a second"}
    assert b"Retry-After: 1\r\n" in text
    assert http_post(url, "/api/devices/toaster/stop", source="127.0.0.3").status == 200
    eventually(lambda: http_post(url, "/api/devices/toaster/stop", source="127.0.0.2").status == 200)


# Headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_every_response_has_the_security_headers(url: str, path: str, host: str) -> None:
    """Successes and errors alike."""
    response = http_request(url, path, Host=host)
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert response.headers["Cache-Control"] == ("no-store" if path.startswith("/api/") else "no-cache")
    assert response.headers["Access-Control-Allow-Origin"] is None
    assert response.headers["Server"] == "House"


# Host name and origin


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8060", "[::1]:8060", socket.gethostname().upper()])
def test_a_host_name_of_the_house_is_accepted(url: str, host: str) -> None:
    """This machine's own name is accepted, too."""
    assert http_request(url, "/api/house", Host=host).status == 200


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/api/house", "/metrics", "/healthz", "/login"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8060", "localhost.evil.example", ""])
def test_a_foreign_host_name_is_refused(url: str, path: str, host: str) -> None:
    """Status 403 on every path: DNS rebinding reads nothing."""
    response = http_request(url, path, Host=host)
    assert response.status == 403
    assert "does not accept this host name" in response.reason


def test_a_foreign_host_name_in_the_request_line_is_refused(url: str) -> None:
    """This is the form that a proxy sends; other headers do not help."""
    assert http_request(url, "http://evil.example/api/house").status == 403
    assert http_request(url, "/api/house", Host="evil.example", X_Forwarded_Host="localhost").status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://localhost.evil.example"]
)
def test_another_site_is_refused(shared: TemporaryHouse, url: str, origin: str) -> None:
    """Another site can neither read nor send a command."""
    before = len(shared.switchings("kitchen_lamp"))
    assert http_request(url, "/api/house", Origin=origin).status == 403
    response = http_post(url, "/api/devices/kitchen_lamp/toggle", Origin=origin)
    assert (response.status, response.reason) == (403, "another site made this request")
    assert len(shared.switchings("kitchen_lamp")) == before
    assert http_request(url, "/login", "POST", b"token=x", Content_Type=FORM, Origin=origin).status == 403


def test_the_page_itself_is_accepted(url: str) -> None:
    """The scripts of the page send this origin."""
    assert http_post(url, "/api/devices/toaster/stop", Origin=url.rstrip("/")).status == 200


# The page's own files


def test_the_page_and_its_files_are_served(url: str) -> None:
    """Every file that the page refers to is served with the right type."""
    index = http_request(url, "/")
    assert (index.status, index.headers.get_content_type()) == (200, "text/html")
    wanted = re.findall(rb'(?:src|href)="(/page/[^"]+)"', index.body)
    assert wanted
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path in (path.decode() for path in wanted):
        found = http_request(url, path)
        assert found.status == 200, path
        kind = kinds.get(path.rpartition(".")[2])
        assert (
            kind is None or found.headers.get_content_type().replace("application/java", "text/java") == kind
        )


def test_an_unchanged_file_is_not_sent_again(url: str) -> None:
    """The browser revalidates its copy, and gets status 304."""
    first = http_request(url, "/page/index.html")
    again = http_request(url, "/page/index.html", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/page/../mirror.py", "/page/%2e%2e/mirror.py", "/page/..%2fmirror.py", "/page/%2e%2e%2fmirror.py",
        "/page/..\\mirror.py", "/page/..%5cmirror.py", "/page//etc/passwd", "/page/%2fetc/passwd",
        "/page/./../mirror.py", "/page/x/../../mirror.py", "/page/..;/mirror.py", "/page/%00",
        "/page/index.html%00.py",
        "/page/%252e%252e/mirror.py", "//etc/passwd", "/page", "/page/", "/page/../../run/token",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(url: str, path: str) -> None:
    """Any spelling of such a path has status 403 or 404, without any content or list of files."""
    response = http_request(url, path)
    assert response.status in {403, 404}
    assert not response.body or response.reason


@pytest.mark.parametrize(
    "path", ["http.py", "auth.py", "__init__.py", "../http.py", "__pycache__/http.cpython-311.pyc"]
)
def test_no_python_file_is_served(url: str, path: str) -> None:
    """The page's folder also has Python files, which browsers cannot read."""
    assert http_request(url, f"/page/{path}").status == 404


# The token


@pytest.fixture
def token(run: Path) -> str:
    """Make a token in this run directory."""
    return make_token()


async def sign_in(stub: PageStub, token: str, source: str = "127.0.0.1") -> HttpResponse:
    """Send a token, as the page's form does."""
    return await request(stub, "/login", "POST", f"token={token}".encode(), Content_Type=FORM, source=source)


async def test_without_a_token_no_sign_in_succeeds(run: Path) -> None:
    """No text is accepted as the token."""
    async with page() as stub:
        for text in ("", "x"):
            response = await sign_in(stub, text)
            assert (response.status, response.headers["Location"]) == (303, "/login?wrong")
            assert response.headers["Set-Cookie"] is None


async def test_with_a_token_every_route_needs_it(token: str) -> None:
    """A browser is redirected to the form, whose own files need no token."""
    async with page() as stub:
        response = await request(stub, "/")
        assert (response.status, response.headers["Location"]) == (303, "/login")
        for path in (
            "/api/house",
            "/api/devices/lamp",
            "/api/history",
            "/api/openapi.json",
            "/metrics",
            "/api/live",
            "/nothing",
        ):
            response = await request(stub, path)
            assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer"), path
            assert "house token" in response.reason
        assert (await request(stub, "/api/devices/lamp/on", "POST")).status == 401
        assert (await request(stub, "/healthz")).status == 200
        form = await request(stub, "/login")
        assert (form.status, form.headers.get_content_type()) == (200, "text/html")
        for path in re.findall(rb'(?:src|href)="(/page/[^"]+)"', form.body):
            assert (await request(stub, path.decode())).status == 200


async def test_a_wrong_token_is_refused(token: str) -> None:
    """Back to the form, without a cookie; the log has the address, and not the text."""
    async with page() as stub:
        for wrong in ("", "wrong-guess", token[:-1], token + "x"):
            response = await sign_in(stub, wrong)
            assert (response.status, response.headers["Location"]) == (303, "/login?wrong")
            assert response.headers["Set-Cookie"] is None
    assert "127.0.0.1 sent a wrong token" in stub.log_output.getvalue()
    assert "guess" not in stub.log_output.getvalue()


async def test_the_token_gives_a_cookie_that_authorizes(token: str) -> None:
    """HttpOnly and SameSite=Strict; the cookie is not the token; a Bearer header works, too."""
    async with page() as stub:
        response = await sign_in(stub, token)
        assert (response.status, response.headers["Location"]) == (303, "/")
        cookie, *rest = response.headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rest)
        assert "Secure" not in rest  # over plain HTTP a browser would not send a secure cookie
        assert cookie.startswith(f"{COOKIE_NAME}=")
        assert token not in cookie
        assert (await request(stub, "/", Cookie=cookie)).status == 200
        assert (await request(stub, "/api/house", Cookie=cookie)).status == 200
        assert (await request(stub, "/api/house", Cookie=cookie + "x")).status == 401
        assert (await request(stub, "/api/house", Authorization=f"Bearer {token}")).status == 200
        assert (await request(stub, "/api/house", Authorization="Bearer wrong", Cookie=cookie)).status == 401
        # the cookie counts only with a host name of the house, and from the page itself
        assert (await request(stub, "/api/house", Cookie=cookie, Host="evil.example")).status == 403
        assert (await request(stub, "/api/house", Cookie=cookie, Origin="http://evil.example")).status == 403
        make_token()
        assert (await request(stub, "/api/house", Cookie=cookie)).status == 401


async def test_sign_in_attempts_are_limited(token: str) -> None:
    """After five wrong tokens from one address, status 429; the right token is accepted all the same."""
    async with page() as stub:
        answers = [await sign_in(stub, "wrong", "127.0.0.4") for _ in range(12)]
        refused = [response for response in answers if response.status == 429]
        assert [response.status for response in answers[:5]] == [303] * 5
        assert len(refused) >= 5
        assert refused[0].headers["Retry-After"] == "5"
        assert refused[0].reason
        assert (await sign_in(stub, token, "127.0.0.4")).headers["Location"] == "/"
        assert (await sign_in(stub, token, "127.0.0.5")).headers["Location"] == "/"


async def test_a_token_that_cannot_be_read_closes_the_page(run: Path) -> None:
    """Status 503 on loopback too, once a minute in the log; only a missing file means that none is needed."""
    async with page() as stub:
        assert (await request(stub, "/api/house")).status == 200
        TOKEN_PATH.mkdir()
        for path in ("/", "/api/house", "/metrics", "/api/live", "/api/devices/lamp"):
            response = await request(stub, path)
            assert (response.status, response.reason) == (
                503,
                "the token cannot be read; the mirror's log has the reason",
            )
        assert (await request(stub, "/api/devices/lamp/on", "POST")).status == 503
        assert (await sign_in(stub, "x")).status == 503
        assert (await request(stub, "/healthz")).status == 200
        TOKEN_PATH.rmdir()
        assert (await request(stub, "/api/house")).status == 200
    assert stub.log_output.getvalue().count("\n") == 1
    assert "token cannot be read: Is a directory" in stub.log_output.getvalue()


async def test_wrong_tokens_of_programs_are_limited_and_logged_once_a_minute(token: str) -> None:
    """After five from one address, status 429; the right token and other addresses are accepted."""
    async with page() as stub:

        async def send(given: str, source: str) -> HttpResponse:
            return await request(stub, "/api/house", source=source, Authorization=f"Bearer {given}")

        answers = [await send("wrong-guess", "127.0.0.4") for _ in range(20)]
        assert [answer.status for answer in answers[:5]] == [401] * 5
        refused = [answer for answer in answers if answer.status == 429]
        assert len(refused) >= 10
        assert (refused[0].headers["Retry-After"], refused[0].reason) == (
            "5",
            "too many attempts; try again later",
        )
        assert (await send(token, "127.0.0.4")).status == 200
        assert (await send("wrong-guess", "127.0.0.5")).status == 401
        # a request without a token is no attempt, and a browser with an old cookie goes to the form
        without = [await request(stub, "/api/house", source="127.0.0.4") for _ in range(10)]
        assert {answer.status for answer in without} == {401}
        old = await request(stub, "/", source="127.0.0.4", Cookie=f"{COOKIE_NAME}=old")
        assert (old.status, old.headers["Location"]) == (303, "/login")
    lines = stub.log_output.getvalue().splitlines()
    assert [line.partition("stand: ")[2] for line in lines] == [
        "127.0.0.4 sent a wrong token",
        "127.0.0.5 sent a wrong token",
    ]


async def raw_request(stub: PageStub, text: bytes) -> bytes:
    """Send bytes to a page, and return all that it answers until it closes the connection."""
    where = urlsplit(stub.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(text)
        async with asyncio.timeout(patience()):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("name", [b"Authorization", b"Cookie", b"Origin", b"Host", b"Expect", b"X-Anything"])
@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"Bearer \xe9", b"house=\xe9", b"http://\xc3", b"\xed\xa0\x80"]
)
async def test_a_header_that_is_not_utf_8_is_refused(token: str, name: bytes, value: bytes) -> None:
    """Status 400 with the reason, and nothing is logged."""
    host = b"" if name == b"Host" else b"Host: localhost\r\n"
    async with page() as stub:
        for path in (b"/api/house", b"/login", b"/healthz", b"/api/live"):
            head = b"GET " + path + b" HTTP/1.1\r\n" + host + name + b": " + value
            answer = await raw_request(stub, head + b"\r\nConnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400 "), answer
            assert b"a header is not valid UTF-8" in answer
            assert b"X-Content-Type-Options: nosniff" in answer
    assert stub.log_output.getvalue() == ""


async def test_a_path_that_is_not_utf_8_is_refused(run: Path) -> None:
    """Such a request is an error of the client: no status 500, and no traceback in the log."""
    async with page() as stub:
        for path in (
            b"/\xff",
            b"/api/devices/\xff",
            b"/page/\xe9",
            b"/api/house?\xff=\xfe",
            b"/api/history?\xff",
        ):
            answer = await raw_request(
                stub, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            assert answer[8:13] in (b" 404 ", b" 400 ", b" 200 "), (path, answer)
    assert stub.log_output.getvalue() == ""


async def test_an_internal_error_that_repeats_does_not_fill_the_log(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has the tracebacks of the first five."""
    async with page() as stub:
        monkeypatch.setattr(type(stub.changes), "latest", lambda _: 1 / 0)
        assert {(await request(stub, "/api/house")).status for _ in range(20)} == {500}
        monkeypatch.undo()
    assert stub.log_output.getvalue().count("ZeroDivisionError") == 5


async def test_an_internal_error_is_reported_and_logged(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 500 as JSON; only the log has the traceback, and the page continues."""
    async with page() as stub:
        monkeypatch.setattr(type(stub.changes), "latest", lambda _: 1 / 0)
        response = await request(stub, "/api/house")
        assert (response.status, response.json["error"]) == (500, "internal_server_error")
        assert b"ZeroDivisionError" not in response.body
        monkeypatch.undo()
    assert "GET /api/house failed" in stub.log_output.getvalue()
    assert "ZeroDivisionError" in stub.log_output.getvalue()


def test_many_requests_at_once_are_answered(url: str) -> None:
    """Forty requests on forty connections."""
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(http_request(url, "/api/house").status))
        for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_with_a_broken_encoding_is_refused(url: str, coding: str) -> None:
    """Status 400: this is the client's mistake, and is not logged."""
    response = http_request(
        url,
        "/api/devices/toaster/stop",
        "POST",
        b"garbage",
        Content_Type="application/json",
        Content_Encoding=coding,
    )
    assert response.status == 400


@pytest.mark.parametrize(
    ("kind", "body", "source"),
    [
        ("application/x-www-form-urlencoded", b"token=\xff\xfe", "127.0.0.21"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"token=x", "127.0.0.22"),
        ("multipart/form-data; boundary=x", b"--x\r\nbad", "127.0.0.23"),
    ],
)
def test_a_broken_form_is_refused(url: str, kind: str, body: bytes, source: str) -> None:
    """Any client can send a broken form without a token, so it is not logged."""
    assert http_request(url, "/login", "POST", body, Content_Type=kind, source=source).status in {303, 400}


def test_a_history_begins_at_1970_at_the_earliest(url: str) -> None:
    """A longer duration is cut off."""
    assert http_request(url, "/api/history?since=36000d").json["since"] >= 0


@pytest.mark.parametrize("path", ["/page/nothing.js", "/page/a/b.js"])
def test_a_missing_file_has_a_reason(url: str, path: str) -> None:
    """A missing file is an error in the usual format."""
    assert http_request(url, path).reason
