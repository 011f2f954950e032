"""The QR code of `house token`."""

import io
from typing import Any

import pytest

from daemons.cli import sign_in_code
from daemons.cli.sign_in_code import sign_in_url
from daemons.kinds.mirror import Options

KEYS = {"certificate": "/c.pem", "private_key": "/k.pem"}


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ({"address": "192.168.1.5"}, "http://192.168.1.5:8060/login#token=T"),
        ({"address": "192.168.1.5", "port": 80}, "http://192.168.1.5:80/login#token=T"),
        ({"address": "2001:db8::5"}, "http://[2001:db8::5]:8060/login#token=T"),
        ({"address": "pi.lan", **KEYS}, "https://pi.lan:8060/login#token=T"),
        ({"address": "127.0.0.1", "hosts": ("house.example",)}, "http://house.example:8060/login#token=T"),
        ({"address": "127.0.0.1"}, None),
        ({"address": "::1"}, None),
        ({"address": "localhost"}, None),
        ({"address": "192.168.1.5", "port": 0}, None),
    ],
)
def test_the_code_has_the_address_at_which_a_phone_reaches_the_page(
    options: dict[str, Any], address: str | None
) -> None:
    """The token stands behind `#`, which no server sees. A page on loopback has no such address."""
    assert sign_in_url(Options(**options), "T") == address


def test_a_page_on_all_addresses_has_that_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network, it is the machine's name in the local network."""
    options = Options(address="0.0.0.0")  # noqa: S104  nothing listens
    monkeypatch.setattr(sign_in_code, "network_address", lambda: "10.0.0.7")
    assert sign_in_url(options, "T") == "http://10.0.0.7:8060/login#token=T"
    monkeypatch.setattr(sign_in_code, "network_address", lambda: None)
    monkeypatch.setattr("socket.gethostname", lambda: "pi.lan")
    assert sign_in_url(options, "T") == "http://pi.local:8060/login#token=T"


def test_the_code_is_printed_as_blocks() -> None:
    """Two rows of the code are one line of text, so that it fits on a terminal of 80 columns and 24 lines."""
    out = io.StringIO()
    sign_in_code.print_code("http://192.168.1.5:8060/login#token=" + "x" * 32, out)
    lines = out.getvalue().splitlines()
    assert 15 < len(lines) < 24
    assert "▀" in out.getvalue() or "▄" in out.getvalue()
