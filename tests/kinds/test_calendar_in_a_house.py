"""Calendars in a real house: a file, and a server that goes away while the process is killed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.calendar_server import CalendarServer, ics
from tests.support.house import HouseFactory
from tests.support.loopback_server import http

pytest.importorskip("daemons.drivers.ical.expand", exc_type=ImportError)
HOUSE = """
[house]
watchdog = "60s"
timezone = "Europe/Berlin"
[recorder]
enabled = false
[devices.family]
kind = "calendar"
driver = "ics"
{source}
[devices.lamp]
kind = "lamp"
driver = "simulated"
[[devices.lamp.when]]
device = "family"
turns = {{ event = "Piano" }}
do = "on"
[[devices.lamp.when]]
device = "family"
turns = {{ status = false }}
do = "off"
"""


def event(uid: int, title: str, begin: datetime, end: datetime) -> str:
    """Return an event between two moments."""
    return f"UID:{uid}\nDTSTART:{begin:%Y%m%dT%H%M%SZ}\nDTEND:{end:%Y%m%dT%H%M%SZ}\nSUMMARY:{title}"


@pytest.mark.long
def test_an_event_in_a_file_switches_a_lamp(make_house: HouseFactory, tmp_path: Path) -> None:
    """The file changes while the house runs; the event begins and ends by the clock."""
    file = tmp_path / "family.ics"
    file.write_text(ics())
    house = make_house(HOUSE.format(source=f'ics.file = "{file}"'))
    house.house("up")
    with house.listen("family", "lamp") as listener:
        listener.wait_for(lambda listener: listener.has_state("family", phase="free", events=""))
        now = datetime.now(UTC)
        file.write_text(ics(event(1, "Piano", now + timedelta(seconds=15), now + timedelta(seconds=20))))
        listener.wait_for(lambda listener: listener.has_state("family", next_event="Piano"))
        listener.wait_for(lambda listener: listener.has_state("family", event="Piano", status=True))
        listener.wait_for(lambda listener: listener.has_state("lamp", status=True))
        listener.wait_for(lambda listener: listener.has_state("family", phase="free", next_event=None))
        listener.wait_for(lambda listener: listener.has_state("lamp", status=False))


@pytest.mark.long
def test_an_event_begins_without_the_server_after_a_kill(make_house: HouseFactory) -> None:
    """The process is killed while the server is away; it goes on from its journal, and the lamp goes on."""
    now = datetime.now(UTC)
    begin = now + timedelta(seconds=30)
    with CalendarServer(ics(event(1, "Piano", begin, begin + timedelta(minutes=5)))) as server:
        house = make_house(HOUSE.format(source=f'ics.url = "{server.url}/basic.ics"'))
        house.house("up")
        with house.listen("family", "lamp") as listener:
            listener.wait_for(lambda listener: listener.has_state("family", next_event="Piano"))
            server.fault = http(503)
            listener.kill("family")
            fault = f"{server.url.removeprefix('http://')}: HTTP 503"
            listener.wait_for(
                lambda listener: listener.has_state("family", fault=fault, reachable=True, next_event="Piano")
            )
            listener.wait_for(lambda listener: listener.has_state("family", event="Piano", fault=fault))
            listener.wait_for(lambda listener: listener.has_state("lamp", status=True))
