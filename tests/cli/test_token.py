"""`house token`: the owner's token, and those of persons."""

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemons.cli.main import main
from tests.support.house import BREAKFAST

Token = Callable[..., Result]


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """Return a function that runs `house token` for a house that was never up."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.toml").write_text(BREAKFAST)

    def run(*words: str) -> Result:
        monkeypatch.chdir(tmp_path)  # the command changes to the run directory
        options = ["--config", str(tmp_path / "house.toml"), "--run", str(tmp_path / "run")]
        return CliRunner().invoke(main, [*options, "token", *words], prog_name="house")

    return run


def test_the_owners_token_is_made_and_removed_as_before(token: Token, tmp_path: Path) -> None:
    """Alone on standard output, so that a script can read it."""
    made = token()
    assert made.exit_code == 0
    assert (tmp_path / "run" / "token").read_text() == made.stdout.strip()
    assert "printed only now" in made.stderr
    assert token("--remove").stdout == "The token was removed.\n"
    assert not (tmp_path / "run" / "token").exists()


def test_no_other_word_makes_a_token_of_the_owner(token: Token, tmp_path: Path) -> None:
    """A spelling mistake must not end the access of all browsers."""
    for words in (("lst",), ("list",), ("list", "--json"), ("--remove", "list"), ("make",), ("revoke", "x")):
        token(*words)
        assert not (tmp_path / "run" / "token").exists(), words
    assert token("lst").exit_code == 2


def test_a_token_of_a_person_is_made_listed_and_revoked(token: Token, tmp_path: Path) -> None:
    """Names may be repeated or have commas; the token alone is on standard output, and only now."""
    token()
    made = token(
        "make", "anna", "--see", "kitchen_lamp,toaster", "--see", "coffee_maker/", "--command", "toaster"
    )
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("anna.")
    rights = "sees kitchen_lamp/, toaster/, coffee_maker/; commands toaster/"
    assert made.stderr == f"This is the token of anna, who {rights}. It is printed only now.\n"
    path = tmp_path / "run" / "tokens" / "anna.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = made.stdout.strip().partition(".")[2]
    assert secret not in path.read_text()
    listed = token("list")
    assert listed.stdout == f"anna  {rights}\n"
    assert token("revoke", "anna").stdout == "The token of anna is revoked.\n"
    assert "No person has a token" in token("list").stdout
    assert token("revoke", "anna").exit_code == 2


def test_the_list_as_json_has_rights_and_no_hash(token: Token) -> None:
    """`until` is in Unix seconds, or null."""
    token("make", "anna", "--see", "*", "--for", "7d")
    token("make", "berta", "--command", "toaster")
    found = json.loads(token("list", "--json").stdout)
    until = found["tokens"]["anna"].pop("until")
    assert until == pytest.approx(time.time() + 7 * 86400, abs=60)
    assert found == {
        "owner": False,
        "tokens": {
            "anna": {"see": ["*"], "command": [], "manage": False, "edit": False, "expired": False},
            "berta": {
                "see": [],
                "command": ["toaster/"],
                "manage": False,
                "edit": False,
                "until": None,
                "expired": False,
            },
        },
    }
    assert "until 20" in token("list").stdout


def test_the_rights_beyond_commands_are_given_by_name(token: Token) -> None:
    """They are in the list, and the right to edit is of no use while the mirror does not allow it."""
    made = token("make", "anna", "--see", "*", "--manage", "--edit")
    assert "anna, who sees *; manages processes; edits." in made.stderr
    assert "--edit: editing is off; `edit = true` in the table of the mirror" in made.stderr
    assert token("list").stdout == "anna  sees *; manages processes; edits\n"
    found = json.loads(token("list", "--json").stdout)["tokens"]["anna"]
    assert (found["manage"], found["edit"]) == (True, True)


def test_an_expired_token_is_listed_as_such(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays in the list until it is revoked."""
    token("make", "anna", "--for", "1s")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2)
    assert "expired 20" in token("list").stdout
    assert json.loads(token("list", "--json").stdout)["tokens"]["anna"]["expired"] is True


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("make", "Anna"), "'Anna' is not the name of a person"),
        (("make", "anna", "--see", "Toaster"), "--see Toaster/: allowed are"),
        (("make", "anna", "--see", "toaster", "--edit"), '--edit needs --see "*"'),
        (("make", "anna", "--for", "soon"), "--for soon: allowed is a duration"),
        (("make", "anna", "--for", "0s"), "--for 0s: allowed is a duration"),
        (("revoke", "../token"), "'../token' has no token"),
    ],
)
def test_a_wrong_word_is_refused(token: Token, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    """The error says what is allowed, and no token is made."""
    done = token(*words)
    assert done.exit_code == 2
    assert why in " ".join(done.stderr.split())
    assert not list((tmp_path / "run").glob("tokens/*.toml"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--see", "toster"), "toster is no device of this house; did you mean 'toaster'?"),
        (("--see", "mirror"), 'a mirror is shown only with --see "*"'),
        (("--see", "toaster/state"), 'this is no device, so it gives no right; did you mean "toaster"?'),
        (("--see", "toaster"), "There is no owner's token, so the page is open without any token"),
    ],
)
def test_a_right_without_effect_is_a_warning(token: Token, words: tuple[str, ...], why: str) -> None:
    """The token is made all the same: the device may be added later."""
    done = token("make", "anna", *words)
    assert done.exit_code == 0
    assert why in done.stderr
