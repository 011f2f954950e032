"""Attention: decides what in the house deserves a person's attention, in which order. Pure.

Mirrors, their page, the terminal, the bridge and messengers use it. Each passes what it knows of a process
(`Seen`) and what the configuration says about it (`Facts`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from daemons.bus.facts import Facts
from daemons.bus.look import Condition, Scalar, Seen, conditions
from daemons.bus.notice import Code, Notice, make_notice
from daemons.bus.presence import PresenceTable

MANY = 3
"""From so many devices on, the same fault is one notice."""
LONGEST_NAMES = 200
"""Characters of the names in one notice."""


def notices(
    seen: Mapping[str, Seen], facts: Mapping[str, Facts], now: float, active: Collection[str] = ()
) -> tuple[Notice, ...]:
    """Return what deserves attention, the most urgent first; `active` are the keys of the last notices."""
    found = [one for name, each in seen.items() for one in conditions(name, facts[name], each, active)]
    return gather(found, now)


def gather(found: Iterable[Condition], now: float) -> tuple[Notice, ...]:
    """Return the notices of conditions that have lasted long enough; those of many devices become one."""
    lasting = [one.notice for one in found if one.is_notice(now)]
    return tuple(sorted(merge(lasting), key=lambda notice: notice.rank))


def next_at(found: Collection[Condition], now: float) -> float | None:
    """Return when the next condition becomes a notice, or is one no longer; None if none does."""
    times = [one.begins_at(now) for one in found if one.after_seconds]
    times += [at for one in found if (at := one.ends_at(now)) is not None]
    return min((at for at in times if at > now), default=None)


def see(table: PresenceTable, name: str, now: float, started_at: float) -> Seen:
    """Return what a presence table knows of a process at `now`, the time of the table.

    `started_at` is when the table began to listen (Unix seconds).
    """
    entry, presence = table.entries[name], table.presence(name, now)
    state, heartbeat, report = entry.state, entry.heartbeat, entry.report
    since = started_at
    if presence in ("stale", "offline") and (state or heartbeat):
        since = max(state.at if state else 0.0, heartbeat.at if heartbeat else 0.0)
    elif report and report.life == presence:
        since = report.since
    return Seen(
        presence=presence,
        presence_since=since,
        state=state.state if state else None,
        turned=state.turned if state else {},
        since=state.since if state else None,
        reason=report.reason if report and report.life == presence else None,
        retry_at=report.retry_at if report else None,
    )


def merge(found: list[Notice]) -> Iterator[Notice]:
    """Yield the notices; what several devices have for one reason is one notice."""
    groups: dict[tuple[Code, str], list[Notice]] = {}
    for one in found:
        if one.code in ("disk", "clock"):
            groups.setdefault((one.code, ""), []).append(one)
        elif one.code == "fault":
            groups.setdefault(("many", str(one.values.get("text"))), []).append(one)
        elif one.code == "silent" and one.values.get("presence") == "offline" and one.values.get("reason"):
            groups.setdefault(("host", str(one.values["reason"])), []).append(one)
        else:
            yield one
    for (code, shared), members in groups.items():
        least = 1 if code in ("disk", "clock") else MANY
        if len(members) < least:
            yield from members
            continue
        since = min((one.since for one in members if one.since is not None), default=None)
        names = ", ".join(str(one.values["name"]) for one in members)
        values: dict[str, Scalar] = {"count": len(members), "names": names[:LONGEST_NAMES]}
        if code == "disk":
            values["text"] = members[0].values["text"]
        elif code != "clock":
            values["reason" if code == "host" else "text"] = shared
            values["key"] = shared[:LONGEST_NAMES]
        yield make_notice(code, None, since, values)
