"""Random and wrong values: bytes, numbers, JSON, and sizes around a limit."""

import json
import random
import string
from typing import Any

INVALID_NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "1" * 5000,
    "0x10",
    "1e",
    "--1",
    "01",
    "",
)
WRONG: tuple[Any, ...] = (None, True, -1, 1.5, 2**70, "", "x" * 2000, [], [1], {}, {"a": {}}, "\0", "ü")
BAD_UTF8 = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\xf4\x90\x80\x80")
DEPTHS = (100, 2000, 5000)


class Junk:
    """A source of junk; the same seed makes the same junk."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  a seed makes it repeatable

    def identifier(self) -> str:
        """Return a new id."""
        return "".join(self.random.choices(string.ascii_lowercase, k=12))

    def noise(self) -> bytes:
        """Return a few random bytes, or many."""
        return self.random.randbytes(self.random.choice([0, 1, 30, 3000]))

    def around(self, limit: int) -> int:
        """Return a size just below, at or above a limit."""
        return limit + self.random.choice([-1, 0, 1])

    def mutate(self, payload: bytes) -> bytes:
        """Change, cut, double or insert a few bytes."""
        found = bytearray(payload)
        for _ in range(self.random.randrange(1, 6)):
            position = self.random.randrange(len(found) + 1)
            match self.random.randrange(4):
                case 0:
                    found[position : position + 1] = self.random.randbytes(1)
                case 1:
                    del found[position : position + self.random.randrange(1, 20)]
                case 2:
                    found[position:position] = found[: self.random.randrange(20)]
                case _:
                    found[position:position] = self.random.randbytes(3)
        return bytes(found)

    def wrong_json(self) -> str:
        """Return the JSON text of a value that no field accepts, or that is no JSON."""
        return self.random.choice(
            [*INVALID_NUMBERS, *(json.dumps(wrong) for wrong in WRONG), "[" * self.random.choice(DEPTHS)]
        )

    def wrong_fields(self, fields: dict[str, Any]) -> bytes:
        """Return a JSON object with one field that is wrong, and perhaps one that is missing."""
        fields = {**fields, self.random.choice(list(fields)): "@"}
        if self.random.random() < 0.2:
            fields.pop(self.random.choice([name for name in fields if fields[name] != "@"] or ["@"]), None)
        return json.dumps(fields).replace('"@"', self.wrong_json()).encode()

    def deep_json(self) -> bytes:
        """Return nested JSON, complete or not."""
        depth = self.random.choice(DEPTHS)
        opening, closing = self.random.choice([(b"[", b"]"), (b'{"a":', b"}")])
        return opening * depth + b"1" + closing * depth * self.random.randrange(2)

    def bad_utf8(self, good: bytes, words: list[bytes]) -> bytes:
        """Return a text in which one word ends with bytes that are not UTF-8."""
        word = self.random.choice(words)
        return good.replace(word, word[:-1] + self.random.choice(BAD_UTF8) + word[-1:], 1)

    def names(self, number: int) -> dict[str, int]:
        """Return an object with so many names."""
        return {f"name_{index}": index for index in range(number)}

    def text_payload(self) -> bytes:
        """Return a payload that is no JSON object of any protocol."""
        match self.random.randrange(6):
            case 0:
                return b"\xff" + self.noise()
            case 1:
                return self.deep_json()
            case 2:
                return json.dumps(self.names(self.random.choice([1, 30, 3000]))).encode()
            case 3:
                return json.dumps(self.random.choice(WRONG)).encode()
            case 4:
                return self.random.choice(INVALID_NUMBERS).encode()
            case _:
                return b"fuzz" * self.random.choice([1, 100, 5000])
