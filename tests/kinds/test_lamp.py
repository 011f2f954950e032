"""The lamp, by its name."""

from daemons.hardware import Reading, Setting
from daemons.kinds.lamp import Lamp, Memory, Off, On, Options, Toggle

LAMP = Lamp(Options(brightness_percent=60))


def test_it_goes_on_as_bright_as_usual() -> None:
    """Without a word about it, a lamp has its usual brightness."""
    assert LAMP.wants(LAMP.obey(Memory(), On(), 0)) == Setting(on=True, brightness_percent=60)


def test_it_goes_on_as_bright_as_told() -> None:
    """A command may say how bright, and a lamp that is on is dimmed by it without a new start."""
    memory = LAMP.obey(Memory(), On(brightness_percent=5), 0)
    assert LAMP.wants(memory).brightness_percent == 5
    dimmed = LAMP.obey(memory, On(brightness_percent=1), 0)
    assert (dimmed.brightness_percent, dimmed.starts) == (1, 1)


def test_it_goes_off_and_remembers_how_bright_it_was() -> None:
    """A dark lamp asks for no brightness, and still shows its last."""
    memory = LAMP.obey(LAMP.obey(Memory(), On(brightness_percent=5), 0), Off(), 0)
    assert LAMP.wants(memory) == Setting(on=False)
    assert LAMP.shows(memory, Reading(on=False), 0).brightness_percent == 5


def test_toggling_twice_leaves_it_dark() -> None:
    """Toggle turns it on, and again off."""
    once = LAMP.obey(Memory(), Toggle(), 0)
    assert (once.on, once.brightness_percent) == (True, 60)
    assert LAMP.obey(once, Toggle(), 0).on is False


def test_a_hand_turns_it_on_as_bright_as_it_last_was() -> None:
    """A lamp that is switched by hand keeps its brightness, and is counted as started once."""
    memory = LAMP.observe(Memory(brightness_percent=30), Reading(on=True), 0)
    assert memory == Memory(on=True, brightness_percent=30, starts=1)
    assert LAMP.observe(memory, Reading(on=True), 0) == memory
    assert LAMP.observe(memory, Reading(on=False), 0).on is False


def test_it_shows_what_it_is() -> None:
    """The state tells on, brightness, starts and power."""
    shown = LAMP.shows(Memory(on=True, brightness_percent=30, starts=2), Reading(on=True, power_watts=2.1), 0)
    assert (shown.status, shown.phase, shown.brightness_percent) == (True, "on", 30)
    assert (shown.starts, shown.power_watts) == (2, 2.1)
