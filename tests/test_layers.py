"""Who may import whom: arrows point down, roles and siblings do not know each other."""

import ast
from pathlib import Path

import pytest

DAEMONS = Path(__file__).parent.parent / "daemons"
LAYERS = (
    ("errors",),
    ("clock", "hardware", "log", "loop", "message", "place", "rate", "series", "value"),
    ("almanac", "annex", "errands", "keyring", "mdns", "secret", "worker"),
    ("broker",),
    ("mqtt",),
    ("bus", "drivers", "history", "journal", "kinds", "rule", "tail", "ward"),
    ("client", "courier", "distance", "listener", "load", "process", "writer"),
    ("aio",),
    ("house", "nursery"),
    ("config", "memory", "page", "plan", "supervise", "witness"),
    ("appliance",),
    ("editor", "operate", "status"),
    ("front", "traffic"),
    ("bridge", "device", "exchange", "mirror", "recorder", "steward"),
    ("verdict",),
    ("catalogue", "console", "discover", "drill", "terminal", "trial"),
    ("cli", "__main__"),
)
"""From the bottom up: a file imports from below its own layer, and `bus` of its neighbours place only."""
FILES = sorted(path.relative_to(DAEMONS) for path in DAEMONS.rglob("*.py"))


def room(module: str) -> str:
    """Give the room that a module of ours is in: daemons.kinds.toaster is in kinds."""
    return module.removeprefix("daemons").lstrip(".").partition(".")[0]


def imports(file: Path) -> set[str]:
    """Give every module of ours that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((DAEMONS / file).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (
                whole if node.module in {"daemons", "daemons.kinds", "daemons.drivers"} else {node.module}
            )
    return {
        name
        for name in found
        if name.partition(".")[0] == "daemons" and room(name) not in ("", "__version__")
    }


def level(name: str) -> int:
    """Give the layer of a room; a room without one has no place in the house."""
    return next(index for index, layer in enumerate(LAYERS) if name in layer)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_point_down(file: Path) -> None:
    """A file imports only from lower layers."""
    own = file.parts[0].removesuffix(".py")
    if own == "__init__":
        assert not imports(file), "daemons/__init__.py imports nothing"
        return
    for name in imports(file):
        if room(name) != own:
            assert level(room(name)) < level(own), f"{file} imports {name}, which is not below it"


@pytest.mark.parametrize("file", [f for f in FILES if f.parts[0] in ("kinds", "drivers")], ids=str)
def test_kinds_and_drivers_know_no_sibling(file: Path) -> None:
    """A kind imports no other kind, a driver no other driver, and their contract none of them."""
    modules = {path.stem for path in (DAEMONS / file.parts[0]).glob("[a-z]*.py")}
    for name in imports(file):
        if room(name) == file.parts[0]:
            assert name.split(".")[2] not in modules, f"{file} imports its sibling {name}"


def test_every_file_has_a_layer() -> None:
    """The drawing above is the whole house, and nothing in it has gone."""
    rooms = {file.parts[0].removesuffix(".py") for file in FILES} - {"__init__"}
    assert rooms == {name for layer in LAYERS for name in layer}
