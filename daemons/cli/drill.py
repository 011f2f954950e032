"""Injects faults into a running house, and checks whether the house keeps its promises.

Each round switches everything off and presses a switch. Around the press, the round injects faults at
random; drill_injector.py has them. A round ends all its faults. The same seed repeats the same rounds.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

from daemons.bus.requests.protocol import TERMINAL, new_command
from daemons.cli.drill_injector import FaultInjector
from daemons.cli.drill_monitor import PATIENCE_SECONDS, DrillMonitor, HardwareLog
from daemons.cli.drill_report import BACK_SECONDS, DrillPress, DrillReport, OnTime
from daemons.config.device import Device
from daemons.config.house import House
from daemons.errors import HouseError
from daemons.processes.steward.watched import START_FACTOR
from daemons.storage.paths import stopped_path


class Drill:
    """One drill in one running house."""

    def __init__(self, house: House, run: Path, seed: int) -> None:
        """Subscribe to every process that is not stopped.

        Raises HouseError without a switch to press, and NotUp if the house is not up.
        """
        self._house = house
        self._random = random.Random(seed)  # noqa: S311  the seed must repeat the drill
        self._report = DrillReport(seed=seed)
        names = [name for name in house.slices() if not stopped_path(name).exists()]
        self._triggered_devices = {
            name: tuple(other for other in found if other in names)
            for name in names
            if (found := triggered_devices(house, name))
        }
        if not self._triggered_devices:
            raise HouseError("a drill needs a switch that triggers another device, and this house has none")
        self._presses: list[DrillPress] = []
        self._to_switch_off: set[str] = set()
        """The devices that a fault kept from acting in the last round: they may act when it is over."""
        self._hardware_log = HardwareLog(list(house.devices))
        # The steward waits longer for the first heartbeat of a process.
        hang_limit = BACK_SECONDS + house.settings.watchdog_seconds * START_FACTOR
        self._monitor = DrillMonitor(names, hang_limit, self._report)
        self._injector = FaultInjector(house, run, self._random, self._monitor, self._report)

    def run(self, seconds: float, progress: Callable[[float], None]) -> DrillReport:
        """Drill for `seconds`; restore the configuration at the end, with everything off.

        Raises DeviceError if a process does not recover.
        """
        began, wall = time.monotonic(), time.time()
        for name, device in self._house.devices.items():
            if getattr(device.options, "max_on_seconds", None) is not None:
                self._report.hot[name] = OnTime(0.0, device.options.max_on_seconds)
        try:
            self._monitor.wait(lambda: all(name in self._monitor.beats for name in self._monitor.names))
            while (spent := time.monotonic() - began) < seconds:
                progress(spent)
                self._round()
            self._switch_all_off()
        finally:
            self._injector.restore()
            self._monitor.close()
        self._report.seconds = time.monotonic() - began
        self._report.evaluate(
            self._presses, {name: self._hardware_log.read(name) for name in self._house.devices}, wall
        )
        return self._report

    def _round(self) -> None:
        """Press one switch, with up to three faults around the press."""
        self._switch_all_off()
        switch = self._random.choice(sorted(self._triggered_devices))
        faults = sorted(
            (self._random.uniform(-0.05, 0.25), self._injector.choose())
            for _ in range(self._random.randrange(4))
        )
        before = self._monitor.pids()
        affected: set[str] = set()
        for _, fault in [found for found in faults if found[0] < 0]:
            affected |= self._injector.inject(fault)
        command = new_command("on", PATIENCE_SECONDS, who=TERMINAL)
        connection = self._monitor.send(switch, command)
        pressed = time.monotonic()
        for offset, fault in [found for found in faults if found[0] >= 0]:
            self._monitor.wait(lambda at=pressed + offset: time.monotonic() >= at)  # type: ignore[misc]
            affected |= self._injector.inject(fault)
        receipt = self._monitor.receive(command, connection)
        acting = self._triggered_devices[switch]
        # The state of a switch whose hardware does not obey may never turn, so no rule needs to act.
        hindered = self._injector.mute | self._injector.unwritable
        excused = set(acting) if switch in self._injector.mute else hindered.intersection(acting)
        outcome = receipt.outcome if receipt else "unanswered"
        press = DrillPress(command.id, outcome, acting, tuple(sorted(excused)))
        self._presses.append(press)
        if receipt is None:
            self._report.broken.append(f"{switch} never answered press {command.id}")
        elif outcome == "applied" and self._wait_until_all_acted(press):
            self._check_shown_states()
        restarted, self._to_switch_off = self._injector.end_all()
        affected |= restarted
        after = self._monitor.pids()
        for name in self._monitor.names:
            if before.get(name) != after.get(name) and name not in affected:
                self._report.broken.append(f"{name} has a new process, although no fault affected it")

    def _wait_until_all_acted(self, press: DrillPress) -> bool:
        """Wait until the hardware of each device that must act has acted; return whether it has."""

        def have_acted() -> bool:
            return all(
                press.id in {line.cause for line in self._hardware_log.read(name)[-8:]}
                for name in press.triggered_devices
                if name not in press.excused_devices
            )

        return self._monitor.wait(have_acted) is not None

    def _switch_all_off(self) -> None:
        """Wait for every process, and switch off all hardware that is on."""
        for name in self._monitor.names:
            self._monitor.wait_until_back(name)
        for name, device in self._house.devices.items():
            words = [word.__name__.lower() for word in device.kind.commands]
            off = next((word for word in ("stop", "off") if word in words), None)
            is_on = self._hardware_log.is_on(name)
            if name in self._monitor.names and off and (is_on or name in self._to_switch_off):
                self._monitor.send_and_wait(name, off)
                self._monitor.wait(lambda name=name: not self._hardware_log.is_on(name))  # type: ignore[misc]
        self._to_switch_off.clear()

    def _check_shown_states(self) -> None:
        """Check that the published state of each device agrees with its hardware."""
        hindered = self._injector.mute | self._injector.unwritable
        for name, device in self._house.devices.items():
            if name not in self._monitor.names or not has_relay(device) or name in hindered:
                continue
            self._monitor.wait_until_back(name)

            def agrees(name: str = name) -> bool:
                return self._monitor.states[name].state.get("status") == self._hardware_log.is_on(name)

            if self._monitor.wait(agrees) is None:
                self._report.live_but_wrong += 1
                self._report.broken.append(
                    f"{name} is shown as live, but its state differs from its hardware"
                )


def has_relay(device: Device) -> bool:
    """Return whether `status` of a device is that of a relay or a detector, and not of a queue or a value."""
    needs: frozenset[str] = getattr(device.kind, "needs", frozenset())
    return bool(needs - {"notify"})


def triggered_devices(house: House, switch: str) -> tuple[str, ...]:
    """Return the switch and the devices that its press switches on, or nothing if there are none.

    A rule with a time window, weekdays, a cooldown or a delay does not count.
    """
    device = house.devices.get(switch)
    if device is None or "on" not in {word.__name__.lower() for word in device.kind.commands}:
        return ()
    found = [
        name
        for name, other in house.devices.items()
        for rule in other.rules
        if rule.device == switch
        and rule.turns == {"status": True}
        and rule.do in ("on", "start")
        and not (rule.uses_clock or rule.cooldown_seconds or rule.delay_seconds)
    ]
    return (switch, *found) if found else ()


def real_hardware(house: House) -> list[str]:
    """Return the names of the devices with real hardware."""
    return [name for name, device in house.devices.items() if device.driver and device.driver.real]
