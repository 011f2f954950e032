"""An owner's own plug: `--device DRIVER=OPTIONS`. Without it there is nothing here to run.

    make test TESTS="tests/drivers/test_hardware.py --device shelly=192.168.1.20"
    make test TESTS="tests/drivers/test_hardware.py --device tasmota=192.168.1.2/kettle"
    make test TESTS="tests/drivers/test_hardware.py --device 'kasa={ address = \"kasa.lan\", outlet = 2 }'"

It is switched and switched back, with nothing in it that must not be.
"""

import pytest

from tests.drivers.test_faults import standing
from tests.support.own_hardware import owned

SAFE_SECONDS = 10.0
"""After so long it goes off by itself, where it has a timer, whatever becomes of the test."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try every device that was named."""
    found = [owned(text) for text in metafunc.config.getoption("--device")]
    metafunc.parametrize(("word", "options"), found, ids=[word for word, _ in found])


def test_it_is_read_and_switched_and_switched_back(word: str, options: dict[str, object]) -> None:
    """What is wanted is done, and told by the hardware itself."""
    with standing(word, options) as stand:
        was = stand.until(lambda r: r.reachable and r.on is not None, "its first word").on
        try:
            for on in (not was, bool(was)):
                stand.set(on, off_after_seconds=SAFE_SECONDS if on else None)
                assert stand.reaches(on).fault is None
        finally:
            stand.set(bool(was))
            stand.reaches(bool(was))
