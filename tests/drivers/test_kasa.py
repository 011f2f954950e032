"""The driver `kasa`: the results of a search."""

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

pytest.importorskip("kasa", reason="needs the extra kasa")

from daemons.drivers import kasa
from daemons.values import Problem, parse_table
from tests.drivers.test_faults import running_driver
from tests.support.emulators.kasa import KasaPlug, decrypt, encrypt

TAPO_PORT = 20002
"""The UDP port on which newer plugs answer searches."""
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
def answering(address: tuple[str, int], make_reply: Callable[[bytes], bytes]) -> Iterator[None]:
    """Run a plug that answers searches at an address, by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(address)

        def reply() -> None:
            while True:
                request, sender = listener.recvfrom(4096)
                if not request:
                    return
                listener.sendto(make_reply(request), sender)

        thread = threading.Thread(target=reply)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"", address)
            thread.join()


def test_a_search_returns_a_plug_with_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result has title, model, firmware and valid options. A silent address gives no result."""
    with KasaPlug(tmp_path) as plug:
        monkeypatch.setattr(kasa, "broadcast", "127.0.0.1")
        monkeypatch.setattr(kasa, "broadcast_port", plug.port)
        assert asyncio.run(kasa.Kasa.discover(1, [])) == []
        make_reply = lambda request: encrypt(json.dumps(plug.reply(json.loads(decrypt(request)))).encode())  # noqa: E731
        with answering(("127.0.0.1", plug.port), make_reply):
            (found,) = asyncio.run(kasa.Kasa.discover(1, []))
    assert (found.title, found.model, found.kind, found.driver) == ("Kettle", "HS110", "plug", "kasa")
    assert found.firmware.startswith("1.5.6")
    problems: list[Problem] = []
    assert parse_table(found.options, kasa.Options, (), problems), problems
    assert found.options == {"address": f"127.0.0.1:{plug.port}"}


@pytest.mark.parametrize(
    ("payload", "titles"),
    [(16 * b"\0" + json.dumps(TAPO).encode(), ["P110"]), (16 * b"\0" + b"{ I am a teapot", []), (b"?", [])],
)
def test_a_search_returns_a_tapo_plug_without_its_account(
    payload: bytes, titles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result has the model, and its options show the keys of the account. Garbage is no plug."""
    host = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.7"  # the port is always the same
    monkeypatch.setattr(kasa, "broadcast", host)
    with answering((host, TAPO_PORT), lambda _: payload):
        found = asyncio.run(kasa.Kasa.discover(1, []))
    assert [one.title for one in found] == titles
    for one in found:
        assert one.options.keys() == {"address", "username", "password_file"}
        assert (one.address, one.kind, one.note) == (host, "plug", "requires its TP-Link account")
        assert parse_table(one.options, kasa.Options, (), [])


def test_an_answer_that_is_announced_as_too_long_is_not_read(tmp_path: Path) -> None:
    """The length is the first field of an answer. The plug is unreachable at once, with that reason."""
    with KasaPlug(tmp_path) as plug, running_driver("kasa", plug.options()) as harness:
        harness.wait_for_on(on=False)
        plug.garble(lambda: bytes(kasa.LONGEST_ANSWER_BYTES + 1))
        reading = harness.wait_until(lambda r: r.fault is not None, "a fault", 60.0)
        assert reading.reachable is False
        assert "announces an answer of 262145 bytes" in str(reading.fault)
        plug.recover()
        assert harness.wait_for_on(on=False).fault is None
