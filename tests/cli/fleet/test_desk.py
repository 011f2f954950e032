"""The options of `house fleet`."""

from pathlib import Path
from typing import Any

import pytest

from daemons.cli.fleet.desk import make_desk
from daemons.errors import ConfigurationError


def given(**options: Any) -> dict[str, Any]:
    """Return the options of a command line; None stands for the others."""
    names = ("brokers", "prefix", "username", "password_file", "ca_file", "certificate_file", "key_file")
    return {name: options.get(name) for name in names}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mqtt://127.0.0.1", ("127.0.0.1", 1883, False)),
        ("mqtts://broker.example.com", ("broker.example.com", 8883, True)),
        ("mqtts://broker.example.com:1/", ("broker.example.com", 1, True)),
        ("mqtt://[::1]:1884", ("::1", 1884, False)),
    ],
)
def test_an_address_has_a_host_a_port_and_tls(address: str, expected: tuple[str, int, bool]) -> None:
    """Without a port, the usual one of the scheme counts."""
    (options,) = make_desk(None, given(brokers=[address])).each_broker()
    assert (options.broker, options.port, options.tls) == expected


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "http://a", "mqtt://", "mqtt://a:0", "mqtt://a:70000", "mqtt://a:x", "mqtt://a/topic",
        "mqtt://user:secret@a", "mqtt://a?b", "mqtt://a#b", "mqtt://[::1", "mqtt://a\x1b[2J", "",
    ],
)  # fmt: skip
def test_another_address_is_refused(address: str) -> None:
    """The error names the option and shows an example. A password does not belong into a command line."""
    with pytest.raises(
        ValueError, match=r"--broker: .* is not allowed; broker takes the address of a broker, such as"
    ):
        make_desk(None, given(brokers=[address]))


def test_a_missing_broker_is_named() -> None:
    """There is no default broker: a command could reach a house that was not meant."""
    with pytest.raises(ValueError, match="which broker"):
        make_desk(None, given())


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("ca_file", "certificate_authority"),
        ("certificate_file", "certificate_file"),
        ("key_file", "key_file"),
    ],
)
def test_certificates_need_tls(key: str, field: str) -> None:
    """Without TLS, the file would have no effect; with TLS at one of the brokers, it has."""
    option = key.replace("_", "-")
    with pytest.raises(ValueError, match=f"--{option} is for a broker with TLS"):
        make_desk(None, given(brokers=["mqtt://a"], **{key: "/a.pem"}))
    files = {"certificate_file": "/b.pem", key: "/a.pem"}
    desk = make_desk(None, given(brokers=["mqtt://a", "mqtts://b"], **files))
    assert [getattr(broker, field) for broker in desk.each_broker()] == ["/a.pem", "/a.pem"]


def test_a_key_needs_its_certificate() -> None:
    """A key alone would not be used."""
    with pytest.raises(ValueError, match="--key-file is for --certificate-file, which is missing"):
        make_desk(None, given(brokers=["mqtts://a"], key_file="/a.pem"))


def test_several_brokers_are_a_list(tmp_path: Path) -> None:
    """They stand in the file, or each in an option. Those of the command line replace those of the file."""
    file = tmp_path / "desk.toml"
    file.write_text('brokers = ["mqtt://a", "mqtts://b:1"]\n')
    assert make_desk(file, given()).place == "a:1883, b:1"
    assert make_desk(file, given(brokers=["mqtt://c"])).place == "c:1883"
    file.write_text('broker = "mqtt://c"\nbrokers = ["mqtt://a"]\n')
    with pytest.raises(ValueError, match="broker and brokers exclude each other"):
        make_desk(file, given())


def test_a_file_has_options_and_the_command_line_counts_more(tmp_path: Path) -> None:
    """The keys of the file are the options; the prefix may be empty."""
    file = tmp_path / "desk.toml"
    file.write_text('broker = "mqtts://a"\nprefix = "one/two"\nusername = "desk"\nca_file = "/ca.pem"\n')
    desk = make_desk(file, given(username="other"))
    assert (desk.place, desk.base, desk.username, desk.ca_file) == (
        "a:8883", "one/two/", "other", "/ca.pem",
    )  # fmt: skip
    assert make_desk(file, given(prefix="")).base == ""
    assert make_desk(None, given(brokers=["mqtt://a"])).base == "fleet/"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('broker = "mqtt://a"\nprefx = "b"\n', 2, "did you mean 'prefix'?"),
        ('\nbroker = "a"\n', 2, "broker takes the address of a broker, such as"),
        ('broker = "mqtt://a"\n\nprefix = "a/+"\n', 3, "is not allowed"),
        ('broker = "mqtt://a"\npassword_file = "secret"\n', 2, "is not allowed"),
        ("broker = \n", 1, ""),
    ],
)
def test_a_mistake_in_the_file_has_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    """The error is that of any configuration."""
    file = tmp_path / "desk.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        make_desk(file, given())
    (problem,) = raised.value.problems
    assert problem.line == line
    assert what in problem.text
