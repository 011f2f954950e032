"""Messages by HTTP POST, to servers on loopback that answer well, badly, late, twice or never."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from daemons.config import device
from daemons.values import Problem
from tests.support.loopback_server import (
    Behaviour,
    LoopbackServer,
    after_request,
    deliver,
    http,
    opened,
    reason,
    result,
)
from tests.support.mosquitto import make_certificate
from tests.support.patience import patience
from tests.support.ports import free_port
from tests.support.silent_host import silent_port


def secret_file(folder: Path, text: str) -> str:
    """Return a file that only its owner can read."""
    path = folder / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def test_a_message_is_posted_with_its_key(tmp_path: Path) -> None:
    """The body is JSON. The key is the same for each attempt, and a repeat is marked."""
    token = secret_file(tmp_path, "tk_secret\n")
    with LoopbackServer(http(204)) as server, opened("webhook", url=server.url, token_file=token) as driver:
        reading = deliver(driver, title="Cold", urgent=True)
        assert (result(reading), reading.reachable, reason(reading)) == ("taken", True, "")
        deliver(driver, attempt=2, is_repeat=True)
    heads, bodies = zip(*(request.split(b"\r\n\r\n") for request in server.received), strict=True)
    for head in heads:
        assert head.startswith(b"POST /hook HTTP/1.1\r\n")
        assert b"Idempotency-Key: phone-197e-1\r\n" in head
        assert b"Authorization: Bearer tk_secret" in head
    first, second = map(json.loads, bodies)
    assert first == {
        "device": "phone",
        "id": "197e-1",
        "title": "Cold",
        "text": "The freezer is warm.",
        "urgent": True,
        "repeat": False,
    }
    assert second["repeat"] is True


def test_other_services_have_other_keys() -> None:
    """Discord has another key for the text, and Telegram needs one more."""
    options: dict[str, Any] = {"text_key": "content", "add": {"chat_id": 17}}
    with LoopbackServer(http(200)) as server, opened("webhook", url=server.url, **options) as driver:
        assert result(deliver(driver)) == "taken"
    found = json.loads(server.received[0].partition(b"\r\n\r\n")[2])
    assert (found["content"], found["chat_id"], "text" in found) == ("The freezer is warm.", 17, False)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, "refused"),
        (410, "refused"),
        (413, "refused"),
        (422, "refused"),
        (301, "refused_for_now"),
        (401, "refused_for_now"),
        (403, "refused_for_now"),
        (404, "refused_for_now"),
        (408, "refused_for_now"),
        (429, "refused_for_now"),
        (500, "refused_for_now"),
        (503, "refused_for_now"),
        (502, "unknown"),
        (504, "unknown"),
    ],
)
def test_a_status_decides(status: int, expected: str) -> None:
    """What a person can repair is no reason to lose a message. A gateway may have passed it on."""
    with (
        LoopbackServer(http(status, b"no \x1b[2J thanks")) as server,
        opened("webhook", url=server.url) as driver,
    ):
        reading = deliver(driver)
        assert result(reading) == expected
        assert f"127.0.0.1:{server.port}: HTTP {status}" in reason(reading)
        assert "no [2J thanks" in reason(reading).replace("  ", " ")
        assert reading.reachable is True


BAD: dict[str, tuple[Behaviour, str]] = {
    "it hangs": (after_request(then="hang"), "no answer within 1 s"),
    "it hangs after the status": (after_request(b"HTTP/1.1 200", then="hang"), "no answer within 1 s"),
    "it dies": (after_request(), "ended the connection without an answer"),
    "garbage": (after_request(b"\x00\xff" * 500), "its answer is not HTTP"),
    "megabytes of garbage": (after_request(b"x" * 65536, then="repeat"), "its answer is not HTTP"),
    "megabytes of headers": (
        after_request(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 9999, then="repeat"),
        "its answer is not HTTP",
    ),
    "for ever informational": (after_request(b"HTTP/1.1 100 Continue\r\n\r\n" * 99, then="repeat"), "answer"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_server_that_does_not_answer_properly_leaves_the_outcome_unknown(name: str) -> None:
    """It may have taken the message. The attempt ends in time, and the driver goes on."""
    behave, words = BAD[name]
    with LoopbackServer(behave) as server, opened("webhook", url=server.url, timeout="1s") as driver:
        began = time.monotonic()
        reading = deliver(driver)
        assert time.monotonic() - began < patience(5)
        assert result(reading) == "unknown"
        assert words in reason(reading)
        assert len(reason(reading)) < 400
        server.behave = http(200)
        assert result(deliver(driver, attempt=2)) == "taken"


@pytest.mark.parametrize(
    "behave",
    [
        http(200, b"ok", times=2),
        after_request(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, then="repeat"),
        after_request(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"),
        after_request(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
    ],
    ids=["twice", "megabytes", "half", "informational"],
)
def test_the_status_is_enough(behave: Behaviour) -> None:
    """A second answer, an endless body and half a body change nothing."""
    with LoopbackServer(behave) as server, opened("webhook", url=server.url, timeout="2s") as driver:
        assert result(deliver(driver)) == "taken"


def test_a_server_that_is_not_there_has_not_taken_the_message() -> None:
    """The reason names the host and the port."""
    port = free_port()
    with opened("webhook", url=f"http://127.0.0.1:{port}/secret") as driver:
        reading = deliver(driver)
    assert (result(reading), reading.reachable) == ("refused_for_now", False)
    assert reason(reading) == f"127.0.0.1:{port}: Connection refused"


def test_a_host_without_power_has_not_taken_the_message() -> None:
    """The time limit holds for the connection too."""
    with silent_port() as port, opened("webhook", url=f"http://127.0.0.1:{port}", timeout="1s") as driver:
        reading = deliver(driver)
    assert (result(reading), reason(reading)) == (
        "refused_for_now",
        f"127.0.0.1:{port}: no answer within 1 s",
    )


def test_tls_is_verified(tmp_path: Path) -> None:
    """A certificate of an unknown authority is refused before anything is sent."""
    good, other = make_certificate(tmp_path, "good"), make_certificate(tmp_path, "other")
    with LoopbackServer(http(200), certificate=good) as server:
        for authority in (None, str(other)):
            with opened("webhook", url=server.url, certificate_authority=authority) as driver:
                reading = deliver(driver)
                assert result(reading) == "refused_for_now"
                assert "its certificate is refused" in reason(reading)
        assert not server.received
        with opened("webhook", url=server.url, certificate_authority=str(good)) as driver:
            assert result(deliver(driver)) == "taken"
        with opened("webhook", url=server.url, certificate_authority="/nowhere") as driver:
            assert "the file /nowhere cannot be read" in reason(deliver(driver))


def test_no_secret_is_in_a_reason_or_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server quotes the token and the path; an address in a file is a secret too."""
    caplog.set_level(logging.DEBUG)
    token = tmp_path / "token"
    token.write_text("tk_secret")
    token.chmod(0o600)
    with LoopbackServer(http(403, b"no tk_secret at /hook")) as server:
        address = secret_file(tmp_path, server.url)
        with opened("webhook", url_file=address, token_file=str(token)) as driver:
            text = reason(deliver(driver))
    assert "no *** at ***" in text
    assert "tk_secret" not in caplog.text
    assert "/hook" not in caplog.text


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("ftp://example.org/x-secret", 0o600, "must be http"),
        ("http://host:port/x-secret", 0o600, "is no URL"),
        ("", 0o600, "is empty"),
        ("http://127.0.0.1/x-secret", 0o644, "can be read by others"),
    ],
)
def test_a_bad_secret_file_keeps_the_message(tmp_path: Path, content: str, mode: int, words: str) -> None:
    """The reason says what to do, and not what is in the file."""
    path = Path(secret_file(tmp_path, content))
    path.chmod(mode)
    with opened("webhook", url_file=str(path)) as driver:
        reading = deliver(driver)
        assert result(reading) == "refused_for_now"
        assert words in reason(reading)
        assert "x-secret" not in reason(reading)


def test_a_token_that_no_header_can_have_is_not_shown(tmp_path: Path) -> None:
    """The reason does not quote it."""
    token = secret_file(tmp_path, "tk secret")
    with LoopbackServer(http(200)) as server, opened("webhook", url=server.url, token_file=token) as driver:
        reading = deliver(driver)
    assert result(reading) == "refused_for_now"
    assert "characters that no token has" in reason(reading)
    assert "secret" not in reason(reading)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either url or url_file names the address"),
        ({"url": "http://a", "url_file": "/b"}, "either url or url_file names the address"),
        ({"url": "http://me:secret@a"}, "without a user"),
        ({"url": "gopher://a"}, "is not allowed; url takes"),
        ({"url": "http://a", "timeout": "2m"}, "timeout must be from 1s to 60s"),
    ],
)
def test_bad_options_are_refused(options: dict[str, str], words: str) -> None:
    """The problem says what is allowed."""
    problems: list[Problem] = []
    table = {"kind": "messenger", "driver": "webhook", "webhook": options}
    device.build("phone", table, ("devices", "phone"), problems)
    assert words in str(problems)
