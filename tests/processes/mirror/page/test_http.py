"""The page over HTTP, as docs/page.md has it: each route, each refusal, and who is let in."""

import asyncio
import json
import os
import re
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from daemons.processes.mirror.page.auth import COOKIE, make_token
from tests.support import page_server
from tests.support.house import Household, eventually
from tests.support.page_client import SMALL, Answer, ask, post, url_of
from tests.support.page_server import Stand, serving

FORM = "application/x-www-form-urlencoded"
PATHS = (
    "/", "/login", "/page/index.html", "/page/", "/api/house", "/api/devices/toaster", "/api/devices/x",
    "/api/history", "/api/openapi.json", "/api/live", "/metrics", "/healthz", "/nothing",
)  # fmt: skip


@contextmanager
def frozen(house: Household, name: str) -> Iterator[None]:
    """Have a process stand still for a while."""
    pid = house.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def page(made: Stand | None = None) -> AsyncIterator[Stand]:
    """Have a page without a house."""
    made = made or Stand()
    made.show_all()
    async with serving(made):
        yield made


async def request(made: Stand, path: str, *args: Any, **more: Any) -> Answer:
    """Make a request of a page that is served in this loop."""
    return await asyncio.to_thread(ask, made.url, path, *args, **more)


# What is answered


def test_the_house(url: str) -> None:
    """The whole of it, in the order of the document; docs/page.md's example has the same keys."""
    told = ask(url, "/api/house").json
    assert told["type"] == "house"
    assert told["house"] == {
        "name": "Breakfast house",
        "timezone": "Europe/Berlin",
        "locale": "en-GB",
        "host": None,
    }
    names = {"bathroom_light", "mirror", "coffee_maker", "toaster", "kitchen_lamp"}
    assert told["devices"].keys() == names
    assert told["services"].keys() == {"steward", "recorder"}
    assert told["devices"]["toaster"]["hears"] == ["bathroom_light"]
    eventually(lambda: all(d["presence"] == "live" for d in ask(url, "/api/house").json["devices"].values()))


def test_one_device(url: str) -> None:
    """Its part of the house."""
    whole, alone = ask(url, "/api/house").json["devices"]["mirror"], ask(url, "/api/devices/mirror").json
    assert alone.keys() == whole.keys()
    assert alone["state"]["url"] == url
    assert (alone["name"], alone["boot"]) == ("Smart mirror", whole["boot"])


def test_a_command_and_its_receipt(shared: Household, url: str) -> None:
    """With a body or without; the hardware has done it, and the mirror knows of it."""
    answer = post(url, "/api/devices/kitchen_lamp/off")
    assert answer.status == 200
    assert answer.json.keys() == {"id", "device", "outcome", "at", "took_seconds"}
    answer = post(
        url, "/api/devices/kitchen_lamp/on", {"args": {"brightness_percent": 37}, "id": "thirty-seven"}
    )
    assert (answer.status, answer.json["id"], answer.json["outcome"]) == (200, "thirty-seven", "applied")
    eventually(lambda: ask(url, "/api/devices/kitchen_lamp").json["state"]["brightness_percent"] == 37)
    assert ask(url, "/api/devices/kitchen_lamp").json["cause"] == "thirty-seven"
    assert shared.witness("kitchen_lamp")[-1].what == "on"


def test_the_same_id_is_not_done_twice(shared: Household, url: str) -> None:
    """It gets the receipt that it got."""
    before = len(shared.witness("kitchen_lamp"))
    first, second = (
        post(url, "/api/devices/kitchen_lamp/toggle", {"id": "only-once"}).json for _ in range(2)
    )
    assert first.pop("took_seconds") >= 0
    assert second.pop("took_seconds") >= 0
    assert first == second
    assert len(shared.witness("kitchen_lamp")) == before + 1


def test_a_rejected_command_is_a_conflict(url: str) -> None:
    """The receipt says why."""
    answer = post(url, "/api/devices/toaster/start", {"args": {"browning": 99}})
    assert (answer.status, answer.json["outcome"], answer.json["device"]) == (409, "rejected", "toaster")
    assert "browning" in answer.json["reason"]
    answer = post(url, "/api/devices/toaster/fly")
    assert (answer.status, answer.json["outcome"]) == (409, "rejected")
    assert "start, stop" in answer.json["reason"]


async def test_a_command_that_came_too_late_is_a_conflict(run: Path) -> None:
    """The device says so itself."""
    late = page_server.receipt("expired", reason="its deadline has passed")
    async with page() as made, page_server.device("toaster", late):
        answer = await request(made, "/api/devices/toaster/start", "POST")
    assert (answer.status, answer.json["outcome"]) == (409, "expired")


def test_a_device_that_says_nothing(shared: Household, url: str) -> None:
    """504 after the time that was asked for, and the lamp does not do it later."""
    before = len(shared.witness("kitchen_lamp"))
    with frozen(shared, "kitchen_lamp"):
        answer = post(url, "/api/devices/kitchen_lamp/toggle", {"timeout_seconds": 0.2, "id": "late"})
        assert (answer.status, answer.json["outcome"]) == (504, "unanswered")
        assert answer.json["reason"] == "kitchen_lamp said nothing for 0.2 s"
        assert answer.json["took_seconds"] >= 0.2
        assert post(url, "/api/devices/toaster/stop").status == 200
    assert post(url, "/api/devices/kitchen_lamp/fly").status == 409
    assert len(shared.witness("kitchen_lamp")) == before


def test_history(url: str) -> None:
    """Of all devices, or of those that are named; what was is told once the recorder has it."""
    post(url, "/api/devices/kitchen_lamp/toggle", {"id": "for-the-record"})
    told: Any = eventually(
        lambda: (
            (found := ask(url, "/api/history?device=kitchen_lamp&since=1h").json)
            and any(s["cause"] == "for-the-record" for s in found["devices"]["kitchen_lamp"]["stretches"])
            and found
        )
    )
    assert told.keys() == {"since", "until", "resolution_seconds", "devices", "causes"}
    assert told["devices"].keys() == {"kitchen_lamp"}
    assert told["until"] - told["since"] == pytest.approx(3600, abs=1)
    assert told["causes"]["for-the-record"]["device"] == "kitchen_lamp"
    assert told["devices"]["kitchen_lamp"]["stretches"][-1]["to"] is None
    whole = ask(url, "/api/history?since=90s&points=10").json
    assert {"toaster", "coffee_maker", "bathroom_light", "kitchen_lamp"} <= whole["devices"].keys()


@pytest.mark.parametrize(
    "query",
    [
        "points=9", "points=2001", "points=x", "points=", "points=%C2%B2", "since=x", "since=-1", "since=nan",
        "since=inf", "since=1e400", "until=yesterday", "since=1h&until=2h", "since=", "devices=toaster",
        "Since=1h",
    ],
)  # fmt: skip
def test_a_history_that_makes_no_sense(url: str, query: str) -> None:
    """400 with the reason."""
    answer = ask(url, f"/api/history?{query}")
    assert answer.status == 400
    assert answer.reason


def test_no_history_without_a_recorder(household: Any) -> None:
    """503, and all else is served; a lamp alone is a whole house."""
    house = household(SMALL.replace("port = 0", 'port = 0\nhosts = ["house.example"]'))
    house.house("up")
    url = url_of(house)
    answer = ask(url, "/api/history")
    assert answer.status == 503
    assert answer.reason
    assert ask(url, "/api/house").json["services"].keys() == {"steward"}
    assert ask(url, "/healthz", Host="house.example").status == 200
    assert ask(url, "/healthz", Host="other.example").status == 403


def test_health(url: str) -> None:
    """All is well."""
    assert ask(url, "/healthz").json == {"ok": True}


async def test_a_page_whose_mirror_stands_still_is_not_well(run: Path) -> None:
    """It says so to whoever watches it, and still shows what is known."""
    async with page() as made:
        assert (await request(made, "/healthz")).status == 200
        made.server._ticked -= 1000
        answer = await request(made, "/healthz")
        assert (answer.status, answer.reason) == (503, "the mirror behind this page is not at work")
        assert (await request(made, "/api/house")).status == 200


async def test_a_device_of_which_nothing_is_known_yet(run: Path) -> None:
    """503: it is there, but there is nothing to tell."""
    async with serving(made := Stand()):
        answer = await request(made, "/api/devices/lamp")
    assert (answer.status, answer.reason) == (503, "nothing is known of it yet")


def test_a_head_is_a_get_without_its_body(url: str) -> None:
    """For who wants to know only whether it is there."""
    answer = ask(url, "/api/house", "HEAD")
    assert (answer.status, answer.body, answer.headers.get_content_type()) == (200, b"", "application/json")


# What is refused


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404), ("/api", 404), ("/api/", 404), ("/api/house/", 404), ("/api/devices/nobody", 404),
        ("/api/devices/", 404), ("/api/devices/%ff", 404), ("/api/devices/a%0d%0ab", 404),
        ("/api/devices/steward", 404), ("/api/devices/..", 404), ("/api/history?device=nobody", 404),
        ("/api/history?device=%ff%0a", 404), ("/api/live?device=nobody", 404), ("/api/live?room=Attic", 404),
        ("/api/live", 400),
    ],
)  # fmt: skip
def test_what_there_is_not(url: str, path: str, status: int) -> None:
    """Each refusal is JSON with the word and the reason."""
    answer = ask(url, path)
    assert answer.status == status
    assert answer.reason


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/api/house", "POST", {"GET", "HEAD"}), ("/api/devices/toaster", "DELETE", {"GET", "HEAD"}),
        ("/api/devices/toaster/start", "GET", {"POST"}), ("/api/devices/toaster/start", "PUT", {"POST"}),
        ("/login", "PATCH", {"GET", "HEAD", "POST"}), ("/metrics", "POST", {"GET", "HEAD"}),
        ("/api/house", "OPTIONS", {"GET", "HEAD"}), ("/healthz", "TRACE", {"GET", "HEAD"}),
    ],
)  # fmt: skip
def test_a_method_that_is_not_allowed(url: str, path: str, method: str, allowed: set[str]) -> None:
    """It says which are."""
    answer = ask(url, path, method)
    assert answer.status == 405
    assert answer.reason
    assert set(re.split(r",\s*", answer.headers["Allow"])) == allowed


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
def test_a_body_that_is_no_wish(shared: Household, url: str, body: bytes) -> None:
    """400 with the reason in one line, and nothing is done."""
    before = len(shared.witness("kitchen_lamp"))
    answer = ask(url, "/api/devices/kitchen_lamp/toggle", "POST", body, Content_Type="application/json")
    assert answer.status == 400
    assert "\n" not in answer.reason
    assert len(shared.witness("kitchen_lamp")) == before


@pytest.mark.parametrize("word", ["a%20b", "%C3%BC", "x" * 65, "%0a", "%00"])
def test_a_word_that_can_be_no_command(url: str, word: str) -> None:
    """400: no device could have it."""
    assert ask(url, f"/api/devices/toaster/{word}", "POST").status == 400


def test_a_body_that_is_too_long(url: str) -> None:
    """413; up to 16 KiB it is read."""
    long = b'{"id": "x"' + b" " * 16 * 1024 + b"}"
    answer = ask(url, "/api/devices/toaster/stop", "POST", long, Content_Type="application/json")
    assert answer.status == 413
    assert answer.reason
    short = b'{"id": "x"' + b" " * 16_000 + b"}"
    assert ask(url, "/api/devices/toaster/stop", "POST", short, Content_Type="application/json").status == 200


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "text/plain; application/json", FORM, "multipart/form-data"]
)
def test_a_body_that_another_site_could_send_unasked(shared: Household, url: str, kind: str | None) -> None:
    """415: what a form can send is no JSON, and nothing is done."""
    before = len(shared.witness("kitchen_lamp"))
    more: dict[str, Any] = {"Content_Type": kind} if kind else {}
    answer = ask(url, "/api/devices/kitchen_lamp/toggle", "POST", b"{}", **more)
    assert (answer.status, answer.reason) == (415, "the body has to be application/json")
    assert len(shared.witness("kitchen_lamp")) == before


def test_too_many_commands(url: str) -> None:
    """429 with how long to wait; for who sends them, and for nobody else; and it passes."""
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
    assert post(url, "/api/devices/toaster/stop", source="127.0.0.3").status == 200
    eventually(lambda: post(url, "/api/devices/toaster/stop", source="127.0.0.2").status == 200)


# Headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_every_answer_says_what_a_browser_must_not_do(url: str, path: str, host: str) -> None:
    """Answers and refusals alike."""
    answer = ask(url, path, Host=host)
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert answer.headers["Cache-Control"] == ("no-store" if path.startswith("/api/") else "no-cache")
    assert answer.headers["Access-Control-Allow-Origin"] is None
    assert answer.headers["Server"] == "House"


# By which name, and from which site


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8060", "[::1]:8060", socket.gethostname().upper()])
def test_a_right_name(url: str, host: str) -> None:
    """Also this machine's own."""
    assert ask(url, "/api/house", Host=host).status == 200


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/api/house", "/metrics", "/healthz", "/login"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8060", "localhost.evil.example", ""])
def test_a_wrong_name(url: str, path: str, host: str) -> None:
    """403 for everything: a name that was bound to this address by a stranger sees nothing."""
    answer = ask(url, path, Host=host)
    assert answer.status == 403
    assert "not called by that name" in answer.reason


def test_a_wrong_name_in_the_request_line(url: str) -> None:
    """As a proxy would write it; what it says beside does not help."""
    assert ask(url, "http://evil.example/api/house").status == 403
    assert ask(url, "/api/house", Host="evil.example", X_Forwarded_Host="localhost").status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://localhost.evil.example"]
)
def test_another_site(shared: Household, url: str, origin: str) -> None:
    """It can neither read nor have something done."""
    before = len(shared.witness("kitchen_lamp"))
    assert ask(url, "/api/house", Origin=origin).status == 403
    answer = post(url, "/api/devices/kitchen_lamp/toggle", Origin=origin)
    assert (answer.status, answer.reason) == (403, "the request was made by another site")
    assert len(shared.witness("kitchen_lamp")) == before
    assert ask(url, "/login", "POST", b"token=x", Content_Type=FORM, Origin=origin).status == 403


def test_our_own_site(url: str) -> None:
    """What our page's scripts send."""
    assert post(url, "/api/devices/toaster/stop", Origin=url.rstrip("/")).status == 200


# The page's own files


def test_the_page_is_there(url: str) -> None:
    """With everything that it asks for, and each of its kind."""
    index = ask(url, "/")
    assert (index.status, index.headers.get_content_type()) == (200, "text/html")
    wanted = re.findall(rb'(?:src|href)="(/page/[^"]+)"', index.body)
    assert wanted
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    for path in (path.decode() for path in wanted):
        found = ask(url, path)
        assert found.status == 200, path
        kind = kinds.get(path.rpartition(".")[2])
        assert (
            kind is None or found.headers.get_content_type().replace("application/java", "text/java") == kind
        )


def test_a_file_that_did_not_change_is_not_sent_again(url: str) -> None:
    """The browser asks, and is told to take what it has."""
    first = ask(url, "/page/index.html")
    again = ask(url, "/page/index.html", If_None_Match=first.headers["ETag"])
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
def test_no_way_leads_out_of_the_folder(url: str, path: str) -> None:
    """Written in whatever way: refused, with nothing of what is there; no list of files either."""
    answer = ask(url, path)
    assert answer.status in {403, 404}
    assert not answer.body or answer.reason


@pytest.mark.parametrize(
    "path", ["web.py", "gate.py", "__init__.py", "../web.py", "__pycache__/web.cpython-311.pyc"]
)
def test_no_source_of_the_mirrors_is_served(url: str, path: str) -> None:
    """Beside the browser's files lie our own: they are nobody's business."""
    assert ask(url, f"/page/{path}").status == 404


# The token


@pytest.fixture
def token(run: Path) -> str:
    """Have a token in this run directory."""
    return make_token()


async def login(made: Stand, token: str, source: str = "127.0.0.1") -> Answer:
    """Bring a token, as the page's form does."""
    return await request(made, "/login", "POST", f"token={token}".encode(), Content_Type=FORM, source=source)


async def test_without_a_token_there_is_nothing_to_log_in_with(run: Path) -> None:
    """And nothing fits."""
    async with page() as made:
        for nothing in ("", "x"):
            answer = await login(made, nothing)
            assert (answer.status, answer.headers["Location"]) == (303, "/login?wrong")
            assert answer.headers["Set-Cookie"] is None


async def test_with_a_token_everything_asks_for_it(token: str) -> None:
    """A browser is sent to where it can bring it; the files of that page are there for everybody."""
    async with page() as made:
        answer = await request(made, "/")
        assert (answer.status, answer.headers["Location"]) == (303, "/login")
        for path in (
            "/api/house",
            "/api/devices/lamp",
            "/api/history",
            "/api/openapi.json",
            "/metrics",
            "/api/live",
            "/nothing",
        ):
            answer = await request(made, path)
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), path
            assert "house token" in answer.reason
        assert (await request(made, "/api/devices/lamp/on", "POST")).status == 401
        assert (await request(made, "/healthz")).status == 200
        form = await request(made, "/login")
        assert (form.status, form.headers.get_content_type()) == (200, "text/html")
        for path in re.findall(rb'(?:src|href)="(/page/[^"]+)"', form.body):
            assert (await request(made, path.decode())).status == 200


async def test_a_wrong_token(token: str) -> None:
    """Back to the form, without a cookie; the log tells from where, and not what was tried."""
    async with page() as made:
        for wrong in ("", "wrong-guess", token[:-1], token + "x"):
            answer = await login(made, wrong)
            assert (answer.status, answer.headers["Location"]) == (303, "/login?wrong")
            assert answer.headers["Set-Cookie"] is None
    assert "127.0.0.1 brought a wrong token" in made.written.getvalue()
    assert "guess" not in made.written.getvalue()


async def test_the_right_token_gives_a_cookie_that_lets_in(token: str) -> None:
    """HttpOnly and SameSite=Strict; it is not the token; Bearer does as well."""
    async with page() as made:
        answer = await login(made, token)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie, *rest = answer.headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rest)
        assert "Secure" not in rest  # over plain HTTP a browser would not bring it
        assert cookie.startswith(f"{COOKIE}=")
        assert token not in cookie
        assert (await request(made, "/", Cookie=cookie)).status == 200
        assert (await request(made, "/api/house", Cookie=cookie)).status == 200
        assert (await request(made, "/api/house", Cookie=cookie + "x")).status == 401
        assert (await request(made, "/api/house", Authorization=f"Bearer {token}")).status == 200
        assert (await request(made, "/api/house", Authorization="Bearer wrong", Cookie=cookie)).status == 401
        # the cookie counts for who was called by the right name, by our own page, and not otherwise
        assert (await request(made, "/api/house", Cookie=cookie, Host="evil.example")).status == 403
        assert (await request(made, "/api/house", Cookie=cookie, Origin="http://evil.example")).status == 403
        make_token()
        assert (await request(made, "/api/house", Cookie=cookie)).status == 401


async def test_guessing_is_slowed_down(token: str) -> None:
    """After five tries from one address even the right token waits; another address does not."""
    async with page() as made:
        answers = [await login(made, "wrong", "127.0.0.4") for _ in range(12)]
        refused = [answer for answer in answers if answer.status == 429]
        assert [answer.status for answer in answers[:5]] == [303] * 5
        assert len(refused) >= 5
        assert refused[0].headers["Retry-After"] == "5"
        assert refused[0].reason
        assert (await login(made, token, "127.0.0.4")).status == 429
        assert (await login(made, token, "127.0.0.5")).headers["Location"] == "/"


async def test_a_mistake_of_ours_is_told_and_logged(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """500 as JSON without the traceback, which is in the log; the page goes on."""
    async with page() as made:
        monkeypatch.setattr(type(made.board), "latest", lambda _: 1 / 0)
        answer = await request(made, "/api/house")
        assert (answer.status, answer.json["error"]) == (500, "internal_server_error")
        assert b"ZeroDivisionError" not in answer.body
        monkeypatch.undo()
    assert "GET /api/house failed" in made.written.getvalue()
    assert "ZeroDivisionError" in made.written.getvalue()


def test_many_at_once(url: str) -> None:
    """Forty requests on forty connections are all answered."""
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(url, "/api/house").status)) for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_body_in_a_broken_coding(url: str, coding: str) -> None:
    """400: it is the client's mistake, and no line of ours."""
    answer = ask(
        url,
        "/api/devices/toaster/stop",
        "POST",
        b"garbage",
        Content_Type="application/json",
        Content_Encoding=coding,
    )
    assert answer.status == 400


@pytest.mark.parametrize(
    ("kind", "body", "source"),
    [
        ("application/x-www-form-urlencoded", b"token=\xff\xfe", "127.0.0.21"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"token=x", "127.0.0.22"),
        ("multipart/form-data; boundary=x", b"--x\r\nbad", "127.0.0.23"),
    ],
)
def test_a_form_that_cannot_be_read(url: str, kind: str, body: bytes, source: str) -> None:
    """Nobody needs a token to send one, so it must not fill the log."""
    assert ask(url, "/login", "POST", body, Content_Type=kind, source=source).status in {303, 400}


def test_a_history_since_before_all_time(url: str) -> None:
    """Nothing was before 1970."""
    assert ask(url, "/api/history?since=99999999999d").json["since"] >= 0


@pytest.mark.parametrize("path", ["/page/nothing.js", "/page/a/b.js"])
def test_a_file_that_is_not_there(url: str, path: str) -> None:
    """404 with a reason, like any other."""
    assert ask(url, path).reason
