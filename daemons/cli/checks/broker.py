"""Checks whether the MQTT brokers of the bridge and of the devices can be reached."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from daemons.cli.checks.finding import Finding, unknown, well, wrong
from daemons.config import loader
from daemons.config.tables import Bridging
from daemons.drivers.transports.broker import Broker
from daemons.errors import HouseError
from daemons.values import parse_table

CHECK = "broker"
CONNECT_SECONDS = 2.0
"""How long all brokers together may take."""
NO_ANSWER = f"no answer within {CONNECT_SECONDS:g} s"
MOST_NAMES = 5
Endpoint = tuple[str, int]


def read_findings(raw: dict[str, Any] | None) -> list[Finding]:
    """Return the findings about the brokers; `raw` are the tables of the house, if they can be read."""
    if raw is None:
        return [unknown(CHECK, "the brokers are not known without a configuration")]
    found = brokers(raw)
    return broker_findings(found, connect(list(found), connect_once))


def brokers(raw: dict[str, Any]) -> dict[Endpoint, list[str]]:
    """Return each broker, with the names of the devices that use it; "bridge" is the bridge.

    An address with a mistake is left out: the check of the configuration finds it.
    """
    tables = {"bridge": raw["bridge"]} if "bridge" in raw else {}
    devices = raw.get("devices")
    for name, table in devices.items() if isinstance(devices, dict) else ():
        word = table.get("driver") if isinstance(table, dict) else None
        if not isinstance(word, str) or word not in loader.built_in()["drivers"]:
            continue  # the code of others is not loaded here
        with suppress(HouseError):
            if issubclass(loader.driver(word).options_type, Broker):
                tables[name] = table.get(word, {})
    found: dict[Endpoint, list[str]] = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            continue
        keys = ("brokers",) if name == "bridge" and "brokers" in table else ("broker", "port")
        own = {key: table[key] for key in keys if key in table}
        type_ = Bridging if "brokers" in own else Broker
        parsed = parse_table(own, type_, (), [])
        for one in parsed.each_broker() if isinstance(parsed, Bridging) else [parsed] if parsed else []:
            found.setdefault((one.broker, one.port), []).append(name)
    return found


def connect(endpoints: list[Endpoint], once: Callable[[Endpoint], None]) -> dict[Endpoint, str | None]:
    """Connect to all brokers at the same time; return the reason of each failure, or None.

    A name that is not resolved in time is a failure too; its thread ends with this process.
    """
    results: dict[Endpoint, str | None] = dict.fromkeys(endpoints, NO_ANSWER)

    def attempt(endpoint: Endpoint) -> None:
        try:
            once(endpoint)
            results[endpoint] = None
        except TimeoutError:
            pass
        except (OSError, UnicodeError) as error:
            results[endpoint] = getattr(error, "strerror", None) or str(error)

    threads = [threading.Thread(target=attempt, args=(one,), daemon=True) for one in endpoints]
    end = time.monotonic() + CONNECT_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(results)


def connect_once(endpoint: Endpoint) -> None:
    """Connect to a broker and disconnect; OSError if that fails."""
    socket.create_connection(endpoint, timeout=CONNECT_SECONDS).close()


def broker_findings(found: dict[Endpoint, list[str]], results: dict[Endpoint, str | None]) -> list[Finding]:
    """Return a finding for each broker; `results` has the reason of each failure, or None."""
    if not found:
        return [well(CHECK, "no device and no bridge needs an MQTT broker")]
    findings = []
    for endpoint, names in found.items():
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        users = f"{', '.join(names[:MOST_NAMES])}{more}"
        where = f"the broker {endpoint[0]}:{endpoint[1]} of {users}"
        if reason := results[endpoint]:
            remedy = "start the broker, or correct its address in the configuration"
            findings.append(wrong(CHECK, f"{where} cannot be reached: {reason}", remedy))
        else:
            findings.append(well(CHECK, f"{where} accepts connections"))
    return findings
