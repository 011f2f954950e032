"""A history as a table for spreadsheets (RFC 4180)."""

import csv
from datetime import datetime, tzinfo
from io import StringIO
from typing import Any

ENDS = ("low", "mean", "high")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins so for a formula."""


def format_history(history: dict[str, Any], zone: tzinfo) -> str:
    """Return the history as CSV (RFC 4180): a row for each stretch, each point and each day's energy."""
    devices = history["devices"].values()
    fields = sorted(
        {field for found in devices for stretch in found["stretches"] for field in stretch["state"]}
    )
    measured = sorted({name for found in devices for name in found["measurements"]})
    head = ["device", "from", "to", "lasted_seconds", "cause", *fields]
    rows: list[dict[str, Any]] = []
    for name, found in history["devices"].items():
        for stretch in found["stretches"]:
            rows.append(row(name, stretch["from"], stretch["to"], zone))
            told = {"cause": stretch["cause"], **stretch["state"]}
            rows[-1].update({key: plain_value(value) for key, value in told.items()})
        for quantity, points in found["measurements"].items():
            for point, to in zip(
                points, [*(point[0] for point in points[1:]), history["until"]], strict=True
            ):
                values = {f"{quantity}_{end}": value for end, value in zip(ENDS, point[1:], strict=True)}
                if point[1] is not None:
                    rows.append({**row(name, point[0], to, zone), **values})
        rows += [{**row(name, day["from"], day["to"], zone), "kwh": day["kwh"]} for day in found["energy"]]
    energy = ["kwh"] if any(found["energy"] for found in devices) else []
    out = StringIO()
    table = csv.DictWriter(out, [*head, *(f"{name}_{end}" for name in measured for end in ENDS), *energy])
    table.writeheader()
    table.writerows(rows)
    return out.getvalue()


def row(name: str, at: float, to: float | None, zone: tzinfo) -> dict[str, Any]:
    """Return the columns that every row has."""
    seconds = None if to is None else round(to - at, 3)
    return {"device": name, "from": iso_time(at, zone), "to": iso_time(to, zone), "lasted_seconds": seconds}


def iso_time(at: float | None, zone: tzinfo) -> str:
    """Return a time in ISO 8601 with milliseconds; empty for None."""
    return datetime.fromtimestamp(at, zone).isoformat(timespec="milliseconds") if at is not None else ""


def plain_value(value: Any) -> Any:
    """Return a boolean as "true" or "false", and a text so that no spreadsheet takes it for a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
