"""The mirror kind: its options in house.toml, and which fields of its state are measurements."""

from typing import Any

import pytest

from daemons.config import device
from daemons.kinds.mirror import Mirror
from daemons.values import Problem


def options(**table: Any) -> tuple[Any, list[str]]:
    """Return the options of a mirror with this configuration, and the problems in it."""
    problems: list[Problem] = []
    built = device.build("mirror", {"kind": "mirror", **table}, ("devices", "mirror"), problems)
    return built and built.options, [f"{'.'.join(map(str, p.path[2:]))}: {p.text}" for p in problems]


def test_a_mirror_has_defaults_for_all_options() -> None:
    """By default the page is on loopback, at the documented port, without encryption."""
    found, problems = options()
    assert not problems
    assert (found.port, found.address, found.hosts) == (8060, "127.0.0.1", ())
    assert (found.certificate, found.private_key) == (None, None)


def test_every_option_of_the_page_can_be_set() -> None:
    """Each value is read as written."""
    given = {
        "port": 0, "address": "::", "hosts": ["house.example", "house"],
        "certificate": "/a.crt", "private_key": "/a.key",
    }  # fmt: skip
    found, problems = options(**given)
    assert not problems
    assert {key: getattr(found, key) for key in given} == {**given, "hosts": ("house.example", "house")}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", -1), ("port", 65536), ("port", "8060"), ("port", 80.5), ("address", ""), ("address", 1),
        ("hosts", "house.example"), ("hosts", ["House"]), ("hosts", ["a b"]), ("hosts", ["a:80"]),
        ("hosts", [""]),
        ("hosts", ["*"]), ("hosts", ["-a"]), ("hosts", ["a\n"]), ("certificate", "a.crt"),
        ("certificate", ""),
        ("private_key", "/"), ("ports", 1),
    ],
)  # fmt: skip
def test_an_invalid_option_is_reported_with_its_key(key: str, value: Any) -> None:
    """There is exactly one problem, and its text begins with the key."""
    found, problems = options(**{key: value})
    assert found is None
    assert len(problems) == 1
    assert problems[0].startswith(key)


@pytest.mark.parametrize("key", ["certificate", "private_key"])
def test_half_a_key_pair_is_refused(key: str) -> None:
    """A certificate without its private key, or the reverse, encrypts nothing."""
    assert options(**{key: "/a.pem"})[1] == [": certificate and private_key go together"]


@pytest.mark.parametrize(("stale", "offline"), [("10s", "10s"), ("0s", "10s"), ("20s", "10s")])
def test_stale_after_must_be_shorter_than_offline_after(stale: str, offline: str) -> None:
    """Otherwise no device would ever be shown as stale."""
    (problem,) = options(stale_after=stale, offline_after=offline)[1]
    assert "stale_after must be shorter than offline_after" in problem


def test_the_sentence_is_a_measurement_and_the_url_is_not() -> None:
    """The sentence changes all the time; the URL and the fault of the page are recorded when they change."""
    assert "message" in Mirror.measurements()
    assert not {"url", "fault", "phase"} & Mirror.measurements()
