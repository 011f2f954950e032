"""What is measured, one measurement a file.

Each file says in its docstring what its figures are of, exactly; it has a `SECTION`, and a function
`measure(scale, sheet)` that adds its figures. It is found by its file's name.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from bench.report import Scale, Sheet
from bench.table import Section


class Measurement(Protocol):
    """What a file in this folder is."""

    SECTION: Section
    __doc__: str | None

    def measure(self, scale: Scale, sheet: Sheet) -> None:
        """Measure, and add figures, one value a round."""


def measurements() -> dict[str, Measurement]:
    """Give every measurement by its file's name, in the order of their numbers."""
    words = [module.name for module in iter_modules(__path__)]
    found = {word: cast(Measurement, import_module(f"{__name__}.{word}")) for word in words}
    return dict(sorted(found.items(), key=lambda pair: pair[1].SECTION.number))
