"""The faults of test_faults.py, for the families of TP-Link that have no file in tests/support/emulators/:
newer devices (KLAP version 2), one outlet of a strip, and a lamp.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kasa", reason="needs the extra kasa")

from tests.drivers.test_faults import (  # noqa: F401  pytest runs them in this file too
    test_a_manual_switch_is_reported,
    test_a_password_is_accepted,
    test_a_plug_is_switched_on_and_off,
    test_a_reboot_while_on,
    test_a_setting_is_pending_until_slow_hardware_has_answered,
    test_a_wrong_password_is_refused,
    test_closing_does_not_wait_for_a_connection_attempt,
    test_garbage_is_a_fault,
    test_hanging_hardware_is_unreachable,
    test_its_power_is_reported,
    test_junk_is_a_fault_of_the_hardware,
    test_only_the_latest_setting_is_applied_after_a_reconnection,
    test_slow_hardware_is_reachable,
    test_the_state_at_the_start_is_read,
    test_unreachable_at_start,
    test_unreachable_while_on,
)
from tests.support.emulator import Emulator
from tests.support.tplink import KasaBulb, KasaOutlet, TapoDevice

pytestmark = pytest.mark.long
FAMILIES: dict[str, Any] = {"tapo": TapoDevice, "outlet": KasaOutlet, "lamp": KasaBulb}


@pytest.fixture(params=FAMILIES)
def plug(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Emulator]:
    """Yield one device of each family."""
    kind = FAMILIES[request.param]
    if request.function.__name__.removeprefix("test_") in kind.unsupported_tests:
        pytest.skip(f"{request.param} does not support this fault")
    with kind(tmp_path) as made:
        yield made
