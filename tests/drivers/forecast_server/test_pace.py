"""When a weather service is asked next."""

import pytest

from daemons.drivers.forecast_server.pace import next_after_answer, next_after_failure

WALL = 1_795_827_600.0  # Sat, 28 Nov 2026 01:00:00 GMT
DATE = "Sat, 28 Nov 2026 01:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 1800),
        ({"expires": "Sat, 28 Nov 2026 01:31:40 GMT", "date": DATE}, 1900),
        ({"expires": "Sat, 28 Nov 2026 01:31:40 GMT"}, 1900),
        ({"expires": "Sat, 28 Nov 2026 00:00:00 GMT", "date": DATE}, 1800),  # it has expired already
        ({"expires": "Fri, 27 Nov 2076 01:00:00 GMT", "date": DATE}, 21_600),
        ({"expires": "Sat, 28 Nov 2026 03:10:00 GMT", "date": "Sat, 28 Nov 2026 02:00:00 GMT"}, 4200),
        ({"expires": "0"}, 1800),
        ({"expires": "Sat, 99 Xyz 2026 01:31:40 GMT"}, 1800),
    ],
)
def test_the_next_request_is_not_before_the_answer_expires(headers: dict[str, str], expected: float) -> None:
    """It is not before `every` either; the clock of the server counts if it sends its time."""
    assert next_after_answer(1800, headers, WALL) == expected


def test_failures_are_repeated_less_and_less_often() -> None:
    """From 15 s on, the pause doubles up to 15 minutes."""
    pauses = [next_after_failure(failures, None, {}, 1800) for failures in range(1, 9)]
    assert pauses == [15, 30, 60, 120, 240, 480, 900, 900]
    assert next_after_failure(50, 502, {}, 1800) == 900


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {}, 600),
        (429, {"retry-after": "1200"}, 1200),
        (429, {"retry-after": "9999999"}, 21_600),
        (429, {"retry-after": "soon"}, 600),
        (503, {"retry-after": "45"}, 45),
        (503, {}, 15),
        (403, {}, 3600),
        (400, {"retry-after": "1"}, 3600),
    ],
)
def test_a_refusal_is_respected(status: int, headers: dict[str, str], expected: float) -> None:
    """A service that is asked too often says when; one that refuses is asked each hour only."""
    assert next_after_failure(1, status, headers, 1800) == expected
