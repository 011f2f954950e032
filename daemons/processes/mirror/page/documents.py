"""Encodes the documents that docs/page.md describes, from what the mirror knows."""

import time
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import asdict, replace

from daemons.bus.attention import notices, see
from daemons.bus.notice import Notice
from daemons.bus.status import ProcessStatus
from daemons.config.loader import kind_or_none
from daemons.config.roster import Peer
from daemons.kinds import Control, Kind
from daemons.kinds.mirror import MirrorState
from daemons.processes.mirror.page import PageContext
from daemons.processes.mirror.page.changes import StatusChange
from daemons.processes.mirror.page.schemas import DeviceDocument, DeviceInfo, HouseDocument, HouseInfo
from daemons.processes.mirror.page.view import WHOLE_HOUSE, View, is_mirror
from daemons.processes.mirror.screen import Screen, screen
from daemons.processes.mirror.sentence import Part
from daemons.processes.mirror.summary import Summary
from daemons.runtime.clock import uptime
from daemons.supervision.log_time import in_house_time
from daemons.values import describe_type, format_toml

encode = msgspec.json.Encoder().encode
MAX_CURSOR_DIGITS = 16
"""No mirror counts further."""


class DocumentEncoder:
    """Encodes documents; every age in them is as of the moment of encoding."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        settings = context.settings
        self._calendar = settings.calendar
        self._house = HouseInfo(
            name=settings.name, timezone=settings.timezone, locale=settings.locale, host=context.host
        )
        self._devices = {
            name: DeviceInfo(
                name=peer.title,
                room=peer.room,
                kind=peer.kind,
                host=peer.host,
                elsewhere=context.is_elsewhere(name),
                hears=tuple(peer.subscriptions),
                commands=(commands := describe_commands(kind, peer)),
                primary_commands=kind.primary_commands if kind else (),
                secondary_commands=kind.secondary_commands if kind else (),
                control=peer.control,
                controls=tuple(
                    one for one in inputs_of(peer) if one.argument in commands.get(one.command, ())
                ),
                buttons=tuple(one for one in kind.buttons if one.command in commands) if kind else (),
                values=kind.values if kind else (),
                resting_phases=kind.resting_phases if kind else (),
                hide=peer.hide,
                favourite=peer.favourite,
            )
            for name, peer in context.peers.items()
            for kind in [kind_or_none(peer.kind)]
        }

    def house(self, view: View = WHOLE_HOUSE) -> tuple[int, bytes]:
        """Return the house document and the number of the last change in it, for a view of the house."""
        number, latest = self._context.changes.latest()
        included = set(filter(view.includes, self._context.table.entries.keys() | latest.keys()))
        found = self._notices(view)
        document = HouseDocument(
            cursor=self.cursor(number),
            at=time.time(),
            house=self._house,
            mirror=self._context.mirror,
            message=self._message(view),
            sentence=self._sentence(view, found),
            attention=found,
            devices={
                name: self._device(name, latest.get(name), view) for name in self._devices if name in included
            },
            services={
                name: self._status(name, latest.get(name))
                for name in self._context.services
                if name in included
            },
        )
        return number, encode(document)

    def device(self, name: str, view: View = WHOLE_HOUSE) -> bytes | None:
        """Return the document of one device, or None while nothing is known of it."""
        change = self._context.changes.latest()[1].get(name)
        return encode(self._device(name, change, view)) if change else None

    def change(self, change: StatusChange, missed: int = 0, *, is_restricted: bool = False) -> bytes:
        """Return the message about a change; `missed` earlier changes of the process were skipped.

        `is_restricted` is true for a client that may not see the whole house.
        """
        status = current_status(self._context, change)
        return encode(
            {
                "type": "change",
                "cursor": self.cursor(change.number),
                "at": time.time(),
                "device": change.device,
                "missed": missed,
                "heard": change.is_own_state,
                "now": restricted(status) if is_restricted else status,
            }
        )

    def attention(self, view: View) -> bytes:
        """Return the message with the notices and the sentence, for a view of the house."""
        found = self._notices(view)
        return encode(
            {
                "type": "attention",
                "at": time.time(),
                "attention": found,
                "sentence": self._sentence(view, found),
            }
        )

    def beat(self, view: View, memory: dict[str, int] | None) -> bytes:
        """Return the message with the age of every status, and the memory of each process in bytes.

        Without `memory`, it has the ages only. A client that does not see the mirror gets its sentence here.
        """
        entries, now = self._context.table.entries, uptime()
        ages = {
            name: round(now - entry.heard_at, 3)
            for name in (entries if view.names is None else view.names)
            if (entry := entries.get(name)) and entry.heard_at
        }
        if view.includes(self._context.mirror):
            ages[self._context.mirror] = 0.0
        document: dict[str, Any] = {
            "type": "beat",
            "cursor": self.cursor(self._context.changes.number),
            "at": time.time(),
            "ages": ages,
            "screen": self._screen(),
        }
        if view.visible is not None:
            document["message"] = self._message(view)
        if memory is not None:
            document["memory"] = {name: size for name, size in memory.items() if name in ages}
        return encode(document)

    def _screen(self) -> Screen:
        """Return how bright a page on a wall is now."""
        options, table = self._context.options, self._context.table
        entry = table.entries.get(options.screen_needs or "")
        is_needed = None
        if entry and entry.state and table.presence(entry.state.device, uptime()) == "live":
            status = entry.state.state.get("status")
            is_needed = status if isinstance(status, bool) else None
        return screen(options, self._calendar, is_needed, time.time())

    def pong(self) -> bytes:
        """Return the answer to a ping message."""
        return encode({"type": "pong", "at": time.time()})

    def cursor(self, number: int) -> str:
        """Return the cursor of a change; it is valid until the mirror's process ends."""
        return f"{self._context.boot}-{number}"

    def parse_cursor(self, cursor: str) -> int | None:
        """Return the number in a cursor, or None for text that is no cursor of this run of the mirror."""
        boot, _, number = cursor.partition("-")
        is_number = number.isascii() and number.isdecimal() and len(number) <= MAX_CURSOR_DIGITS
        return int(number) if boot == str(self._context.boot) and is_number else None

    def _status(self, name: str, change: StatusChange | None) -> ProcessStatus:
        """Return the status of a process. A mirror that has just started has no change of most of them."""
        return current_status(self._context, change) if change else self._context.table.status(name, uptime())

    def _device(self, name: str, change: StatusChange | None, view: View) -> Any:
        info, status = self._devices[name], self._status(name, change)
        if view.visible is not None:
            info = replace(info, hears=tuple(filter(view.is_visible, info.hears)))
            status = restricted(status)
        if not view.may_command(name):
            info = replace(info, **WITHOUT_COMMANDS)
        return DeviceDocument(**asdict(info), **asdict(status))

    def _message(self, view: View) -> str:
        """Return the mirror's sentence; for a restricted view, the sentence about its devices alone."""
        if view.visible is None:
            own = self._context.changes.latest()[1].get(self._context.mirror)
            return str(own.status.state["message"]) if own and own.status.state else ""
        return self._restricted_show(view, self._notices(view))[0].message

    def _notices(self, view: View) -> tuple[Notice, ...]:
        """Return the notices; for a restricted view, those about its devices alone."""
        board, peers = self._context.board, self._context.peers
        if view.visible is None:
            return board.notices
        facts = {name: facts for name in self._seen(view) if (facts := peers[name].facts)}
        now = uptime()
        seen = {name: see(self._context.table, name, now, board.started_at) for name in facts}
        found = notices(seen, facts, time.time(), board.memory.lasting)
        return tuple(one.seen() if one.key in board.memory.acknowledged else one for one in found)

    def _sentence(self, view: View, found: Sequence[Notice]) -> tuple[Part, ...]:
        """Return the parts of the sentence; for a restricted view, those about its devices alone."""
        if view.visible is None:
            return self._context.board.sentence
        return self._restricted_show(view, found)[1]

    def _seen(self, view: View) -> list[str]:
        """Return the devices of a restricted view; mirrors are never among them."""
        visible = view.visible or ()
        entries, peers = self._context.table.entries, self._context.peers
        return [n for n in peers if n in visible and n in entries and not is_mirror(peers[n].kind)]

    def _restricted_show(self, view: View, found: Sequence[Notice]) -> tuple[MirrorState, tuple[Part, ...]]:
        """Return the state that a mirror of these devices alone would have, and its sentence."""
        entries, peers, seen = self._context.table.entries, self._context.peers, self._seen(view)
        summary = Summary(
            self._context.table,
            {name: peers[name].title for name in seen},
            {name: kind_or_none(peers[name].kind) for name in seen},
            self._context.options.meal,
        )
        for name in seen:
            if state := entries[name].state:
                summary.on_state(state)
        return summary.show(uptime(), time.time(), found)


WITHOUT_COMMANDS: dict[str, Any] = {
    "commands": {},
    "primary_commands": (),
    "secondary_commands": (),
    "control": None,
    "controls": (),
    "buttons": (),
}
"""What a device shows to a client that may not command it."""


def inputs_of(peer: Peer) -> tuple[Control, ...]:
    """Return all inputs of a device."""
    return peer.controls or ((peer.control,) if peer.control else ())


def restricted(status: ProcessStatus) -> ProcessStatus:
    """Return a status without the lines of its log, which may name any device."""
    return replace(status, last_lines=())


def current_status(context: PageContext, change: StatusChange) -> ProcessStatus:
    """Return the status of a change with its age as of now, and with log lines in the house's time."""
    status = change.status
    if status.last_lines:
        zone = ZoneInfo(context.settings.timezone)
        status = replace(status, last_lines=tuple(in_house_time(line, zone) for line in status.last_lines))
    entry = context.table.entries.get(change.device)
    if entry is None or status.age_seconds is None:
        return status
    heard_at = max(entry.heard_at, change.at_uptime - status.age_seconds)
    return replace(status, age_seconds=round(max(0.0, uptime() - heard_at), 3))


def describe_commands(kind: type[Kind] | None, peer: Peer) -> dict[str, dict[str, str]]:
    """Return each command of a device with its arguments, and in words which values they allow.

    What its driver, or the members of a group, cannot carry out is left out.
    """
    control, lacks = peer.control, peer.lacks
    found = {
        command.__name__.lower(): {
            field.encode_name: describe_type(field.type)
            for field in msgspec.structs.fields(command)
            if field.encode_name not in lacks
        }
        for command in (kind.commands if kind else ())
        if (word := command.__name__.lower()) not in lacks
        and (peer.commands is None or word in peer.commands)
    }
    if control and control.choices and control.command in found:
        found[control.command][control.argument] = "one of " + ", ".join(map(format_toml, control.choices))
    return found
