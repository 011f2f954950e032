"""Push messages through ntfy: its JSON, and servers on loopback that are none."""

import json
from pathlib import Path

import pytest

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

PUBLISHED = json.dumps({"id": "sPs71M8A2T", "time": 1643935928, "event": "message", "topic": "home"}).encode()


def base(server: LoopbackServer) -> str:
    """Return the address of a server without a path."""
    return server.url.removesuffix("/hook")


def test_a_message_is_published_as_json(tmp_path: Path) -> None:
    """An urgent one has the highest priority. The key is the sequence id, the same for each attempt."""
    token = tmp_path / "token"
    token.write_text("tk_secret")
    token.chmod(0o600)
    with (
        LoopbackServer(http(200, PUBLISHED)) as server,
        opened(
            "ntfy", topic="home", server=base(server), token_file=str(token), click="https://house.lan/"
        ) as driver,
    ):
        assert result(deliver(driver, urgent=True, title="Kälte 🧊")) == "taken"
        assert result(deliver(driver, attempt=2, is_repeat=True)) == "taken"
    head, _, body = server.received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    assert b"Authorization: Bearer tk_secret" in head
    assert json.loads(body) == {
        "topic": "home",
        "message": "The freezer is warm.",
        "title": "Kälte 🧊",
        "priority": 5,
        "sequence_id": "phone-197e-1",
        "click": "https://house.lan/",
    }
    second = json.loads(server.received[1].partition(b"\r\n\r\n")[2])
    assert (second["sequence_id"], second["priority"]) == ("phone-197e-1", 3)


def test_the_link_of_a_message_is_a_button(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The app sends the request itself, and removes the notification."""
    monkeypatch.chdir(tmp_path)
    with (
        LoopbackServer(http(200, b'{"event": "message"}')) as server,
        opened("ntfy", topic="home", server=base(server)) as driver,
    ):
        assert result(deliver(driver, urgent=True, link="http://house.lan:8060", id="197e-1")) == "taken"
    body = json.loads(server.received[0].partition(b"\r\n\r\n")[2])
    (action,) = body["actions"]
    assert {key: action[key] for key in ("action", "method", "clear")} == {
        "action": "http", "method": "POST", "clear": True,
    }  # fmt: skip
    assert action["url"].startswith("http://house.lan:8060/seen/phone.197e-1.")
    assert body["message"] == "The freezer is warm."


def test_a_message_is_sent_without_a_link_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning is enough: the message counts more than its link."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "acknowledge.key").write_bytes(b"broken")
    with (
        LoopbackServer(http(200, b'{"event": "message"}')) as server,
        opened("ntfy", topic="home", server=base(server)) as driver,
    ):
        assert result(deliver(driver, urgent=True, link="http://house.lan:8060", id="197e-1")) == "taken"
    assert "actions" not in json.loads(server.received[0].partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("body", [b"<html>Sign in to the hotel</html>", b"[1]", b"{}", b"[" * 9999])
def test_a_page_of_a_hotel_is_not_ntfy(body: bytes) -> None:
    """A status of 200 is not enough: the answer must be that of ntfy."""
    with (
        LoopbackServer(http(200, body)) as server,
        opened("ntfy", topic="home", server=base(server)) as driver,
    ):
        reading = deliver(driver)
        assert result(reading) == "refused_for_now"
        assert "its answer is not that of ntfy" in reason(reading)


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, "invalid topic", "refused"),
        (401, "unauthorized", "refused_for_now"),
        (429, "limit reached", "refused_for_now"),
        (507, "insufficient storage", "refused_for_now"),
    ],
)
def test_its_error_is_the_reason(status: int, error: str, expected: str) -> None:
    """The reason quotes what ntfy says."""
    body = json.dumps({"code": status * 100 + 1, "http": status, "error": error}).encode()
    with (
        LoopbackServer(http(status, body)) as server,
        opened("ntfy", topic="home", server=base(server)) as driver,
    ):
        reading = deliver(driver)
        assert result(reading) == expected
        assert error in reason(reading)


@pytest.mark.parametrize(
    "behave",
    [after_request(), after_request(then="hang"), after_request(b"\x00" * 99)],
    ids=["dies", "hangs", "garbage"],
)
def test_without_an_answer_the_outcome_is_unknown(behave: Behaviour) -> None:
    """The server may have published the message."""
    with (
        LoopbackServer(behave) as server,
        opened("ntfy", topic="home", server=base(server), timeout="1s") as driver,
    ):
        assert result(deliver(driver)) == "unknown"
