"""The search for Kasa and Tapo devices on the local network."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from typing import Any

import kasa
from kasa import Credentials, Device, DeviceEncryptionType, Discover
from kasa.iot import IotDevice

from daemons.drivers import Found
from daemons.drivers.tplink.definition import UNKNOWN, Part, iot_parts, model_parts
from daemons.drivers.tplink.part import smart_parts
from daemons.drivers.tplink.status import part
from daemons.drivers.transports.secret import read_secret
from daemons.errors import HouseError

ANSWER_SECONDS = 5.0
"""How long a device may take to say what it is."""
PLACEHOLDERS = {"username": "you@example.com", "password_file": "/path/to/its/password"}


async def search(target: str, port: int | None, seconds: float, known: Sequence[Any]) -> list[Found]:
    """Return the devices that answer a broadcast within `seconds`.

    The first account in `known` opens newer devices. Without one, they tell only their type and model.
    """
    account = next((one for one in known if one.username), None)
    password = None
    with suppress(HouseError):  # then newer devices tell only their type and model
        password = read_secret("discover", account.password_file) if account else None
    found: list[Found] = []

    async def on_discovered(device: Device) -> None:
        opened = False
        if password and needs_account(device):
            with suppress(kasa.KasaException, TimeoutError, OSError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await device.update()
                opened = True
        found.extend(to_found(device, account if opened else None))

    async def on_unsupported(error: kasa.UnsupportedDeviceError) -> None:
        found.append(unsupported(error))

    devices = await Discover.discover(
        target=target,
        port=port,
        discovery_timeout=ceil(seconds),
        credentials=Credentials(account.username, password) if account and password else None,
        on_discovered=on_discovered,
        on_unsupported=on_unsupported,
    )
    for device in devices.values():
        await device.disconnect()
    return found


def to_found(device: Device, account: Any) -> list[Found]:
    """Return each part of a device that answered; `account` has opened a newer one, or is None."""
    is_closed = needs_account(device)
    if is_closed and not account:
        parts = model_parts(device.config.connection_type.device_family.value, device.model)
    else:
        parts = iot_parts(device.sys_info) if isinstance(device, IotDevice) else smart_parts(device)
    port = device.config.port_override
    address = device.host + (f":{port}" if port else "")
    options: dict[str, Any] = {"address": address}
    if is_closed:
        own = {key: getattr(account, key) for key in PLACEHOLDERS} if account else PLACEHOLDERS
        options |= {key: value for key, value in own.items() if value is not None}
    hint = "" if account or not is_closed else "requires its TP-Link account"
    return [to_found_part(device, one, address, options, hint) for one in parts]


def needs_account(device: Device) -> bool:
    """Return whether a device that answered a search tells more only with its account."""
    return device.config.connection_type.encryption_type is not DeviceEncryptionType.Xor


def to_found_part(device: Device, one: Part, address: str, options: dict[str, Any], hint: str) -> Found:
    """Return a part with the options for it, or with the reason why no kind works with it."""
    number = one.options.get("outlet")
    name = one.name or device.alias or device.model
    return Found(
        title=name if one.name or number is None else f"{name} {number}",
        address=address,
        model=device.model,
        firmware=str(device.hw_info.get("sw_ver") or ""),
        kind=one.kind,
        kind_options=one.kind_options,
        driver="kasa" if one.kind else None,
        options={**options, **one.options} if one.kind else {},
        note=one.note or hint,
    )


def unsupported(error: kasa.UnsupportedDeviceError) -> Found:
    """Return a device that the library does not support."""
    info = error.discovery_result or {}
    sysinfo = part(info, "system", "get_sysinfo")
    sysinfo = part(sysinfo, "system") or sysinfo
    model = str(info.get("device_model") or sysinfo.get("model") or "")
    type_ = str(info.get("device_type") or sysinfo.get("type") or "")
    return Found(
        title=str(sysinfo.get("alias") or model or "TP-Link"),
        address=str(error.host or info.get("ip") or ""),
        model=model,
        kind="",
        note=model_parts(type_, model)[0].note or UNKNOWN,
    )
