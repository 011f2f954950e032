"""Injects the faults of a drill into one running house, and waits for the recovery from each."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from daemons.bus.message import EXCHANGE, STEWARD
from daemons.cli.drill_faults import FAULTS, HARDWARE_FAULTS, BusyLoops, UnwritableDisks, doors, flood_door
from daemons.cli.drill_monitor import PATIENCE_SECONDS, DrillMonitor
from daemons.cli.drill_report import BACK_SECONDS, DrillReport
from daemons.config.check import check
from daemons.config.house import House
from daemons.supervision import operations
from daemons.supervision.supervisord import Supervisor

LONGEST_WATCHDOG_SECONDS = 10.0
"""With a longer watchdog, the drill injects no hang: its detection would take too long."""


class FaultInjector:
    """The faults of one drill: those of a moment, and those that last until `end_all`."""

    def __init__(
        self, house: House, run: Path, random: Random, monitor: DrillMonitor, report: DrillReport
    ) -> None:
        """`run` is the run directory of the house; raises NotUp if the house is not up."""
        self._house = house
        self._run = run
        self._random = random
        self._monitor = monitor
        self._report = report
        self._supervisor = Supervisor()
        self._simulated = [
            name
            for name in monitor.names
            if name in house.devices and (driver := house.devices[name].driver) and not driver.real
        ]
        possible = {"hang": house.settings.watchdog_seconds <= LONGEST_WATCHDOG_SECONDS}
        possible |= dict.fromkeys(HARDWARE_FAULTS, bool(self._simulated))
        self._weights = {fault: found.weight for fault, found in FAULTS.items() if possible.get(fault, True)}
        self._overrides: dict[str, dict[str, Any]] = {}
        """By device, the keys of its table that the drill has changed."""
        self.mute: set[str] = set()
        """The devices whose hardware does not obey now."""
        self.unwritable: set[str] = set()
        """The devices that can write nothing now."""
        self._has_reloaded = False
        self._busy_loops, self._disks = BusyLoops(), UnwritableDisks(self._supervisor.call("getPID"))

    def choose(self) -> str:
        """Return a fault, at random by its weight."""
        return self._random.choices([*self._weights], [*self._weights.values()])[0]

    def inject(self, fault: str) -> set[str]:
        """Inject a fault into one process, and wait for its recovery.

        Return the processes that the fault may restart.
        """
        name = self._random.choice(self._monitor.names)
        self._monitor.wait_until_back(name)
        boot, began = self._monitor.beats[name].boot, time.monotonic()
        limit = BACK_SECONDS
        match fault:
            case "kill":
                boot, began = self._monitor.signal(name, signal.SIGKILL).boot, time.monotonic()
            case "freeze":
                pid = self._monitor.signal(name, signal.SIGSTOP).pid
                self._monitor.pause(self._random.uniform(0.02, 0.4))
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                began = time.monotonic()
                self._monitor.forget_beat(name)
            case "hang":
                name = self._random.choice([other for other in self._monitor.names if other != STEWARD])
                self._monitor.wait_until_back(name)
                boot, began = self._monitor.signal(name, signal.SIGSTOP).boot, time.monotonic()
                limit = self._monitor.hang_limit
            case "restart":
                self._supervisor.stop([name])
                self._supervisor.start([name])
            case "flood":
                self._flood(name)
                return set()
            case "reload":
                name = self._random.choice(sorted(self._house.own))
                self._overrides.setdefault(name, {})["name"] = f"Drilled {self._random.randrange(1000)}"
                return self._reload(fault, name)
            case "slow" | "mute":
                name = self._random.choice(self._simulated)
                options = {**self._house.table(name).get("simulated", {}), **HARDWARE_FAULTS[fault]}
                self._overrides.setdefault(name, {})["simulated"] = options
                if fault == "mute":
                    self.mute.add(name)
                return self._reload(fault, name)
            case "starve":
                self._busy_loops.start()
                self._report.count(fault)
                return set()
            case "full":
                self.unwritable.add(name)
                with suppress(ProcessLookupError):  # it is between two lives; the next one can write
                    self._disks.forbid(self._monitor.beats[name].pid)
                self._report.count(fault)
                return set()
            case "readonly":
                self.unwritable.add(name)
                with self._disks.forbid_new():
                    boot, began = self._monitor.signal(name, signal.SIGKILL).boot, time.monotonic()
                    self._monitor.wait_for_boot(name, boot)

        def has_recovered() -> bool:
            return name in self._monitor.beats if fault == "freeze" else self._monitor.boot(name) > boot

        again = self._monitor.wait(has_recovered, limit)
        self._report.add_recovery(fault, name, time.monotonic() - began if again is not None else None, limit)
        return {name}

    def _reload(self, fault: str | None, name: str) -> set[str]:
        """Reload the house with the keys that the drill has changed; return the restarted processes."""
        raw = msgspec.json.decode(msgspec.json.encode(self._house.raw))
        for changed, keys in self._overrides.items():
            raw["devices"][changed].update(keys)
        checked = check(raw, [])
        if checked is None:
            return set()
        settings, devices, hosts = checked
        other = replace(self._house, settings=settings, devices=devices, hosts=hosts, raw=raw)
        began = time.monotonic()
        self._has_reloaded = True
        boots = {name: beat.boot for name, beat in self._monitor.beats.items()}
        changes = operations.reload(other, self._run, PATIENCE_SECONDS, lambda _done, _of: None)
        if fault:
            self._report.add_recovery(fault, name, time.monotonic() - began)
        for change in changes:  # heartbeats of the process before may still arrive
            self._monitor.wait_for_boot(change.name, boots.get(change.name, 0))
        return {change.name for change in changes}

    def end_all(self) -> tuple[set[str], set[str]]:
        """End every fault that lasts.

        Return the processes that are restarted for it, and the devices that a fault kept from acting.
        """
        self._busy_loops.stop()
        hindered = self.mute | self.unwritable
        self._clear_disks()
        self.mute.clear()
        restarted: set[str] = set()
        for name, keys in self._overrides.items():
            if keys.pop("simulated", None) is not None:
                hindered.add(name)
                restarted |= self._reload(None, name)
        return restarted, hindered

    def restore(self) -> None:
        """End every fault that lasts, and restore the configuration from before the drill."""
        self._busy_loops.stop()
        self._clear_disks()
        if self._has_reloaded:
            operations.reload(self._house, self._run, PATIENCE_SECONDS, lambda _done, _of: None)

    def _clear_disks(self) -> None:
        """Restore the limit of every process."""
        self._disks.clear(info["pid"] for info in self._supervisor.processes().values() if info["pid"])
        self.unwritable.clear()

    def _flood(self, name: str) -> None:
        """Send invalid messages and connections to every door of one process."""
        messages = [
            [self._random.randbytes(self._random.randrange(100)) for _ in range(self._random.randrange(1, 4))]
            for _ in range(50)
        ]
        self._monitor.send_invalid(name, messages)
        state = self._monitor.states[name].state if name in self._monitor.states else {}
        for address in doors(name, state, self._house.gateway if name == EXCHANGE else None):
            flood_door(address, self._random)
        self._report.count("flood")
