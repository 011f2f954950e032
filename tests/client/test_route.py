"""The way to a house: a run directory with or without an exchange, or a key file."""

import re
from pathlib import Path

import pytest

from daemons.bus.keys import Credentials
from daemons.client.route import Route
from daemons.errors import DeviceError, StorageError
from daemons.storage.key_pair import to_toml


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (None, "is neither the run directory of a house nor a key file"),
        ("nonsense = [", "is not a key"),
        (
            'address = "tcp://house"\nserver_key = "{k}"\npublic_key = "{k}"\nsecret_key = "{k}"',
            "the address 'tcp://house' does not end with a port",
        ),
    ],
)
def test_a_path_that_leads_to_no_house_is_an_error(tmp_path: Path, words: str | None, why: str) -> None:
    """The error has the path and the reason."""
    path = tmp_path / "x.key"
    if words:
        path.write_text(words.replace("{k}", "0" * 40))
        path.chmod(0o600)
    with pytest.raises(StorageError, match=re.escape(str(path))) as caught:
        Route(path)
    assert why in str(caught.value)


def test_a_key_leads_to_three_ports_in_a_row(tmp_path: Path) -> None:
    """An IPv6 address keeps its brackets."""
    path = tmp_path / "x.key"
    half = "0" * 40
    credentials = Credentials(address="tcp://[::1]:8070", server_key=half, public_key=half, secret_key=half)
    path.write_bytes(to_toml(credentials))
    path.chmod(0o600)
    route = Route(path)
    assert route.gateway == ("tcp://[::1]:8070", "tcp://[::1]:8071", "tcp://[::1]:8072")
    assert route.publish_endpoints(["lamp"]) == {"tcp://[::1]:8070"}
    assert (route.direct_names(), route.credentials) == ([], credentials)


def run_directory(path: Path, *names: str) -> Path:
    """Return a run directory in which these processes are installed."""
    for folder in ("bus", "devices"):
        (path / folder).mkdir()
    for name in names:
        (path / "devices" / f"{name}.json").touch()
    return path


def test_a_house_with_an_exchange_has_one_way_for_all_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A house that is not installed yet counts as one with an exchange."""
    monkeypatch.chdir(run_directory(tmp_path))
    route = Route(Path())
    for _ in range(2):
        assert route.direct_names() == []
        assert route.publish_endpoints(["lamp"]) == {"ipc://bus/exchange.hear"}
        assert route.gateway.commands == "ipc://bus/exchange.command"
        route.check_exchange("lamp")
        for name in ("lamp", "exchange"):
            (tmp_path / "devices" / f"{name}.json").touch()


def test_a_house_without_an_exchange_has_a_way_to_each_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription has those of its names that are installed, or all."""
    monkeypatch.chdir(run_directory(tmp_path, "toaster", "lamp"))
    route = Route(Path())
    assert route.direct_names() == ["lamp", "toaster"]
    assert route.command_endpoint("lamp") == "ipc://bus/lamp.command"
    assert route.publish_endpoints(["lamp", "gone"]) == {"ipc://bus/lamp.publish"}
    assert route.publish_endpoints([]) == {"ipc://bus/lamp.publish", "ipc://bus/toaster.publish"}
    with pytest.raises(DeviceError, match=r"shed: .*add the table \[exchange\] to house.toml"):
        route.check_exchange("shed")


def test_the_shorter_path_to_the_sockets_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From far away it is the absolute one."""
    run_directory(tmp_path)
    monkeypatch.chdir("/")
    assert Route(tmp_path).gateway.commands == f"ipc://{str(tmp_path)[1:]}/bus/exchange.command"
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b" / "c" / "d")
    assert Route(tmp_path).gateway.commands == "ipc://../../../../bus/exchange.command"
