"""Devices of other hosts, with fake links and proxies: published messages, and the effect of a cut."""

import time
from typing import Any

import pytest

from daemons.bus.message import Heartbeat, Published, Report, State
from daemons.bus.requests.protocol import new_command
from daemons.config.tables import Host
from daemons.processes.exchange import remote_devices
from daemons.processes.exchange.clock_sync.translate import TranslationMemory
from daemons.processes.exchange.remote_devices import RemoteDevices
from daemons.storage.key_pair import new_key_pair

AHEAD_SECONDS = 500.0
"""The clock of the kitchen is ahead by this much."""
DEVICES = {"oven": "kitchen", "fan": "kitchen", "attic_lamp": "attic"}
HOSTS = {
    name: Host(address="10.0.0.2", port=8070, public_key=new_key_pair().public_key)
    for name in ("kitchen", "attic")
}


class FakeProxy:
    """A proxy that records the published messages of the device."""

    def __init__(self, name: str, *_: Any) -> None:
        self.name = name
        self.published: list[Published] = []
        self.cleared = 0
        self.is_released = False

    def publish(self, message: Published) -> None:
        """Record a message."""
        self.published.append(message)

    def clear_retained(self) -> None:
        """Count a call."""
        self.cleared += 1

    def release(self) -> None:
        """Record the call."""
        self.is_released = True


class FakeLink:
    """A link that is opened and cut by a test."""

    def __init__(self, name: str, host: Host, _: Any, devices: frozenset[str], *callbacks: Any) -> None:
        self.name, self.address, self.devices = name, f"{host.address}:{host.port}", devices
        _process, self._on_message, self.has_new_times, self._on_change = callbacks
        self.is_open = False
        self.remote_status: dict[str, object] = {"configuration": "same"}
        self.commands: list[str] = []

    def to_local(self, moment: float) -> float:
        """Convert a time of the kitchen."""
        return moment - AHEAD_SECONDS

    def send_command(self, _: Any, device: str, __: Any) -> None:
        """Record the device of a command."""
        self.commands.append(device)

    def receive(self, message: Published) -> None:
        """Receive a message of the other host."""
        self._on_message(self, message)

    def set_open(self, is_open: bool) -> None:
        """Open or cut the link."""
        self.is_open = is_open
        self._on_change(self)


class FakeProcess:
    """The process of the exchange, which records its reports."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, str, str | None]] = []
        self.more: dict[str, Any] = {}

    def report(self, name: str, *, life: str, reason: str | None, **more: Any) -> None:
        """Record a report."""
        self.reports.append((name, life, reason))
        self.more = more


class RemoteUnderTest:
    """Remote devices of two hosts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, memories: dict[str, TranslationMemory]) -> None:
        monkeypatch.setattr(remote_devices, "DeviceProxy", FakeProxy)
        monkeypatch.setattr(remote_devices, "HostLink", FakeLink)
        self.now = 100.0
        monkeypatch.setattr(remote_devices, "uptime", lambda: self.now)
        self.process = FakeProcess()
        self.saved = 0
        self.link_changes = 0
        process: Any = self.process
        self.remote = RemoteDevices(
            HOSTS, DEVICES, new_key_pair(), memories, process, self._save, self._on_link_change
        )
        links: dict[str, Any] = dict(self.remote.links)
        self.links: dict[str, FakeLink] = links
        self.kitchen = self.links["kitchen"]
        proxies: dict[str, Any] = dict(self.remote._proxies)
        self.oven: FakeProxy = proxies["oven"]
        self.process.reports.clear()

    def _save(self) -> None:
        self.saved += 1

    def _on_link_change(self) -> None:
        self.link_changes += 1


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> RemoteUnderTest:
    """Create remote devices without memory."""
    return RemoteUnderTest(monkeypatch, {})


def state(age_seconds: float, seq: int = 1) -> State:
    """Return a state of the oven, whose last change and message are so old."""
    at = time.time() + AHEAD_SECONDS - age_seconds
    return State(
        device="oven", boot=1000, seq=seq, at=at, since=at, state={"status": True}, turned={"status": at}
    )


def heartbeat(age_seconds: float = 0.0) -> Heartbeat:
    """Return a heartbeat of the oven."""
    return Heartbeat(device="oven", boot=1000, seq=1, at=time.time() + AHEAD_SECONDS - age_seconds, pid=42)


def test_a_state_is_published_in_the_time_of_this_host(remote: RemoteUnderTest) -> None:
    """Its new translations are saved first; a repeated state is published without saving."""
    received = state(1.0)
    remote.kitchen.receive(received)
    (published,) = remote.oven.published
    assert isinstance(published, State)
    assert published.turned["status"] == pytest.approx(time.time() - 1, abs=0.5)
    assert remote.saved == 1
    assert remote.remote.memories["oven"].times == ((received.at, published.at),)
    remote.kitchen.receive(received)
    assert len(remote.oven.published) == 2
    assert remote.saved == 1


def test_an_old_state_waits_for_a_heartbeat(remote: RemoteUnderTest) -> None:
    """A state that is three seconds old may be the last state of a device that has ended since."""
    remote.kitchen.receive(state(3.5))
    assert not remote.oven.published
    remote.kitchen.receive(heartbeat())
    assert [type(it) for it in remote.oven.published] == [State, Heartbeat]
    remote.kitchen.receive(heartbeat())
    assert [type(it) for it in remote.oven.published] == [State, Heartbeat, Heartbeat]


def test_an_old_state_is_published_at_once_while_the_device_is_live(remote: RemoteUnderTest) -> None:
    """A heartbeat within three seconds shows that."""
    remote.kitchen.receive(heartbeat())
    remote.now += 2.9
    remote.kitchen.receive(state(3.5))
    assert [type(it) for it in remote.oven.published] == [Heartbeat, State]
    remote.now += 0.2
    remote.kitchen.receive(state(3.5, seq=2))
    assert len(remote.oven.published) == 2


def test_an_old_heartbeat_does_not_keep_a_device_live(remote: RemoteUnderTest) -> None:
    """The heartbeat is retained at the other host, and may arrive with each new subscription."""
    remote.kitchen.receive(heartbeat(3.5))
    assert not remote.oven.published
    assert not remote.process.reports


def test_the_first_heartbeat_reports_the_device_as_running(remote: RemoteUnderTest) -> None:
    """The steward of its host may have nothing to report."""
    remote.kitchen.receive(heartbeat())
    remote.kitchen.receive(heartbeat())
    assert remote.process.reports == [("oven", "running", None)]
    assert remote.process.more["pid"] == 42


def test_a_report_of_the_remote_steward_is_published_when_it_is_new(remote: RemoteUnderTest) -> None:
    """Its times are those of this host."""
    at = time.time() + AHEAD_SECONDS
    report = Report(
        device="oven", boot=1, seq=1, at=at, life="failed", since=at - 7, reason="exit 1", retry_at=at + 9
    )
    remote.kitchen.receive(report)
    remote.kitchen.receive(report)
    assert remote.process.reports == [("oven", "failed", "exit 1")]
    assert remote.process.more["since"] == pytest.approx(time.time() - 7, abs=0.5)
    assert remote.process.more["retry_at"] == pytest.approx(time.time() + 9, abs=0.5)


def test_a_cut_makes_the_devices_of_that_host_offline(remote: RemoteUnderTest) -> None:
    """Their states are not retained, and an old state does not count as live after the cut."""
    remote.kitchen.set_open(True)
    remote.kitchen.receive(heartbeat())
    remote.kitchen.receive(state(3.5))
    remote.process.reports.clear()
    cleared = remote.oven.cleared
    remote.kitchen.set_open(False)
    reason = "kitchen cannot be reached (10.0.0.2:8070)"
    assert remote.process.reports == [("oven", "offline", reason)]
    assert remote.oven.cleared == cleared + 1
    remote.oven.published.clear()
    remote.kitchen.receive(state(3.5))
    assert not remote.oven.published
    assert remote.link_changes == 2


def test_an_old_state_from_before_a_cut_is_not_published_after_it(remote: RemoteUnderTest) -> None:
    """The first heartbeat after the cut does not publish it again."""
    remote.kitchen.receive(state(3.5))
    remote.kitchen.set_open(False)
    remote.kitchen.set_open(True)
    remote.kitchen.receive(heartbeat())
    assert [type(it) for it in remote.oven.published] == [Heartbeat]


def test_translations_of_the_last_run_are_used_for_the_same_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that has moved to another host gets new ones."""
    memories = {
        "oven": TranslationMemory("kitchen", ((1.0, 2.0),), (3, 4)),
        "fan": TranslationMemory("attic", ((1.0, 2.0),), (3, 4)),
    }
    remote = RemoteUnderTest(monkeypatch, memories).remote
    assert remote.memories["oven"] == memories["oven"]
    assert remote.memories["fan"] == TranslationMemory("kitchen")


def test_commands_go_over_the_link_to_the_host_of_the_device(remote: RemoteUnderTest) -> None:
    """A device of this host has no link."""
    remote.remote.send_command("attic_lamp", new_command("on", 5), lambda _: None)
    assert remote.links["attic"].commands == ["attic_lamp"]
    assert remote.remote.link_to("oven") is remote.remote.links["kitchen"]
    assert remote.remote.link_to("toaster") is None


def test_cut_links_and_other_configurations_are_faults(remote: RemoteUnderTest) -> None:
    """Each fault names the host, and the remedy."""
    remote.kitchen.is_open = True
    assert remote.remote.faults("same") == ["attic cannot be reached (10.0.0.2:8070)"]
    remote.links["attic"].is_open = True
    assert remote.remote.faults("same") == []
    assert remote.remote.faults("other") == [
        f"{name} runs another configuration; copy house.toml and the files it includes there, "
        "and `house reload`"
        for name in ("kitchen", "attic")
    ]


def test_all_locks_are_released(remote: RemoteUnderTest) -> None:
    """So the devices may run on this host the next time."""
    remote.remote.release()
    proxies: dict[str, Any] = dict(remote.remote._proxies)
    assert all(proxy.is_released for proxy in proxies.values())
