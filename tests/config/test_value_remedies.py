"""The remedies of values that TOML accepts: the error of a configuration proposes what was meant."""

from pathlib import Path

import pytest

from daemons.config import loader
from daemons.config.house import load_house
from daemons.config.kind_names import DETECTS, NAMES, meant_kind
from daemons.errors import ConfigurationError
from daemons.kinds.sensor import PHASES

TOASTER = '[devices.t]\nkind = "toaster"\ndriver = "simulated"\n'
WARM = '[devices.warm]\nkind = "sensor"\ndriver = "simulated"\n'
RULE = f'{TOASTER}{WARM}[[devices.t.when]]\ndo = "start"\n'


def problems(tmp_path: Path, text: str | bytes) -> list[str]:
    """Return the problems of a configuration as `table: text`."""
    file = tmp_path / "house.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        load_house(file)
    except ConfigurationError as error:
        return [f"{found.table} {found.key or ''}: {found.text}" for found in error.problems]
    return []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'{RULE}at = "6:00"', 'at: "6:00" is not allowed; did you mean "06:00"?'),
        (f"{RULE}at = 06:00", 'did you mean "06:00"?'),
        (f'{RULE}at = "07:00"\nbetween = "6-8"', 'did you mean ["06:00", "08:00"]?'),
        (f'{RULE}at = "07:00"\ndays = ["monday"]', 'did you mean ["mon"]?'),
        (f'{RULE}at = "07:00"\ndays = "weekdays"', 'did you mean ["mon", "tue", "wed", "thu", "fri"]?'),
        (f'{RULE}at = "07:00"\nmonths = ["May", "June"]', 'did you mean ["may", "jun"]?'),
        (f'{RULE}at = "07:00"\ndates = ["24.12."]', 'did you mean ["12-24"]?'),
        (f'{RULE}at = "07:00"\ndelay = "10 min"', 'did you mean "10m"?'),
        (f'{RULE}every = "15 min"', 'did you mean "15m"?'),
        (f"{TOASTER}off_after = 90", 'did you mean "90s"?'),
        (f'{TOASTER}browning = "3"', "did you mean 3?"),
        (f'{TOASTER}[recorder]\nenabled = "yes"', "did you mean true?"),
        (f'{TOASTER}[recorder]\nsync = "61s"', "sync must be 60s or shorter"),
        (f"{TOASTER}room = 5", 'did you mean "5"?'),
        (f'{TOASTER}[house]\nlocale = "de_DE"', 'did you mean "de-DE"? locale takes a language tag'),
        (f'{TOASTER}[house]\ntimezone = "Berlin"', 'did you mean "Europe/Berlin"?'),
        (f'{RULE}device = "warm"\nabove = 20', "write: above = { temperature_celsius = 20 }, where"),
        (f'{RULE}device = "warm"\nbelow = "18,5"', "write: below = { temperature_celsius = 18.5 }"),
        (f'{RULE}device = "warm"\nturns = "on"', "write: turns = { status = true }"),
        ('[devices.Hall]\nkind = "lamp"\ndriver = "simulated"', "write: [devices.hall]"),
        ('[devices.hall-lamp]\nkind = "lamp"\ndriver = "simulated"', "write: [devices.hall_lamp]"),
        ('[devices.hall.lamp]\nkind = "lamp"\ndriver = "simulated"', "no dot; write: [devices.hall_lamp]"),
        ('[[devices.hall]]\nkind = "lamp"', "one pair of brackets; write: [devices.hall]"),
        ('[lamp]\nkind = "lamp"', "lamp : a device has its name after devices; write: [devices.lamp]"),
        (f'{TOASTER}[devices.t.when]\nat = "07:00"\ndo = "start"', "write: [[devices.t.when]]"),
        (f'{TOASTER}[[when]]\nat = "07:00"', "a rule belongs to a device"),
        (f'kind = "lamp"\n{TOASTER}', "stands above the first table"),
        ('[devices.t]\nKind = "toaster"', 'written in lower case; write: kind = "toaster"'),
    ],
)
def test_the_error_proposes_what_was_meant(tmp_path: Path, text: str, words: str) -> None:
    """The proposal stands before what is allowed."""
    assert any(words in found for found in problems(tmp_path, text)), problems(tmp_path, text)


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("light", "did you mean 'lamp'?"),
        ("Steckdose", "did you mean 'plug'?"),
        ("roller shutter", "did you mean 'cover'?"),
        ("thermometer", "did you mean 'sensor'?"),
        ("motion", "did you mean 'sensor', with detects = \"motion\"?"),
        ("LAMP", "did you mean 'lamp'?"),
    ],
)
def test_a_common_name_of_an_appliance_leads_to_its_kind(tmp_path: Path, word: str, right: str) -> None:
    """The words of other systems, and German ones, are known."""
    (found,) = problems(tmp_path, f'[devices.t]\nkind = "{word}"\ndriver = "simulated"\n')
    assert right in found


def test_every_common_name_leads_to_a_kind_that_exists() -> None:
    """No name stands for two kinds, and none hides a kind."""
    kinds = loader.available("kinds")
    assert NAMES.keys() <= kinds.keys()
    assert DETECTS.keys() <= PHASES.keys()
    names = [name for others in NAMES.values() for name in others.split()]
    assert sorted(names) == sorted(set(names))
    assert not set(names) & kinds.keys()
    assert all(meant_kind(kind) == kind for kind in NAMES)


def test_a_key_of_a_device_below_its_rule_is_named_and_brings_no_second_error(tmp_path: Path) -> None:
    """TOML reads it as a key of the rule; without this remedy, the driver would be missing as well."""
    rule = '[[devices.t.when]]\nat = "07:00"\ndo = "start"\n'
    found = problems(tmp_path, f'[devices.t]\nkind = "toaster"\n{rule}driver = "simulated"\nbrowning = 4\n')
    text = "this is a key of the device; write it above its first [[devices.t.when]]"
    assert found == [f"devices.t.when driver: {text}", f"devices.t.when browning: {text}"]


def test_keys_that_no_person_writes_are_not_proposed(tmp_path: Path) -> None:
    """The list of allowed keys of a rule has only those of the documentation."""
    (found,) = problems(tmp_path, f'{RULE}at = "07:00"\nunless = true')
    assert "unknown key; allowed: device, process, turns" in found
    assert "made_by" not in found


@pytest.mark.parametrize(
    ("port", "other", "is_refused"),
    [
        ("", "", True),
        ("port = 8080", "port = 8080", True),
        ("port = 8080", "", False),
        ("port = 0", "port = 0", False),
    ],
)
def test_two_mirrors_need_two_ports(tmp_path: Path, port: str, other: str, is_refused: bool) -> None:
    """The second one could not serve its page; port 0 is a free port for each."""
    text = f'[devices.m]\nkind = "mirror"\n{port}\n[devices.n]\nkind = "mirror"\n{other}\n'
    found = problems(tmp_path, text)
    assert [("the mirror m has the port" in one) for one in found] == [True] * is_refused


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf%s", b"\r\n%s"])
def test_files_of_windows_editors_are_read(tmp_path: Path, content: bytes) -> None:
    """A byte-order mark and Windows line ends are no mistakes."""
    assert problems(tmp_path, content % TOASTER.replace("\n", "\r\n").encode()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            f'{TOASTER}room = "Küche"\n'.encode("latin-1"),
            "is not UTF-8; save the file as UTF-8 in your editor",
        ),
        (TOASTER.encode("utf-16"), "is not UTF-8, but UTF-16; save it as UTF-8"),
    ],
)
def test_another_encoding_is_named_with_its_remedy(tmp_path: Path, content: bytes, words: str) -> None:
    """The line is the first one with a character that is not UTF-8."""
    (tmp_path / "house.toml").write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        load_house(tmp_path / "house.toml")
    (found,) = raised.value.problems
    assert words in found.text
    assert found.line == (4 if b"\xfc" in content else 1)
