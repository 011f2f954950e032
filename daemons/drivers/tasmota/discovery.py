"""What a device with Tasmota announces: its relays, shutters and sensors, as devices of the house. Pure.

The announcement on `tasmota/discovery/MAC/config` has the relays, and that on `.../sensors` a message with
all sensors. A shutter has two relays, which are its motors and never plugs.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from daemons.drivers import Found
from daemons.drivers.tasmota import messages as tasmota
from daemons.drivers.tasmota.messages import Announcement
from daemons.drivers.tasmota.options import Options
from daemons.drivers.tasmota.sensor import METER, sensors
from daemons.drivers.transports import mqtt_device
from daemons.drivers.transports.broker import Broker

KINDS = {tasmota.RELAY: "plug", tasmota.LIGHT: "lamp"}
NO_FAN = "no kind for a fan with speeds"
NOT_READ = "it measures nothing that House reads"
NOT_VALID = "it announces itself in a way that House does not know"


class SensorAnnouncement(Struct, frozen=True):
    """The announcement of the sensors of a device; the name of the field is Tasmota's."""

    sn: dict[str, Any] = {}


def found_in(messages: Mapping[str, bytes], broker: Broker) -> list[Found]:
    """Return all parts of the announced devices; `messages` are the retained ones, by topic."""
    found = []
    for topic, payload in sorted(messages.items()):
        path, _, word = topic.rpartition("/")
        if word != "config" or not payload:
            continue
        device = tasmota.decode_announcement(payload)
        if device is None:
            found.append(
                Found(title=path.rpartition("/")[2], address=broker.endpoint, kind="", note=NOT_VALID)
            )
        else:
            found += found_parts(device, broker, decode_sensors(messages.get(f"{path}/sensors", b"")))
    return found


def decode_sensors(payload: bytes) -> dict[str, Any]:
    """Return the message with all sensors of an announcement; an empty one if it is not valid."""
    try:
        return msgspec.json.decode(payload, type=SensorAnnouncement).sn
    except (msgspec.MsgspecError, RecursionError):
        return {}


def found_parts(device: Announcement, broker: Broker, sensed: dict[str, Any]) -> Iterator[Found]:
    """Yield each relay, shutter, fan and sensor of a device."""
    own = {**mqtt_device.broker_options(broker), **device.options()}
    for title, kind, options, note in parts(device, sensed):
        found = Found(
            title=title,
            address=f"{broker.endpoint} {device.t}",
            model=device.md,
            firmware=device.sw,
            kind=kind,
            driver=None if note else "mqtt_tasmota",
            options={} if note else {**own, **options},
            note=note,
        )
        yield mqtt_device.checked(found, Options, NOT_VALID)


def parts(device: Announcement, sensed: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], str]]:
    """Yield title, kind and options of each part, and why House cannot use it; empty if it can."""
    relays = list(device.relays())
    shutters = 0
    for relay, type_, name in relays:
        if type_ == tasmota.SHUTTER:
            shutters += 1
            yield name, "cover", {"shutter": shutters}, ""
        elif type_ in KINDS:
            options: dict[str, Any] = {"relay": relay} if len(relays) > 1 else {}
            if type_ == tasmota.LIGHT and device.lt_st in tasmota.COLOURED:
                options["colours"] = True
            yield name, KINDS[type_], options, ""
    if device.is_fan:
        yield f"{device.title} fan", "", {}, NO_FAN
    for name, is_read in sensors(sensed).items():
        if name == METER and relays:
            continue  # it is the meter of its relays
        title = f"{device.title} {name}"
        yield (title, "sensor", {"sensor": name}, "") if is_read else (title, "", {}, NOT_READ)
