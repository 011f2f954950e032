"""Kasa: what a search finds, and what it says of what it found."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from daemons.drivers import kasa
from daemons.values import Problem, parse_table
from tests.support.emulators.kasa import KasaPlug, mix, unmix

TAPO_PORT = 20002
"""Where the newer ones answer searches."""
TAPO: dict[str, Any] = {
    "result": {
        "device_id": 32 * "0", "owner": 32 * "A", "device_type": "SMART.TAPOPLUG", "device_model": "P110(EU)",
        "ip": "127.0.0.1", "mac": "AA-BB-CC-DD-EE-FF", "is_support_iot_cloud": True, "obd_src": "tplink",
        "factory_default": False,
        "mgt_encrypt_schm": {
            "is_support_https": False, "encrypt_type": "KLAP", "http_port": 80, "lv": 2,
        },
    },
    "error_code": 0,
}  # fmt: skip


@contextmanager
def answering(address: tuple[str, int], tell: Callable[[bytes], bytes]) -> Iterator[None]:
    """Have a plug answer searches at an address, by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(address)

        def answer() -> None:
            while True:
                asked, who = ear.recvfrom(4096)
                if not asked:
                    return
                ear.sendto(tell(asked), who)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
                mouth.sendto(b"", address)
            thread.join()


def test_a_search_finds_a_plug_and_how_to_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, model and firmware, and options that the driver takes; who does not answer is none."""
    with KasaPlug(tmp_path) as plug:
        monkeypatch.setattr(kasa, "broadcast", "127.0.0.1")
        monkeypatch.setattr(kasa, "broadcast_port", plug.port)
        assert asyncio.run(kasa.Kasa.discover(1, [])) == []
        tell = lambda asked: mix(json.dumps(plug.answer(json.loads(unmix(asked)))).encode())  # noqa: E731
        with answering(("127.0.0.1", plug.port), tell):
            (found,) = asyncio.run(kasa.Kasa.discover(1, []))
    assert (found.title, found.model, found.kind, found.driver) == ("Kettle", "HS110", "plug", "kasa")
    assert found.firmware.startswith("1.5.6")
    problems: list[Problem] = []
    assert parse_table(found.options, kasa.Options, (), problems), problems
    assert found.options == {"address": f"127.0.0.1:{plug.port}"}


@pytest.mark.parametrize(
    ("told", "titles"),
    [(16 * b"\0" + json.dumps(TAPO).encode(), ["P110"]), (16 * b"\0" + b"{ I am a teapot", []), (b"?", [])],
)
def test_a_search_finds_a_tapo_plug_that_wants_its_account(
    told: bytes, titles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says no more than its model, and its table shows where the account goes; garbage is no plug."""
    host = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.7"  # the port is always the same
    monkeypatch.setattr(kasa, "broadcast", host)
    with answering((host, TAPO_PORT), lambda _: told):
        found = asyncio.run(kasa.Kasa.discover(1, []))
    assert [one.title for one in found] == titles
    for one in found:
        assert one.options.keys() == {"address", "username", "password_file"}
        assert (one.address, one.kind, one.note) == (host, "plug", "wants its TP-Link account")
        assert parse_table(one.options, kasa.Options, (), [])
