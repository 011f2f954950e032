"""A messenger that tells by itself what deserves attention: each thing once, also over a kill."""

from typing import Any

import msgspec
import pytest

from daemons.bus.facts import Facts
from daemons.bus.notice import Level
from daemons.config.house import load_house
from daemons.kinds import Outcome, Reading
from daemons.kinds.messaging.queue import MessengerMemory
from daemons.kinds.messenger import MAX_MESSAGES, Acknowledge, Messenger, Options, Send

START = 1_000_000.0
QUIET: dict[str, Any] = {"status": False, "phase": "clear", "reachable": True, "fault": None}
LAMPS = [f"lamp{number}" for number in range(4)]
FACTS = {
    "smoke": Facts(name="Smoke detector", room="Hall", detects="smoke", has_hardware=True, is_sensor=True),
    "door": Facts(name="Front door", detects="open", has_hardware=True, open_seconds=600.0),
    **{name: Facts(name=name, has_hardware=True) for name in LAMPS},
    "party": Facts(name="Party"),
}
ALL: tuple[Level, ...] = ("alarm", "fault", "care", "news")


class Phone:
    """A messenger whose server takes every message at once."""

    def __init__(self, levels: tuple[Level, ...] = ALL) -> None:
        self.machine = Messenger(Options(attention=levels, watched=FACTS))
        self.memory = MessengerMemory()
        self.now = START
        self.told: list[tuple[str, bool]] = []
        """The text of each delivered message, and whether it is urgent."""
        self.states: dict[str, Any] = {name: QUIET for name, facts in FACTS.items() if facts.has_hardware}
        self.wait(0)

    def show(self, device: str, **fields: Any) -> None:
        """Hear a new state of a device."""
        self.states = {**self.states, device: {**QUIET, **fields}}
        self.wait(0)

    def silence(self, *devices: str) -> None:
        """Hear nothing of some devices any more."""
        self.states = {**self.states, **dict.fromkeys(devices)}
        self.wait(0)

    def report(self, process: str, life: str) -> None:
        """Hear a report about a process."""
        self.states = {**self.states, f"process/{process}": {"life": life, "reason": "exit status 1"}}
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Pass time, and deliver what is due."""
        end = self.now + seconds
        while True:
            self.memory = self.machine.update_sources(self.memory, self.states, self.now)
            while message := self.machine.desired_setting(self.memory).message:
                self.told.append((message.text, message.urgent))
                outcome = Outcome(message.key, message.attempt, "taken")
                self.memory = self.machine.update_measurements(
                    self.memory, Reading(outcome=outcome), self.now
                )
            due = self.machine.next_deadline(self.memory)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            self.memory = self.machine.advance(self.memory, self.now)
        self.now = end

    def kill(self) -> None:
        """End the process, and start it again from its journal. The devices send their states again."""
        journal = msgspec.json.encode(self.memory)
        self.machine = Messenger(self.machine.options)
        self.memory = self.machine.resume(msgspec.json.decode(journal, type=MessengerMemory), self.now)
        states, self.states = self.states, {}
        self.wait(1)
        self.states = states
        self.wait(0)


def test_an_alarm_is_told_at_once_and_repeated_until_it_is_seen() -> None:
    """It is an urgent message, with all that an urgent message does."""
    phone = Phone()
    phone.show("smoke", status=True, phase="smoke")
    assert phone.told == [("Smoke in Hall: Smoke detector.", True)]
    phone.wait(1801)
    assert phone.told[1][0].endswith("Reminder 1: it is not acknowledged yet.")
    phone.memory = phone.machine.handle_command(phone.memory, Acknowledge(), phone.now)
    phone.wait(7200)
    assert len(phone.told) == 2


def test_an_alarm_that_comes_and_goes_is_told_again_only_when_the_last_was_seen() -> None:
    """A detector that flickers does not flood the phone, and a new fire is not missed."""
    phone = Phone()
    for _ in range(5):
        phone.show("smoke", status=True, phase="smoke")
        phone.show("smoke")
    assert len(phone.told) == 1
    phone.memory = phone.machine.handle_command(phone.memory, Acknowledge(), phone.now)
    phone.show("smoke", status=True, phase="smoke")
    assert len(phone.told) == 2


def test_a_detector_that_is_lost_in_an_alarm_does_not_end_it() -> None:
    """It is told once as an alarm, and as a fault when it stays silent."""
    phone = Phone()
    phone.show("smoke", status=True, phase="smoke")
    phone.silence("smoke")
    phone.wait(61)
    assert [text for text, _ in phone.told] == ["Smoke in Hall: Smoke detector.", "Smoke detector is silent."]
    assert "smoke:smoke:" in phone.memory.noted


def test_a_short_silence_is_not_told() -> None:
    """A minute is the patience for what passes by itself."""
    phone = Phone()
    phone.silence("lamp0")
    phone.wait(59)
    phone.show("lamp0")
    phone.wait(600)
    assert not phone.told
    phone.show("lamp1", reachable=False, fault="no answer")
    phone.wait(91)
    assert phone.told == [("lamp1 cannot be reached: no answer.", False)]


def test_many_silent_devices_are_one_message() -> None:
    """A lost access point is one thing to do."""
    phone = Phone()
    phone.silence("lamp0")
    phone.wait(2)
    phone.silence(*LAMPS[1:])
    phone.wait(70)
    assert phone.told == [("4 devices are silent: lamp0, lamp1, lamp2, lamp3.", False)]


def test_a_process_that_fails_again_and_again_is_told_once() -> None:
    """Between two failures it runs for a moment. Also one without hardware is told."""
    phone = Phone()
    for _ in range(5):
        phone.report("party", "failed")
        phone.wait(30)
        phone.report("party", "running")
        phone.wait(5)
    assert phone.told == [("Party has failed: exit status 1.", False)]
    phone.wait(301)
    phone.report("party", "failed")
    assert len(phone.told) == 2


@pytest.mark.parametrize("at", [0, 300, 599, 601])
def test_a_door_is_told_once_over_a_kill(at: float) -> None:
    """Wherever the kill is, the time goes on, and the message is sent once."""
    phone = Phone()
    phone.show("door", status=True, phase="open")
    phone.wait(at)
    phone.kill()
    phone.wait(1200)
    assert phone.told == [("Front door is open.", False)]


def test_only_the_chosen_levels_are_told() -> None:
    """With "alarm" alone, a lost lamp and an open door are no messages."""
    phone = Phone(("alarm",))
    phone.silence("lamp0")
    phone.show("door", status=True, phase="open")
    phone.wait(3600)
    assert not phone.told
    phone.show("smoke", status=True, phase="smoke")
    assert len(phone.told) == 1


def test_a_notice_waits_if_the_queue_is_full() -> None:
    """It is queued as soon as there is room."""
    phone = Phone()
    for number in range(MAX_MESSAGES):
        send = Send(text=str(number), urgent=True)
        phone.memory = phone.machine.handle_command(phone.memory, send, phone.now)
    phone.states["door"] = {**QUIET, "status": True, "phase": "open"}
    memory = phone.machine.update_sources(phone.memory, phone.states, phone.now)
    memory = phone.machine.advance(memory, phone.now + 600)
    assert not memory.noted["open:door:"].told
    due = phone.machine.next_deadline(memory)
    assert due is not None
    assert due > phone.now


def test_the_check_of_the_configuration_finds_what_it_watches(tmp_path: Any) -> None:
    """A person writes only the levels; each device has its own facts."""
    path = tmp_path / "house.toml"
    path.write_text(
        '[house]\nbattery_low = 30\n[devices.door]\nkind = "sensor"\ndriver = "simulated"\n'
        'detects = "opening"\nopen_too_long = "5m"\n'
        '[devices.party]\nkind = "flag"\n[devices.mirror]\nkind = "mirror"\n'
        '[devices.phone]\nkind = "messenger"\ndriver = "simulated"\nattention = ["alarm"]\n'
        '[devices.other]\nkind = "messenger"\ndriver = "simulated"\n'
    )
    house = load_house(path)
    found = house.devices["phone"].options
    assert found.watched.keys() == {"door", "party", "other", "recorder", "exchange", "bridge"}
    assert found.watched["door"] == Facts(
        name="Door",
        detects="open",
        has_hardware=True,
        is_sensor=True,
        unknown_phases=("unknown", "stale"),
        open_seconds=300.0,
        battery_percent=30,
    )
    assert house.devices["phone"].subscriptions == {"door", "other"}
    assert house.devices["phone"].reporters == {"steward"}
    assert not house.devices["other"].subscriptions
    assert not house.devices["other"].reporters
