"""What deserves a person's attention, in which order, and for how long."""

from typing import Any

import pytest

from daemons.bus.attention import gather, next_at, notices, see
from daemons.bus.facts import Facts
from daemons.bus.faults import CLOCK_FAULT, MEMORY_FAULT
from daemons.bus.look import Seen, conditions
from daemons.bus.message import Report
from daemons.bus.notice import LEVELS, RANKS, TEXTS, Code, make_notice
from daemons.bus.presence import PresenceTable
from tests.support import factories

NOW = 10_000.0
SMOKE = Facts(
    name="Smoke detector", room="Hall", detects="smoke", is_sensor=True, unknown_phases=("unknown",)
)
DOOR = Facts(name="Front door", detects="open", is_sensor=True, open_seconds=600.0)
TOASTER = Facts(name="Toaster", max_on_seconds=360.0, makes="toast")
WASHER = Facts(name="Washer", finished_phases=("finished",))
LAMP = Facts(name="Lamp")


def live(since: float = NOW, **state: Any) -> Seen:
    """Return a live process with this state, whose fields all changed at `since`."""
    return Seen(presence="live", state=state, since=since)


def codes(facts: Facts, seen: Seen, *active: str, now: float = NOW) -> list[Code]:
    """Return the codes of the notices about one device, named "it"."""
    return [one.code for one in notices({"it": seen}, {"it": facts}, now, active)]


def test_every_code_has_a_level_and_a_text() -> None:
    """No code is without a rank, and no text without a code."""
    assert RANKS.keys() == TEXTS.keys()
    assert len(RANKS) == sum(map(len, LEVELS.values()))


def test_a_quiet_device_deserves_nothing() -> None:
    """A lamp that is on, a closed door and a clear detector are no news."""
    assert not codes(LAMP, live(status=True, phase="on", reachable=True, fault=None))
    assert not codes(DOOR, live(status=False, phase="closed", battery_percent=80))
    assert not codes(SMOKE, live(status=False, phase="clear"))


def test_an_alarm_is_a_notice_at_once_with_its_place() -> None:
    """It names room and device, and when it began."""
    (found,) = notices({"it": live(NOW - 5, status=True, phase="smoke")}, {"it": SMOKE}, NOW)
    assert (found.code, found.level, found.since) == ("smoke", "alarm", NOW - 5)
    assert found.text == "Smoke in Hall: Smoke detector"


@pytest.mark.parametrize(
    "seen",
    [
        Seen(presence="stale", state={"status": True, "phase": "smoke"}),
        Seen(presence="failed", state={"status": True, "phase": "smoke"}),
        Seen(presence="offline", state={"status": False, "phase": "clear"}),
        live(status=False, phase="unknown"),
        live(status=False, phase="clear", reachable=False),
    ],
    ids=["stale", "failed", "offline", "unknown", "unreachable"],
)
def test_an_alarm_lasts_until_its_detector_says_that_it_is_over(seen: Seen) -> None:
    """A fire may destroy the detector: silence does not end the alarm."""
    assert codes(SMOKE, seen, "smoke:it:")[0] == "smoke"
    assert notices({"it": seen}, {"it": SMOKE}, NOW, ["smoke:it:"])[0].text.endswith("lost since")
    assert not codes(SMOKE, live(status=False, phase="clear"), "smoke:it:")


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (Seen(presence="offline", presence_since=NOW - 11, state={"status": False}), "silent"),
        (live(NOW - 11, status=False, phase="clear", reachable=False), "unreachable"),
        (live(NOW - 61, status=False, phase="unknown"), "unknown"),
        (Seen(presence="stopped", presence_since=NOW, state={"status": False}), "stopped"),
        (Seen(presence="failed", presence_since=NOW, state={"status": False}), "failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_detector_that_does_not_report_is_a_notice(seen: Seen, code: Code) -> None:
    """That it shows no smoke means nothing."""
    assert codes(SMOKE, seen) == [code]


def test_a_device_that_was_stopped_by_hand_is_none() -> None:
    """A person knows it; only a detector of a danger is named."""
    assert not codes(LAMP, Seen(presence="stopped", presence_since=NOW, state={"status": True}))


def test_a_process_that_is_restarted_is_none_unless_it_does_not_come_back() -> None:
    """A killed process is back in a moment."""
    seen = Seen(
        presence="restarting", presence_since=NOW, state={"status": True}, reason="terminated by SIGKILL"
    )
    assert not codes(LAMP, seen, now=NOW + 9)
    assert codes(LAMP, seen, now=NOW + 10) == ["silent"]


def test_a_process_that_was_never_heard_has_its_time_to_start() -> None:
    """After that it is silent."""
    seen = Seen(presence="offline", presence_since=NOW)
    assert not codes(LAMP, seen, now=NOW + 9)
    assert codes(LAMP, seen, now=NOW + 10) == ["silent"]


def test_a_lost_appliance_that_was_on_is_named_so() -> None:
    """Nothing tells whether it still heats."""
    seen = Seen(
        presence="failed",
        presence_since=NOW,
        state={"status": True},
        reason="exit status 1",
        retry_at=NOW + 9,
    )
    (found,) = notices({"it": seen}, {"it": TOASTER}, NOW)
    assert found.text == "Toaster fails again and again, and was on: exit status 1"


@pytest.mark.parametrize(
    ("fields", "after"),
    [({"status": True, "power_watts": 850.0}, 390.0), ({"status": False, "power_watts": 850.0}, 30.0)],
    ids=["longer than max_on", "off, and draws power"],
)
def test_an_appliance_that_heats_for_too_long_is_a_notice(fields: dict[str, Any], after: float) -> None:
    """Its hardware may not obey."""
    assert not codes(TOASTER, live(**fields), now=NOW + after - 1)
    assert codes(TOASTER, live(**fields), now=NOW + after) == ["hot"]


def test_a_battery_is_low_until_it_is_clearly_better() -> None:
    """A cold battery that recovers by a little stays low."""
    assert not codes(LAMP, live(battery_percent=15))
    assert codes(LAMP, live(battery_percent=14)) == ["battery"]
    assert codes(LAMP, live(battery_percent=19), "battery:it:") == ["battery"]
    assert not codes(LAMP, live(battery_percent=20), "battery:it:")
    assert not codes(Facts(name="Lamp", battery_percent=0), live(battery_percent=1))


def test_a_door_is_a_notice_when_it_has_been_open_for_its_time() -> None:
    """The moment is known in advance, so nothing needs to poll."""
    seen = live(status=True, phase="open")
    assert not codes(DOOR, seen, now=NOW + 599)
    assert codes(DOOR, seen, now=NOW + 600) == ["open"]
    assert next_at([*conditions("it", DOOR, seen)], NOW) == NOW + 600


def test_what_is_ready_is_news_only_while_it_is_known() -> None:
    """A device that went offline when its toast was ready makes no news."""
    assert codes(TOASTER, live(status=False, ready=True, phase="ready")) == ["ready"]
    assert codes(WASHER, live(status=True, ready=True, phase="finished")) == ["finished"]
    gone = Seen(presence="offline", presence_since=NOW, state={"ready": True, "phase": "ready"})
    assert codes(TOASTER, gone) == ["silent"]
    lost = live(NOW - 60, status=False, ready=True, phase="ready", reachable=False)
    assert codes(TOASTER, lost) == ["unreachable"]


def test_it_is_news_for_an_hour_that_a_timer_has_finished() -> None:
    """It stays in this phase until it is started again, and has no `ready`."""
    timer = Facts(name="Eggs", finished_phases=("finished",))
    seen = live(NOW, status=False, phase="finished")
    assert not codes(timer, live(NOW, status=True, phase="running"))
    assert codes(timer, seen, now=NOW + 1) == ["finished"]
    assert codes(timer, seen, now=NOW + 3599) == ["finished"]
    assert next_at([*conditions("it", timer, seen)], NOW + 1) == NOW + 3600
    assert not codes(timer, seen, now=NOW + 3600)


def test_the_most_urgent_notice_comes_first() -> None:
    """Smoke comes before a failed process, and that before a battery."""
    seen = {
        "a": live(battery_percent=3),
        "b": Seen(presence="failed", presence_since=NOW - 99, reason="exit status 1"),
        "c": live(status=True, phase="smoke"),
    }
    found = notices(seen, {"a": LAMP, "b": LAMP, "c": SMOKE}, NOW)
    assert [one.code for one in found] == ["smoke", "failed", "battery"]


def test_the_same_fault_of_many_devices_is_one_notice() -> None:
    """A broker that is gone is one thing to do, not twenty."""
    seen = {name: live(fault="the broker does not answer") for name in "abc"}
    (one,) = notices(seen, dict.fromkeys("abc", LAMP), NOW)
    assert (one.code, one.device, one.text) == ("many", None, "3 devices: the broker does not answer")
    del seen["c"]
    assert [one.code for one in notices(seen, dict.fromkeys("abc", LAMP), NOW)] == ["fault", "fault"]


@pytest.mark.parametrize(
    ("fault", "code"), [(f"{MEMORY_FAULT}: no space", "disk"), (f"x; {CLOCK_FAULT}", "clock")]
)
def test_a_fault_of_the_machine_is_one_notice(fault: str, code: Code) -> None:
    """The disk and the clock concern the whole house, and each device has other words for them."""
    seen = {"a": live(fault=fault), "b": live(fault=fault + ".")}
    (one,) = notices(seen, {"a": LAMP, "b": LAMP}, NOW)
    assert (one.code, one.device, one.values["count"]) == (code, None, 2)


def test_the_devices_of_a_host_that_is_cut_off_are_one_notice() -> None:
    """The exchange reports each of them with the same reason."""
    seen = Seen(presence="offline", presence_since=NOW, state={}, reason="kitchen cannot be reached")
    (one,) = notices(dict.fromkeys("abc", seen), dict.fromkeys("abc", LAMP), NOW)
    assert one.text == "3 devices are silent: kitchen cannot be reached"


def test_a_service_is_named_with_what_the_house_lacks() -> None:
    """A person need not know what a recorder is."""
    seen = Seen(presence="stopped", presence_since=NOW)
    (one,) = notices({"recorder": seen}, {"recorder": Facts(name="Recorder", is_service=True)}, NOW)
    assert one.text == "The recorder was stopped by hand: the history is not recorded now"


def test_a_presence_table_is_seen_with_the_times_of_its_messages() -> None:
    """A silent process is silent since its last message; the report of an earlier life is no reason."""
    table = PresenceTable(["lamp", "steward"], stale_seconds=3.0, offline_seconds=10.0)
    assert see(table, "lamp", 0.0, 5.0).presence_since == 5.0
    table.on_message(factories.state("lamp", status=True), 0.0)
    table.on_message(factories.state("steward"), 0.0)
    report: dict[str, Any] = {"boot": 1, "seq": 1, "at": 1.0, "since": 70.0, "reason": "exit status 1"}
    table.on_message(Report(device="lamp", life="running", **report), 0.0)
    assert see(table, "lamp", 20.0, 5.0).presence_since == factories.START_TIME
    assert see(table, "lamp", 20.0, 5.0).reason is None
    table.on_message(Report(device="lamp", life="failed", **report), 0.0)
    seen = see(table, "lamp", 0.0, 5.0)
    assert (seen.presence, seen.presence_since, seen.reason) == ("failed", 70.0, "exit status 1")


def test_a_notice_without_a_beginning_is_one_at_once() -> None:
    """A battery has no time at which it became low."""
    (found,) = gather(conditions("it", LAMP, live(battery_percent=3)), NOW)
    assert found.since is None
    assert make_notice("battery", "it", None, found.values).key == found.key == "battery:it:"
