"""Relays and buttons on pins, on gpiozero's mock of them."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from daemons.drivers import gpio
from daemons.drivers.gpio import AGAIN_SECONDS, Gpio, Options, Touches
from daemons.errors import StorageError
from daemons.kinds import Reading, Setting, Touch
from daemons.values import Problem, parse_table
from tests.drivers.test_faults import Stand, standing
from tests.support import factories
from tests.support.house import Household
from tests.support.mock_pins import Board

ON, OFF = Setting(on=True), Setting(on=False)
OPEN, CLOSE = Setting(on=True, direction="open"), Setting(on=True, direction="close")


@pytest.fixture(autouse=True)
def pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MockFactory]:
    """Give the pins of a machine of its own."""
    factories.enter_run_directory(tmp_path, monkeypatch)
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    yield factory
    factory.reset()


def test_a_relay_is_switched_and_read_back(pins: MockFactory) -> None:
    """What is told is the level of the pin."""
    with standing("gpio", {"relay": 17}) as stand:
        assert stand.reaches(on=False).power_watts is None
        for on in (True, False, True):
            stand.set(on)
            stand.reaches(on)
            assert pins.pin(17).state == on


def test_a_board_that_is_active_low(pins: MockFactory) -> None:
    """On is a low level, and off at the start is a high one."""
    with standing("gpio", {"relay": 17, "active": "low"}) as stand:
        stand.reaches(on=False)
        assert pins.pin(17).state == 1
        stand.set(on=True)
        stand.reaches(on=True)
        assert pins.pin(17).state == 0


def test_a_restart_of_the_process_moves_no_relay(pins: MockFactory) -> None:
    """The next life takes the pin with the level that it had."""
    with standing("gpio", {"relay": 17}) as stand:
        stand.set(on=True)
        stand.reaches(on=True)
    gc.collect()
    assert (pins.pin(17).state, pins.pin(17).function) == (1, "output")
    reborn(pins)
    pins.pin(17).clear_states()
    with standing("gpio", {"relay": 17}) as stand:
        stand.reaches(on=True)
    assert [state.state for state in pins.pin(17).states] == [1]


def test_after_a_start_of_the_machine_every_relay_is_off(pins: MockFactory) -> None:
    """A note of another start, or one that cannot be read, counts for nothing."""
    path = Path("hardware/plug/pins.json")
    path.parent.mkdir(parents=True)
    for note in (b'{"machine": "another", "on": "relay"}', b'{"mach'):
        path.write_bytes(note)
        with standing("gpio", {"relay": 17}) as stand:
            stand.reaches(on=False)
        reborn(pins)


def test_the_two_relays_of_a_cover_are_never_both_on(pins: MockFactory) -> None:
    """It turns round by letting go first, and says which way it moves."""
    with standing("gpio", {"opens": 5, "closes": 6}) as stand:
        stand.reaches(on=False)
        for setting, levels in ((OPEN, (1, 0)), (CLOSE, (0, 1)), (OPEN, (1, 0)), (OFF, (0, 0))):
            stand.driver.set(setting, None, stand.clock.now())
            reading = stand.reaches(setting.on)
            assert reading.direction == setting.direction
            assert (pins.pin(5).state, pins.pin(6).state) == levels


def press(pins: MockFactory, *levels: int) -> None:
    """Move the button's pin, which is drawn up."""
    for level in levels:
        pins.pin(4).drive_high() if level else pins.pin(4).drive_low()


def touched(stand: Stand, number: int) -> list[Touch]:
    """Give so many presses, as a device gets them."""
    found: dict[str, Touch] = {}

    def collect(reading: Reading) -> bool:
        found.update((press.id, press.what) for press in reading.presses)
        return len(found) >= number

    stand.until(collect, f"{number} presses")
    return list(found.values())


def test_a_press_is_told_when_the_button_goes_down(pins: MockFactory) -> None:
    """With nothing to tell it from, nobody waits for the button to come up again."""
    with standing("gpio", {"button": 4, "debounce": "0s"}) as stand:
        assert stand.until(lambda r: r.reachable, "its pin").on is None
        press(pins, 0)
        assert touched(stand, 1) == ["single"]
        press(pins, 1, 0, 1, 0)
        assert touched(stand, 2) == ["single", "single"]


def test_a_button_beside_a_relay(pins: MockFactory) -> None:
    """A button moves no relay by itself: that is the device's to decide."""
    with standing("gpio", {"button": 4, "relay": 17, "debounce": "0s"}) as stand:
        press(pins, 0, 1)
        assert touched(stand, 1) == ["single"]
        assert stand.reading.on is False


def test_a_long_press_is_told_while_the_button_is_held(pins: MockFactory) -> None:
    """It is one press, not a single one beside it."""
    with standing("gpio", {"button": 4, "long": "300ms", "double": "300ms", "debounce": "0s"}) as stand:
        press(pins, 0)
        assert touched(stand, 1) == ["long"]
        press(pins, 1)
        press(pins, 0, 1, 0, 1)
        assert touched(stand, 1) == ["double"]


@pytest.mark.parametrize(
    ("double", "long", "changes", "expected"),
    [
        (0.3, 0.5, [(0.0, True), (0.1, False)], ["single"]),
        (0.3, 0.5, [(0.0, True), (0.1, False), (0.3, True), (0.4, False)], ["double"]),
        (0.3, 0.5, [(0.0, True), (0.1, False), (0.5, True), (0.6, False)], ["single", "single"]),
        (0.3, 0.5, [(0.0, True), (0.6, False)], ["long"]),
        (0.3, 0.5, [(0.0, True), (0.1, False), (0.2, True), (0.8, False)], ["single", "long"]),
        (0.0, 0.5, [(0.0, True), (0.1, False), (0.2, True), (0.3, False)], ["single", "single"]),
        (0.0, 0.5, [(0.0, True), (0.6, False)], ["long"]),
        (0.3, 0.0, [(0.0, True), (9.0, False)], ["single"]),
        (0.3, 0.5, [(0.0, False)], []),
    ],
)
def test_what_a_press_is(
    double: float, long: float, changes: list[tuple[float, bool]], expected: list[Touch]
) -> None:
    """By when the button went down and up."""
    touches = Touches(double, long)
    found = [touch for at, down in changes for touch in touches.change(down, at)]
    found += touches.elapse(100.0)
    assert found == expected
    assert touches.due() is None


@given(
    st.lists(st.floats(0.001, 2), max_size=20),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0.0, 0.5]),
)
def test_every_press_is_told_once(gaps: list[float], double: float, long: float) -> None:
    """However a button is pressed, as many presses are told as were made; a double one is two."""
    touches, now, found, down = Touches(double, long), 0.0, [], False
    for gap in gaps:
        due = touches.due()
        if due is not None and due < now + gap:  # as the device's loop does
            found += touches.elapse(due)
        now, down = now + gap, not down
        found += touches.change(down, now)
    if down:
        found += touches.elapse(now + 10)
        found += touches.change(down=False, at=now + 10)
    found += touches.elapse(now + 20)
    assert sum(2 if touch == "double" else 1 for touch in found) == (len(gaps) + 1) // 2


def test_pins_that_cannot_be_had_are_told_and_tried_again(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pins there is no traceback and no end, but a reason, and then what was wanted."""
    monkeypatch.setattr(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nonesuch")
    driver = Gpio("plug", Options(relay=17))
    driver.plug_in((), 1000.0)
    reading = driver.read(1000.0)
    assert reading.reachable is False
    assert str(reading.fault).startswith("the pins cannot be used: ")
    assert driver.due(1000.0) == 1000.0 + AGAIN_SECONDS
    monkeypatch.setattr(gpiozero.Device, "pin_factory", pins)
    assert driver.read(1000.0 + AGAIN_SECONDS) == Reading(on=False, at=1000.0 + AGAIN_SECONDS)
    driver.close()


def test_a_full_disk_hinders_nobody_from_switching_off(
    pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On it does not go, for a restart would drop it; and that is told."""
    with standing("gpio", {"relay": 17}) as stand:
        stand.set(on=True)
        stand.reaches(on=True)
        monkeypatch.setattr(gpio, "write", full)
        stand.set(on=False)
        stand.reaches(on=False)
        assert not Path("hardware/plug/pins.json").exists()
        stand.set(on=True)
        assert stand.until(lambda r: r.fault, "a fault").on is False
        assert "No space left" in str(stand.reading.fault)
        stand.set(on=False)
        stand.until(lambda r: not r.fault, "no fault")


def full(path: Path, content: bytes) -> None:
    """Write nothing, for the disk is full."""
    raise StorageError(f"{path} cannot be written: No space left on device")


def test_a_button_alone_is_as_it_was_told() -> None:
    """A light switch in the wall has nothing to switch, and its device must not wait for it."""
    with standing("gpio", {"button": 4}) as stand:
        stand.set(on=True)
        stand.reaches(on=True)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "there is no pin"),
        ({"relay": 4, "button": 4}, "one pin cannot be two things"),
        ({"opens": 4}, "a cover has opens and closes"),
        ({"opens": 4, "closes": 5, "relay": 6}, "and no relay"),
        ({"relay": 28}, "28 is not allowed; relay takes a whole number from 0 to 27"),
    ],
)
def test_pins_that_make_no_sense_are_refused(table: dict[str, Any], said: str) -> None:
    """By `house check`, with the reason."""
    problems: list[Problem] = []
    assert parse_table(table, Options, (), problems) is None
    assert said in str(problems)


def reborn(pins: MockFactory) -> None:
    """Forget who had the pins, as the kernel does when a process is gone; their levels stay."""
    pins._reservations.clear()


# A real process, and the pins of a board that outlives it


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    """Give a board whose pins every process of a house has."""
    made = Board(tmp_path / "board")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


def a_house(household: Any, kind: str, pins: str) -> Household:
    """Have a house with one device on pins up."""
    house: Household = household(
        f'[recorder]\nenabled = false\n[devices.fan]\nkind = "{kind}"\ndriver = "gpio"\ngpio = {pins}\n'
    )
    house.house("up")
    return house


def test_a_relay_in_a_house_stays_on_whatever_becomes_of_its_process(household: Any, board: Board) -> None:
    """Killed or restarted: its pin is made no input at the end, and has its level from the start."""
    house = a_house(household, "plug", "{ relay = 17 }")
    with house.ear("fan") as ear:
        assert house.send("fan", "on")["outcome"] == "applied"
        ear.until(lambda ear: ear.shows("fan", status=True, confirmed=True))
        ear.kill("fan")
        ear.until(lambda ear: ear.shows("fan", status=True, confirmed=True))
        boot = ear.states["fan"].boot
        house.house("restart", "fan")
        ear.until(lambda ear: ear.states["fan"].boot > boot and ear.shows("fan", status=True, confirmed=True))
        assert ear.states["fan"].state["starts"] == 1
        was = board.record(17)
        assert was.count("output") == 3
        assert not {"input", "0"} & set(was[was.index("1") :])
        house.send("fan", "off")
        ear.until(lambda ear: ear.shows("fan", status=False, confirmed=True))
        assert board.record(17)[-1] == "0"
    assert "at the hardware" not in house.log("fan")


def test_a_button_in_the_wall_switches_the_light_beside_it(household: Any, board: Board) -> None:
    """Each press once, with a cause of its own; one that was made before the process was there is none."""
    board.press(4)
    house = a_house(household, "light_switch", '{ relay = 17, button = 4, debounce = "0s" }')
    with house.ear("fan") as ear:
        ear.until(lambda ear: ear.shows("fan", status=False, confirmed=True))
        causes = set()
        for number, on in enumerate((True, False, True), start=1):
            board.press(4)
            ear.until(lambda ear, on=on: ear.shows("fan", status=on, confirmed=True))  # type: ignore[misc]
            assert ear.states["fan"].state["presses"] == number
            causes.add(ear.states["fan"].cause)
        assert len(causes) == 3


def test_pins_that_somebody_else_has_are_waited_for(household: Any, board: Board) -> None:
    """At the start and while it is on; the process lives, answers, and does what was wanted last."""
    board.take_away()
    house = a_house(household, "plug", "{ relay = 17 }")
    with house.ear("fan") as ear:
        ear.until(lambda ear: ear.shows("fan", reachable=False) and "fan" in ear.beats)
        pid = ear.beats["fan"].pid
        assert "GPIO busy" in str(ear.states["fan"].state["fault"])
        board.give_back()
        ear.until(lambda ear: ear.shows("fan", status=False, confirmed=True))
        house.send("fan", "on")
        ear.until(lambda ear: ear.shows("fan", status=True, confirmed=True))
        board.take_away()
        ear.until(lambda ear: ear.shows("fan", reachable=False))
        assert house.send("fan", "off")["outcome"] == "applied"
        board.give_back()
        ear.until(lambda ear: ear.shows("fan", status=False, confirmed=True, reachable=True))
        assert board.record(17)[-1] == "0"
        assert house.pids()["fan"] == pid
    assert "Traceback" not in house.log("fan")
