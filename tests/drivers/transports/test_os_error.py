"""The reason of a system error."""

import errno

import pytest

from daemons.drivers.transports.os_error import reason

SEVERAL = (
    "Multiple exceptions: [Errno 111] Connect call failed ('::1', 80, 0, 0), "
    "[Errno 111] Connect call failed ('127.0.0.1', 80)"
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 80)"), "Connection refused"),
        (OSError(SEVERAL), "Connection refused"),
        (OSError(SEVERAL.replace("111", "113", 1)), "No route to host, Connection refused"),
        (OSError(-2, "Name or service not known"), "Name or service not known"),
        (ConnectionError("it has ended the connection"), "it has ended the connection"),
        (ConnectionError(), "ConnectionError"),
    ],
)
def test_the_reason_has_no_address(error: OSError, expected: str) -> None:
    """The caller adds the address once; the text of a system error has it for each attempt."""
    assert reason(error) == expected
