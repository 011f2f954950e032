"""All that is known of one device, in words: `house status NAME`."""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, tzinfo
from typing import Any

from daemons.cli.terminal.field_text import field_name, field_value, length
from daemons.errors import HouseError
from daemons.kinds import HARDWARE_FACTS, HardwareLink
from daemons.storage.paths import stopped_path

SHOWN_APART = frozenset(
    {"status", "phase", "unit", "currency", "fault", *HARDWARE_FACTS, *HardwareLink.__struct_fields__}
)
"""The fields that have a line of their own, or belong to that of another field."""
LABEL_WIDTH = 14


def status_lines(
    name: str, found: dict[str, Any], now: float, zone: tzinfo, reason: str | None
) -> Iterator[str]:
    """Yield the lines about one process; `found` is its part of the status document.

    `reason` is the chain of changes that led to its state, if it is known.
    """
    state = found["state"] or {}
    about = " · ".join(filter(None, (found.get("room"), found.get("kind"))))
    yield f"{found.get('name', name.capitalize())} ({name})" + (f" · {about}" if about else "")
    yield ""
    yield line("Presence", presence_text(name, found, now))
    if found["presence"] not in ("live", "stale") and state:
        yield line("", "the values below are the last ones that it published")
    yield from state_lines(state, found, now, zone)
    if reason:
        yield line("Why", reason)
    yield from hardware_lines(state, now, zone)
    yield from process_lines(found, now, zone)


def line(label: str, text: str) -> str:
    """Return a line with its label in a column."""
    return f"  {label:<{LABEL_WIDTH}}  {text}"


def presence_text(name: str, found: dict[str, Any], now: float) -> str:
    """Return the presence of a process with how long it lasts, and what to do if it is not live."""
    presence, age, since = str(found["presence"]), found["age_seconds"], found["presence_since"]
    text = presence + (f" for {length(max(0.0, now - since))}" if since is not None else "")
    if age is not None:
        text += f", heard {age:.1f} s ago" if age < 60 else f", heard {length(age)} ago"  # noqa: PLR2004
    if presence == "stopped" and stopped_path(name).exists():
        return f"stopped by hand; `house start {name}` starts it"
    if presence == "failed":
        return f"{text}; `house logs {name}` shows more"
    if presence == "offline":
        return f"{text}; `house restart {name}` starts its process again"
    return text


def state_lines(state: dict[str, Any], found: dict[str, Any], now: float, zone: tzinfo) -> Iterator[str]:
    """Yield the lines of the fields of a state: first the phase, and since when."""
    if not state:
        yield line("State", "none has been published yet")
        return
    if "phase" in state:
        since = found["since"]
        lasts = f", since {moment(since, now, zone)} ({length(max(0.0, now - since))})" if since else ""
        yield line("Phase", f"{state['phase']}{lasts}")
    if "status" in state:
        yield line("On", field_value("status", state["status"], zone))
    if state.get("fault"):
        yield line("Fault", str(state["fault"]))
    for field, value in state.items():
        if field in SHOWN_APART or value is None:
            continue
        unit = state.get("currency") if field.endswith("_cost") else None
        unit = state.get("unit") if field in ("value", "target") else unit
        yield line(field_name(field), field_value(field, value, zone, unit))
    unknown = [
        field_name(field).lower()
        for field, value in state.items()
        if value is None and field not in SHOWN_APART
    ]
    if unknown:
        yield line("Not known", ", ".join(unknown))


def hardware_lines(state: dict[str, Any], now: float, zone: tzinfo) -> Iterator[str]:
    """Yield the lines about the hardware: whether it answers, what it is, and what it measures of itself."""
    if state.get("reachable") is False:
        since = state.get("unreachable_since")
        yield line("Hardware", "does not answer" + (f" since {moment(since, now, zone)}" if since else ""))
    elif state.get("reachable"):
        confirmed = {True: ", and has confirmed this state", False: ", and has not confirmed this state yet"}
        yield line("Hardware", f"answers{confirmed.get(state.get('confirmed'), '')}")  # type: ignore[arg-type]
    model = " ".join(filter(None, (state.get("hardware_manufacturer"), state.get("hardware_model"))))
    facts = [
        model,
        f"firmware {state['hardware_firmware']}" if state.get("hardware_firmware") else "",
        state.get("hardware_mac") or "",
        state.get("hardware_url") or "",
    ]
    if any(facts):
        yield line("Model", ", ".join(filter(None, facts)))
    for field in sorted(HARDWARE_FACTS & state.keys()):
        if not field.startswith("hardware_") and state[field] is not None:
            yield line(field_name(field), field_value(field, state[field], zone))


def process_lines(found: dict[str, Any], now: float, zone: tzinfo) -> Iterator[str]:
    """Yield the lines about the process: PID, uptime, restarts, and why it does not run."""
    process = found["process"]
    if process["state"] == "ELSEWHERE":
        yield line(
            "Process",
            f"runs on the host {found['host']}" if found.get("host") else "is a program of your own",
        )
    elif process["pid"]:
        again = f", restarted {process['restarts']} times" if process["restarts"] else ", not restarted"
        again = ", restarted once" if process["restarts"] == 1 else again
        yield line("Process", f"PID {process['pid']}, up for {length(process['uptime_seconds'])}{again}")
    else:
        yield line("Process", process["state"].lower())
    if found["reason"]:
        yield line("Reason", found["reason"])
    if found["retry_at"]:
        yield line("Next start", moment(found["retry_at"], now, zone))
    for text in found["last_lines"]:
        yield line("", text)


def moment(at: float, now: float, zone: tzinfo) -> str:
    """Return a time with its zone; a time of another day than now has its date."""
    then = datetime.fromtimestamp(at, zone)
    day = "" if then.date() == datetime.fromtimestamp(now, zone).date() else f"{then:%a %d %b} "
    return f"{day}{then:%H:%M:%S %Z}"


def last_reason(context: Any, name: str, zone: tzinfo) -> str | None:
    """Return the chain of changes that led to the state of a device; None if it is not known."""
    from daemons.cli.why import chain_parts, installed_house, past_changes
    from daemons.config.explanation import Explainer

    with suppress(HouseError):
        house = installed_house(context)
        with past_changes(house) as past:
            found = Explainer(house, past).explain(name, time.time())
        if found is not None and found.steps[0].reason is not None:
            return f"{' → '.join(chain_parts(found, zone))}; `house why {name}` shows more"
    return None
