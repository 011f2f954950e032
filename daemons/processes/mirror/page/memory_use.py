"""The memory of processes, with shared pages counted in part (Linux, proc(5): smaps_rollup, Pss)."""

from pathlib import Path


def memory_use(pids: dict[str, int]) -> dict[str, int]:
    """Return the proportional set size of each process in bytes, without processes that have ended."""
    found = {}
    for name, pid in pids.items():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        found[name] = int(text.partition("\nPss:")[2].split(maxsplit=1)[0]) * 1024
    return found
