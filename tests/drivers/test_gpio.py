"""The driver `gpio`: relays and buttons on the pins of gpiozero's mock."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("gpiozero", reason="needs the extra gpio")

import gpiozero
import msgspec
from gpiozero.pins.mock import MockFactory

from daemons.drivers import gpio
from daemons.drivers.gpio import Gpio, Options, PressDetector
from daemons.errors import StorageError
from daemons.kinds import Reading, Setting, Touch
from daemons.values import Problem, convert, parse_table
from tests.drivers.test_faults import DriverHarness, running_driver
from tests.support import factories
from tests.support.house import TemporaryHouse
from tests.support.mock_pins import Board

RETRY_SECONDS = 5.0
"""The pause before pins that could not be opened are opened again."""

ON, OFF = Setting(on=True), Setting(on=False)
OPEN, CLOSE = Setting(on=True, direction="open"), Setting(on=True, direction="close")


@pytest.fixture(autouse=True)
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    """Return the pins of a new mock board."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.reset()


def test_a_relay_is_switched_and_read_back(pins: MockFactory) -> None:
    """The reading is the level of the pin."""
    with running_driver("gpio", {"relay": 17}) as harness:
        assert harness.wait_for_on(on=False).power_watts is None
        for on in (True, False, True):
            harness.set(on)
            harness.wait_for_on(on)
            assert pins.pin(17).state == on


def test_a_board_with_active_low_relays(pins: MockFactory) -> None:
    """On is a low level; at the start, off is a high level."""
    with running_driver("gpio", {"relay": 17, "active": "low"}) as harness:
        harness.wait_for_on(on=False)
        assert pins.pin(17).state == 1
        harness.set(on=True)
        harness.wait_for_on(on=True)
        assert pins.pin(17).state == 0


def test_a_restart_of_the_process_switches_no_relay(pins: MockFactory) -> None:
    """The next process opens the pin with its present level."""
    with running_driver("gpio", {"relay": 17}) as harness:
        harness.set(on=True)
        harness.wait_for_on(on=True)
    gc.collect()
    assert (pins.pin(17).state, pins.pin(17).function) == (1, "output")
    forget_reservations(pins)
    pins.pin(17).clear_states()
    with running_driver("gpio", {"relay": 17}) as harness:
        harness.wait_for_on(on=True)
    assert [state.state for state in pins.pin(17).states] == [1]


def test_every_relay_is_off_after_a_start_of_the_machine(pins: MockFactory) -> None:
    """A state file of an earlier start of the machine, or one that cannot be read, is ignored."""
    path = Path("hardware/plug/pins.json")
    path.parent.mkdir(parents=True)
    for content in (b'{"machine": "another", "on": "relay"}', b'{"mach'):
        path.write_bytes(content)
        with running_driver("gpio", {"relay": 17}) as harness:
            harness.wait_for_on(on=False)
        forget_reservations(pins)


def test_the_two_relays_of_a_cover_are_never_both_on(pins: MockFactory) -> None:
    """A reversal releases one relay before the other closes, and the reading has the direction."""
    with running_driver("gpio", {"opens": 5, "closes": 6}) as harness:
        harness.wait_for_on(on=False)
        for setting, levels in ((OPEN, (1, 0)), (CLOSE, (0, 1)), (OPEN, (1, 0)), (OFF, (0, 0))):
            harness.driver.set(setting, None, harness.clock.now())
            reading = harness.wait_for_on(setting.on)
            assert reading.direction == setting.direction
            assert (pins.pin(5).state, pins.pin(6).state) == levels


def press(pins: MockFactory, *levels: int) -> None:
    """Set the levels of the button's pin, which has a pull-up."""
    for level in levels:
        pins.pin(4).drive_high() if level else pins.pin(4).drive_low()


def touched(harness: DriverHarness, number: int) -> list[Touch]:
    """Return a number of presses, as the device receives them."""
    found: dict[str, Touch] = {}

    def collect(reading: Reading) -> bool:
        found.update((press.id, press.what) for press in reading.presses)
        return len(found) >= number

    harness.wait_until(collect, f"{number} presses")
    return list(found.values())


def test_a_press_is_reported_when_the_button_goes_down(pins: MockFactory) -> None:
    """If no long press has to be distinguished, the press is reported at once."""
    with running_driver("gpio", {"button": 4, "debounce": "0s"}) as harness:
        assert harness.wait_until(lambda r: r.reachable, "its pin").on is None
        press(pins, 0)
        assert touched(harness, 1) == ["single"]
        press(pins, 1, 0, 1, 0)
        assert touched(harness, 2) == ["single", "single"]


def test_a_button_beside_a_relay(pins: MockFactory) -> None:
    """A press switches no relay: the device decides that."""
    with running_driver("gpio", {"button": 4, "relay": 17, "debounce": "0s"}) as harness:
        press(pins, 0, 1)
        assert touched(harness, 1) == ["single"]
        assert harness.reading.on is False


def test_a_long_press_is_reported_while_the_button_is_down(pins: MockFactory) -> None:
    """A long press is one press; no single press is reported beside it."""
    with running_driver(
        "gpio", {"button": 4, "long": "300ms", "double": "300ms", "debounce": "0s"}
    ) as harness:
        press(pins, 0)
        assert touched(harness, 1) == ["long"]
        press(pins, 1)
        assert touched(harness, 1) == ["release"]
        press(pins, 0, 1, 0, 1)
        assert touched(harness, 1) == ["double"]


@pytest.mark.parametrize(
    ("double", "long", "changes", "expected"),
    [
        (0.3, 0.5, [(0.0, True), (0.1, False)], ["single"]),
        (0.3, 0.5, [(0.0, True), (0.1, False), (0.3, True), (0.4, False)], ["double"]),
        (0.3, 0.5, [(0.0, True), (0.1, False), (0.5, True), (0.6, False)], ["single", "single"]),
        (0.3, 0.5, [(0.0, True), (0.6, False)], ["long", "release"]),
        (0.3, 0.5, [(0.0, True), (0.1, False), (0.2, True), (0.8, False)], ["single", "long", "release"]),
        (0.0, 0.5, [(0.0, True), (0.1, False), (0.2, True), (0.3, False)], ["single", "single"]),
        (0.0, 0.5, [(0.0, True), (0.6, False)], ["long", "release"]),
        (0.3, 0.0, [(0.0, True), (9.0, False)], ["single"]),
        (0.3, 0.5, [(0.0, False)], []),
    ],
)
def test_a_press_is_classified_by_its_timing(
    double: float, long: float, changes: list[tuple[float, bool]], expected: list[Touch]
) -> None:
    """The times at which the button goes down and up decide between single, double and long."""
    touches = PressDetector(double, long)
    found = [touch for at, down in changes for touch in touches.change(down, at)]
    found += touches.advance(100.0)
    assert found == expected
    assert touches.due() is None


@pytest.mark.parametrize(
    ("presses", "last", "expected"),
    [
        (1, 0.1, ["single"]),
        (2, 0.1, ["double"]),
        (3, 0.1, ["triple"]),
        (4, 0.1, ["triple", "single"]),
        (3, 0.9, ["double", "long", "release"]),
    ],
)
def test_three_quick_presses_are_a_triple_press(presses: int, last: float, expected: list[Touch]) -> None:
    """The last press may be a long one, which lasts 0.9 s."""
    touches, found = PressDetector(0.3, 0.5, triple=True), []
    for number in range(presses):
        found += touches.change(down=True, at=number * 0.2)
        is_last = number == presses - 1
        found += touches.change(down=False, at=number * 0.2 + (last if is_last else 0.1))
    assert found + touches.advance(100.0) == expected


def test_a_button_that_is_held_reports_it_again_and_again() -> None:
    """With `hold`, once in each period; the detector wakes at each."""
    touches = PressDetector(0.0, 0.5, hold_seconds=0.25)
    touches.change(down=True, at=10.0)
    dues = []
    found: list[Touch] = []
    while (due := touches.due()) is not None and due <= 11.1:
        dues.append(due)
        found += touches.advance(due)
    assert (found, dues) == (["long", "hold", "hold"], [10.5, 10.75, 11.0])
    assert touches.change(down=False, at=11.1) == ["release"]
    assert touches.due() is None


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"triple": True}, "triple needs double"),
        ({"hold": "250ms"}, "hold needs long"),
        ({"hold": "50ms", "long": "500ms"}, "hold must be"),
    ],
)
def test_options_that_report_nothing_are_refused(keys: dict[str, Any], text: str) -> None:
    """`house check` prints the reason."""
    with pytest.raises(msgspec.ValidationError, match=text):
        convert({"button": 4, **keys}, Options)


NUMBERS = {"double": 2, "triple": 3, "hold": 0, "release": 0}
"""How many presses a report stands for, if not one."""


@given(
    st.lists(st.floats(0.001, 2), max_size=20),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0.0, 0.5]),
    st.booleans(),
)
def test_every_press_is_reported_once(gaps: list[float], double: float, long: float, more: bool) -> None:
    """For any timing, the number of reported presses is that of the actual ones; a double press is two."""
    made = PressDetector(double, long, triple=more and bool(double), hold_seconds=0.1 if more and long else 0)
    touches, now, found, down = made, 0.0, [], False
    for gap in gaps:
        due = touches.due()
        if due is not None and due < now + gap:  # as the device's loop does
            found += touches.advance(due)
        now, down = now + gap, not down
        found += touches.change(down, now)
    if down:
        found += touches.advance(now + 10)
        found += touches.change(down=False, at=now + 10)
    found += touches.advance(now + 20)
    assert sum(NUMBERS.get(touch, 1) for touch in found) == (len(gaps) + 1) // 2
    assert found.count("release") == found.count("long")


def test_pins_that_cannot_be_opened_are_a_fault_and_retried(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver without pins reports the reason, and opens the pins after the retry interval."""
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nonesuch")
    driver = Gpio("plug", Options(relay=17))
    driver.open((), 1000.0)
    reading = driver.read(1000.0)
    assert reading.reachable is False
    assert str(reading.fault).startswith("the pins cannot be used: ")
    assert driver.due(1000.0) == 1000.0 + RETRY_SECONDS
    monkeypatch.setattr(gpiozero.Device, "pin_factory", pins)
    assert driver.read(1000.0 + RETRY_SECONDS) == Reading(on=False, at=1000.0 + RETRY_SECONDS)
    driver.close()


def test_a_full_disk_does_not_prevent_switching_off(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay whose state cannot be written does not switch on: a restart would drop it.
    A fault reports it.
    """
    with running_driver("gpio", {"relay": 17}) as harness:
        harness.set(on=True)
        harness.wait_for_on(on=True)
        monkeypatch.setattr(gpio, "replace_file", full)
        harness.set(on=False)
        harness.wait_for_on(on=False)
        assert not Path("hardware/plug/pins.json").exists()
        harness.set(on=True)
        assert harness.wait_until(lambda r: r.fault, "a fault").on is False
        assert "No space left" in str(harness.reading.fault)
        harness.set(on=False)
        harness.wait_until(lambda r: not r.fault, "no fault")


def full(path: Path, content: bytes) -> None:
    """Raise the error of a full disk."""
    raise StorageError(f"{path} cannot be written: No space left on device")


def test_a_button_without_a_relay_confirms_every_setting() -> None:
    """A wall switch without a relay has nothing to switch, and its device must not wait for it."""
    with running_driver("gpio", {"button": 4}) as harness:
        harness.set(on=True)
        harness.wait_for_on(on=True)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "there is no pin"),
        ({"relay": 4, "button": 4}, "one pin cannot have two uses"),
        ({"opens": 4}, "a cover has opens and closes"),
        ({"opens": 4, "closes": 5, "relay": 6}, "and no relay"),
        ({"relay": 28}, "28 is not allowed; relay takes a whole number from 0 to 27"),
    ],
)
def test_contradictory_pins_are_refused(table: dict[str, Any], message: str) -> None:
    """`house check` refuses the options, with the reason."""
    problems: list[Problem] = []
    assert parse_table(table, Options, (), problems) is None
    assert message in str(problems)


def forget_reservations(pins: MockFactory) -> None:
    """Drop the reservations of all pins, as the kernel does when a process ends; the levels stay."""
    pins._reservations.clear()


# A real process, and a mock board that outlives the process


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """Return a board whose pins every process of a house uses."""
    made = Board(tmp_path / "board")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def a_house(make_house: Any, kind: str, pins: str) -> TemporaryHouse:
    """Return a running house with one device on pins."""
    house: TemporaryHouse = make_house(
        f'[recorder]\nenabled = false\n[devices.fan]\nkind = "{kind}"\ndriver = "gpio"\ngpio = {pins}\n'
    )
    house.house("up")
    return house


def test_a_relay_in_a_house_stays_on_across_a_kill_and_a_restart(make_house: Any, board: Board) -> None:
    """The pin never becomes an input, and has its level from the start of the next process."""
    house = a_house(make_house, "plug", "{ relay = 17 }")
    with house.listen("fan") as listener:
        assert house.send("fan", "on")["outcome"] == "applied"
        listener.wait_for(lambda listener: listener.has_state("fan", status=True, confirmed=True))
        listener.kill("fan")
        listener.wait_for(lambda listener: listener.has_state("fan", status=True, confirmed=True))
        boot = listener.states["fan"].boot
        house.house("restart", "fan")
        listener.wait_for(
            lambda listener: (
                listener.states["fan"].boot > boot and listener.has_state("fan", status=True, confirmed=True)
            )
        )
        assert listener.states["fan"].state["starts"] == 1
        was = board.record(17)
        assert was.count("output") == 3
        assert not {"input", "0"} & set(was[was.index("1") :])
        house.send("fan", "off")
        listener.wait_for(lambda listener: listener.has_state("fan", status=False, confirmed=True))
        assert board.record(17)[-1] == "0"
    assert "at the hardware" not in house.log("fan")


def test_a_wall_button_switches_the_light_of_its_device(make_house: Any, board: Board) -> None:
    """Each press switches once, with its own cause. A press before the process started is ignored."""
    board.press(4)
    house = a_house(make_house, "light_switch", '{ relay = 17, button = 4, debounce = "0s" }')
    with house.listen("fan") as listener:
        listener.wait_for(lambda listener: listener.has_state("fan", status=False, confirmed=True))
        causes = set()
        for number, on in enumerate((True, False, True), start=1):
            board.press(4)
            listener.wait_for(lambda listener, on=on: listener.has_state("fan", status=on, confirmed=True))  # type: ignore[misc]
            assert listener.states["fan"].state["presses"] == number
            causes.add(listener.states["fan"].cause)
        assert len(causes) == 3


@pytest.mark.long
def test_occupied_pins_are_waited_for(make_house: Any, board: Board) -> None:
    """Another process may occupy the pins at the start or later.
    The process stays alive, answers commands, and applies the latest setting when the pins are free.
    """
    board.occupy()
    house = a_house(make_house, "plug", "{ relay = 17 }")
    with house.listen("fan") as listener:
        listener.wait_for(
            lambda listener: listener.has_state("fan", reachable=False) and "fan" in listener.heartbeats
        )
        pid = listener.heartbeats["fan"].pid
        assert "GPIO busy" in str(listener.states["fan"].state["fault"])
        board.release()
        listener.wait_for(lambda listener: listener.has_state("fan", status=False, confirmed=True))
        house.send("fan", "on")
        listener.wait_for(lambda listener: listener.has_state("fan", status=True, confirmed=True))
        board.occupy()
        listener.wait_for(lambda listener: listener.has_state("fan", reachable=False))
        assert house.send("fan", "off")["outcome"] == "applied"
        board.release()
        listener.wait_for(
            lambda listener: listener.has_state("fan", status=False, confirmed=True, reachable=True)
        )
        assert board.record(17)[-1] == "0"
        assert house.pids()["fan"] == pid
    assert "Traceback" not in house.log("fan")
