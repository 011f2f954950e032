"""What the page cannot change in the table of a device: programs, files and access. Pure.

An account that edits is trusted with the devices, and not with the machine.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Meta, Struct, structs

from daemons.config import loader
from daemons.drivers.transports.secret import SecretFile, variable
from daemons.errors import HouseError
from daemons.values import Path as Where
from daemons.values import Problem

COMMAND = "command"
"""The driver that runs programs."""
MIRROR_KEYS = ("port", "address", "hosts", "certificate", "private_key", "edit")
"""The options of a mirror that decide who reaches its page, and what the page may do."""
HAND = "edit the file by hand"
Table = dict[str, Any]


def refused_changes(
    name: str, old: Table, new: Table, has_code: Callable[[str, str], bool]
) -> Iterator[Problem]:
    """Yield why the page may not change a device from one table to another, both with their defaults.

    `has_code` returns whether a word of "kinds" or "drivers" that House does not have is one all the same.
    """
    where: Where = ("devices", name)
    if old.get("host") != new.get("host"):
        yield Problem((*where, "host"), f"the page cannot move a device to another host; {HAND}")
    yield from _refused_words(where, old, new, has_code)
    yield from _refused_driver(name, where, old, new)
    for key in sorted(file_options(kind_options(old)) | file_options(kind_options(new))):
        if old.get(key) != new.get(key):
            yield Problem((*where, key), f"{key} names a file, which the page cannot change; {HAND}")
    if is_mirror(old) or is_mirror(new):
        if is_mirror(old) is not is_mirror(new):
            yield Problem((*where, "kind"), f"the page neither makes nor removes a mirror; {HAND}")
        for key in MIRROR_KEYS:
            if old.get(key) != new.get(key):
                text = f"{key} decides who reaches the page, which the page itself cannot change; {HAND}"
                yield Problem((*where, key), text)


def _refused_words(
    where: Where, old: Table, new: Table, has_code: Callable[[str, str], bool]
) -> Iterator[Problem]:
    """Yield the changes to a kind or a driver that is no part of House: its code would run."""
    builtin = loader.built_in()
    for folder, key in (("kinds", "kind"), ("drivers", "driver")):
        word = new.get(key)
        if not isinstance(word, str) or word == old.get(key) or word in builtin[folder]:
            continue
        if has_code(folder, word):
            text = f"{word} is no part of House, and the page cannot make its code run; {HAND}"
            yield Problem((*where, key), text)


def _refused_driver(name: str, where: Where, old: Table, new: Table) -> Iterator[Problem]:
    before, after = old.get("driver"), new.get("driver")
    if COMMAND in (before, after) and before != after:
        text = f"the page neither sets nor removes the driver {COMMAND}, which runs programs; {HAND}"
        yield Problem((*where, "driver"), text)
    elif old.get(COMMAND) != new.get(COMMAND):
        yield Problem(
            (*where, COMMAND), f"the page cannot change the programs of the driver {COMMAND}; {HAND}"
        )
    is_changed = before != after or options_of(old) != options_of(new)
    if not is_changed or COMMAND in (before, after):
        return
    if isinstance(after, str) and after == before and after not in loader.built_in()["drivers"]:
        text = f"{after} is no part of House, and the page cannot change its options; {HAND}"
        yield Problem((*where, after), text)
    elif has_secret(name, old) or has_secret(name, new):
        key = "driver" if before != after else str(after)
        text = f"this device has a password, so the page cannot change where it is sent; {HAND}"
        yield Problem((*where, key), text)
    else:
        for key in sorted(file_options(driver_options(new))):
            if options_of(old).get(key) != options_of(new).get(key):
                text = f"{key} names a file, which the page cannot change; {HAND}"
                yield Problem((*where, str(after), key), text)


def locked_keys(name: str, table: Table) -> list[str]:
    """Return the keys of a device that the page cannot change; a table of options counts as one key."""
    found = ["host"] if "host" in table else []
    word = table.get("driver")
    if isinstance(word, str):
        is_foreign = word not in loader.built_in()["drivers"]
        if word == COMMAND:
            found.append("driver")
        if word == COMMAND or is_foreign or has_secret(name, table):
            found += ["driver"] * ("driver" not in found and has_secret(name, table)) + [word]
    found += MIRROR_KEYS if is_mirror(table) else sorted(file_options(kind_options(table)))
    return found


def options_of(table: Table) -> Table:
    """Return the options of the driver of a device."""
    found = table.get(table["driver"]) if isinstance(table.get("driver"), str) else None
    return found if isinstance(found, dict) else {}


def has_secret(name: str, table: Table) -> bool:
    """Return whether the driver of a device has a password: in a file, or in the environment."""
    return bool(file_options(driver_options(table)) & options_of(table).keys()) or bool(
        os.environ.get(variable(name))
    )


def is_mirror(table: Table) -> bool:
    """Return whether a device is a mirror."""
    kind = loader.kind_or_none(table.get("kind")) if table.get("kind") in loader.built_in()["kinds"] else None
    return kind is not None and kind.role == "mirror"


def kind_options(table: Table) -> type[Struct] | None:
    """Return the type of the options of a kind of House; code of your own is not loaded for this."""
    word = table.get("kind")
    kind = loader.kind_or_none(word) if word in loader.built_in()["kinds"] else None
    return kind.options_type if kind else None


def driver_options(table: Table) -> type[Struct] | None:
    """Return the type of the options of a driver of House."""
    word = table.get("driver")
    try:
        return loader.driver(word).options_type if word in loader.built_in()["drivers"] else None
    except HouseError:
        return None


def file_options(options: type[Struct] | None) -> set[str]:
    """Return the options that name a file: those with the pattern of an absolute path."""
    if options is None:
        return set()
    return {field.encode_name for field in structs.fields(options) if is_file(field.type)}


def is_file(type_: Any) -> bool:
    """Return whether values of a type are absolute paths."""
    pattern = SecretFile.__metadata__[0].pattern  # type: ignore[attr-defined]
    metas = [meta for meta in getattr(type_, "__metadata__", ()) if isinstance(meta, Meta)]
    parts = getattr(type_, "__args__", ())
    return any(meta.pattern == pattern for meta in metas) or any(map(is_file, parts))
