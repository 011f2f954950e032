"""One result of `house doctor`."""

from msgspec import Struct


class Finding(Struct, frozen=True):
    """What one check has found, and what a person should do about it."""

    check: str
    """The family of the check, such as "disk"."""
    ok: bool | None
    """Whether all is well; None if it cannot be known here."""
    text: str
    remedy: str | None = None
    """What to do; set exactly if `ok` is false."""


def well(check: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(check, ok=True, text=text)


def unknown(check: str, text: str) -> Finding:
    """Return that something cannot be known, and why."""
    return Finding(check, ok=None, text=text)


def wrong(check: str, text: str, remedy: str) -> Finding:
    """Return that something needs doing, and what."""
    return Finding(check, ok=False, text=text, remedy=remedy)
