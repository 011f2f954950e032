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

from kasa import Discover, KasaException

from daemons.cli.discover import match_with_house
from daemons.config.device import build
from daemons.config.house import load_house
from daemons.drivers import Found, kasa
from daemons.values import Problem, parse_table
from tests.drivers.test_faults import running_driver
from tests.support.emulators.kasa import USERNAME, KasaPlug, decrypt, encrypt
from tests.support.ports import free_port
from tests.support.tapo_hub import tapo_hub
from tests.support.tplink import KasaStrip

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


def own_host() -> str:
    """Return a loopback address that no other test uses at the same time: the port is always the same."""
    return f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}.8"


def reply_of(model: str, type_: str, port: int = 80) -> bytes:
    """Return the answer of a newer device to a search."""
    scheme = {**TAPO["result"]["mgt_encrypt_schm"], "http_port": port}
    own = {**TAPO["result"], "device_model": model, "device_type": type_, "mgt_encrypt_schm": scheme}
    return 16 * b"\0" + json.dumps({"result": own, "error_code": 0}).encode()


def assert_valid(found: list[Found]) -> None:
    """Check that each found device can be added to a configuration as it is."""
    for one in found:
        table = {"kind": one.kind, **one.kind_options, "driver": one.driver, "kasa": one.options}
        problems: list[Problem] = []
        assert one.driver is None or build("x", table, (), problems) is not None, problems
        assert problems == []


@pytest.mark.parametrize(
    ("model", "type_", "expected"),
    [
        ("P300(EU)", "SMART.TAPOPLUG", [("plug", {"outlet": number}) for number in (1, 2, 3)]),
        ("L530E(EU)", "SMART.TAPOBULB", [("lamp", {"dims": True, "tints": True})]),
        ("S505D(US)", "SMART.TAPOSWITCH", [("lamp", {"dims": True})]),
        ("C210(EU)", "SMART.IPCAMERA", "a camera"),
        ("H100(EU)", "SMART.TAPOHUB", "a hub; with its TP-Link account"),
        ("D130(US)", "SMART.TAPODOORBELL", "a doorbell"),
        ("RV30(US)", "SMART.TAPOROBOVAC", "a vacuum cleaner"),
        ("D100C(US)", "SMART.TAPOCHIME", "a chime"),
    ],
)  # fmt: skip
def test_a_search_without_an_account_goes_by_the_model(
    model: str, type_: str, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A strip has an entry for each outlet. A camera is no plug: it has no driver, and a sentence."""
    host = own_host()
    monkeypatch.setattr(kasa, "broadcast", host)
    with answering((host, TAPO_PORT), lambda _: reply_of(model, type_)):
        found = asyncio.run(kasa.Kasa.discover(1, []))
    assert_valid(found)
    if isinstance(expected, str):
        assert [(one.driver, one.kind, expected in one.note) for one in found] == [(None, "", True)]
    else:
        own = {"address": host, "username": "you@example.com", "password_file": "/path/to/its/password"}
        assert [(one.kind, one.options) for one in found] == [(kind, own | more) for kind, more in expected]


def test_a_search_with_an_account_finds_what_is_behind_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account is that of another device of the house. The chime has no driver, and a sentence."""
    hub = tapo_hub(tmp_path)
    hub.host = own_host()
    known = parse_table({**hub.options(), "address": "192.168.1.4"}, kasa.Options, (), [])
    assert known is not None
    monkeypatch.setattr(kasa, "broadcast", hub.host)
    with hub, answering((hub.host, TAPO_PORT), lambda _: reply_of("H100(EU)", "SMART.TAPOHUB", hub.port)):
        found = asyncio.run(kasa.Kasa.discover(1, [known]))
    assert_valid(found)
    assert [(one.kind, one.options.get("child"), one.kind_options) for one in found] == [
        ("sensor", "door", {"detects": "opening"}),
        ("sensor", "air", {}),
        ("button", "button", {}),
        ("thermostat", "valve", {}),
        ("", None, {}),
    ]
    assert found[4].note == "it is a chime: House has no driver for chimes"
    assert {one.options.get("username") for one in found[:4]} == {USERNAME}


def test_a_search_finds_each_outlet_of_an_older_strip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has the name that it has in the app, and its number as an option. A camera has no driver."""
    strip = KasaStrip(tmp_path)
    monkeypatch.setattr(kasa, "broadcast", "127.0.0.1")
    monkeypatch.setattr(kasa, "broadcast_port", strip.port)
    camera = {
        "type": "IOT.IPCAMERA",
        "model": "EC60(US)",
        "alias": "Cot",
        "dev_name": "Kasa Spot",
        "mac": "0",
    }
    for sysinfo, expected in (
        (strip.sysinfo(), [(f"Outlet {n}", "kasa", {"outlet": n + 1}) for n in range(6)]),
        ({"system": camera}, [("Cot", None, {})]),
    ):
        reply = encrypt(json.dumps({"system": {"get_sysinfo": sysinfo}}).encode())
        with answering(("127.0.0.1", strip.port), lambda _, reply=reply: reply):  # type: ignore[misc]
            found = asyncio.run(kasa.Kasa.discover(1, []))
        assert_valid(found)
        address = {"address": f"127.0.0.1:{strip.port}"}
        assert [(one.title, one.driver, one.options) for one in found] == [
            (title, driver, address | options if driver else {}) for title, driver, options in expected
        ]


@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        ("lamp", {"dims": True, "tints": True}, None),
        ("sensor", {"child": "8022"}, None),
        ("button", {"child": "8022"}, None),
        ("thermostat", {"child": "8022"}, None),
        ("thermostat", {}, "cannot regulate, which a thermostat needs; it can with other options"),
        ("sensor", {}, "cannot sense, which a sensor needs; it can with other options"),
        ("button", {"outlet": 1}, "cannot press, which a button needs; it can with other options"),
        ("lamp", {"tints": True}, "tints needs dims = true"),
        (
            "plug",
            {"outlet": 1, "child": "8022"},
            "outlet is for a strip, and child for a hub; set one of them",
        ),
        ("lamp", {"child": "8022", "dims": True}, None),
    ],
)
def test_what_the_driver_cannot_do_with_these_options_is_refused(
    kind: str, options: dict[str, Any], problem: str | None
) -> None:
    """Only a device behind a hub is a sensor, a button or a thermostat."""
    problems: list[Problem] = []
    table = {"kind": kind, "driver": "kasa", "kasa": {"address": "kasa.lan", **options}}
    build("x", table, (), problems)
    assert [problem in one.text for one in problems if problem] == ([True] if problem else [])


def test_a_lamp_that_was_configured_before_is_known(tmp_path: Path) -> None:
    """The options that a search now writes are not part of what it is. Each outlet is a device of its own."""
    (tmp_path / "house.toml").write_text(
        '[devices.shelf]\nkind = "lamp"\ndriver = "kasa"\nkasa.address = "10.0.0.3"\n'
        '[devices.pump]\nkind = "plug"\ndriver = "kasa"\nkasa = { address = "10.0.0.4", outlet = 2 }\n'
    )
    lamp = {"address": "10.0.0.3", "dims": True, "tints": True}
    found = [Found(title="Shelf", address="10.0.0.3", kind="lamp", driver="kasa", options=lamp)] + [
        Found(title="Desk", address="10.0.0.4", driver="kasa", options={"address": "10.0.0.4", "outlet": n})
        for n in (1, 2)
    ]
    seen = match_with_house(found, load_house(tmp_path / "house.toml"))
    assert [one.used_by for one in seen] == [("shelf",), (), ("pump",)]


@pytest.mark.parametrize(
    ("options", "lacks"),
    [
        ({}, {"dim", "tint", "colour", "press", "sense", "regulate"}),
        ({"dims": True}, {"tint", "colour", "press", "sense", "regulate"}),
        ({"dims": True, "tints": True, "outlet": 5}, {"colour", "press", "sense", "regulate"}),
        ({"dims": True, "colours": True}, {"tint", "press", "sense", "regulate"}),
        ({"child": "8022"}, {"dim", "tint", "colour"}),
    ],
)
def test_the_abilities_follow_from_the_options(options: dict[str, Any], lacks: set[str]) -> None:
    """A lamp that cannot be dimmed takes no brightness."""
    parsed = parse_table({"address": "kasa.lan", **options}, kasa.Options, (), [])
    assert parsed is not None
    assert kasa.Kasa.abilities - kasa.Kasa.abilities_with(parsed) == lacks


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


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ({}, "Connection refused"),
        (
            {"username": USERNAME},
            "it answers by no protocol that House knows, or refuses the account or its password",
        ),
    ],
)
def test_the_address_stands_once_in_a_fault(
    account: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library and the system put it into their texts too."""

    async def refuse(*_: Any, **__: Any) -> None:
        """Find no protocol at once: the library tries them all for seconds."""

    monkeypatch.setattr(Discover, "try_connect_all", refuse)
    monkeypatch.setenv("HOUSE_PASSWORD_PLUG", "open sesame")
    address = f"127.0.0.1:{free_port()}"
    with running_driver("kasa", {"address": address, **account}) as harness:
        lost = harness.wait_until(lambda r: r.fault is not None, "a fault")
        assert (lost.reachable, lost.fault) == (False, f"{address}: {why}")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KasaException("Device kasa.lan responded with 403 to handshake1"),
         "Device responded with 403 to handshake1"),
        (KasaException("Unable to query the device kasa.lan:9999: 0 bytes read"),
         "Unable to query the device: 0 bytes read"),
        (KasaException("Error querying device: kasa.lan: PARAMS_ERROR(-1008)"),
         "Error querying device: PARAMS_ERROR(-1008)"),
        (KasaException("Unable to query the device: kasa.lan: too long", ValueError("too long")),
         "Unable to query the device: too long"),
        (KeyError(), "KeyError"),
    ],
)  # fmt: skip
def test_an_error_of_the_library_is_described_without_the_address(error: Exception, expected: str) -> None:
    """The library puts the host, with or without the port, into different places of its texts."""
    assert kasa.describe(error, "kasa.lan:80") == expected
