"""A history as a table for spreadsheets (RFC 4180)."""

import csv
from datetime import tzinfo
from io import StringIO
from typing import Any

from daemons.cli.terminal.plot import iso_time


def format_history(history: dict[str, Any], zone: tzinfo) -> str:
    """Return the history as CSV (RFC 4180): a row for each stretch and each measured point."""
    devices = history["devices"].values()
    fields = sorted(
        {field for found in devices for stretch in found["stretches"] for field in stretch["state"]}
    )
    measured = sorted({name for found in devices for name in found["measurements"]})
    ends = ("low", "mean", "high")
    head = ["device", "from", "to", "lasted_seconds", "cause", *fields]
    rows: list[dict[str, Any]] = []
    for name, found in history["devices"].items():
        for stretch in found["stretches"]:
            rows.append({**row(name, stretch["from"], stretch["to"], zone), "cause": stretch["cause"]})
            rows[-1].update({key: plain_value(value) for key, value in stretch["state"].items()})
        for quantity, points in found["measurements"].items():
            for point, to in zip(
                points, [*(point[0] for point in points[1:]), history["until"]], strict=True
            ):
                values = {f"{quantity}_{end}": value for end, value in zip(ends, point[1:], strict=True)}
                rows.append({**row(name, point[0], to, zone), **values})
    out = StringIO()
    table = csv.DictWriter(out, [*head, *(f"{name}_{end}" for name in measured for end in ends)])
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


def row(name: str, at: float, to: float | None, zone: tzinfo) -> dict[str, Any]:
    """Return the columns that every row has."""
    seconds = None if to is None else round(to - at, 3)
    return {"device": name, "from": iso_time(at, zone), "to": iso_time(to, zone), "lasted_seconds": seconds}


def plain_value(value: Any) -> Any:
    """Return a boolean as "true" or "false"; other values stay as they are."""
    return str(value).lower() if isinstance(value, bool) else value
