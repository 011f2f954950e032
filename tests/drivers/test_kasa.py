"""Kasa: what a search finds, and what it says of what it found."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from daemons.drivers import kasa
from daemons.value import Problem, read
from tests.drivers.emulators.kasa import KasaPlug, mix, unmix


@contextmanager
def answering(plug: KasaPlug) -> Iterator[None]:
    """Let a plug answer searches, as it does on the port that it talks on, but by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", plug.port))

        def answer() -> None:
            while True:
                asked, who = ear.recvfrom(4096)
                if not asked:
                    return
                ear.sendto(mix(json.dumps(plug.answer(json.loads(unmix(asked)))).encode()), who)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
                mouth.sendto(b"", ("127.0.0.1", plug.port))
            thread.join()


def test_a_search_finds_a_plug_and_how_to_reach_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name, model and firmware, and options that the driver takes; who does not answer is none."""
    with KasaPlug(tmp_path) as plug:
        monkeypatch.setattr(kasa, "broadcast", "127.0.0.1")
        monkeypatch.setattr(kasa, "broadcast_port", plug.port)
        assert asyncio.run(kasa.Kasa.discover(1, [])) == []
        with answering(plug):
            (found,) = asyncio.run(kasa.Kasa.discover(1, []))
    assert (found.title, found.model, found.kind, found.driver) == ("Kettle", "HS110", "plug", "kasa")
    assert found.firmware.startswith("1.5.6")
    problems: list[Problem] = []
    assert read(found.options, kasa.Options, (), problems), problems
    assert found.options == {"address": f"127.0.0.1:{plug.port}"}
