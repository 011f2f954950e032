"""The ZeroMQ endpoints of the house."""


def publish_endpoint(name: str) -> str:
    """Where a device's states are heard, from inside the run directory."""
    return f"ipc://bus/{name}.publish"


def command_endpoint(name: str) -> str:
    """Where a device takes commands, from inside the run directory."""
    return f"ipc://bus/{name}.command"


def far_endpoint(address: str, port: int) -> str:
    """Where a machine is reached over the network; an address of IPv6 stands in brackets."""
    return f"tcp://[{address}]:{port}" if ":" in address else f"tcp://{address}:{port}"
