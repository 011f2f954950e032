"""The text of a message: one frame, a topic and a text in one frame, or a topic and a text in two. Pure."""

import math

import msgspec

MAX_FRAMES = 2
"""A topic and a text."""


def text_of(frames: list[bytes], topic: str | None) -> str | None:
    """Return the text of a message; None if its topic is another one.

    Without a `topic`, one frame is the text. Raises ValueError if the frames are not of one of these forms.
    """
    if len(frames) > MAX_FRAMES:
        raise ValueError(f"it has {len(frames)} frames; allowed: a text, or a topic and a text")
    try:
        *topics, text = (frame.decode() for frame in frames)
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    if topic is None:
        return text.strip()
    if topics:
        return text.strip() if topics[0] == topic else None
    rest = text.removeprefix(topic)
    return rest.strip() if text.startswith(topic) and rest[:1].isspace() else None


def part_of(text: str, field: str | None, word: int | None) -> str | None:
    """Return the value of a field of a JSON object as text, or a word counted from 1, or the whole text.

    Return None if the object has no such field, or the text has too few words. Raises ValueError if
    `field` is given, and the text is not a JSON object whose field is a text, a number, true or false.
    """
    if word is not None:
        words = text.split()
        return words[word - 1] if word <= len(words) else None
    if field is None:
        return text
    try:
        value = msgspec.json.decode(text, type=dict[str, object]).get(field)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("it is not a JSON object") from error
    match value:
        case None | str():
            return value
        case bool() | int() | float():
            return msgspec.json.encode(value).decode()
    raise ValueError(f"its field {field!r} is not a text, a number, true or false")


def number_of(text: str) -> float | None:
    """Return the number that a text is; None if it is none, or not a finite one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None
