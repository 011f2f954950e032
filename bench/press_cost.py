"""The cost of a press inside the process that receives it: its work alone, without other processes or waits.

usage: python -m bench.press_cost PRESSES

The switch of the house and the switch of the peers get presses as function calls. *Warm* presses follow
each other directly. Before each *cold* press, other memory is read until the processor's caches hold no
data of the switch, as after a pause in which other processes worked. The output is JSON, in seconds: of
the house for each step, of the peers as a whole.
"""

import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from bench.peer_roles import PRESS, Switch
from daemons.bus import message
from daemons.bus.message import Receipt
from daemons.bus.requests.protocol import new_command
from daemons.config.house import load_house
from daemons.config.slice import Slice
from daemons.drivers.simulated import Simulated
from daemons.processes.device import device
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.runner import DeviceRunner
from daemons.processes.process import Process
from daemons.storage import paths
from daemons.storage.journal import Journal

TOML = '[house]\n[devices.switch]\nkind = "light_switch"\ndriver = "simulated"\n'
PARTS = {
    "decide": ((Appliance, "handle_command"), (Appliance, "on_reading")),
    "write the journal": ((Journal, "save"),),
    "simulated hardware": ((Simulated, "set"), (Simulated, "read")),
    "publish": ((DeviceRunner, "_publish"),),
}
"""The steps of a press, and the methods that do them; none of them calls another."""
WHOLE, BARE = "all steps, with the log", "bare pyzmq's part"
WARM, COLD = "warm", "cold"
CACHES_BYTES = 64 << 20
"""More than the caches of a home's processor hold."""
DEADLINE_SECONDS = 0.5
Times = dict[str, dict[str, list[float]]]
"""By step, then by warm and cold, the seconds of each press."""


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Add up the seconds of each step."""
    spent: dict[str, float] = defaultdict(float)
    before = [(owner, name, getattr(owner, name)) for methods in PARTS.values() for owner, name in methods]

    def timed_method(part: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*args)
            finally:
                spent[part] += time.perf_counter() - began

        return call

    for part, methods in PARTS.items():
        for owner, name in methods:
            setattr(owner, name, timed_method(part, getattr(owner, name)))
    try:
        yield spent
    finally:
        for owner, name, method in before:
            setattr(owner, name, method)


def press_all(presses: int, press: Callable[[bytes], Any], spent: dict[str, float]) -> Times:
    """Press this often warm, then this often cold; each press fills `spent`."""
    times: Times = defaultdict(lambda: defaultdict(list))
    other = bytearray(CACHES_BYTES)
    for how in (WARM, COLD):
        for _ in range(presses):
            payload = message.encode(new_command("press", DEADLINE_SECONDS))
            if how == COLD:
                other[::64] = other[::64]
            spent.clear()
            began = time.perf_counter()
            press(payload)
            spent[WHOLE] = time.perf_counter() - began
            for part, seconds in spent.items():
                times[part][how].append(seconds)
    return times


def press_house(slice_: Slice, presses: int) -> Times:
    """Press the switch of the house, in the run directory that this process works in."""
    found: list[Times] = []

    def work(_: Process, obey: Callable[[Any], Receipt]) -> None:
        with timed() as spent:
            found.append(
                press_all(
                    presses, lambda payload: message.encode(obey(message.decode_command(payload))), spent
                )
            )

    Process.run = work  # type: ignore[assignment, method-assign]
    device.run(slice_)
    return found[0]


def press_peer(presses: int) -> Times:
    """Press the switch of the peers."""
    switch = Switch()
    found = press_all(presses, lambda payload: list(switch.handle(PRESS, payload)), {})
    return {BARE: found[WHOLE]}


def main() -> None:
    """Measure, and print the result."""
    presses = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        config = Path(folder) / "house.toml"
        config.write_text(TOML)
        slice_ = load_house(config).slices()["switch"]
        paths.enter(Path(folder) / "run")
        with open(os.devnull, "w") as log, redirect_stdout(log):  # noqa: PTH123
            found = press_house(slice_, presses)
        os.chdir("/")
    json.dump(found | press_peer(presses), sys.stdout)


if __name__ == "__main__":
    main()
