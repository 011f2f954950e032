"""A scene and a group in a real house: kill -9 at any moment, and each lamp switches once."""

from tests.support.house import HouseFactory

NAMES = [f"lamp_{number}" for number in range(10)]
LAMPS = "".join(f'[devices.{name}]\nkind = "lamp"\ndriver = "simulated"\n' for name in NAMES)
SETS = ", ".join(f"{name} = {{ on = {{ brightness_percent = 30 }} }}" for name in NAMES)
HOUSE = f"""\
[house]
watchdog = "60s"
[recorder]
enabled = false
{LAMPS}
[devices.lamps]
kind = "group"
of = "lamp"
[devices.movie]
kind = "scene"
sets = {{ {SETS} }}
"""


def test_a_scene_of_ten_lamps_survives_the_kill_of_its_process_and_of_a_member(
    make_house: HouseFactory,
) -> None:
    """A lamp that was stopped follows when it is back. Undo and the group reach all of them, too."""
    house = make_house(HOUSE)
    house.house("up")
    with house.listen("movie", "lamps", *NAMES) as listener:
        listener.wait_for(lambda listener: listener.has_state("lamps", all_on=False))
        house.house("stop", "lamp_7")
        assert house.send("movie", "on")["outcome"] == "applied"
        listener.kill("movie")
        listener.kill("lamp_3")
        listener.wait_for(lambda listener: listener.has_state("movie", confirmed_count=9))
        missing = listener.states["movie"].state["missing"]
        assert str(missing).startswith("lamp_7 ")
        house.house("start", "lamp_7")
        listener.wait_for(lambda listener: listener.has_state("movie", phase="applied", missing=None))
        listener.wait_for(lambda listener: listener.has_state("lamps", all_on=True, brightness_percent=30))
        assert house.send("movie", "undo")["outcome"] == "applied"
        listener.kill("movie")
        listener.wait_for(lambda listener: listener.has_state("movie", phase="idle", asked=None))
        listener.wait_for(lambda listener: listener.has_state("lamps", any_on=False))
        assert house.send("lamps", "on", "brightness_percent=55")["outcome"] == "applied"
        listener.wait_for(lambda listener: listener.has_state("lamps", all_on=True, brightness_percent=55))
    for name in NAMES:
        switched = [line.on for line in house.switchings(name) if line.what in ("on", "off")]
        assert switched == [True, False, True], name
