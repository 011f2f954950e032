"""The check of every verb that needs a running house; it costs one connection to a local socket."""

import socket

from daemons.errors import NotUp
from daemons.supervision.programs import SOCKET


def check_up() -> None:
    """Raise NotUp if no supervisord listens in this run directory; one that does not answer counts as up."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(SOCKET)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotUp from None
        except OSError:
            return
