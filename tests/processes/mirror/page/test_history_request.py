"""What a request for the history may ask for."""

import pytest

from daemons.processes.mirror.page.history_request import accepts_gzip, parse_number, parse_time
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2h", NOW - 7200),
        ("36500d", 0.0),
        ("1795000000.5", 1_795_000_000.5),
        ("-5400.000", 0.0),
        ("-0.5", 0.0),
    ],
)
def test_a_time_is_parsed(text: str, at: float) -> None:
    """A time before 1970, which a page may ask for that zooms out, is the beginning of 1970."""
    assert parse_time(text, NOW) == at


@pytest.mark.parametrize("text", ["", "yesterday", "--5", "1e9", "12345678901", "-2h"])
def test_anything_else_is_refused(text: str) -> None:
    """The error has the text, and what is allowed."""
    with pytest.raises(HttpError, match="is not a time; allowed: how long ago"):
        parse_time(text, NOW)


def test_a_number_is_within_its_limits() -> None:
    """The error names the parameter and the limits."""
    assert parse_number("points", {}, range(10, 2001), 300) == 300
    assert parse_number("points", {"points": "2000"}, range(10, 2001), 300) == 2000
    for text in ("9", "2001", "-20", "1e2", "²", "0000000300"):
        with pytest.raises(HttpError, match="points must be a whole number from 10 to 2000"):
            parse_number("points", {"points": text}, range(10, 2001), 300)


@pytest.mark.parametrize(
    ("header", "accepts"),
    [("gzip, deflate, br", True), ("GZIP;q=0.5", True), ("br", False), ("gzip;q=0", False), ("", False)],
)
def test_only_a_client_that_accepts_it_gets_a_compressed_answer(header: str, accepts: bool) -> None:
    """A client without the header gets plain JSON."""
    request = Request.__new__(Request)
    request.headers = {"accept-encoding": header} if header else {}
    assert accepts_gzip(request) is accepts
