"""The fields about its hardware that a device adds to the State of its kind."""

from msgspec import Struct


class HardwareLink(Struct, frozen=True, kw_only=True):
    """The fields about the connection to the hardware; the device adds them to the State of its kind."""

    confirmed: bool | None
    """Whether the hardware has reported this state during this run of the process; None for hardware that
    reports no state."""
    reachable: bool
    """Whether the hardware answers."""
    unreachable_since: float | None
    """Since when the hardware does not answer, in Unix seconds; None while it answers."""


class HardwareMeter(Struct, frozen=True, kw_only=True):
    """The field about the meter of the hardware; the device adds it to the State of its kind."""

    energy_watt_hours: float | None
    """The count of its meter, to the watt-hour; None if the hardware reports none."""


class HardwareFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts about the hardware itself; the device adds those that it reports to the State of its kind."""

    voltage_volts: float | None = None
    current_amperes: float | None = None
    power_factor: float | None = None
    signal_dbm: float | None = None
    link_quality: float | None = None
    device_temperature_celsius: float | None = None
    hardware_manufacturer: str | None = None
    hardware_model: str | None = None
    hardware_firmware: str | None = None
    hardware_mac: str | None = None
    hardware_url: str | None = None


HARDWARE_FACTS = frozenset(HardwareFacts.__struct_fields__)
"""The facts are published about once a minute, wait in no rule with `turns`, and are not in the history."""
