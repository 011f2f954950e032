"""A real Home Assistant beside a house: it shows each device, sends commands, and complains of nothing."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.support.house import HouseFactory
from tests.support.mosquitto import Mosquitto
from tests.support.real_home_assistant import HomeAssistant, Session

HOUSE = """
[house]
watchdog = "60s"
[bridge]
broker = "127.0.0.1"
port = {port}
[devices.switch]
kind = "light_switch"
[devices.coffee]
kind = "coffee_maker"
[devices.toast]
kind = "toaster"
[devices.lamp]
kind = "lamp"
room = "Hall"
[devices.plug]
kind = "plug"
[devices.blind]
kind = "cover"
open_time = "2s"
close_time = "2s"
[devices.blinds]
kind = "group"
of = "cover"
[devices.lamps]
kind = "group"
of = "lamp"
[devices.heater]
kind = "heater"
max_on = "4h"
[devices.climate]
kind = "sensor"
[devices.door]
kind = "sensor"
detects = "opening"
[devices.button]
kind = "button"
[devices.mode]
kind = "mode"
values = ["home", "away"]
[devices.flag]
kind = "flag"
[devices.number]
kind = "number"
unit = "°C"
[devices.alarm]
kind = "moment"
[devices.count]
kind = "counter"
[devices.timer]
kind = "timer"
[devices.phone]
kind = "messenger"
[devices.bill]
kind = "meter"
source = "plug"
price_per_kwh = 0.30
currency = "EUR"
[devices.movie]
kind = "scene"
sets = {{ lamp = {{ on = {{ brightness_percent = 30 }} }} }}
[devices.mirror]
kind = "mirror"
port = 0
[defaults.kinds]
light_switch.driver = "simulated"
coffee_maker.driver = "simulated"
toaster.driver = "simulated"
lamp.driver = "simulated"
plug.driver = "simulated"
cover.driver = "simulated"
heater.driver = "simulated"
sensor.driver = "simulated"
button.driver = "simulated"
messenger.driver = "simulated"
"""
METERED = ("switch", "coffee", "toast", "lamp", "plug", "heater")
"""The devices whose simulated hardware has a meter."""
STATISTICS_SECONDS = 360.0
"""Home Assistant makes its statistics each five minutes."""
OURS = re.compile(r"(WARNING|ERROR).*(mqtt|house)", re.IGNORECASE)


@pytest.mark.long
async def test_home_assistant_shows_and_commands_the_whole_house(
    make_house: HouseFactory, tmp_path: Path
) -> None:
    """Each device is there with its name; commands arrive; the energy dashboard accepts every meter."""
    with Mosquitto(tmp_path / "broker") as broker:
        house = make_house(HOUSE.format(port=broker.port))
        house.house("up")
        assert house.send("plug", "on")["outcome"] == "applied"
        with HomeAssistant(tmp_path / "ha", broker.port) as home_assistant:
            async with home_assistant.session() as session:
                await session.wait_for("switch.plug", "on", 60, device_class="outlet")
                names = {one["name"] for one in await session.ask("config/device_registry/list")}
                assert set(house.status()["devices"]) <= {name.lower() for name in names if name}
                await check_commands(session)
                await check_energy(session)
                unavailable = [
                    name for name, one in (await session.states()).items() if one["state"] == "unavailable"
                ]
                assert not unavailable
                await asyncio.to_thread(house.house, "stop", "lamp")
                await session.wait_for("light.lamp", "unavailable")
                await session.wait_for("sensor.lamp_process", "stopped")
            complaints = [line for line in home_assistant.log.splitlines() if OURS.search(line)]
    assert not complaints, "\n".join(complaints)


async def check_commands(session: Session) -> None:
    """Send a command to an entity of each sort, and wait for the state that it leads to."""
    await session.call("light.turn_on", "light.lamp", brightness=102)
    await session.wait_for("light.lamp", "on", brightness=102)
    await session.wait_for("light.lamps", "on")
    await session.call("light.turn_off", "light.lamps")
    await session.wait_for("light.lamp", "off")
    await session.call("scene.turn_on", "scene.movie")
    await session.wait_for("light.lamp", "on")
    await session.call("cover.open_cover", "cover.blinds")
    await session.wait_for("cover.blind", "open", current_position=100)
    await session.call("cover.set_cover_position", "cover.blinds", position=40)
    await session.wait_for("cover.blind", "open", current_position=40)
    await session.wait_for("cover.blinds", "open", current_position=40)
    await session.call("climate.set_temperature", "climate.heater", temperature=23)
    await session.wait_for("climate.heater", "heat", temperature=23)
    await session.call("select.select_option", "select.mode", option="away")
    await session.wait_for("select.mode", "away")
    await session.call("number.set_value", "number.number", value=21)
    await session.wait_for("number.number", "21.0")
    await session.call("text.set_value", "text.alarm_time", value="06:45")
    await session.wait_for("text.alarm_time", "06:45")
    await session.call("button.press", "button.toast_start")
    await session.wait_for("binary_sensor.toast_on", "on")
    await session.call("notify.send_message", "notify.phone", message="Hello")
    await session.wait_for("sensor.phone_delivered", "1")


async def check_energy(session: Session) -> None:
    """Name each meter to the energy dashboard, and wait until it has statistics of all and finds no fault."""
    meters = [f"sensor.{name}_energy" for name in METERED] + ["sensor.bill_energy"]
    states = await session.states()
    missing = [name for name in meters if name not in states]
    assert not missing, [name for name in states if "bill" in name]
    consumers = [{"stat_consumption": name} for name in meters]
    await session.ask("energy/save_prefs", device_consumption=consumers)
    async with asyncio.timeout(STATISTICS_SECONDS):
        while True:
            found = await session.ask("energy/validate")
            issues = [issue for device in found["device_consumption"] for issue in device]
            if not issues:
                return
            assert {issue["type"] for issue in issues} == {"statistics_not_defined"}, issues
            await asyncio.sleep(5)  # the statistics come with no event
