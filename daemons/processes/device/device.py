"""The process of one appliance: subscribes to other devices, drives the hardware, publishes its state.

It makes the parts that the runner needs (sockets, clock, journal, driver), and connects them.
"""

import time
from collections.abc import Callable
from datetime import UTC
from typing import Any

from msgspec.structs import replace

from daemons.bus.sockets import Subscriber
from daemons.config.device import Device, build
from daemons.config.slice import Slice
from daemons.config.sun import SunCalendar
from daemons.drivers import Driver
from daemons.kinds import Machine
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.declined_rules import DeclinedRules
from daemons.processes.device.memory import DeviceMemory, resume_memory
from daemons.processes.device.runner import DeviceRunner
from daemons.processes.process import Process, Startup
from daemons.runtime.clock import Clock

UTC_CALENDAR = SunCalendar(UTC)
"""The calendar of a device without times of day. It spares the process the file of the house's timezone."""


def run(slice_: Slice, on_start: Callable[[Process, DeviceRunner], object] | None = None) -> None:
    """Run the device of a slice until the process is told to end; `on_start` is called when it has started.

    Raises TypeError for a slice that another version wrote.
    """
    device = build(slice_.name, slice_.table, (), [])
    if device is not None:
        device = replace(device, circular_rules=frozenset(slice_.circular_rules))
    if device is None or device.driver is None or not issubclass(device.kind, Machine):
        raise TypeError(
            f"{slice_.name}: its slice was written by another version; `house reload` writes it anew"
        )
    start = Startup(device.name, DeviceMemory)
    driver = device.driver(device.name, device.driver_options)
    driver.wanted = device.kind.needs
    machine = device.kind(device.options, driver.speed)
    clock = Clock(start.last.anchor, start.last.written_at) if start.last else Clock()
    memory = resume_memory(
        start.last,
        start.run,
        machine,
        str(slice_.table["kind"]),
        clock.anchor,
        clock.now(),
        time.time(),
        start.log,
    )
    with start.process(clock.now) as process:
        driver.open(machine.power_profile(), clock.now())
        if memory.presses_until is not None:
            driver.skip_presses(memory.presses_until)
        calendar = slice_.calendar if device.uses_clock else UTC_CALENDAR
        appliance = Appliance(device, machine, memory, calendar)
        runner = DeviceRunner(
            appliance,
            driver,
            start.journal,
            process.loop,
            process,
            time.time,
            start.log,
            DeclinedRules(device.name).keep,
            process.publish_inputs,
        )
        runner.start(clock_check(device.uses_clock))
        if on_start is not None:
            on_start(process, runner)
        watch_inputs(device, driver, runner, process)
        process.run(runner.handle_command)
        runner.stop()
    driver.close()


def watch_inputs(device: Device, driver: Driver[Any], runner: DeviceRunner, process: Process) -> None:
    """Call the runner for each message of a subscribed device, and when its driver has news."""
    if names := sorted(device.subscriptions | device.reporters):
        subscriber = Subscriber(process.context, names, process.log)

        def receive() -> None:
            for message in subscriber.receive():
                runner.receive(message)

        process.loop.watch(subscriber.socket, receive)
        process.loop.every(1.0, subscriber.reconnect_silent)
    if driver.socket is not None:
        process.loop.watch(driver.socket, runner.poll)


def always_right() -> bool:
    """Return True: a device without times of day needs no right clock."""
    return True


def clock_check(uses_clock: bool) -> Callable[[], bool]:
    """Return the function that says whether the wall clock is known to be right."""
    if not uses_clock:
        return always_right
    from daemons.runtime import clock_trust  # noqa: PLC0415  only devices with times of day load it

    return clock_trust.is_clock_right
