"""docs/recipes.md: the two scripts of a recipe run beside its house, and each of the processes is killed."""

import re
from pathlib import Path

import pytest

from tests.docs.test_recipes import PAGE, RECIPES
from tests.support.house import HouseFactory, Listener
from tests.support.ports import free_port
from tests.support.script import running

HEADING = "Your own pyzmq script as a light switch"
TEXT = PAGE.read_text().partition(f"### {HEADING}\n")[2].partition("\n### ")[0]
SCRIPTS = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))
PORTS = ("5555", "5556")
LAST = "[recorder]\nenabled = false\n"


def test_the_scripts_are_as_short_as_those_of_a_tutorial() -> None:
    """They have at most ten lines, and nothing of House."""
    assert list(SCRIPTS) == ["switch.py", "lamp.py"]
    for text in SCRIPTS.values():
        assert len(text.splitlines()) <= 10
        assert "daemons" not in text


@pytest.fixture
def ports() -> dict[str, str]:
    """Return a free port for each port of the recipe."""
    first = free_port(2)
    return {port: str(first + number) for number, port in enumerate(PORTS)}


def replaced(text: str, ports: dict[str, str]) -> str:
    """Return a text with the free ports."""
    return re.sub("|".join(ports), lambda found: ports[found[0]], text)


def wait_for_both(listener: Listener, **fields: object) -> None:
    """Wait until both devices have these fields."""
    names = ("desk_switch", "desk_lamp")
    listener.wait_for(lambda _: all(listener.has_state(name, **fields) for name in names))


def test_two_scripts_find_their_devices_again_after_the_kill_of_each(
    make_house: HouseFactory, tmp_path: Path, ports: dict[str, str]
) -> None:
    """The lamp script is told the state once more by a new process, and after its own restart."""
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(replaced(text, ports))
    house = make_house(replaced(RECIPES[HEADING][0], ports) + LAST)
    house.house("up")
    with house.listen("desk_switch", "desk_lamp") as listener:
        wait_for_both(listener, reachable=False)
        with running(tmp_path, "switch.py") as switch, running(tmp_path, "lamp.py") as lamp:
            wait_for_both(listener, reachable=True)
            switch.press("ON")
            lamp.lines_until("lamp: turn ON")
            listener.kill("desk_lamp")
            assert lamp.lines_until("lamp: turn ON") == ["lamp: turn ON"]  # it has subscribed again
            listener.kill("desk_switch")
            listener.wait_for(lambda one: one.has_state("desk_switch", status=True, confirmed=True))
            switch.press("OFF")
            lamp.lines_until("lamp: turn OFF")
        wait_for_both(listener, reachable=False, status=False)
        fault = listener.states["desk_lamp"].state["fault"]
        assert fault == f"tcp://127.0.0.1:{ports['5556']}: no program subscribes to it"
        with running(tmp_path, "switch.py") as switch, running(tmp_path, "lamp.py") as second:
            assert second.lines_until("lamp: turn OFF") == ["lamp: turn OFF"]
            wait_for_both(listener, reachable=True)
            switch.press("ON")
            second.lines_until("lamp: turn ON")
    for name in ("desk_switch", "desk_lamp"):
        assert "Traceback" not in house.log(name)
