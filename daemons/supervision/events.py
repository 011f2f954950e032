"""The event protocol of supervisord, on the side of the listener (supervisord.org/events.html)."""

import os


class EventListener:
    """Receives events on standard input, and acknowledges them on standard output."""

    def __init__(self) -> None:
        self._rest = b""
        os.set_blocking(0, False)
        os.write(1, b"READY\n")

    def receive(self) -> list[tuple[str, dict[str, str]]] | None:
        """Return the events that have arrived, each acknowledged; None if supervisord has ended.

        An event is its name and the tokens of its body.
        """
        while True:
            try:
                got = os.read(0, 65536)
            except BlockingIOError:
                break
            if not got:
                return None
            self._rest += got
        found = []
        while b"\n" in self._rest:
            line, _, rest = self._rest.partition(b"\n")
            header = tokens(line)
            length = int(header["len"])
            if len(rest) < length:
                break
            found.append((header["eventname"], tokens(rest[:length])))
            self._rest = rest[length:]
            os.write(1, b"RESULT 2\nOKREADY\n")
        return found


def tokens(text: bytes) -> dict[str, str]:
    """Parse `key:value key:value`."""
    pairs = (token.partition(":") for token in text.decode().split())
    return {key: value for key, _, value in pairs}
