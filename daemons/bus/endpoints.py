"""The ZeroMQ endpoints of the house, and the processes that a run directory has them for."""

from pathlib import Path


def publish_endpoint(name: str, folder: str = "bus") -> str:
    """Return the endpoint of a process's publisher; without `folder`, relative to the run directory."""
    return f"ipc://{folder}/{name}.publish"


def command_endpoint(name: str, folder: str = "bus") -> str:
    """Return the endpoint of a process's commands; without `folder`, relative to the run directory."""
    return f"ipc://{folder}/{name}.command"


def tcp_endpoint(address: str, port: int) -> str:
    """Return the endpoint of a host and port; an IPv6 address gets brackets."""
    return f"tcp://[{address}]:{port}" if ":" in address else f"tcp://{address}:{port}"


def installed_names(run: Path) -> list[str]:
    """Return the names of the processes that the last `house up` or `house reload` has installed."""
    return sorted(path.stem for path in (run / "devices").glob("*.json"))
