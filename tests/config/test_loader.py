"""Loading kinds and drivers by their names: found, missing, or broken."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemons import errors, kinds
from daemons.config import loader
from daemons.kinds import Machine


@pytest.fixture
def new_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that adds the kind `novelty` with a source."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    monkeypatch.setattr(loader, "PACKAGE", tmp_path)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(folder)])

    def add(source: str) -> None:
        (folder / "novelty.py").write_text(source)

    yield add
    sys.modules.pop("daemons.kinds.novelty", None)


def test_a_name_is_its_file_and_its_class_in_camel_case() -> None:
    """`light_switch` is the class LightSwitch of kinds/light_switch.py."""
    found = loader.kind("light_switch")
    assert (found.__module__, found.__name__) == ("daemons.kinds.light_switch", "LightSwitch")
    assert issubclass(found, Machine)
    assert loader.driver("simulated").__name__ == "Simulated"


@pytest.mark.parametrize("word", ["toster", "", ".", "lamp.x", "../lamp", "a b", "Lamp", "x" * 300, "\0"])
def test_a_name_without_a_file_is_refused(word: str) -> None:
    """A name without a file, also one with dots or slashes, raises HouseError."""
    with pytest.raises(errors.HouseError):
        loader.kind(word)


def test_the_error_names_the_missing_file() -> None:
    """A misspelt name is reported as a missing file."""
    with pytest.raises(errors.HouseError, match=r"^there is no daemons/kinds/toster.py$"):
        loader.kind("toster")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            "import not_installed_anywhere",
            r"needs the module 'not_installed_anywhere', which is not installed",
        ),
        ("import daemons.kinds.gone", r"needs the module 'daemons.kinds.gone', which is not installed"),
        ("1 / 0", "is broken: ZeroDivisionError: division by zero"),
        ("def (", "is broken: SyntaxError: "),
        ("", "has no class Novelty that is a Kind"),
        ("Novelty = 5", "has no class Novelty that is a Kind"),
        ("class Novelty: pass", "has no class Novelty that is a Kind"),
    ],
)
def test_a_broken_file_is_distinguished_from_a_missing_one(
    source: str, why: str, new_kind: Callable[[str], None]
) -> None:
    """The error of a broken file has the Python error."""
    new_kind(source)
    with pytest.raises(errors.HouseError) as raised:
        loader.kind("novelty")
    assert str(raised.value).startswith("daemons/kinds/novelty.py ")
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("kasa", "python-kasa", "kasa"),
        ("aiomqtt.client", "aiomqtt", "mqtt"),
        ("gpiozero", "gpiozero", "gpio"),
        ("zeroconf", "zeroconf", "discover"),
    ],
)
def test_a_missing_library_is_reported_with_the_command_that_installs_it(
    module: str, package: str, extra: str
) -> None:
    """The extra is read from pyproject.toml, so that a new extra needs no other list."""
    text = loader.missing_module_text(ModuleNotFoundError(name=module))
    assert text == f"needs {package}, which is not installed; `make extra EXTRA={extra}` installs it"


def test_a_missing_library_is_reported_before_it_is_needed() -> None:
    """An uninstalled module has a text; an installed module has none."""
    assert loader.missing_library("msgspec") is None
    assert (
        loader.missing_library("no_such_module")
        == "needs the module 'no_such_module', which is not installed"
    )


def test_a_new_file_is_a_new_kind(new_kind: Callable[[str], None]) -> None:
    """A kind is added by its file alone."""
    new_kind('"""Something new."""\nfrom daemons.kinds import Kind\nclass Novelty(Kind): pass')
    assert loader.kind("novelty").__name__ == "Novelty"
    assert loader.available("kinds") == {"novelty": "Something new."}


def test_kinds_and_drivers_are_listed_with_their_first_lines() -> None:
    """Every kind and driver is listed with a sentence."""
    assert {"lamp", "light_switch", "toaster", "coffee_maker", "mirror"} <= loader.available("kinds").keys()
    assert "simulated" in loader.available("drivers")
    for line in [*loader.available("kinds").values(), *loader.available("drivers").values()]:
        assert line.endswith(".")


def test_listing_survives_a_broken_file(new_kind: Callable[[str], None]) -> None:
    """A broken file, or one without a docstring, does not hide the others."""
    new_kind("def (")
    assert "novelty" in loader.available("kinds")


def test_a_role_is_the_run_function_of_its_module() -> None:
    """The role of a device is `run` of daemons/processes/device/device.py."""
    assert loader.run_function("device").__module__ == "daemons.processes.device.device"
