"""The text of a message, in each form that tutorials use."""

import pytest

from daemons.drivers.zmq_program.message import number_of, part_of, text_of


@pytest.mark.parametrize(
    ("frames", "topic", "expected"),
    [
        ([b"light is ON"], None, "light is ON"),
        ([b" light is ON\n"], None, "light is ON"),
        ([b"light", b"ON"], None, "ON"),
        ([b"light", b"ON"], "light", "ON"),
        ([b"light ON"], "light", "ON"),
        ([b"light\tON "], "light", "ON"),
        ([b"10001 21 50"], "10001", "21 50"),
        ([b"light2", b"ON"], "light", None),
        ([b"light2 ON"], "light", None),
        ([b"lights"], "light", None),
        ([b"light"], "light", None),
        ([b"licht", "grün".encode()], "licht", "grün"),
    ],
)
def test_a_text_has_a_topic_or_none(frames: list[bytes], topic: str | None, expected: str | None) -> None:
    """The topic is the first frame, or the text before the first space. Another topic is no mistake."""
    assert text_of(frames, topic) == expected


@pytest.mark.parametrize(
    ("frames", "why"), [([b"a", b"b", b"c"], "it has 3 frames"), ([b"a", b"\xff"], "it is not UTF-8")]
)
def test_other_frames_are_refused(frames: list[bytes], why: str) -> None:
    """ValueError says what is wrong."""
    with pytest.raises(ValueError, match=why):
        text_of(frames, None)


@pytest.mark.parametrize(
    ("text", "field", "word", "expected"),
    [
        ("light is ON", None, None, "light is ON"),
        ("21 50", None, 2, "50"),
        ("21 50", None, 3, None),
        ('{"state": "ON"}', "state", None, "ON"),
        ('{"state": true}', "state", None, "true"),
        ('{"celsius": 21.5}', "celsius", None, "21.5"),
        ('{"state": null}', "state", None, None),
        ("{}", "state", None, None),
    ],
)
def test_a_part_is_a_field_or_a_word(
    text: str, field: str | None, word: int | None, expected: str | None
) -> None:
    """A text that has no such part has no meaning here."""
    assert part_of(text, field, word) == expected


@pytest.mark.parametrize("text", ["light is ON", "[1]", '{"state": [1]}', "[" * 4000, '{"state":' * 800])
def test_a_text_that_has_no_such_field_is_refused(text: str) -> None:
    """ValueError also for JSON of any depth."""
    with pytest.raises(ValueError, match=r"it is not a JSON object|its field 'state' is not"):
        part_of(text, "state", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("21.5", 21.5), ("-3", -3.0), ("1e3", 1000.0), ("nan", None), ("inf", None), ("1_0", None), ("x", None)],
)
def test_a_number_is_finite(text: str, expected: float | None) -> None:
    """Anything else is no number."""
    assert number_of(text) == expected
