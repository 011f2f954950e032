"""Houses of 5, 42, 200 or more devices, with simulated hardware: `big_house` returns their configurations.

`python -m tests.support.big_house 42 FOLDER` starts one, and prints the address of its page; with `--down`
it stops it.
"""

import argparse
import json
import re
import sys
from itertools import cycle
from pathlib import Path

from tests.support.house import BREAKFAST, PROJECT, TemporaryHouse, eventually

HOME = (PROJECT / "tests" / "data" / "home_of_42.toml").read_text()
HOME_DEVICES, BREAKFAST_DEVICES = 42, 5
MORE_ROOMS = (
    *("Guest room", "Children's room", "Attic", "Garage", "Terrace", "Workshop", "Library", "Dressing room"),
    *("Pantry", "Music room", "Winter garden", "Sauna", "Stairs", "Laundry", "Playroom", "Wine cellar"),
    *("Upper bathroom", "Upper hall", "Upper bedroom", "Studio", "Balcony", "Shed", "Office", "Gym"),
)
ROOM = {
    "lamp": 'kind = "lamp"\ncolour_temperature_kelvin = 2700',
    "reading_lamp": 'kind = "lamp"',
    "climate": 'kind = "sensor"\nsimulated = { temperature_celsius = 20.5, humidity_percent = 48 }',
    "valve": 'kind = "thermostat"\nsimulated.temperature_celsius = 19.5',
    "window": 'kind = "sensor"\ndetects = "opening"\nstale_after = "1d"',
    "blind": 'kind = "cover"',
    "plug": 'kind = "plug"',
}
"""The devices of each further room."""
NAMES = {
    "long": (
        "The lamp above the long dining table in the kitchen",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk",
        "Window of the small room behind the stairs, north side",
    ),
    "japanese": ("居間の天井の照明", "台所の換気扇の下にある長い名前の照明器具", "寝室のブラインド"),
    "arabic": ("مصباح غرفة المعيشة", "ستارة نافذة المطبخ الكبيرة المطلة على الحديقة", "مقياس الحرارة"),
}
NAMES["mixed"] = tuple(name for names in zip(*NAMES.values(), strict=True) for name in names)
SEND = (
    *(("kitchen_lamp", "on"), ("desk_lamp", "on", "brightness_percent=40"), ("living_heater", "on")),
    *(("bedroom_valve", "on"), ("living_blind", "set", "position_percent=30"), ("television", "on")),
    *(
        ("anna", "home"),
        ("coffee_maker", "start"),
        ("eggs", "start", "duration=10m"),
        ("washing_machine", "on"),
    ),
)
"""What is sent to a home that has just started, so that something is to be seen."""


def big_house(devices: int, names: str | None = None) -> str:
    """Return the breakfast house, the home of 42 devices, or this home with more rooms.

    With `names`, all devices have names of that row of NAMES. The page has a free port.
    """
    text = BREAKFAST if devices <= BREAKFAST_DEVICES else HOME + "".join(more_devices(devices - HOME_DEVICES))
    if names is None:
        return text
    row = cycle(NAMES[names])
    return re.sub(
        r"^(\[devices\.\w+\])$", lambda header: f'{header[1]}\nname = "{next(row)}"', text, flags=re.MULTILINE
    )


def more_devices(wanted: int) -> list[str]:
    """Return the tables of further devices, room by room; two of each room follow each other's states."""
    rooms = [(room, name) for room in MORE_ROOMS for name in ROOM]
    if wanted > len(rooms):
        raise ValueError(f"at most {len(rooms) + HOME_DEVICES} devices")
    found = []
    for room, name in rooms[: max(0, wanted)]:
        word = re.sub(r"\W+", "_", room.lower())
        table = f'\n[devices.{word}_{name}]\n{ROOM[name]}\ndriver = "simulated"\nroom = "{room}"\n'
        if name == "reading_lamp":
            table += f'\n[[devices.{word}_{name}.when]]\ndevice = "{word}_lamp"\nfollow = ["status"]\n'
        found.append(table)
    return found


def main() -> None:
    """Start a house in a folder, or stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("devices", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--names", choices=NAMES)
    parser.add_argument("--down", action="store_true")
    given = parser.parse_args()
    house = TemporaryHouse(given.folder.absolute(), big_house(given.devices, given.names))
    if given.down:
        sys.stdout.write(house.house("down", check=False).stdout)
        return
    house.house("up", timeout_seconds=180)
    for name, *command in SEND if given.devices >= HOME_DEVICES else ():
        sys.stdout.write(f"{json.dumps(house.send(name, *command))}\n")
    url = eventually(lambda: house.status()["mirror"]["url"])
    sys.stdout.write(f"{url}\n")


if __name__ == "__main__":
    main()
