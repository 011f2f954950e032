"""Rules on reports and on presence: each moment acts once, over repeated reports and restarts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemons.bus.message import Heartbeat, Report
from tests.support import factories
from tests.support.crash_simulator import NEVER, CrashSimulator

NOW = factories.START_TIME
FAILED: dict[str, Any] = {
    "process": "lamp",
    "reporters": ["steward"],
    "turns": {"life": "failed"},
    "do": "send",
    "with": {"text": "Lamp: {reason}"},
}
OFFLINE: dict[str, Any] = {
    "all": [{"device": "lamp", "presence": "offline"}],
    "for": "1m",
    "do": "send",
    "with": {"text": "Lamp is offline"},
}


def messenger(*rules: dict[str, Any]) -> CrashSimulator:
    """Return a messenger with some rules."""
    return CrashSimulator("messenger", when=list(rules))


def report(life: Any, since: float, reason: str | None = None, boot: int = 1) -> Report:
    """Return a report about the lamp; a new steward sends it later than it began."""
    at = since + boot - 1
    return Report(device="lamp", boot=boot, seq=1, at=at, life=life, since=since, reason=reason)


def texts(phone: CrashSimulator) -> list[str]:
    """Return the texts of all messages; the server never answers."""
    memory: Any = phone.appliance._hardware._memory
    return [message.text for message in memory.queue]


def hear(phone: CrashSimulator, *messages: Any) -> None:
    """Receive messages."""
    for message in messages:
        phone.runner.receive(message)
        phone.process.run_due()


def test_a_failure_is_told_with_its_reason_and_its_origin() -> None:
    """The reason of the state is the rule, and the chain begins at the process."""
    phone = messenger(FAILED)
    phone.now += 1
    hear(phone, report("failed", NOW + 1, "exit status 1"))
    assert texts(phone) == ["Lamp: exit status 1"]
    reason, origin = phone.appliance.published_reason
    assert reason is not None
    assert (reason.by, reason.who, reason.rule, reason.at) == ("rule", "lamp", 1, NOW + 1)
    assert origin is not None
    assert (origin.by, origin.device, origin.at) == ("program", "lamp", NOW + 1)


def test_a_failure_from_before_the_rule_is_not_told() -> None:
    """A rule handles what happens from now on."""
    phone = messenger(FAILED)
    hear(phone, report("failed", NOW - 5, "exit status 1"))
    phone.wait(5)
    assert texts(phone) == []


def test_reports_about_other_processes_change_nothing() -> None:
    """The messenger hears all reports of the steward."""
    phone = messenger(FAILED)
    phone.now += 1
    writes = phone.writes
    hear(phone, Report(device="other", boot=1, seq=1, at=NOW + 1, life="failed", since=NOW + 1))
    assert (texts(phone), phone.writes) == ([], writes)


@pytest.mark.parametrize("actions", range(12))
def test_the_text_of_a_rule_that_waits_survives_a_kill(actions: int) -> None:
    """It has the reason of the moment, although another report has come since."""
    phone = messenger(FAILED | {"delay": "30s"})
    phone.now += 1
    with phone.killed_after(actions):
        hear(phone, report("failed", NOW + 1, "exit status 1"))
        phone.now += 5
        hear(phone, report("running", NOW + 6, "exit status 2"))
    phone.restart()
    hear(phone, report("failed", NOW + 1, "exit status 1"), report("running", NOW + 6, "exit status 2"))
    phone.wait(40)
    assert texts(phone) == ["Lamp: exit status 1"]


def test_queued_moments_have_their_own_texts() -> None:
    """With `queued`, each moment waits with its own reason."""
    phone = messenger(FAILED | {"delay": "30s", "mode": "queued"})
    for number in (1, 2):
        phone.now += 5
        hear(phone, report("failed", phone.now, f"exit status {number}"))
        phone.now += 1
        hear(phone, report("running", phone.now))
    phone.wait(60)
    assert texts(phone) == ["Lamp: exit status 1", "Lamp: exit status 2"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fails", "recovers", "repeated", "steward restarts", "killed", "wait"]),
        st.integers(0, 6),
    ),
    max_size=25,
)


@given(steps=STEPS)
def test_each_failure_is_told_once(steps: list[tuple[str, int]]) -> None:
    """Whatever is repeated or killed, the messages are those of the reports that the messenger could hear."""
    phone = messenger(FAILED)
    current, boot, count = report("running", NOW), 1, 0
    expected: list[str] = []
    for step, number in steps:
        phone.now += 0.5
        if step == "fails":
            count += 1
            current = report("failed", phone.now, f"exit status {count}", boot)
        elif step == "recovers":
            current = report("running", phone.now, None, boot)
        elif step == "steward restarts":
            boot += 1
            current = report(current.life, current.since, current.reason, boot)
        elif step == "wait":
            phone.wait(number)
        if step == "killed":
            with phone.killed_after(number):
                hear(phone, current)
                phone.wait(1)
            phone.restart()
        hear(phone, current)
        if current.life == "failed" and (text := f"Lamp: {current.reason}") not in expected:
            expected.append(text)
    phone.wait(5)
    assert texts(phone) == expected


def test_a_silent_device_is_told_once_over_kills() -> None:
    """The silence begins after 10 s; then it must last for the minute of the rule."""
    phone = messenger(OFFLINE)
    hear(phone, factories.state("lamp", status=True))
    for _ in range(6):
        phone.wait(15)
        phone.restart(NEVER)
    phone.wait(60)
    assert texts(phone) == ["Lamp is offline"]
    hear(phone, factories.state("lamp", status=True, seq=2))
    phone.wait(5)
    hear(phone, Heartbeat(device="lamp", boot=1, seq=2, at=phone.now, pid=1))
    for _ in range(20):
        phone.wait(5)
    assert texts(phone) == ["Lamp is offline"] * 2


def test_a_short_silence_is_not_told() -> None:
    """The device is back before the minute is over."""
    phone = messenger(OFFLINE)
    hear(phone, factories.state("lamp", status=True))
    phone.wait(50)
    hear(phone, factories.state("lamp", status=True, seq=2))
    for _ in range(30):
        phone.wait(5)
        hear(phone, Heartbeat(device="lamp", boot=1, seq=2, at=phone.now, pid=1))
    assert texts(phone) == []


def test_lost_hardware_is_offline() -> None:
    """The process lives, and its hardware cannot be reached."""
    phone = messenger(OFFLINE)
    hear(phone, factories.state("lamp", status=True, reachable=True))
    for _ in range(20):
        phone.wait(5)
        hear(phone, factories.state("lamp", status=True, reachable=False, seq=2))
    assert texts(phone) == ["Lamp is offline"]


def test_a_battery_is_told_with_its_value_at_the_limit() -> None:
    """The text has the measurement that crossed the limit, and not the one at the end of the delay."""
    rule = {
        "device": "climate",
        "below": {"battery_percent": 15},
        "delay": "30s",
        "do": "send",
        "with": {"text": "{battery_percent} %"},
    }
    phone = messenger(rule)
    for seq, percent in enumerate((20, 14, 13, 12), 1):
        hear(phone, factories.state("climate", seq=seq, battery_percent=percent))
        phone.wait(5)
    phone.restart()
    phone.wait(30)
    assert texts(phone) == ["14 %"]
