"""Python runs this file at its start if its folder is on PYTHONPATH: it shifts the wall clock."""

import mmap
import os
import struct
import time

if file := os.environ.get("WALL_CLOCK"):
    with open(file, "rb") as _opened:  # noqa: PTH123  pathlib would be imported into every process
        _shared = mmap.mmap(_opened.fileno(), 16, prot=mmap.PROT_READ)
    _time, _time_ns = time.time, time.time_ns
    _read = struct.Struct("d").unpack_from

    def _now() -> float:
        return float(_time() + _read(_shared)[0])

    time.time = _now
    time.time_ns = lambda: _time_ns() + int(_read(_shared)[0] * 1e9)

    from daemons.runtime import clock_trust

    clock_trust.is_clock_right = lambda: bool(_read(_shared, 8)[0])
