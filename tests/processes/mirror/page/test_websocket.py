"""The WebSocket as docs/page.md describes it, used with a foreign library."""

import asyncio
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import zmq

pytest.importorskip("websockets", reason="it is the other library that these tests use")

from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from daemons.bus import message
from daemons.bus.message import Heartbeat, State
from daemons.bus.origin import Reason
from daemons.processes.mirror.page import websocket
from daemons.processes.mirror.page.auth import TOKEN_PATH, make_token, remove_token
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support.house import PROJECT, HouseFactory, TemporaryHouse
from tests.support.page_client import (
    SMALL_HOUSE,
    LiveClient,
    LiveMessage,
    http_request,
    live_client,
    page_url,
    parse_cursor,
    without_age,
)
from tests.support.page_server import BOOT, PageStub, serve_page
from tests.support.patience import patience
from tests.support.stub_device import stub_device

DEVICES = {"bathroom_light", "mirror", "coffee_maker", "toaster", "kitchen_lamp"}


async def toggle(client: LiveClient, times: int = 1) -> list[str]:
    """Send toggle commands to the kitchen lamp, one after the other, and return their ids."""
    stub = [os.urandom(5).hex() for _ in range(times)]
    for id_ in stub:
        await client.send(type="command", device="kitchen_lamp", command="toggle", id=id_, timeout_seconds=20)
        client.unread += await client.receive_until(partial(has_fields, id=id_))
    return stub


def has_fields(messages: LiveMessage, **fields: Any) -> bool:
    """Return whether a message has these fields."""
    return all(messages.get(name) == value for name, value in fields.items())


def is_change_by(messages: LiveMessage, id_: str) -> bool:
    """Return whether this is the change that a command caused."""
    return bool(messages["type"] == "change" and messages["heard"] and messages["now"]["cause"] == id_)


async def receive_until_change(client: LiveClient, id_: str) -> list[LiveMessage]:
    """Return all messages up to the change that a command caused; the change may precede the receipt."""
    found, client.unread = client.unread, []
    if not any(is_change_by(messages, id_) for messages in found):
        found += await client.receive_until(lambda messages: is_change_by(messages, id_))
    return found


# Messages of the mirror


async def test_the_first_message_is_the_house(url: str) -> None:
    """The document is the same as over HTTP."""
    async with live_client(url) as client:
        document = await client.receive()
    same = http_request(url, "/api/house").json
    assert document["type"] == "house"
    assert document.keys() == same.keys()
    assert document["devices"].keys() == same["devices"].keys() == DEVICES
    assert document["services"].keys() == {"steward", "recorder"}
    assert document["house"] == same["house"]


async def test_a_change_has_its_cause(url: str) -> None:
    """Each of twenty commands causes a change of the lamp, in order, and none is left out."""
    async with live_client(url) as client:
        await client.receive("house")
        ids = await toggle(client, 20)
        messages = await receive_until_change(client, ids[-1])
    changes = [each for each in messages if each["type"] == "change" and each["device"] == "kitchen_lamp"]
    causes = [change["now"]["cause"] for change in changes if change["heard"]]
    assert [cause for cause, _ in itertools.groupby(causes) if cause in ids] == ids
    shown = [(each["now"]["cause"], each["now"]["state"]["status"]) for each in changes if each["heard"]]
    # Each state comes twice: when it is decided, and when the hardware has confirmed it.
    lamps = [status for (cause, status), _ in itertools.groupby(shown) if cause in ids]
    assert lamps == [lamps[0], not lamps[0]] * 10


async def test_changes_are_in_order(url: str) -> None:
    """While breakfast is made, the cursors grow, and so do boot and seq of each device."""
    async with live_client(url) as client, live_client(url) as other:
        first = await client.receive("house")
        await other.receive("house")
        toggled = await toggle(other, 5)
        await other.send(
            type="command", device="toaster", command="start", args={"browning": 1}, id=os.urandom(5).hex()
        )
        messages = await receive_until_change(client, toggled[-1])
        messages += await client.receive_until(
            lambda messages: (
                messages.get("device") == "toaster" and messages["now"]["state"]["phase"] == "ready"
            )
        )
    cursors = [
        parse_cursor(first["cursor"]),
        *(parse_cursor(each["cursor"]) for each in messages if "cursor" in each),
    ]
    assert cursors == sorted(cursors)
    changes = [each for each in messages if each["type"] == "change"]
    document = [parse_cursor(change["cursor"])[1] for change in changes]
    assert document == list(range(parse_cursor(first["cursor"])[1] + 1, document[-1] + 1))
    assert {change["missed"] for change in changes} == {0}
    moments = [each["at"] for each in messages if each["type"] == "change"]
    assert moments == sorted(moments)
    for device in DEVICES:
        lives = [(c["now"]["boot"], c["now"]["seq"]) for c in changes if c["device"] == device and c["heard"]]
        assert lives == sorted(set(lives)), device


async def test_all_clients_get_the_same_changes(url: str) -> None:
    """The same changes with the same cursors and the same status."""
    async with live_client(url) as one, live_client(url) as two:
        for client in (one, two):
            await client.receive("house")
        ids = await toggle(one, 10)
        messages = [await receive_until_change(client, ids[-1]) for client in (one, two)]
    document = [
        {
            h["cursor"]: (h["device"], h["heard"], without_age(h["now"]))
            for h in received
            if h["type"] == "change"
        }
        for received in messages
    ]
    shared = document[0].keys() & document[1].keys()
    assert len(shared) >= 10
    assert all(document[0][cursor] == document[1][cursor] for cursor in shared)


async def test_a_beat_is_sent_every_second(url: str) -> None:
    """The message has the age of every process, and one in 5 s or less often the memory."""
    async with live_client(url) as client:
        await client.receive("house")
        beats = [await client.receive("beat") for _ in range(6)]
    assert all(beat["ages"].keys() == DEVICES | {"steward", "recorder"} for beat in beats)
    assert all(0 <= age < 10 for beat in beats for age in beat["ages"].values())
    assert beats[-1]["at"] - beats[1]["at"] == pytest.approx(4, abs=2)
    measured = next(beat["memory"] for beat in beats if "memory" in beat)
    assert measured.keys() == DEVICES | {"steward", "recorder"}
    assert all(1 << 20 < size < 1 << 30 for size in measured.values())


async def test_an_age_grows_while_a_device_is_silent(shared: TemporaryHouse, url: str) -> None:
    """A silent device becomes stale without a message, and then live again."""
    async with live_client(url, "?device=kitchen_lamp") as client:
        await client.receive("house")
        pid = shared.kill("kitchen_lamp", signal.SIGSTOP)
        try:
            messages = await client.receive_until(
                lambda h: h["type"] == "change" and h["now"]["presence"] == "stale"
            )
        finally:
            os.kill(pid, signal.SIGCONT)
        back = (
            await client.receive_until(lambda h: h["type"] == "change" and h["now"]["presence"] == "live")
        )[-1]
    ages = [each["ages"]["kitchen_lamp"] for each in messages if each["type"] == "beat"]
    assert ages[-1] > 1
    assert messages[-1]["heard"] is False
    assert messages[-1]["now"]["age_seconds"] >= 3
    assert back["now"]["pid"] == pid


# Filters


async def test_a_filter_for_one_device(url: str) -> None:
    """The client gets its part of the house, its changes and its age."""
    async with live_client(url, "?device=kitchen_lamp") as client, live_client(url) as other:
        document = await client.receive()
        assert (document["type"], document["devices"].keys(), document["services"]) == (
            "house",
            {"kitchen_lamp"},
            {},
        )
        assert (await other.send_command("toaster", "start", args={"browning": 1}))["type"] == "receipt"
        await other.send_command("toaster", "stop")
        (id_,) = await toggle(client)
        messages = await receive_until_change(client, id_)
        messages.append(await client.receive("beat"))
    assert {each["device"] for each in messages if each["type"] == "change"} == {"kitchen_lamp"}
    assert {name for each in messages if each["type"] == "beat" for name in each["ages"]} == {"kitchen_lamp"}


@pytest.mark.parametrize(
    ("query", "devices", "services"),
    [
        ("?room=Kitchen", {"coffee_maker", "toaster", "kitchen_lamp"}, set()),
        ("?room=Kitchen&device=mirror", {"coffee_maker", "toaster", "kitchen_lamp", "mirror"}, set()),
        ("?device=toaster&device=steward", {"toaster"}, {"steward"}),
        ("?device=toaster&device=toaster", {"toaster"}, set()),
        ("?room=Kitchen&room=Bathroom", DEVICES, set()),
        ("", DEVICES, {"steward", "recorder"}),
    ],
)
async def test_a_filter_may_name_many_devices_and_rooms(
    url: str, query: str, devices: set[str], services: set[str]
) -> None:
    """A process that matches any of them is included."""
    async with live_client(url, query) as client:
        document = await client.receive()
        beat = await client.receive("beat")
    assert (document["devices"].keys(), document["services"].keys()) == (devices, services)
    assert beat["ages"].keys() == devices | services


@pytest.mark.parametrize(
    "query", ["?device=stranger", "?room=Attic", "?device=toaster&room=kitchen", "?device=", "?room=%ff"]
)
async def test_an_unknown_name_in_a_filter_is_refused(url: str, query: str) -> None:
    """Status 404 with the reason, before a WebSocket is opened."""
    with pytest.raises(InvalidStatus) as refused:
        async with live_client(url, query):
            pass
    response = refused.value.response
    assert response.status_code == 404
    assert json.loads(response.body or b"")["error"] == "not_found"


# Commands


async def test_the_reason_of_a_state_names_the_page(shared: TemporaryHouse, url: str) -> None:
    """A client of the page cannot name itself."""
    async with live_client(url) as client:
        sent = await client.send_command("kitchen_lamp", "toggle")
        with shared.listen("kitchen_lamp") as listener:
            await asyncio.to_thread(
                listener.wait_for, lambda it: it.states and it.states["kitchen_lamp"].cause == sent["id"]
            )
        assert listener.states["kitchen_lamp"].reason == Reason("command", "page")
        await client.send(type="command", device="toaster", command="start", who="terminal")
        assert "unknown field `who`" in (await client.receive("error"))["reason"]


async def test_a_command_gets_its_receipt(url: str) -> None:
    """The receipt has the id of the client, or a new one."""
    async with live_client(url) as client:
        receipt = await client.send_command("kitchen_lamp", "on", args={"brightness_percent": 50}, id="fifty")
        assert receipt.keys() == {"type", "id", "device", "outcome", "at", "took_seconds"}
        assert [receipt[key] for key in ("type", "id", "device", "outcome")] == [
            "receipt",
            "fifty",
            "kitchen_lamp",
            "applied",
        ]
        assert 0 < receipt["took_seconds"] < patience()
        assert len((await client.send_command("kitchen_lamp", "on"))["id"]) > 5


async def test_a_repeated_id_is_carried_out_once(shared: TemporaryHouse, url: str) -> None:
    """Also over another connection."""
    before = len(shared.switchings("kitchen_lamp"))
    async with live_client(url) as one, live_client(url) as two:
        first = await one.send_command("kitchen_lamp", "toggle", id="done-once")
        second = await two.send_command("kitchen_lamp", "toggle", id="done-once")
    assert {**first, "took_seconds": 0} == {**second, "took_seconds": 0}
    assert len(shared.switchings("kitchen_lamp")) == before + 1


async def test_a_rejection_has_a_reason(url: str) -> None:
    """The device sends a receipt; the mirror sends an error with the id, if there is no such device."""
    async with live_client(url) as client:
        receipt = await client.send_command("toaster", "start", args={"browning": 8}, id="too-dark")
        assert [receipt[key] for key in ("type", "id", "outcome")] == ["receipt", "too-dark", "rejected"]
        assert "browning" in receipt["reason"]
        error = await client.send_command("stranger", "start", id="for-a-stranger")
        assert error == {"type": "error", "reason": "there is no device 'stranger'", "id": "for-a-stranger"}


async def test_a_silent_device_is_unanswered(shared: TemporaryHouse, url: str) -> None:
    """The receipt arrives after the requested time; other devices answer meanwhile."""
    pid, seconds = shared.kill("kitchen_lamp", signal.SIGSTOP), patience(3)
    try:
        async with live_client(url) as client:
            await client.send(
                type="command", device="kitchen_lamp", command="on", id="silent", timeout_seconds=seconds
            )
            quick = await client.send_command("toaster", "stop", id="quick")
            slow = await client.receive("receipt")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (quick["id"], quick["outcome"]) == ("quick", "applied")
    assert (slow["id"], slow["outcome"]) == ("silent", "unanswered")
    assert slow["took_seconds"] >= seconds
    assert "at" not in slow


async def test_pings_are_answered(url: str) -> None:
    """A ping message with a pong message, and a ping of the protocol with its pong."""
    async with live_client(url) as client:
        await client.send(type="ping")
        pong = await client.receive("pong")
        assert pong.keys() == {"type", "at"}
        assert pong["at"] == pytest.approx(time.time(), abs=60)
        async with asyncio.timeout(patience()):
            await (await client.socket.ping(b"abc"))


# Invalid messages


BAD = {
    "no JSON": "{",
    "empty": "",
    "no object": "[]",
    "null": "null",
    "no type": "{}",
    "unknown type": '{"type": "house"}',
    "a type that is no text": '{"type": 1}',
    "unknown field": '{"type": "ping", "more": 1}',
    "no device": '{"type": "command", "command": "on"}',
    "a device that is no name": '{"type": "command", "device": "../x", "command": "on"}',
    "a command that is no word": '{"type": "command", "device": "toaster", "command": "a b"}',
    "arguments that are no object": '{"type": "command", "device": "toaster", "command": "on", "args": []}',
    "a list as argument": '{"type": "command", "device": "toaster", "command": "on", "args": {"a": []}}',
    "no patience": '{"type": "command", "device": "toaster", "command": "on", "timeout_seconds": 0}',
    "too much patience": '{"type": "command", "device": "toaster", "command": "on", "timeout_seconds": 61}',
    "NaN": '{"type": "command", "device": "toaster", "command": "on", "timeout_seconds": NaN}',
    "beyond all numbers": '{"type": "command", "device": "toaster", "command": "on", "args": {"a": 1e999}}',
    "half a character": '{"type": "command", "device": "toaster", "command": "on", "args": {"a": "\\ud800"}}',
    "deep": '{"type": ' + "[" * 8000,
    "deep object": '{"a":' * 2000 + "1" + "}" * 2000,
    "binary": b"\x00\xff\xfe",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
async def test_an_invalid_message_is_answered_with_an_error(url: str, text: str | bytes) -> None:
    """The connection stays open."""
    async with live_client(url) as client:
        await client.socket.send(text)
        error = await client.receive("error", "pong", "receipt")
        assert error["type"] == "error"
        assert error["reason"]
        await client.send(type="ping")
        await client.receive("pong")


async def test_the_tenth_invalid_message_closes_the_connection(url: str) -> None:
    """Each is answered; then the close code is 1008."""
    async with live_client(url) as client:
        for _ in range(9):
            await client.socket.send("nonsense")
            await client.receive("error")
        await client.send(type="ping")
        await client.receive("pong")
        await client.socket.send("nonsense")
        await client.receive("error")
        with pytest.raises(ConnectionClosedError) as closed:
            await client.receive("error")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_message_over_16_kib_closes_the_connection(url: str) -> None:
    """The close code is 1009; up to 16 KiB are accepted."""
    async with live_client(url) as client:
        await client.socket.send('{"type": "ping"}'.ljust(16 * 1024 - 1))
        await client.receive("pong")
        await client.socket.send('{"type": "ping"}'.ljust(16 * 1024 + 1))
        with pytest.raises(ConnectionClosedError) as closed:
            await client.receive("pong")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_messages_above_the_rate_are_ignored(shared: TemporaryHouse, url: str) -> None:
    """Of a hundred toggles at once about forty are carried out, each once; the others get an error."""
    before = len(shared.switchings("kitchen_lamp"))
    async with live_client(url) as client:
        await client.receive("house")
        for number in range(100):
            await client.send(
                type="command",
                device="kitchen_lamp",
                command="toggle",
                id=f"n{number}-{before}",
                timeout_seconds=20,
            )
        answers = [await client.receive("receipt", "error") for _ in range(100)]
        done = [answer for answer in answers if answer.get("outcome") == "applied"]
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert len(done) + len(refused) == 100
        assert len(done) >= 40
        assert any("20 messages a second" in answer["reason"] for answer in refused)
        assert len(shared.switchings("kitchen_lamp")) == before + len(done)
        while (await client.send_command("toaster", "stop"))["type"] == "error":  # the rate recovers
            await client.receive("beat")


# Reconnecting


async def test_a_client_that_reconnects_receives_the_missed_changes(url: str) -> None:
    """No house, nothing twice, nothing left out: the same as for a client that stayed connected."""
    async with live_client(url) as other:
        await other.receive("house")
        async with live_client(url) as client:
            await client.receive("house")
            (id_,) = await toggle(client)
            cursor = (await receive_until_change(client, id_))[-1].get("cursor") or (
                await client.receive("beat")
            )["cursor"]
        ids = await toggle(other, 15)
        messages = await receive_until_change(
            other, ids[-1]
        )  # the change may arrive before or after the receipt
        last = [number for number, each in enumerate(messages) if is_change_by(each, ids[-1])]
        messages = (
            messages[: last[0] + 1]
            if last
            else messages + await other.receive_until(lambda each: is_change_by(each, ids[-1]))
        )
        async with live_client(url, f"?after={cursor}") as client:
            caught_up = await client.receive_until(lambda messages: is_change_by(messages, ids[-1]))

    def comparable(received: list[LiveMessage]) -> list[tuple[Any, ...]]:
        changes = [
            each
            for each in received
            if each["type"] == "change" and parse_cursor(each["cursor"]) > parse_cursor(cursor)
        ]
        return [
            (each["cursor"], each["device"], each["missed"], without_age(each["now"])) for each in changes
        ]

    assert {each["type"] for each in caught_up} <= {"change", "beat"}
    again = [each["cursor"] for each in caught_up if parse_cursor(each["cursor"]) <= parse_cursor(cursor)]
    assert not again, "what it has does not come twice"
    assert comparable(caught_up) == comparable(messages)
    assert len(comparable(caught_up)) >= 15


async def test_a_client_that_missed_nothing_gets_a_beat(url: str) -> None:
    """With the latest cursor, no house comes: the present attention, then a beat or a newer change."""
    async with live_client(url) as client:
        await client.receive("house")
        cursor = (await client.receive("beat"))["cursor"]
    async with live_client(url, f"?after={cursor}") as client:
        first = await client.receive("house", "beat", "change")
        assert first["type"] in {"beat", "change"}
        assert parse_cursor(first["cursor"]) >= parse_cursor(cursor)


async def test_a_filter_applies_to_missed_changes(url: str) -> None:
    """A client that reconnects for one device gets only its changes."""
    async with live_client(url) as other:
        cursor = (await other.receive("house"))["cursor"]
        await other.send_command("toaster", "start", args={"browning": 1})
        await other.send_command("toaster", "stop")
        (id_,) = await toggle(other)
        await receive_until_change(other, id_)
    async with live_client(url, f"?device=kitchen_lamp&after={cursor}") as client:
        messages = await client.receive_until(lambda messages: is_change_by(messages, id_))
    assert {each["device"] for each in messages if each["type"] == "change"} == {"kitchen_lamp"}


@pytest.mark.parametrize(
    "after",
    [
        "1-1",
        "x",
        "-",
        "%00",
        "%ff",
        "{boot}",
        "{boot}-",
        "{boot}-x",
        "{boot}--1",
        "{boot}-1e3",
        "{boot}-999999999",
    ],
)
async def test_an_unusable_cursor_gets_the_house(url: str, after: str) -> None:
    """A cursor of another run, one from the future, and nonsense."""
    boot, _ = parse_cursor(http_request(url, "/api/house").json["cursor"])
    async with live_client(url, f"?after={after.format(boot=boot)}") as client:
        assert (await client.receive())["type"] == "house"


# Killed devices


async def test_a_killed_device_is_shown_restarting(shared: TemporaryHouse, url: str) -> None:
    """The device is then live again as another process, with a later boot."""
    async with live_client(url, "?device=toaster") as client:
        before = (await client.receive("house"))["devices"]["toaster"]
        os.kill(before["pid"], signal.SIGKILL)
        # The steward's report about the old process and the first state of the new one arrive in any order.
        messages = await client.receive_until(
            lambda h: h["type"] == "change" and h["now"]["presence"] == "restarting"
        )
        messages += await client.receive_until(
            lambda h: (
                h["type"] == "change"
                and h["now"]["presence"] == "live"
                and h["now"]["pid"] != before["pid"]
                and h["now"]["boot"] > before["boot"]
            )
        )
    changes = [each["now"] for each in messages if each["type"] == "change"]
    presences = [presence for presence, _ in itertools.groupby(now["presence"] for now in changes)]
    assert presences[-2:] == ["restarting", "live"]
    assert "SIGKILL" in next(now["reason"] for now in changes if now["presence"] == "restarting")
    assert changes[-1]["restarts"] == before["restarts"] + 1
    assert changes[-1]["started_at"] > before["started_at"]


# The block of docs/page.md


def test_the_documented_client_works(url: str, tmp_path: Path) -> None:
    """The program of docs/page.md receives the house and presses the light, without any code of ours."""
    text = (PROJECT / "docs" / "page.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert "daemons" not in block
    (tmp_path / "client.py").write_text(block)
    where = url.replace("http", "ws", 1) + "api/live"
    with subprocess.Popen(
        [sys.executable, "-P", tmp_path / "client.py", where], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as client:
        assert client.stdout is not None
        try:
            types: list[str] = []
            changed: set[str] = set()
            while not {"house", "receipt", "beat"} <= set(types) or "bathroom_light" not in changed:
                messages = json.loads(client.stdout.readline())
                types.append(messages["type"])
                changed |= (
                    {messages["device"]} if messages["type"] == "change" and messages["heard"] else set()
                )
        finally:
            client.kill()
    assert types[0] == "house"


# Access


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
async def test_another_site_is_refused(url: str, origin: str) -> None:
    """Status 403; the page itself is accepted."""
    with pytest.raises(InvalidStatus) as refused:
        async with live_client(url, origin=origin):
            pass
    assert refused.value.response.status_code == 403
    async with live_client(url, origin=url.rstrip("/")) as client:
        await client.receive("house")


@pytest.mark.parametrize("change", ["a new token", "the first token", "no token", "an unreadable token"])
async def test_a_client_of_an_earlier_token_is_disconnected(run: Path, change: str) -> None:
    """Its next command is not sent, it receives no later state, and it cannot connect again."""
    token = make_token() if change != "the first token" else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    stub = PageStub()
    async with serve_page(stub), stub_device("toaster", lambda _: []) as commands, AsyncExitStack() as stack:
        commanding, listening = [
            await stack.enter_async_context(live_client(stub.url, additional_headers=headers))
            for _ in range(2)
        ]
        for client in (commanding, listening):
            await client.receive("house")
        match change:
            case "no token":
                remove_token()
            case "an unreadable token":
                TOKEN_PATH.unlink()
                TOKEN_PATH.mkdir()
            case _:
                make_token()
        await commanding.send(type="command", device="toaster", command="stop")
        stub.publish_state("lamp", text="secret")
        for client in (commanding, listening):
            received: list[LiveMessage] = []
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive_until(received.append)
            assert "secret" not in json.dumps(received)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "the token has changed")
        if change in ("a new token", "the first token"):
            with pytest.raises(InvalidStatus) as refused:
                async with live_client(stub.url, additional_headers=headers):
                    pass
            assert refused.value.response.status_code == 401
        await wait_for_clients(stub, 0)
    assert not commands


async def test_a_silent_client_of_an_earlier_token_is_disconnected(run: Path) -> None:
    """A client that neither commands nor receives a change is disconnected by the next beat."""
    stub = PageStub()
    async with serve_page(stub), live_client(stub.url) as client:
        await client.receive("house")
        make_token()
        await wait_for_clients(stub, 0)
        with pytest.raises(ConnectionClosed):
            await client.receive_until(lambda _: False)


async def test_a_foreign_host_name_is_refused(url: str) -> None:
    """This prevents DNS rebinding."""
    where = urlsplit(url)
    with pytest.raises(InvalidStatus) as refused:
        async with live_client(f"http://evil.example:{where.port}/", host="127.0.0.1", port=where.port):
            pass
    assert refused.value.response.status_code == 403


# Limits, at a page without a house


async def wait_for_clients(stub: PageStub, clients: int) -> None:
    """Wait until the page has this number of clients."""
    async with asyncio.timeout(patience()):
        while stub.counters.clients != clients:  # noqa: ASYNC110  the count has no event
            await asyncio.sleep(0)


async def test_the_number_of_clients_is_limited(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 503 with the reason; after a client disconnects, another can connect."""
    assert websocket.MAX_CLIENTS == 1000
    monkeypatch.setattr(websocket, "MAX_CLIENTS", 2)
    stub = PageStub()
    async with serve_page(stub), live_client(stub.url):
        async with live_client(stub.url):
            with pytest.raises(InvalidStatus) as refused:
                async with live_client(stub.url):
                    pass
            assert refused.value.response.status_code == 503
            assert stub.counters.clients == 2
        await wait_for_clients(stub, 1)
        async with live_client(stub.url) as client:
            await client.receive("house")


@pytest.mark.long
async def test_a_client_that_does_not_read_is_disconnected(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time-out of one send; other clients get every change."""
    assert websocket.SEND_TIMEOUT_SECONDS == 30
    monkeypatch.setattr(websocket, "SEND_TIMEOUT_SECONDS", 0.2)
    stub = PageStub()
    async with serve_page(stub), live_client(stub.url) as other, AsyncExitStack() as stack:
        await other.receive("house")
        stuck = await slow_client(stub.url, stack)
        await wait_for_clients(stub, 2)
        sent = 0
        async with asyncio.timeout(patience()):
            while stub.counters.clients > 1:
                sent += 1
                stub.publish_state("lamp", text="x" * 900, number=sent)
                while (await other.receive("change"))["now"]["state"]["number"] != sent:
                    pass
        with pytest.raises(ConnectionClosed):
            await stuck.receive_until(lambda _: False)


async def test_forty_commands_may_be_pending(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused with its id, and is not sent to the device."""
    monkeypatch.setattr(websocket, "MESSAGE_BURST", 1000)
    stub = PageStub()
    async with (
        serve_page(stub),
        stub_device("toaster", lambda _: []) as commands,
        live_client(stub.url) as client,
    ):
        for number in range(41):
            await client.send(
                type="command", device="toaster", command="stop", id=f"n{number}", timeout_seconds=patience(5)
            )
        error = await client.receive("error")
        assert error == {
            "type": "error",
            "reason": "40 commands wait for their receipts already",
            "id": "n40",
        }
        receipts = [await client.receive("receipt") for _ in range(40)]
    assert {receipt["outcome"] for receipt in receipts} == {"unanswered"}
    assert {command.id for command in commands} == {f"n{number}" for number in range(40)}


async def test_a_disconnected_client_is_forgotten(run: Path) -> None:
    """Its commands are cancelled, the client is no longer counted, and nothing is logged."""
    stub = PageStub()
    async with serve_page(stub) as page:
        async with live_client(stub.url) as client:
            await client.send(type="command", device="toaster", command="stop", timeout_seconds=60)
            await client.receive("house")
            assert stub.counters.clients == 1
        await wait_for_clients(stub, 0)
        assert not page.websocket._clients
    assert stub.log_output.getvalue() == ""


async def test_a_change_wakes_the_page_only_for_a_client(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later client gets the house with all changes, and then each further change with the next number."""
    stub = PageStub()
    stub.publish_all()
    async with serve_page(stub) as page:
        await wait_for_clients(stub, 0)
        wakes: list[int] = []
        wake = page.websocket._wake_clients

        def count_wake() -> None:
            wakes.append(stub.changes.number)
            wake()

        monkeypatch.setattr(page.websocket, "_wake_clients", count_wake)
        for number in range(20):
            stub.publish_state("lamp", number=number)
            await asyncio.sleep(0)
        assert wakes == []
        async with live_client(stub.url) as client:
            house = await client.receive("house")
            assert house["devices"]["lamp"]["state"]["number"] == 19
            cursor = parse_cursor(house["cursor"])[1]
            assert cursor == stub.changes.number
            stub.publish_state("lamp", number=20)
            change = await client.receive("change")
            assert (parse_cursor(change["cursor"])[1], change["now"]["state"]["number"]) == (cursor + 1, 20)
            assert wakes == [cursor + 1]
        await wait_for_clients(stub, 0)
        stub.publish_state("lamp", number=21)
        await asyncio.sleep(0)
        assert wakes == [cursor + 1]
        assert not page.websocket._encoded


# Slow clients


LONG = {f"text{number}": "x" * 900 for number in range(9)}
"""Fields that make a change of 8 KB: the kernel's buffer for a client (up to 4 MB) is soon full."""


async def slow_client(url: str, stack: AsyncExitStack) -> LiveClient:
    """Connect through a socket with a tiny buffer, without reading."""
    where = urlsplit(url)
    taker = socket.socket()
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    taker.setblocking(False)
    await asyncio.get_running_loop().sock_connect(taker, (where.hostname, where.port))
    return await stack.enter_async_context(live_client(url, sock=taker, max_queue=1, ping_interval=None))


async def test_a_slow_client_gets_the_latest_change_of_each_device(run: Path) -> None:
    """`missed` is the number of skipped changes, and the last changes are the true state."""
    stub = PageStub()
    async with serve_page(stub), AsyncExitStack() as stack:
        slow = await slow_client(stub.url, stack)
        await wait_for_clients(stub, 1)
        for number in range(2000):
            stub.publish_state(("lamp", "toaster", "switch")[number % 3], number=number, **LONG)
            await asyncio.sleep(0)
        messages = await slow.receive_until(
            lambda h: h["type"] == "change" and h["now"]["state"]["number"] == 1999
        )
    changes = [each for each in messages if each["type"] == "change"]
    assert not [each for each in messages[1:] if each["type"] == "house"]
    missed = sum(change["missed"] for change in changes)
    assert missed > 0
    assert missed + len(changes) + parse_cursor(messages[0]["cursor"])[1] == stub.changes.number
    assert stub.counters.skipped_changes == missed
    cursors = [parse_cursor(change["cursor"])[1] for change in changes]
    assert cursors == sorted(set(cursors))
    latest = {change["device"]: change["now"]["state"]["number"] for change in changes}
    assert latest == {"lamp": 1998, "toaster": 1999, "switch": 1997}


async def test_a_client_behind_the_change_log_gets_the_house(run: Path) -> None:
    """Its next change is no longer held."""
    stub = PageStub()
    async with serve_page(stub), AsyncExitStack() as stack:
        slow = await slow_client(stub.url, stack)
        await wait_for_clients(stub, 1)
        for number in range(7000):
            stub.publish_state("lamp", number=number, **LONG)
            if number % 10 == 0:
                await asyncio.sleep(0)
        messages = await slow.receive_until(
            lambda h: h["type"] == "house" and (h["devices"]["lamp"]["state"] or {}).get("number") == 6999
        )
        cursor = messages[-1]["cursor"]
        stub.publish_state("lamp", number=7000)
        change = await slow.receive("change")
    assert parse_cursor(change["cursor"])[1] == parse_cursor(cursor)[1] + 1


class FakeDevice:
    """A replacement for a stopped device: it publishes any message for the mirror."""

    def __init__(self, publisher: "zmq.Socket[bytes]", name: str) -> None:
        self._publisher = publisher
        self._name = name
        self._boot = int(time.time() * 1000)
        self.number = 0

    def publish(self, number: int, **more: Any) -> None:
        """Publish a number of new states."""
        for _ in range(number):
            self.number += 1
            state = State(
                device=self._name,
                boot=self._boot,
                seq=self.number,
                at=time.time(),
                since=time.time(),
                state={"number": self.number, **more},
            )
            self._publisher.send_multipart([message.topic(state), message.encode(state)])

    async def publish_beats(self) -> None:
        """Publish heartbeats: the mirror connects anew to a process that is silent for two seconds."""
        while True:
            life = Heartbeat(
                device=self._name, boot=self._boot, seq=self.number, at=time.time(), pid=os.getpid()
            )
            self._publisher.send_multipart([message.topic(life), message.encode(life)])
            await asyncio.sleep(0.2)


@contextmanager
def fake_device(house: TemporaryHouse, name: str) -> Iterator[FakeDevice]:
    """Stop a device of a real house and take its place."""
    house.house("stop", name)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.XPUB) as publisher:
            publisher.set(zmq.SNDHWM, 0)
            here = Path.cwd()
            os.chdir(house.run)
            publisher.bind(f"ipc://bus/{name}.publish")
            os.chdir(here)
            assert publisher.poll(int(patience() * 1000)), "the mirror subscribes"
            yield FakeDevice(publisher, name)
    finally:
        context.destroy(linger=0)


async def receive_number(client: LiveClient, number: int) -> list[LiveMessage]:
    """Return all messages up to the lamp's change with this number."""
    return await client.receive_until(
        lambda h: h.get("device") == "lamp" and (h["now"]["state"] or {}).get("number") == number
    )


@pytest.mark.long
async def test_a_slow_client_delays_no_other_and_costs_no_memory(make_house: HouseFactory) -> None:
    """Fifty clients stay current while one client does not read; in the end all have the same state."""
    house = make_house(SMALL_HOUSE)
    house.house("up")
    url = page_url(house)
    with fake_device(house, "lamp") as lamp:
        async with AsyncExitStack() as stack:
            beating = asyncio.create_task(lamp.publish_beats())
            stack.callback(beating.cancel)
            quick = [await stack.enter_async_context(live_client(url, "?device=lamp"))]

            async def publish(number: int, **more: Any) -> None:
                """Publish states no faster than the quick clients read; they get all of them."""
                for _ in range(number // 100):
                    lamp.publish(100, **more)
                    for client in quick:
                        messages = [
                            h for h in await receive_number(client, lamp.number) if h.get("device") == "lamp"
                        ]
                        assert {change["missed"] for change in messages} == {0}
                        document = [
                            change["now"]["state"]["number"] for change in messages if change["heard"]
                        ]
                        assert document == list(range(lamp.number - 99, lamp.number + 1))

            await quick[0].receive("house")
            # The first subscriber may have been the steward.
            while http_request(url, "/api/devices/lamp").json["pid"] != os.getpid():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            lamp.publish(1)
            await receive_number(quick[0], 1)
            await publish(4200, **LONG)  # the log is full from here on, and grows no more
            slow = await slow_client(url, stack)
            pid = http_request(url, "/api/devices/mirror").json["pid"]
            before = memory_use({"mirror": pid})["mirror"]
            await publish(2000, **LONG)
            grown = memory_use({"mirror": pid})["mirror"] - before
            assert grown < 6 << 20, "2,000 changes of 8 KB, had they been kept for it, are 16 MB"
            for _ in range(50):
                quick.append(await stack.enter_async_context(live_client(url, "?device=lamp")))
                await quick[-1].receive("house")
            await publish(300)
            messages = await receive_number(slow, lamp.number)
        missed = sum(each["missed"] for each in messages if each["type"] == "change")
        assert missed > 1000
        shown = http_request(url, "/api/devices/lamp").json
        assert shown.items() >= without_age(messages[-1]["now"]).items()


async def test_a_cursor_with_very_many_digits_gets_the_house(url: str) -> None:
    """The cursor is refused without being converted."""
    boot, _ = parse_cursor(http_request(url, "/api/house").json["cursor"])
    async with asyncio.timeout(5), live_client(url, f"?after={boot}-{'9' * 5000}") as client:
        assert (await client.receive())["type"] == "house"


async def test_an_error_has_the_id_of_the_invalid_command(url: str) -> None:
    """The client learns which of its commands was not carried out."""
    async with live_client(url) as client:
        assert (await client.send_command("toaster", "stop", args={"a": []}, id="mine"))["id"] == "mine"


@pytest.mark.long
async def test_an_error_has_the_id_of_the_command_above_the_rate(url: str) -> None:
    """The client learns which of its commands was ignored."""
    async with live_client(url) as client:
        for number in range(200):
            await client.send(type="command", device="toaster", command="stop", id=f"n{number}")
        assert (await client.receive("error")).get("id")


async def test_a_binary_frame_is_refused(url: str) -> None:
    """The content of the frame does not matter."""
    async with live_client(url) as client:
        await client.socket.send(b'{"type": "ping"}')
        assert (await client.receive("pong", "error"))["type"] == "error"


async def test_a_client_a_thousand_changes_behind_gets_them_all(run: Path) -> None:
    """While they are held, nothing is left out."""
    stub = PageStub()
    stub.publish_all()
    async with serve_page(stub):
        cursor = f"{BOOT}-{stub.changes.number}"
        for number in range(1000):
            stub.publish_state("lamp", number=number)
        async with live_client(stub.url, f"?after={cursor}") as client:
            messages = await client.receive_until(
                lambda h: h["type"] == "change" and h["now"]["state"]["number"] == 999
            )
    numbers = [each["now"]["state"]["number"] for each in messages if each["type"] == "change"]
    assert numbers == list(range(1000))


async def test_commands_of_one_client_keep_their_order(shared: TemporaryHouse, url: str) -> None:
    """The device carries them out in the order of sending."""
    async with live_client(url) as client:
        for turn in range(5):
            ids = [f"o{turn}-{number}" for number in range(15)]
            for id_ in ids:
                await client.send(
                    type="command", device="kitchen_lamp", command="toggle", id=id_, timeout_seconds=20
                )
            for _ in ids:
                assert (await client.receive("receipt"))["outcome"] == "applied"
            done = [line.cause for line in shared.switchings("kitchen_lamp")][-15:]
            assert done == ids
            await asyncio.sleep(1)
