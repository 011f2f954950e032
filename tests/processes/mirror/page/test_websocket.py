"""The WebSocket, heard with a library that is not ours, as docs/page.md describes it."""

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
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import zmq
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from daemons.bus import message
from daemons.bus.message import Heartbeat, State
from daemons.processes.mirror.page import websocket
from daemons.processes.mirror.page.memory_use import memory_use
from tests.support import page_server
from tests.support.house import PATIENCE, PROJECT, Household
from tests.support.page_client import SMALL, Heard, Live, ask, live, numbers, standing, url_of
from tests.support.page_server import BOOT, Stand, serving

Houses = Callable[..., Household]
DEVICES = {"bathroom_light", "mirror", "coffee_maker", "toaster", "kitchen_lamp"}


async def toggle(visitor: Live, times: int = 1) -> list[str]:
    """Have the kitchen lamp switched, one command after the other; give their ids."""
    made = [os.urandom(5).hex() for _ in range(times)]
    for id_ in made:
        await visitor.send(
            type="command", device="kitchen_lamp", command="toggle", id=id_, timeout_seconds=20
        )
        visitor.kept += await visitor.until(partial(has, id=id_))
    return made


def has(heard: Heard, **fields: Any) -> bool:
    """Tell whether a message says this."""
    return all(heard.get(name) == value for name, value in fields.items())


def leads(heard: Heard, id_: str) -> bool:
    """Tell whether this is the change that a command led to."""
    return bool(heard["type"] == "change" and heard["heard"] and heard["now"]["cause"] == id_)


async def heard_until(visitor: Live, id_: str) -> list[Heard]:
    """Give all up to the change that a command led to, which may have come before its receipt."""
    found, visitor.kept = visitor.kept, []
    if not any(leads(heard, id_) for heard in found):
        found += await visitor.until(lambda heard: leads(heard, id_))
    return found


# What the mirror sends


async def test_the_house_comes_first(url: str) -> None:
    """The same object as over HTTP."""
    async with live(url) as visitor:
        told = await visitor.next()
    same = ask(url, "/api/house").json
    assert told["type"] == "house"
    assert told.keys() == same.keys()
    assert told["devices"].keys() == same["devices"].keys() == DEVICES
    assert told["services"].keys() == {"steward", "recorder"}
    assert told["house"] == same["house"]


async def test_a_change_is_told_with_its_cause(url: str) -> None:
    """Each of twenty commands leads to a change of the lamp, in their order, and none is left out."""
    async with live(url) as visitor:
        await visitor.next("house")
        ids = await toggle(visitor, 20)
        heard = await heard_until(visitor, ids[-1])
    changes = [one for one in heard if one["type"] == "change" and one["device"] == "kitchen_lamp"]
    causes = [change["now"]["cause"] for change in changes if change["heard"]]
    assert [cause for cause, _ in itertools.groupby(causes) if cause in ids] == ids
    lamps = [one["now"]["state"]["status"] for one in changes if one["heard"] and one["now"]["cause"] in ids]
    assert lamps == [lamps[0], not lamps[0]] * 10


async def test_changes_are_in_order(url: str) -> None:
    """Over all that happens while breakfast is made: cursors grow, and so do boot and seq of each device."""
    async with live(url) as visitor, live(url) as other:
        first = await visitor.next("house")
        await other.next("house")
        toggled = await toggle(other, 5)
        await other.send(
            type="command", device="toaster", command="start", args={"browning": 1}, id=os.urandom(5).hex()
        )
        heard = await heard_until(visitor, toggled[-1])
        heard += await visitor.until(
            lambda heard: heard.get("device") == "toaster" and heard["now"]["state"]["phase"] == "ready"
        )
    cursors = [numbers(first["cursor"]), *(numbers(one["cursor"]) for one in heard if "cursor" in one)]
    assert cursors == sorted(cursors)
    changes = [one for one in heard if one["type"] == "change"]
    told = [numbers(change["cursor"])[1] for change in changes]
    assert told == list(range(numbers(first["cursor"])[1] + 1, told[-1] + 1))
    assert {change["missed"] for change in changes} == {0}
    moments = [one["at"] for one in heard if one["type"] == "change"]
    assert moments == sorted(moments)
    for device in DEVICES:
        lives = [(c["now"]["boot"], c["now"]["seq"]) for c in changes if c["device"] == device and c["heard"]]
        assert lives == sorted(set(lives)), device


async def test_all_clients_hear_the_same(url: str) -> None:
    """The same changes with the same cursors, each as it stood then."""
    async with live(url) as one, live(url) as two:
        for visitor in (one, two):
            await visitor.next("house")
        ids = await toggle(one, 10)
        heard = [await heard_until(visitor, ids[-1]) for visitor in (one, two)]
    told = [
        {h["cursor"]: (h["device"], h["heard"], standing(h["now"])) for h in all_ if h["type"] == "change"}
        for all_ in heard
    ]
    shared = told[0].keys() & told[1].keys()
    assert len(shared) >= 10
    assert all(told[0][cursor] == told[1][cursor] for cursor in shared)


async def test_a_beat_every_second(url: str) -> None:
    """Ages of everybody, each no older than what is called offline; and now and then the memory."""
    async with live(url) as visitor:
        await visitor.next("house")
        beats = [await visitor.next("beat") for _ in range(6)]
    assert all(beat["ages"].keys() == DEVICES | {"steward", "recorder"} for beat in beats)
    assert all(0 <= age < 10 for beat in beats for age in beat["ages"].values())
    assert beats[-1]["at"] - beats[1]["at"] == pytest.approx(4, abs=2)
    measured = next(beat["memory"] for beat in beats if "memory" in beat)
    assert measured.keys() == DEVICES | {"steward", "recorder"}
    assert all(1 << 20 < size < 1 << 30 for size in measured.values())


async def test_an_age_grows_while_a_device_is_silent(shared: Household, url: str) -> None:
    """And it is told as stale although it says nothing; then it is live again."""
    async with live(url, "?device=kitchen_lamp") as visitor:
        await visitor.next("house")
        pid = shared.kill("kitchen_lamp", signal.SIGSTOP)
        try:
            heard = await visitor.until(lambda h: h["type"] == "change" and h["now"]["presence"] == "stale")
        finally:
            os.kill(pid, signal.SIGCONT)
        back = (await visitor.until(lambda h: h["type"] == "change" and h["now"]["presence"] == "live"))[-1]
    ages = [one["ages"]["kitchen_lamp"] for one in heard if one["type"] == "beat"]
    assert ages[-1] > 1
    assert heard[-1]["heard"] is False
    assert heard[-1]["now"]["age_seconds"] >= 3
    assert back["now"]["pid"] == pid


# Filters


async def test_one_device_alone(url: str) -> None:
    """Its part of the house, its changes, its age."""
    async with live(url, "?device=kitchen_lamp") as visitor, live(url) as other:
        told = await visitor.next()
        assert (told["type"], told["devices"].keys(), told["services"]) == ("house", {"kitchen_lamp"}, {})
        assert (await other.do("toaster", "start", args={"browning": 1}))["type"] == "receipt"
        await other.do("toaster", "stop")
        (id_,) = await toggle(visitor)
        heard = await heard_until(visitor, id_)
        heard.append(await visitor.next("beat"))
    assert {one["device"] for one in heard if one["type"] == "change"} == {"kitchen_lamp"}
    assert {name for one in heard if one["type"] == "beat" for name in one["ages"]} == {"kitchen_lamp"}


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
async def test_who_matches_any_is_heard(url: str, query: str, devices: set[str], services: set[str]) -> None:
    """Devices and rooms, as often as wanted."""
    async with live(url, query) as visitor:
        told = await visitor.next()
        beat = await visitor.next("beat")
    assert (told["devices"].keys(), told["services"].keys()) == (devices, services)
    assert beat["ages"].keys() == devices | services


@pytest.mark.parametrize(
    "query", ["?device=nobody", "?room=Attic", "?device=toaster&room=kitchen", "?device=", "?room=%ff"]
)
async def test_nobody_by_that_name(url: str, query: str) -> None:
    """404 with the reason, before anything is opened."""
    with pytest.raises(InvalidStatus) as refused:
        async with live(url, query):
            pass
    response = refused.value.response
    assert response.status_code == 404
    assert json.loads(response.body or b"")["error"] == "not_found"


# Commands


async def test_a_command_gets_its_receipt(url: str) -> None:
    """Applied, with the id that it was given, or with a new one."""
    async with live(url) as visitor:
        receipt = await visitor.do("kitchen_lamp", "on", args={"brightness_percent": 50}, id="fifty")
        assert receipt.keys() == {"type", "id", "device", "outcome", "at", "took_seconds"}
        assert [receipt[key] for key in ("type", "id", "device", "outcome")] == [
            "receipt",
            "fifty",
            "kitchen_lamp",
            "applied",
        ]
        assert 0 < receipt["took_seconds"] < PATIENCE
        assert len((await visitor.do("kitchen_lamp", "on"))["id"]) > 5


async def test_the_same_id_is_not_done_twice(shared: Household, url: str) -> None:
    """Also when it comes by another connection."""
    before = len(shared.witness("kitchen_lamp"))
    async with live(url) as one, live(url) as two:
        first = await one.do("kitchen_lamp", "toggle", id="done-once")
        second = await two.do("kitchen_lamp", "toggle", id="done-once")
    assert {**first, "took_seconds": 0} == {**second, "took_seconds": 0}
    assert len(shared.witness("kitchen_lamp")) == before + 1


async def test_a_refusal_says_why(url: str) -> None:
    """By the device: a receipt. By the mirror, which knows no such device: an error with the id."""
    async with live(url) as visitor:
        receipt = await visitor.do("toaster", "start", args={"browning": 8}, id="too-dark")
        assert [receipt[key] for key in ("type", "id", "outcome")] == ["receipt", "too-dark", "rejected"]
        assert "browning" in receipt["reason"]
        error = await visitor.do("nobody", "start", id="for-nobody")
        assert error == {"type": "error", "reason": "there is no device 'nobody'", "id": "for-nobody"}


async def test_a_device_that_says_nothing_is_unanswered(shared: Household, url: str) -> None:
    """After the time that was asked for; meanwhile others are answered on the same connection."""
    pid = shared.kill("kitchen_lamp", signal.SIGSTOP)
    try:
        async with live(url) as visitor:
            await visitor.send(
                type="command", device="kitchen_lamp", command="on", id="silent", timeout_seconds=3
            )
            quick = await visitor.do("toaster", "stop", id="quick")
            slow = await visitor.next("receipt")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (quick["id"], quick["outcome"]) == ("quick", "applied")
    assert (slow["id"], slow["outcome"]) == ("silent", "unanswered")
    assert slow["took_seconds"] >= 3
    assert "at" not in slow


async def test_ping_of_both_kinds(url: str) -> None:
    """The message is answered with one, the protocol's with the protocol's."""
    async with live(url) as visitor:
        await visitor.send(type="ping")
        pong = await visitor.next("pong")
        assert pong.keys() == {"type", "at"}
        assert pong["at"] == pytest.approx(time.time(), abs=60)
        async with asyncio.timeout(PATIENCE):
            await (await visitor.socket.ping(b"abc"))


# What is no message


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
async def test_what_is_no_message_is_answered_with_an_error(url: str, text: str | bytes) -> None:
    """And the connection goes on."""
    async with live(url) as visitor:
        await visitor.socket.send(text)
        error = await visitor.next("error", "pong", "receipt")
        assert error["type"] == "error"
        assert error["reason"]
        await visitor.send(type="ping")
        await visitor.next("pong")


async def test_the_tenth_ends_the_connection(url: str) -> None:
    """Each is answered; then close code 1008."""
    async with live(url) as visitor:
        for _ in range(9):
            await visitor.socket.send("nonsense")
            await visitor.next("error")
        await visitor.send(type="ping")
        await visitor.next("pong")
        await visitor.socket.send("nonsense")
        await visitor.next("error")
        with pytest.raises(ConnectionClosedError) as closed:
            await visitor.next("error")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_message_that_is_too_long_ends_the_connection(url: str) -> None:
    """Close code 1009; 16 KiB are taken."""
    async with live(url) as visitor:
        await visitor.socket.send('{"type": "ping"}'.ljust(16 * 1024 - 1))
        await visitor.next("pong")
        await visitor.socket.send('{"type": "ping"}'.ljust(16 * 1024 + 1))
        with pytest.raises(ConnectionClosedError) as closed:
            await visitor.next("pong")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


async def test_too_many_messages_are_not_done(shared: Household, url: str) -> None:
    """Of a hundred toggles at once forty and a few are done, each once; the others get an error."""
    before = len(shared.witness("kitchen_lamp"))
    async with live(url) as visitor:
        await visitor.next("house")
        for number in range(100):
            await visitor.send(
                type="command",
                device="kitchen_lamp",
                command="toggle",
                id=f"n{number}-{before}",
                timeout_seconds=20,
            )
        answers = [await visitor.next("receipt", "error") for _ in range(100)]
        done = [answer for answer in answers if answer.get("outcome") == "applied"]
        refused = [answer for answer in answers if answer["type"] == "error"]
        assert len(done) + len(refused) == 100
        assert len(done) >= 40
        assert any("20 messages a second" in answer["reason"] for answer in refused)
        assert len(shared.witness("kitchen_lamp")) == before + len(done)
        while (await visitor.do("toaster", "stop"))["type"] == "error":  # the rate comes back
            await visitor.next("beat")


# Coming back


async def test_who_comes_back_gets_what_it_missed(url: str) -> None:
    """No house, nothing twice, nothing left out: the same as one who was there all the time."""
    async with live(url) as witness:
        await witness.next("house")
        async with live(url) as visitor:
            await visitor.next("house")
            (id_,) = await toggle(visitor)
            cursor = (await heard_until(visitor, id_))[-1].get("cursor") or (await visitor.next("beat"))[
                "cursor"
            ]
        ids = await toggle(witness, 15)
        heard = await heard_until(witness, ids[-1])  # to the receipt, and the change was before it or after
        last = [number for number, one in enumerate(heard) if leads(one, ids[-1])]
        heard = heard[: last[0] + 1] if last else heard + await witness.until(lambda one: leads(one, ids[-1]))
        async with live(url, f"?after={cursor}") as visitor:
            caught_up = await visitor.until(lambda heard: leads(heard, ids[-1]))

    def told(all_: list[Heard]) -> list[tuple[Any, ...]]:
        changes = [
            one for one in all_ if one["type"] == "change" and numbers(one["cursor"]) > numbers(cursor)
        ]
        return [(one["cursor"], one["device"], one["missed"], standing(one["now"])) for one in changes]

    assert {one["type"] for one in caught_up} <= {"change", "beat"}
    again = [one["cursor"] for one in caught_up if numbers(one["cursor"]) <= numbers(cursor)]
    assert not again, "what it has does not come twice"
    assert told(caught_up) == told(heard)
    assert len(told(caught_up)) >= 15


async def test_who_missed_nothing_gets_nothing(url: str) -> None:
    """With the latest cursor the first message is a beat, or something new."""
    async with live(url) as visitor:
        await visitor.next("house")
        cursor = (await visitor.next("beat"))["cursor"]
    async with live(url, f"?after={cursor}") as visitor:
        first = await visitor.next()
        assert first["type"] in {"beat", "change"}
        assert numbers(first["cursor"]) >= numbers(cursor)


async def test_who_comes_back_for_one_device_gets_only_that(url: str) -> None:
    """The filter counts for what was missed as well."""
    async with live(url) as witness:
        cursor = (await witness.next("house"))["cursor"]
        await witness.do("toaster", "start", args={"browning": 1})
        await witness.do("toaster", "stop")
        (id_,) = await toggle(witness)
        await heard_until(witness, id_)
    async with live(url, f"?device=kitchen_lamp&after={cursor}") as visitor:
        heard = await visitor.until(lambda heard: leads(heard, id_))
    assert {one["device"] for one in heard if one["type"] == "change"} == {"kitchen_lamp"}


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
async def test_a_cursor_that_does_not_count_brings_the_house(url: str, after: str) -> None:
    """Another life's, one from the future, and nonsense."""
    boot, _ = numbers(ask(url, "/api/house").json["cursor"])
    async with live(url, f"?after={after.format(boot=boot)}") as visitor:
        assert (await visitor.next())["type"] == "house"


# Who dies


async def test_a_device_that_is_killed_is_told(shared: Household, url: str) -> None:
    """Restarting, then live again as another process, in a later life."""
    async with live(url, "?device=toaster") as visitor:
        before = (await visitor.next("house"))["devices"]["toaster"]
        os.kill(before["pid"], signal.SIGKILL)
        # The steward's word on the old process, and the first one of the new, come by ways of their own.
        heard = await visitor.until(lambda h: h["type"] == "change" and h["now"]["presence"] == "restarting")
        heard += await visitor.until(
            lambda h: (
                h["type"] == "change"
                and h["now"]["presence"] == "live"
                and h["now"]["pid"] != before["pid"]
                and h["now"]["boot"] > before["boot"]
            )
        )
    changes = [one["now"] for one in heard if one["type"] == "change"]
    presences = [presence for presence, _ in itertools.groupby(now["presence"] for now in changes)]
    assert presences[-2:] == ["restarting", "live"]
    assert "SIGKILL" in next(now["reason"] for now in changes if now["presence"] == "restarting")
    assert changes[-1]["restarts"] == before["restarts"] + 1
    assert changes[-1]["started_at"] > before["started_at"]


# The block of docs/page.md


def test_the_documents_client_works_as_it_stands(url: str, tmp_path: Path) -> None:
    """The very text of docs/page.md, with nothing of ours imported, hears the house and presses the light."""
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
                heard = json.loads(client.stdout.readline())
                types.append(heard["type"])
                changed |= {heard["device"]} if heard["type"] == "change" and heard["heard"] else set()
        finally:
            client.kill()
    assert types[0] == "house"


# Who is let in


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
async def test_another_site_cannot_open_it(url: str, origin: str) -> None:
    """403; our own page can."""
    with pytest.raises(InvalidStatus) as refused:
        async with live(url, origin=origin):
            pass
    assert refused.value.response.status_code == 403
    async with live(url, origin=url.rstrip("/")) as visitor:
        await visitor.next("house")


async def test_another_name_cannot_open_it(url: str) -> None:
    """A name that was rebound to this address."""
    where = urlsplit(url)
    with pytest.raises(InvalidStatus) as refused:
        async with live(f"http://evil.example:{where.port}/", host="127.0.0.1", port=where.port):
            pass
    assert refused.value.response.status_code == 403


# Limits, at a page without a house


async def counted(made: Stand, clients: int) -> None:
    """Wait until the page has so many clients."""
    async with asyncio.timeout(PATIENCE):
        while made.tally.clients != clients:  # noqa: ASYNC110  a count, which tells nobody when it changes
            await asyncio.sleep(0)


async def test_one_client_too_many(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the reason; when one goes, there is room again."""
    assert websocket.MOST_CLIENTS == 1000
    monkeypatch.setattr(websocket, "MOST_CLIENTS", 2)
    made = Stand()
    async with serving(made), live(made.url):
        async with live(made.url):
            with pytest.raises(InvalidStatus) as refused:
                async with live(made.url):
                    pass
            assert refused.value.response.status_code == 503
            assert made.tally.clients == 2
        await counted(made, 1)
        async with live(made.url) as visitor:
            await visitor.next("house")


async def test_a_client_that_takes_nothing_is_ended(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time, however much there still is for it; others have heard everything."""
    assert websocket.STUCK_SECONDS == 30
    monkeypatch.setattr(websocket, "STUCK_SECONDS", 0.2)
    made = Stand()
    async with serving(made), live(made.url) as other, AsyncExitStack() as stack:
        await other.next("house")
        stuck = await reluctant(made.url, stack)
        await counted(made, 2)
        sent = 0
        async with asyncio.timeout(PATIENCE):
            while made.tally.clients > 1:
                sent += 1
                made.show("lamp", text="x" * 900, number=sent)
                while (await other.next("change"))["now"]["state"]["number"] != sent:
                    pass
        with pytest.raises(ConnectionClosed):
            await stuck.until(lambda _: False)


async def test_forty_commands_may_be_under_way(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused with its id; it is not asked of the device."""
    monkeypatch.setattr(websocket, "AT_ONCE", 1000)
    made = Stand()
    async with serving(made), page_server.device("toaster", lambda _: []) as asked, live(made.url) as visitor:
        for number in range(41):
            await visitor.send(
                type="command", device="toaster", command="stop", id=f"n{number}", timeout_seconds=5
            )
        error = await visitor.next("error")
        assert error == {"type": "error", "reason": "40 commands are under way already", "id": "n40"}
        receipts = [await visitor.next("receipt") for _ in range(40)]
    assert {receipt["outcome"] for receipt in receipts} == {"unanswered"}
    assert {command.id for command in asked} == {f"n{number}" for number in range(40)}


async def test_who_goes_is_forgotten(run: Path) -> None:
    """Its commands are let go, and it is not counted any more; nothing is said in the log."""
    made = Stand()
    async with serving(made) as page:
        async with live(made.url) as visitor:
            await visitor.send(type="command", device="toaster", command="stop", timeout_seconds=60)
            await visitor.next("house")
            assert made.tally.clients == 1
        await counted(made, 0)
        assert not page.forwarder._clients
    assert made.written.getvalue() == ""


# Who is slow


LONG = {f"text{number}": "x" * 900 for number in range(9)}
"""Makes a change of 8 KB, so that what the kernel buffers for a client (up to 4 MB) is soon full."""


async def reluctant(url: str, stack: AsyncExitStack) -> Live:
    """Be connected by a socket that takes next to nothing, and do not read."""
    where = urlsplit(url)
    taker = socket.socket()
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    taker.setblocking(False)
    await asyncio.get_running_loop().sock_connect(taker, (where.hostname, where.port))
    return await stack.enter_async_context(live(url, sock=taker, max_queue=1, ping_interval=None))


async def test_a_slow_client_gets_the_latest_of_each_once(run: Path) -> None:
    """In place of all that it could not take; `missed` adds up to what was left out; the end is the truth."""
    made = Stand()
    async with serving(made), AsyncExitStack() as stack:
        slow = await reluctant(made.url, stack)
        await counted(made, 1)
        for number in range(2000):
            made.show(("lamp", "toaster", "switch")[number % 3], number=number, **LONG)
            await asyncio.sleep(0)
        heard = await slow.until(lambda h: h["type"] == "change" and h["now"]["state"]["number"] == 1999)
    changes = [one for one in heard if one["type"] == "change"]
    assert not [one for one in heard[1:] if one["type"] == "house"]
    missed = sum(change["missed"] for change in changes)
    assert missed > 0
    assert missed + len(changes) + numbers(heard[0]["cursor"])[1] == made.board.number
    assert made.tally.passed_over == missed
    cursors = [numbers(change["cursor"])[1] for change in changes]
    assert cursors == sorted(set(cursors))
    latest = {change["device"]: change["now"]["state"]["number"] for change in changes}
    assert latest == {"lamp": 1998, "toaster": 1999, "switch": 1997}


async def test_who_is_too_slow_for_the_board_gets_the_house(run: Path) -> None:
    """When not even the number of what was missed is held any more."""
    made = Stand()
    async with serving(made), AsyncExitStack() as stack:
        slow = await reluctant(made.url, stack)
        await counted(made, 1)
        for number in range(7000):
            made.show("lamp", number=number, **LONG)
            if number % 10 == 0:
                await asyncio.sleep(0)
        heard = await slow.until(
            lambda h: (
                h["type"] == "house" and h["devices"] and h["devices"]["lamp"]["state"]["number"] == 6999
            )
        )
        cursor = heard[-1]["cursor"]
        made.show("lamp", number=7000)
        change = await slow.next("change")
    assert numbers(change["cursor"])[1] == numbers(cursor)[1] + 1


class Impostor:
    """Is a device that was stopped: it publishes whatever the test wants the mirror to hear."""

    def __init__(self, publisher: "zmq.Socket[bytes]", name: str) -> None:
        self._publisher = publisher
        self._name = name
        self._boot = int(time.time() * 1000)
        self.number = 0

    def say(self, number: int, **more: Any) -> None:
        """Show so many new states."""
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

    async def beat(self) -> None:
        """Give signs of life: to who is silent for two seconds the mirror connects anew, and misses some."""
        while True:
            life = Heartbeat(
                device=self._name, boot=self._boot, seq=self.number, at=time.time(), pid=os.getpid()
            )
            self._publisher.send_multipart([message.topic(life), message.encode(life)])
            await asyncio.sleep(0.2)


@contextmanager
def impostor(house: Household, name: str) -> Iterator[Impostor]:
    """Take the place of a device in a real house."""
    house.house("stop", name)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        with context.socket(zmq.XPUB) as publisher:
            publisher.set(zmq.SNDHWM, 0)
            here = Path.cwd()
            os.chdir(house.run)
            publisher.bind(f"ipc://bus/{name}.publish")
            os.chdir(here)
            assert publisher.poll(int(PATIENCE * 1000)), "the mirror subscribes"
            yield Impostor(publisher, name)
    finally:
        context.destroy(linger=0)


async def said(visitor: Live, number: int) -> list[Heard]:
    """Hear until the lamp's change of that number."""
    return await visitor.until(
        lambda h: h.get("device") == "lamp" and (h["now"]["state"] or {}).get("number") == number
    )


async def test_a_slow_client_delays_nobody_and_costs_no_memory(household: Houses) -> None:
    """Fifty stay current while one takes nothing of what it is told; then it has the same truth."""
    house = household(SMALL)
    house.house("up")
    url = url_of(house)
    with impostor(house, "lamp") as lamp:
        async with AsyncExitStack() as stack:
            beating = asyncio.create_task(lamp.beat())
            stack.callback(beating.cancel)
            quick = [await stack.enter_async_context(live(url, "?device=lamp"))]

            async def tell(number: int, **more: Any) -> None:
                """Have the lamp say more, no faster than the quick ones take it; they are told all of it."""
                for _ in range(number // 100):
                    lamp.say(100, **more)
                    for visitor in quick:
                        heard = [h for h in await said(visitor, lamp.number) if h.get("device") == "lamp"]
                        assert {change["missed"] for change in heard} == {0}
                        told = [change["now"]["state"]["number"] for change in heard if change["heard"]]
                        assert told == list(range(lamp.number - 99, lamp.number + 1))

            await quick[0].next("house")
            # Whoever has subscribed so far may have been the steward.
            while ask(url, "/api/devices/lamp").json["pid"] != os.getpid():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            lamp.say(1)
            await said(quick[0], 1)
            await tell(4200, **LONG)  # the board is full from here on, and grows no more
            slow = await reluctant(url, stack)
            pid = ask(url, "/api/devices/mirror").json["pid"]
            before = memory_use({"mirror": pid})["mirror"]
            await tell(2000, **LONG)
            grown = memory_use({"mirror": pid})["mirror"] - before
            assert grown < 6 << 20, "2,000 changes of 8 KB, had they been kept for it, are 16 MB"
            for _ in range(50):
                quick.append(await stack.enter_async_context(live(url, "?device=lamp")))
                await quick[-1].next("house")
            await tell(300)
            heard = await said(slow, lamp.number)
        missed = sum(one["missed"] for one in heard if one["type"] == "change")
        assert missed > 1000
        shown = ask(url, "/api/devices/lamp").json
        assert shown.items() >= standing(heard[-1]["now"]).items()


async def test_a_cursor_with_very_many_digits(url: str) -> None:
    """It is no cursor, and brings the house."""
    boot, _ = numbers(ask(url, "/api/house").json["cursor"])
    async with asyncio.timeout(5), live(url, f"?after={boot}-{'9' * 5000}") as visitor:
        assert (await visitor.next())["type"] == "house"


async def test_an_error_has_the_id_of_what_could_not_be_read(url: str) -> None:
    """So that the client knows which of its commands was not done."""
    async with live(url) as visitor:
        assert (await visitor.do("toaster", "stop", args={"a": []}, id="mine"))["id"] == "mine"


async def test_an_error_has_the_id_of_what_was_too_much(url: str) -> None:
    """The same."""
    async with live(url) as visitor:
        for number in range(200):
            await visitor.send(type="command", device="toaster", command="stop", id=f"n{number}")
        assert (await visitor.next("error")).get("id")


async def test_a_binary_frame_is_no_message(url: str) -> None:
    """Whatever is in it."""
    async with live(url) as visitor:
        await visitor.socket.send(b'{"type": "ping"}')
        assert (await visitor.next("pong", "error"))["type"] == "error"


async def test_who_comes_back_after_a_thousand_changes_gets_them_all(run: Path) -> None:
    """As long as they are held, nothing is left out."""
    made = Stand()
    made.show_all()
    async with serving(made):
        cursor = f"{BOOT}-{made.board.number}"
        for number in range(1000):
            made.show("lamp", number=number)
        async with live(made.url, f"?after={cursor}") as visitor:
            heard = await visitor.until(
                lambda h: h["type"] == "change" and h["now"]["state"]["number"] == 999
            )
    told = [one["now"]["state"]["number"] for one in heard if one["type"] == "change"]
    assert told == list(range(1000))


async def test_commands_of_one_client_keep_their_order(shared: Household, url: str) -> None:
    """On and off are not off and on."""
    async with live(url) as visitor:
        for turn in range(5):
            ids = [f"o{turn}-{number}" for number in range(15)]
            for id_ in ids:
                await visitor.send(
                    type="command", device="kitchen_lamp", command="toggle", id=id_, timeout_seconds=20
                )
            for _ in ids:
                assert (await visitor.next("receipt"))["outcome"] == "applied"
            done = [line.cause for line in shared.witness("kitchen_lamp")][-15:]
            assert done == ids
            await asyncio.sleep(1)
