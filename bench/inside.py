"""What a press costs inside the process that takes it: its work alone, with no other process and no waiting.

usage: python -m bench.inside PRESSES

The switch of the house, and that of the peers, are given a press by a call, again and again: *in a
row*, and *cold*, each after enough other memory was walked through that nothing of theirs is left in
the processor's caches, as after a pause in which others have worked. It prints what each part took, in
seconds, as JSON: of the house by what it is for, of the peers as a whole.
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

from bench.part import PRESS, Switch
from daemons.bus import message
from daemons.bus.message import Receipt
from daemons.bus.sockets import command
from daemons.config.house import load_house
from daemons.config.slice import Slice
from daemons.drivers.simulated import Simulated
from daemons.processes.device import device
from daemons.processes.device.appliance import Appliance
from daemons.processes.device.device import Shell
from daemons.processes.process import Process
from daemons.storage import paths
from daemons.storage.journal import Journal

TOML = '[house]\n[devices.switch]\nkind = "light_switch"\ndriver = "simulated"\n'
PARTS = {
    "decide": ((Appliance, "obey"), (Appliance, "read")),
    "write down": ((Journal, "save"),),
    "hardware on paper": ((Simulated, "set"), (Simulated, "read")),
    "tell": ((Shell, "_tell"),),
}
"""What a process does with a press, and the methods in which it does so; none of them calls another."""
WHOLE, BARE = "all of it, the log too", "bare pyzmq's part"
ROW, COLD = "in a row", "cold"
CACHES_BYTES = 64 << 20
"""More than a processor of a house has."""
DEADLINE_SECONDS = 0.5
Times = dict[str, dict[str, list[float]]]
"""By part, then by in a row and cold, the seconds of each press."""


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Have the seconds added up that each part takes."""
    spent: dict[str, float] = defaultdict(float)
    before = [(owner, name, getattr(owner, name)) for methods in PARTS.values() for owner, name in methods]

    def time_it(part: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            began = time.perf_counter()
            try:
                return method(*args)
            finally:
                spent[part] += time.perf_counter() - began

        return call

    for part, methods in PARTS.items():
        for owner, name in methods:
            setattr(owner, name, time_it(part, getattr(owner, name)))
    try:
        yield spent
    finally:
        for owner, name, method in before:
            setattr(owner, name, method)


def press_all(presses: int, press: Callable[[bytes], Any], spent: dict[str, float]) -> Times:
    """Press so often in a row, then so often cold; `spent` is filled while one is pressed."""
    times: Times = defaultdict(lambda: defaultdict(list))
    other = bytearray(CACHES_BYTES)
    for how in (ROW, COLD):
        for _ in range(presses):
            payload = message.encode(command("press", DEADLINE_SECONDS))
            if how == COLD:
                other[::64] = other[::64]
            spent.clear()
            began = time.perf_counter()
            press(payload)
            spent[WHOLE] = time.perf_counter() - began
            for part, seconds in spent.items():
                times[part][how].append(seconds)
    return times


def ours(slice_: Slice, presses: int) -> Times:
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


def theirs(presses: int) -> Times:
    """Press the switch of the peers."""
    switch = Switch()
    found = press_all(presses, lambda payload: list(switch.hear(PRESS, payload)), {})
    return {BARE: found[WHOLE]}


def main() -> None:
    """Measure, and print."""
    presses = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        config = Path(folder) / "house.toml"
        config.write_text(TOML)
        slice_ = load_house(config).slices()["switch"]
        paths.enter(Path(folder) / "run")
        with open(os.devnull, "w") as log, redirect_stdout(log):  # noqa: PTH123
            found = ours(slice_, presses)
        os.chdir("/")
    json.dump(found | theirs(presses), sys.stdout)


if __name__ == "__main__":
    main()
