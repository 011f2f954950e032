"""The remedies of mistakes in TOML: each names what is wrong, where, and the right line."""

import pytest
import tomli

from daemons.config.toml_remedies import find_remedy

HEAD = '[house]\nname = "Home"\n\n[devices.hall]\nkind = "lamp"\n'
"""Five good lines before each mistake."""


def remedy(text: str) -> tuple[int, int, str]:
    """Return the line (after the head), the column and the text of the remedy of a text."""
    with pytest.raises(tomli.TOMLDecodeError) as raised:
        tomli.loads(HEAD + text)
    error = raised.value
    found = find_remedy(HEAD + text, error.lineno, error.colno, error.msg)
    return found.line - HEAD.count("\n"), found.column, found.text


@pytest.mark.parametrize(
    ("line", "column", "right"),
    [
        ("room = lamp", 8, 'room = "lamp"'),
        ('room = "lamp', 8, 'room = "lamp"'),
        ('room = lamp"', 8, 'room = "lamp"'),
        ("room = 'lamp", 8, "room = 'lamp'"),
        ("room = the hall lamp", 8, 'room = "the hall lamp"'),
        ("enabled = True", 11, "enabled = true"),
        ("enabled = FALSE", 11, "enabled = false"),
        ("enabled = yes", 11, "enabled = true"),
        ("enabled = off", 11, "enabled = false"),
        ("do = on", 6, 'do = "on"'),
        ("browning: 3", 9, "browning = 3"),
        ("room: Hall", 5, 'room = "Hall"'),
        ("room := 'Hall'", 6, "room = 'Hall'"),
        ("room == 'Hall'", 6, "room = 'Hall'"),
        ("room => 'Hall'", 6, "room = 'Hall'"),
        ('room "Hall"', 5, 'room = "Hall"'),
        ("room = “Hall”", 8, 'room = "Hall"'),
        ("room = „Hall“", 8, 'room = "Hall"'),
        ("room = ‘Hall’", 8, 'room = "Hall"'),
        ("room = «Hall»", 8, 'room = "Hall"'),
        ('room = "Hall" // the hall', 15, 'room = "Hall"  # the hall'),
        ('room = "Hall";', 14, 'room = "Hall"'),
        ('room = "Hall",', 14, 'room = "Hall"'),
        ('room = "The "big" hall"', 13, "room = \"The 'big' hall\""),
        ('room = "C:\\Users"', 11, 'room = "C:\\\\Users"'),
        ("off after = '10m'", 1, "off_after = '10m'"),
        ("größe = 3", 1, "groesse = 3"),
        ("latitude = 52,5", 12, "latitude = 52.5"),
        ("latitude = 1.500,5", 12, "latitude = 1500.5"),
        ("latitude = .5", 12, "latitude = 0.5"),
        ("browning = 03", 12, "browning = 3"),
        ("brightness = 30 %", 14, "brightness = 30"),
        ("off_after = 90s", 13, 'off_after = "90s"'),
        ("off_after = 10 min", 13, 'off_after = "10m"'),
        ("at = 6:00", 6, 'at = "06:00"'),
        ("at = 6am", 6, 'at = "06:00"'),
        ("at = sunset", 6, 'at = "sunset"'),
        ("dates = [24.12.]", 10, 'dates = ["12-24"]'),
        ("days = [mon, tue]", 9, 'days = ["mon", "tue"]'),
        ('days = ["mon" "tue"]', 14, 'days = ["mon", "tue"]'),
        ('days = ["mon", "tue"', 8, 'days = ["mon", "tue"]'),
        ("turns = { status: true }", 17, "turns = { status = true }"),
        ('turns = { "status": true }', 19, "turns = { status = true }"),
        ("turns = { status = True }", 20, "turns = { status = true }"),
        ("turns = { status = true", 9, "turns = { status = true }"),
        ("[devices.hall lamp]", 10, "[devices.hall_lamp]"),
        ("[devices.küche]", 10, "[devices.kueche]"),
        ("[devices.porch", 15, "[devices.porch]"),
        ("[[devices.hall.when]", 21, "[[devices.hall.when]]"),
        ("[devices.hall.when]]", 1, "[[devices.hall.when]]"),
        ("[devices.porch]:", 16, "[devices.porch]"),
        ("devices:", 8, "[devices]"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", '\ndriver = "simulated"\n'])
def test_the_right_line_is_proposed_at_the_place_of_the_mistake(
    line: str, column: int, right: str, end: str
) -> None:
    """It is so at the end of a file and before other lines, and the proposed line is TOML."""
    number, place, text = remedy(line + end)
    assert (number, place) == (1, column)
    assert f"; write: {right}" in text
    tomli.loads(right)


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("// a comment\n", 1, 1, "a comment begins with #: # a comment"),
        ("; a comment\n", 1, 1, "a comment begins with #: # a comment"),
        ("-- a comment\n", 1, 1, "a comment begins with #: # a comment"),
        ("/* a comment */\n", 1, 1, "a comment begins with #: # a comment"),
        ("[devices.hall]\n", 1, 1, "[devices.hall] stands already on line 4"),
        ("[house]\nname = 'x'\n", 1, 1, "[house] stands already on line 1"),
        ("room = 'a'\nroom = 'b'\n", 2, 1, "the key room stands already on line 6"),
        ("room =\n", 1, 7, "the value after = is missing"),
        ("room = # the hall\n", 1, 7, "the value after = is missing"),
        ("= 'Hall'\n", 1, 1, "the key before the = is missing"),
        ("room\n", 1, 1, "room has no value"),
        ("room = None\n", 1, 8, "TOML has no None; leave the line with room out"),
        ("room = 'Hall', driver = 'simulated'\n", 1, 16, "write driver on a line of its own"),
        ("room = 'Hall' driver = 'simulated'\n", 1, 15, "write driver on a line of its own"),
        ("[devices.porch] the porch\n", 1, 17, "a comment after it begins with #"),
        ("[devices.]\n", 1, 1, "a device is [devices.NAME]"),
        ("<<<<<<< HEAD\n", 1, 1, "a merge of two versions"),
        ("\ufeff[devices.porch]\n", 1, 1, "a byte-order mark (U+FEFF) stands here; delete it"),
        ("room\u00a0= 'Hall'\n", 1, 5, "a no-break space (U+00A0) stands here"),
        ("\u200broom = 'Hall'\n", 1, 1, "a zero-width space (U+200B) stands here"),
        ('room = """Hall\n\n[devices.porch]\n', 1, 8, 'the text that begins here is not closed; add """'),
        ("days = [\n  'mon',\n  'tue'\n\n[devices.porch]\n", 1, 8, "the list that begins here is not closed"),
        ("room = 'Hall'\rdriver = 'simulated'\n", 1, 14, "an old Mac"),
    ],
)
def test_a_mistake_without_a_right_line_is_named_with_its_place(
    text: str, line: int, column: int, words: str
) -> None:
    """The position is that of the mistake, and not where the grammar of TOML fails."""
    found = remedy(text)
    assert found[:2] == (line, column)
    assert words in found[2]


def test_a_file_in_json_is_recognized() -> None:
    """A beginner may know another format."""
    found = find_remedy('{"house": {"name": "x"}}', 1, 1, "Invalid statement")
    assert "this is JSON" in found.text


def test_other_mistakes_have_the_message_in_plain_words() -> None:
    """What is not recognized still says what a line of TOML is."""
    assert remedy("<html>\n")[2] == "this is no line of TOML; allowed: key = value, [header] and # comment"


@pytest.mark.parametrize("mark", ["#", '"', "'", "[", "{", "\\", "=", ",", "\x00", "é", "“"])
@pytest.mark.parametrize(
    "line", ["room = {}", "{} = 3", "[devices.{}]", "days = [{}", "turns = {{ a = {}", "{}"]
)
def test_no_line_is_too_broken_for_a_remedy(mark: str, line: str) -> None:
    """Whatever stands on a line, its error has a position in the file and a text."""
    text = HEAD + line.format(mark) + "\n" + line.format(mark * 3)
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        found = find_remedy(text, error.lineno, error.colno, error.msg)
        assert 1 <= found.line <= text.count("\n") + 1
        assert found.column >= 1
        assert found.text
