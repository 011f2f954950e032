"""The measurements, one a file.

The docstring of each file explains its figures exactly. Each file has a `SECTION` and a function
`measure(scale, sheet)` that adds the figures. A measurement is found by its file name.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from bench.report import Scale, Sheet
from bench.table import Section


class Measurement(Protocol):
    """The contract of a file in this folder."""

    SECTION: Section
    __doc__: str | None

    def measure(self, scale: Scale, sheet: Sheet) -> None:
        """Measure, and add figures, one value a round."""


def measurements() -> dict[str, Measurement]:
    """Return every measurement by its file name, in the order of the section numbers."""
    words = [module.name for module in iter_modules(__path__)]
    found = {word: cast(Measurement, import_module(f"{__name__}.{word}")) for word in words}
    return dict(sorted(found.items(), key=lambda pair: pair[1].SECTION.number))
