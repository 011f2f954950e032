"""Python runs this file at its start if its folder is on PYTHONPATH: it shifts the clocks."""

import mmap
import os
import struct
import time

if file := os.environ.get("WALL_CLOCK"):
    with open(file, "rb") as _opened:  # noqa: PTH123  pathlib would be imported into every process
        _shared = mmap.mmap(_opened.fileno(), 24, prot=mmap.PROT_READ)
    _time, _time_ns, _gettime = time.time, time.time_ns, time.clock_gettime
    _read = struct.Struct("d").unpack_from

    def _slept() -> float:
        return float(_read(_shared, 16)[0])

    def _shift() -> float:
        return float(_read(_shared)[0]) + _slept()

    time.time = lambda: _time() + _shift()
    time.time_ns = lambda: _time_ns() + int(_shift() * 1e9)
    time.clock_gettime = lambda clock: _gettime(clock) + (_slept() if clock == time.CLOCK_BOOTTIME else 0.0)

    from daemons.runtime import clock_trust

    clock_trust.is_clock_right = lambda: bool(_read(_shared, 8)[0])
