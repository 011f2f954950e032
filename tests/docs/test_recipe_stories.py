"""docs/recipes.md keeps its promises: the stories of each recipe are played in virtual time.

The stories of the recipe "Motion light" are in `recipes/motion_light.test.toml`, in the format of
docs/rehearsal.md.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
import tomlkit
from click.testing import CliRunner

from daemons.cli.main import main
from daemons.config.house import House
from daemons.errors import ConfigurationError
from daemons.rehearsal.faults import play_with_faults
from daemons.rehearsal.player import play
from daemons.rehearsal.story_file import StoryFile, load_stories
from tests.docs.test_recipes import EXAMPLES, PAGE, RECIPES, load_recipe
from tests.support.house import PROJECT

FOLDER = Path(__file__).parent / "recipes"
PAGES = ("configuration", "promises", "rehearsal")


class Limit(NamedTuple):
    """Faults with which a story need not hold, because a page says so."""

    faults: str
    """The faults, as a regular expression."""
    sentence: str
    """The sentence of one of the PAGES."""


WAITS_ANEW = "So the wait ends, and begins anew when the hardware is back and still has the value."
UNKNOWN = "With `above` or `below`, it ends when the measurement is back by the hysteresis, or is unknown."
LOCAL_TIME = "The local time of the moment counts, in the house's `timezone`."
FOUND_ON = "an appliance that heats, and is found on although the device knows nothing of it"
RESTORE = "The device is switched off or on. Other devices see this like any other change."
NO_ANSWER = 'After "no answer", it is unknown whether the command was carried out.'
COUNTED_ANEW = "After a restart the silence is counted anew, because an answer may have been missed."
SOURCE_LOST = "A silent source, or a network that cannot be reached, means `unknown` and not `away`."
LATER = "What is lost for 30 s may happen so much later"
UNDONE = "The press counts, but the hardware may not move for it."
MEAL = "The meal consists of the appliances that the latest press started."
FAULTY = "They are not idle, or have a fault."

NOT_KNOWN = (
    "A member that is silent, cannot be reached or has a stale value counts as unknown, and not as off."
)

LIMITS: dict[str, tuple[Limit, ...]] = {
    "movie_evening": (Limit(r"living_(lamp|blind) is killed .*", NO_ANSWER),),
    "kitchen_lamps_as_one": (Limit(r"the hardware of table_lamp .* at 18:50:00", NOT_KNOWN),),
    "everything_off_when_the_last_person_leaves": (
        Limit(r"(anna_home|ben_home|coffee_maker) is killed .*", NO_ANSWER),
    ),
    "motion_light": (Limit(r"the hardware of hall_motion .* at 18:[23]5:00", WAITS_ANEW),),
    "dim_light_at_night": (
        Limit(r"the hardware of bath_motion .* at (10|01):05:00", WAITS_ANEW),
        Limit(r"the clock is set by -30 s at (22:30|22:32|22:35|06:00):00", LOCAL_TIME),
    ),
    "two_motion_sensors_one_lamp": (
        Limit(r"the hardware of (front|back)_motion .* at 18:(1[567]|36|45):00", WAITS_ANEW),
    ),
    "light_at_night_only": (Limit(r"the hardware of front_door .* at 17:13:00", WAITS_ANEW),),
    "everything_off_with_one_press": (Limit(r"coffee_maker is killed .*", FOUND_ON),),
    "two_switches_for_one_lamp": (Limit(r"stairs_lamp is killed .*", NO_ANSWER),),
    "your_own_pyzmq_script_as_a_light_switch": (Limit(r"desk_lamp is killed .*", NO_ANSWER),),
    "two_lamps_as_one": (Limit(r"(left|right)_lamp is killed .*", NO_ANSWER),),
    "switch_off_only_what_a_rule_switched_on": (
        Limit(r"the hardware of hall_motion .* at 18:20:00", WAITS_ANEW),
        Limit(r"hall_lamp is killed .*", NO_ANSWER),
    ),
    "a_light_unless_someone_sleeps": (
        Limit(r"the hardware of landing_motion .* at 18:14:00", WAITS_ANEW),
        Limit(r"(anna|baby)_sleeps is killed .*", NO_ANSWER),
    ),
    "window_open_while_the_heating_is_on": (Limit(r"bedroom_heater is killed .*", FOUND_ON),),
    "open_window_stops_the_heating": (Limit(r"bedroom_heater is killed .*", FOUND_ON),),
    "warmer_light_in_the_evening": (Limit(r"living_lamp is killed .*", NO_ANSWER),),
    "heating_by_day_and_night": (Limit(r"living_heater is killed .*", NO_ANSWER),),
    "dimmer_of_one_button": (Limit(r".*bedside_(button|lamp) .* at 21:[23]0:0\d", LATER),),
    "thermostat_of_a_week": (Limit(r"living_heater is killed .*", NO_ANSWER),),
    "radiator_valve_of_a_week": (Limit(r"bedroom_valve is killed .*", NO_ANSWER),),
    "open_window_pauses_a_thermostat": (Limit(r"bedroom_heater is killed .*", NO_ANSWER),),
    "air_conditioner": (Limit(r"office_cooler is killed .*", NO_ANSWER),),
    "alarm_clock": (Limit(r"alarm_clock is killed .*", NO_ANSWER),),
    "thermostat_with_a_number": (Limit(r"(wish|bedroom_heater) is killed .*", NO_ANSWER),),
    "lights_of_a_week_ago_while_away": (Limit(r"anna is killed .*", NO_ANSWER),),
    "house_modes_with_a_button": (Limit(r"living_(heater|lamp) is killed .*", NO_ANSWER),),
    "count_of_coffees": (Limit(r"coffee_maker is killed .*", NO_ANSWER),),
    "a_person_comes_home": (
        Limit(r"anna is killed .*", COUNTED_ANEW),
        Limit(r"the hardware of anna .* at 12:0\d:00", SOURCE_LOST),
    ),
    "one_press_makes_breakfast": (Limit(r"toaster is killed .*", NO_ANSWER),),
    "breakfast_lamp": (
        Limit(r"(coffee_maker|toaster) is cut off for 30 s at 07:00:00", MEAL),
        Limit(r"the hardware of (coffee_maker|toaster) .* at 07:00:48", FAULTY),
    ),
    "plug_off_after_a_while": (
        Limit(r"iron is killed .*", RESTORE),
        Limit(r"the hardware of iron .* at 10:00:00", LATER),
    ),
    "blinds_at_dawn_and_dusk": (Limit(r"bedroom_blind is killed .*", NO_ANSWER),),
    "awning_in_the_wind": (Limit(r"awning is killed .*", NO_ANSWER),),
    "tell_me_what_deserves_attention": (
        Limit(r"phone is killed .*", NO_ANSWER),
        Limit(r"the hardware of front_door .* at 10:10:00", WAITS_ANEW),
    ),
    "shade_in_the_heat": (Limit(r"the hardware of balcony_climate .* at 11:10:00", UNKNOWN),),
    "button_for_a_blind": (
        Limit(r".*window_(button|blind) .* at 10:10:00", UNDONE),
        Limit(r".*window_(button|blind) .* at 10:10:1[05]", LATER),
    ),
    "freezer_alarm": (
        Limit(r"freezer is killed .*", RESTORE),
        Limit(r".*(freezer|red_lamp) .* at (10:30|13:00):00", UNKNOWN),
    ),
    "tell_me_when_the_freezer_is_warm": (Limit(r"the hardware of freezer_climate .* at 03:10:00", UNKNOWN),),
    "door_left_open": (Limit(r"the hardware of cellar_door .* at 10:10:00", WAITS_ANEW),),
    "defaults_for_all_lamps": (Limit(r"the hardware of (hall|stairs)_motion .* at 18:[12]4:00", WAITS_ANEW),),
}
"""By recipe, the faults that break a story."""


def file_name(heading: str) -> str:
    """Return the name of a recipe's story file, without its ending."""
    return re.sub(r"\W+", "_", heading.lower())


NAMES = {file_name(heading): heading for heading in RECIPES}


def load(name: str, blocks: list[str] | None = None) -> tuple[House, StoryFile]:
    """Load a recipe and its stories; `blocks` are the files of a changed recipe."""
    with TemporaryDirectory() as folder:
        house = load_recipe(RECIPES[NAMES[name]] if blocks is None else blocks, Path(folder))
    return house, load_stories(FOLDER / f"{name}.test.toml", house)


def failures(house: House, file: StoryFile) -> list[str]:
    """Play all stories; return what does not hold, in words."""
    return [
        f"{story.title}: expected {failure.expected}, but {failure.found}"
        for story in file.stories
        for failure in play(story, house, file.always).failures
    ]


def test_each_recipe_has_stories_and_each_story_file_a_recipe() -> None:
    """The name of the file follows from the heading."""
    files = {path.name.removesuffix(".test.toml") for path in FOLDER.iterdir()}
    assert files == NAMES.keys()
    assert LIMITS.keys() <= NAMES.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_does_what_its_text_promises(name: str) -> None:
    """All stories of the recipe hold."""
    house, file = load(name)
    assert file.stories
    assert failures(house, file) == []


def test_the_story_on_the_page_holds(tmp_path: Path) -> None:
    """The page shows how to rehearse a recipe: its story and its commands work as written."""
    (example,) = EXAMPLES
    (tmp_path / "recipe.toml").write_text(RECIPES["Motion light"][0])
    (tmp_path / "recipe.test.toml").write_text(example)
    for command in ("house --config recipe.toml test", "house --config recipe.toml test --faults"):
        assert f"    {command} " in PAGE.read_text()
        arguments = command.replace("recipe.toml", str(tmp_path / "recipe.toml")).split()[1:]
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, result.output.splitlines()[-1]) == (0, "1 of 1 stories hold.")


def test_each_limit_is_a_sentence_of_a_page() -> None:
    """A story may fail only with a fault for which a page says so."""
    text = " ".join((PROJECT / "docs" / f"{page}.md").read_text() for page in PAGES)
    text = re.sub(r"\s+", " ", text)
    for limits in LIMITS.values():
        for limit in limits:
            assert limit.sentence in text


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_keeps_its_promises_with_every_fault(name: str) -> None:
    """The stories hold with each fault, but for the documented limits; and each limit is needed."""
    house, file = load(name)
    limits = LIMITS.get(name, ())
    needed: set[Limit] = set()
    for story in file.stories:
        played, broken = play_with_faults(story, house, file.always)
        assert played > 0
        for one in broken:
            found = [limit for limit in limits if re.fullmatch(limit.faults, one.fault)]
            assert found, f"{story.title}: when {one.fault}: {one.outcome.failures}"
            needed.update(found)
    assert needed == set(limits)


# Stories that can fail

SAME = {"kind", "driver", "name", "room", "simulated", "detects", "when"}
"""The keys of a device without which it is another device, or looks different."""


def without_one_key(blocks: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each recipe that lacks one rule, or one key of a rule or of a device, and what it lacks."""
    for number, block in enumerate(blocks):
        comment = block.partition("\n")[0] + "\n" if number else ""
        for lacking, text in without_one_key_of(block):
            yield lacking, [*blocks[:number], comment + text, *blocks[number + 1 :]]


def without_one_key_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield each text of a file that lacks one rule, or one key, and what it lacks."""

    def changed(path: tuple[Any, ...]) -> str:
        raw: Any = tomllib.loads(text)
        table = raw
        for key in path[:-1]:
            table = table[key]
        del table[path[-1]]
        return tomlkit.dumps(raw)

    for device, table in tomllib.loads(text)["devices"].items():
        for key in table.keys() - SAME:
            yield f"{device}.{key}", changed(("devices", device, key))
        for number, rule in enumerate(table.get("when", [])):
            yield f"{device}.when[{number}]", changed(("devices", device, "when", number))
            for key in rule:
                path = ("devices", device, "when", number, key)
                yield f"{device}.when[{number}].{key}", changed(path)
    for kind, table in tomllib.loads(text).get("defaults", {}).get("kinds", {}).items():
        for key in table.keys() - SAME:
            yield f"defaults.{kind}.{key}", changed(("defaults", "kinds", kind, key))


UNNOTICED = {
    "dim_light_at_night": {"bath_lamp.when[0].between"},  # at night the second rule acts after it, at once
    "wake_up_light": {"bedroom_lamp.when[2].with"},  # 100 % is the default
    "smoke": {"hall_lamp.when[0].with"},
    "rain_and_an_open_window": {"roof_window.stale_after"},  # a story of two days has too many faults
    "washing_machine_done": {"washing_machine.finished_after"},  # three minutes are the default
}
"""The parts of recipes that no story can show."""


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_a_story_fails_without_any_part_of_its_recipe(name: str) -> None:
    """Each rule and each key of the recipe matters to a story, but for those that no story can show."""
    unnoticed = []
    for lacking, blocks in without_one_key(RECIPES[NAMES[name]]):
        try:
            house, file = load(name, blocks)
        except ConfigurationError:
            continue
        if not failures(house, file):
            unnoticed.append(lacking)
    assert set(unnoticed) == UNNOTICED.get(name, set())
