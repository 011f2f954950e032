"""The notify protocol of systemd (sd_notify(3)): READY, STATUS, WATCHDOG and STOPPING."""

import os
import socket
from contextlib import suppress

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
MICROSECONDS = 1e6


class Notifier:
    """Sends the state of this process to its service manager; without one, it sends nothing."""

    def __init__(self) -> None:
        """Read the variables of the protocol, and remove them: they are not for child processes."""
        address, watchdog, pid = self._variables = [os.environ.pop(name, "") for name in VARIABLES]
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._status = ""
        is_ours = watchdog.isdecimal() and pid in ("", str(os.getpid()))
        self.watchdog_seconds = int(watchdog) / MICROSECONDS if is_ours else None
        """The time without a WATCHDOG after which the service is restarted; None without a limit."""

    def restore(self) -> None:
        """Put the variables back, for a program that takes the place of this one."""
        os.environ.update({name: text for name, text in zip(VARIABLES, self._variables, strict=True) if text})

    def send(self, **fields: str | int) -> None:
        """Send assignments, such as READY=1. A manager that does not receive them is no error."""
        if not self._address:
            return
        text = "\n".join(f"{name}={value}" for name, value in fields.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.sendto(text.encode(), self._address)

    def send_status(self, text: str) -> None:
        """Send a new STATUS; one that has not changed is not sent again."""
        if text != self._status:
            self._status = text
            self.send(STATUS=text.replace("\n", " "))
