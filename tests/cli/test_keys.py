"""`house keys`: keys are made, listed and revoked, and mistakes are reported. No house is up here."""

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.bus.endpoints import tcp_endpoint
from daemons.bus.keys import read_credentials
from daemons.cli.main import main
from daemons.config.house import load_house
from daemons.errors import ConfigurationError
from tests.support.exchange_client import exchange_toml
from tests.support.house import BREAKFAST

Keys = Callable[..., Result]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    """Return a function that runs `house keys` for a house with a network gateway that was never up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.toml").write_text(exchange_toml(8070))

    def run(*words: str) -> Result:
        monkeypatch.chdir(tmp_path)  # the command changes to the run directory
        options = ["--config", str(tmp_path / "house.toml"), "--run", str(tmp_path / "run")]
        return CliRunner().invoke(main, [*options, "keys", *words], prog_name="house")

    return run


def test_a_key_is_made_listed_and_revoked(keys: Keys, tmp_path: Path) -> None:
    """The rights are printed as text and as JSON; the file is in the working directory and private."""
    assert "No program may connect" in keys("list").stdout
    made = keys("make", "laptop", "--hear", "*", "--command", "toaster", "--command", "kitchen_lamp/")
    assert (made.exit_code, made.stderr) == (0, "")
    path = tmp_path / "laptop.key"
    rights = "hears *; commands toaster/, kitchen_lamp/"
    assert made.stdout == f"{path} is the key of laptop, which {rights}; keep it secret.\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    credentials = read_credentials(path)
    assert credentials.address == "tcp://127.0.0.1:8070"
    assert credentials.server_key == keys("own").stdout.strip()
    assert keys("list").stdout == f"laptop  {rights}\n"
    found = json.loads(keys("list", "--json").stdout)["keys"]["laptop"]
    assert found == {
        "hear": ["*"],
        "say": [],
        "command": ["toaster/", "kitchen_lamp/"],
        "manages": False,
        "public_key": credentials.public_key,
    }
    assert keys("revoke", "laptop").stdout == "The key of laptop is revoked.\n"
    assert "No program may connect" in keys("list").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["make"], "Missing argument 'NAME'"),
        (["make", "Laptop"], "'Laptop' is not a key name"),
        (["make", "x", "--hear", "a b"], '--hear a b/: allowed are "*" and the beginning of topics'),
        (["revoke", "laptp"], "there is no key 'laptp'; did you mean 'laptop'? allowed: laptop"),
        (["mak", "x"], "Did you mean 'make'?"),
    ],
)
def test_a_mistake_is_reported_with_the_allowed_values(keys: Keys, words: list[str], message: str) -> None:
    """The exit status is 2, the message is on standard error, and no key is made."""
    keys("make", "laptop")
    done = keys(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in re.sub(r"\s+", " ", done.stderr)
    assert list(json.loads(keys("list", "--json").stdout)["keys"]) == ["laptop"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--hear", "tosater/"],
            "--hear tosater/: tosater is no process of this house; did you mean 'toaster'?",
        ),
        (["--command", "steward"], "--command steward/: steward is no process of this house"),
        (
            ["--say", "toaster"],
            '--say toaster/: toaster is no device with driver = "foreign"; allowed: garden',
        ),
    ],
)
def test_a_right_without_a_matching_process_is_made_with_a_warning(
    keys: Keys, words: list[str], message: str
) -> None:
    """The device may be added later, so the key is made."""
    done = keys("make", "laptop", *words)
    assert done.exit_code == 0
    assert message in done.stdout


def test_a_file_that_cannot_be_written_leaves_no_key(keys: Keys) -> None:
    """The key is not listed, because no program has it."""
    done = keys("make", "laptop", "--to", "/nonexistent/laptop.key")
    assert done.exit_code == 1
    assert "/nonexistent/laptop.key cannot be written" in done.stderr
    assert "No program may connect" in keys("list").stdout


def test_a_key_for_a_house_without_an_exchange_address_has_a_warning(keys: Keys, tmp_path: Path) -> None:
    """The key is made, with a warning."""
    (tmp_path / "house.toml").write_text(BREAKFAST)
    assert "[exchange] has no address, so no program can connect" in keys("make", "laptop").stdout


def test_a_key_that_others_can_read_is_reported_by_list(keys: Keys, tmp_path: Path) -> None:
    """The exchange ignores this key, so a warning has the command that corrects its mode."""
    keys("make", "laptop")
    (tmp_path / "run" / "keys" / "clients" / "laptop.toml").chmod(0o644)
    done = keys("list")
    assert "laptop: " in done.stderr
    assert "run `chmod 600 " in done.stderr


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[exchange]\naddress = "tcp://1.2.3.4:80"', "[exchange]: address must be one of this machine"),
        ('[exchange]\naddress = "kitchen.local"', "[exchange]: address must be one of this machine"),
        ('[exchange]\nadress = "*"', "[exchange] adress: unknown key; did you mean 'address'?"),
        (
            "[exchange]\nport = 65534",
            "[exchange] port: 65534 is not allowed; port takes a whole number from 1",
        ),
        (
            '[devices.x]\nkind = "lamp"\ndriver = "foreign"\nforeign.every = "0s"',
            "every must be 1s or longer",
        ),
        ('[devices.x]\nkind = "lamp"\ndriver = "foreign"\ngrace = "9s"', "it takes no grace"),
        ('[devices.x]\nkind = "mirror"\ndriver = "foreign"', "a mirror drives no hardware"),
    ],
)
def test_a_mistake_about_the_exchange_is_reported(tmp_path: Path, table: str, message: str) -> None:
    """The error has the table and the key."""
    file = tmp_path / "house.toml"
    file.write_text(f"{BREAKFAST}\n{table}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_house(file)
    assert message in str(caught.value).replace("] address must", "]: address must")


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("127.0.0.1", "tcp://127.0.0.1:8070"),
        ("::1", "tcp://[::1]:8070"),
        ("fe80::1%eth0", "tcp://[fe80::1%eth0]:8070"),
    ],
)
def test_the_gateway_address_becomes_an_endpoint(tmp_path: Path, address: str, endpoint: str) -> None:
    """In an endpoint, an IPv6 address has brackets."""
    file = tmp_path / "house.toml"
    file.write_text(f'{BREAKFAST}\n[exchange]\naddress = "{address}"\n')
    gateway = load_house(file).gateway
    assert gateway is not None
    assert tcp_endpoint(*gateway) == endpoint
