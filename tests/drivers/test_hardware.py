"""Test an owner's own plug: `--device DRIVER=OPTIONS`. Without this option no test runs.
    make test TESTS="tests/drivers/test_hardware.py --device shelly=192.168.1.20"
    make test TESTS="tests/drivers/test_hardware.py --device tasmota=192.168.1.2/kettle"
    make test TESTS="tests/drivers/test_hardware.py --device 'kasa={ address = \"kasa.lan\", outlet = 2 }'"
The test switches the plug and switches it back. Plug in no appliance that must not be switched.
"""

import pytest

from tests.drivers.test_faults import running_driver
from tests.support.own_hardware import parse_device

SAFE_SECONDS = 10.0
"""After this time a plug with a timer switches itself off, even if the test is killed."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the test for every device in the options."""
    found = [parse_device(text) for text in metafunc.config.getoption("--device")]
    metafunc.parametrize(("word", "options"), found, ids=[word for word, _ in found])


def test_a_plug_is_read_switched_and_switched_back(word: str, options: dict[str, object]) -> None:
    """The hardware applies and confirms each setting."""
    with running_driver(word, options) as harness:
        was = harness.wait_until(lambda r: r.reachable and r.on is not None, "the first reading").on
        try:
            for on in (not was, bool(was)):
                harness.set(on, off_after_seconds=SAFE_SECONDS if on else None)
                assert harness.wait_for_on(on).fault is None
        finally:
            harness.set(bool(was))
            harness.wait_for_on(bool(was))
