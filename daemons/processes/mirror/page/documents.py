"""The house as the page tells it, in the documents of docs/page.md; made from what the mirror knows."""

import time
from typing import Any

import msgspec

from daemons.config.loader import find_kind
from daemons.processes.mirror.page import Subject
from daemons.processes.mirror.page.changes import Change
from daemons.runtime.clock import uptime
from daemons.values import describe

encode = msgspec.json.Encoder().encode
LONGEST_NUMBER = 16
"""Digits; more than any mirror counts to."""


class Portrait:
    """Words what is known; every age is as of the moment of telling."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._fixed = {
            name: {
                "name": peer.title,
                "room": peer.room,
                "kind": peer.kind,
                "host": peer.host,
                "elsewhere": subject.is_elsewhere(name),
                "hears": list(peer.hears),
                "commands": commands(peer.kind),
            }
            for name, peer in subject.peers.items()
        }

    def house(self, names: frozenset[str] | None = None) -> tuple[int, bytes]:
        """Tell everything, or of these only; the number is that of the last change in it."""
        number, latest = self._subject.board.latest()
        settings, host = self._subject.settings, self._subject.host
        own = latest.get(self._subject.mirror)
        services = self._subject.services
        document = {
            "type": "house",
            "cursor": self.cursor(number),
            "at": time.time(),
            "house": {
                "name": settings.name,
                "timezone": settings.timezone,
                "locale": settings.locale,
                "host": host,
            },
            "mirror": self._subject.mirror,
            "message": own.standing["state"]["message"] if own else "",
            "devices": {
                name: self._device(name, latest[name])
                for name in self._fixed
                if name in latest and (names is None or name in names)
            },
            "services": {
                name: self._aged(latest[name])
                for name in services
                if name in latest and (names is None or name in names)
            },
        }
        return number, encode(document)

    def device(self, name: str) -> bytes | None:
        """Tell of one device; nothing before it is known at all."""
        change = self._subject.board.latest()[1].get(name)
        return encode(self._device(name, change)) if change else None

    def change(self, change: Change, missed: int = 0) -> bytes:
        """Tell of a change."""
        return encode(
            {
                "type": "change",
                "cursor": self.cursor(change.number),
                "at": time.time(),
                "device": change.device,
                "missed": missed,
                "heard": change.heard,
                "now": self._aged(change),
            }
        )

    def beat(self, names: frozenset[str] | None, memory: dict[str, int] | None) -> bytes:
        """Tell how old it all is."""
        entries, now = self._subject.table.entries, uptime()
        ages = {
            name: round(now - entry.heard, 3)
            for name, entry in entries.items()
            if entry.heard and (names is None or name in names)
        }
        if names is None or self._subject.mirror in names:
            ages[self._subject.mirror] = 0.0
        document: dict[str, Any] = {
            "type": "beat",
            "cursor": self.cursor(self._subject.board.number),
            "at": time.time(),
            "ages": ages,
        }
        if memory is not None:
            document["memory"] = {name: size for name, size in memory.items() if name in ages}
        return encode(document)

    def pong(self) -> bytes:
        """Say that we are there."""
        return encode({"type": "pong", "at": time.time()})

    def cursor(self, number: int) -> str:
        """Give what a client shall come back with."""
        return f"{self._subject.boot}-{number}"

    def read_cursor(self, cursor: str) -> int | None:
        """Give the number in a cursor; nothing when it is of another life of the mirror, or none at all."""
        boot, _, number = cursor.partition("-")
        is_number = number.isascii() and number.isdecimal() and len(number) <= LONGEST_NUMBER
        return int(number) if boot == str(self._subject.boot) and is_number else None

    def _device(self, name: str, change: Change) -> dict[str, Any]:
        return {**self._fixed[name], **self._aged(change)}

    def _aged(self, change: Change) -> dict[str, Any]:
        """Give what is known with its age as of now; a change that is told late is that much older."""
        entry = self._subject.table.entries.get(change.device)
        age = change.standing["age_seconds"]
        if entry is not None and age is not None:
            age = round(max(0.0, uptime() - max(entry.heard, change.moment - age)), 3)
        return {**change.standing, "age_seconds": age}


def commands(word: str) -> dict[str, dict[str, str]]:
    """Give each command of a kind with its arguments, and what these take."""
    kind = find_kind(word)
    return {
        command.__name__.lower(): {
            field.encode_name: describe(field.type) for field in msgspec.structs.fields(command)
        }
        for command in (kind.commands if kind else ())
    }
