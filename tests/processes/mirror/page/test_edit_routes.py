"""Editing, and managing processes, by the page of a real house; also with attacks, races and kills."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.support.house import HouseFactory, TemporaryHouse, eventually
from tests.support.kettle import KETTLE
from tests.support.page_client import HttpResponse, http_post, http_request, page_url

MAIN = """\
include = ["rooms/*.toml"]

[house]
watchdog = "60s"

[recorder]
enabled = false

[devices.mirror]
kind = "mirror"
port = 0
edit = true

[devices.lamp]
kind = "lamp"
driver = "simulated"
"""
ROOM = """\
# The tea.
[devices.tea]
kind = "kettle"       # of our own
driver = "simulated"
simulated.speed = 60
room = "Kitchen"

[[devices.tea.when]]
device = "lamp"
turns = { status = true }
do = "start"
"""
CRASH = r"""
import json
from pathlib import Path
_own = Path("/proc/self/cmdline").read_bytes()
if b"house: tea" in _own or b"daemons\0tea" in _own:
    if json.loads(Path("devices/tea.json").read_bytes())["table"].get("name") == "Boom":
        raise SystemExit(3)
"""
"""Code that ends the process of the kettle, but no other one, while it is called Boom."""


class Page:
    """The page of a house, with the owner's token."""

    def __init__(self, house: TemporaryHouse) -> None:
        self.house = house
        self.token = house.house("token").stdout.strip()
        self.url = page_url(house)
        self.file = house.config.parent / "rooms" / "kitchen.toml"

    def get(self, path: str) -> HttpResponse:
        """Send a GET request; a page that restarts is waited for."""

        def answer() -> HttpResponse | None:
            try:
                found = http_request(self.url, path, Authorization=f"Bearer {self.token}")
            except (OSError, HTTPException):
                return None
            return None if b"the mirror is ending" in found.body else found

        found: HttpResponse = eventually(answer)
        return found

    def post(self, path: str, document: Any = None) -> HttpResponse:
        """Send a POST request."""
        return http_post(self.url, path, document, Authorization=f"Bearer {self.token}")

    def open(self, name: str = "tea") -> dict[str, Any]:
        """Return the text of a device, and its version."""
        found = self.get(f"/api/edit/{name}").json
        return {"version": found["version"], "text": found["text"]}

    def change(self, old: str, new: str, name: str = "tea") -> dict[str, Any]:
        """Return an edit of a device that replaces a part of its text."""
        found = self.open(name)
        assert old in found["text"]
        return {**found, "text": found["text"].replace(old, new)}

    def wait(self, answer: HttpResponse) -> dict[str, Any]:
        """Wait for the end of a job, also over a restart of the mirror."""
        assert answer.status == 202, answer
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(self.get(f"/api/jobs/{answer.json['id']}?wait=5").json)
            return bool(found["state"] != "running")

        eventually(is_over)
        return found

    def apply(self, edit: dict[str, Any], name: str = "tea") -> dict[str, Any]:
        """Apply an edit, and return its job when it has ended."""
        return self.wait(self.post(f"/api/edit/{name}/apply", edit))

    def is_in_step(self) -> bool:
        """Return whether the house runs exactly what its files say."""
        return "Nothing would change." in self.house.house("plan").stdout


@pytest.fixture
def page(make_house: HouseFactory) -> Iterator[Page]:
    """Start a house of two files with a kettle of your own, whose page may edit."""
    house = make_house(MAIN)
    folder = house.config.parent
    for name, text in (("rooms/kitchen.toml", ROOM), ("kinds/kettle.py", KETTLE + CRASH)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "rooms" / "kitchen.toml").chmod(0o640)
    house.house("up")
    yield Page(house)
    assert page_leaves_nothing(house)


def page_leaves_nothing(house: TemporaryHouse) -> bool:
    """Return whether no draft and no temporary file is left."""
    drafts = house.run / "drafts"
    left = [path for path in house.config.parent.rglob("*.new") if house.run not in path.parents]
    return not left and not (drafts.exists() and list(drafts.iterdir()))


def test_a_process_is_stopped_started_and_restarted(shared: TemporaryHouse, url: str) -> None:
    """A process that was stopped by hand stays so until it is started there."""

    def act(action: str) -> dict[str, Any]:
        begun = http_post(url, f"/api/processes/kitchen_lamp/{action}")
        assert begun.status == 202
        found: dict[str, Any] = http_request(url, f"/api/jobs/{begun.json['id']}?wait=20").json
        assert (found["state"], found["what"], found["by"]) == ("done", action, "page"), found
        return found

    before = shared.process("kitchen_lamp")
    act("stop")
    assert (shared.run / "stopped" / "kitchen_lamp").exists()
    assert shared.process("kitchen_lamp") is None

    def presence() -> str:
        return str(http_request(url, "/api/devices/kitchen_lamp").json["presence"])

    eventually(lambda: presence() == "stopped")
    act("start")
    assert not (shared.run / "stopped" / "kitchen_lamp").exists()
    eventually(lambda: presence() == "live")
    assert shared.process("kitchen_lamp") not in (None, before)


def test_the_rules_of_a_device_are_listed(url: str) -> None:
    """As `house rules` lists them, with their line, but devices have their titles."""
    found = http_request(url, "/api/rules/toaster").json
    assert (found["device"], found["hidden"]) == ("toaster", 0)
    (rule,) = found["rules"]
    assert rule["text"] == "when Bathroom light turns on: start"
    assert rule["place"].startswith("house.toml:")


@pytest.mark.long
def test_an_edit_is_shown_applied_and_undone(page: Page) -> None:
    """A name restarts the mirror; the job goes on meanwhile. Comments and the mode of the file stay."""
    found = page.get("/api/edit/tea").json
    assert (found["file"], found["first_line"], found["text"]) == ("rooms/kitchen.toml", 1, ROOM)
    edit = {"version": found["version"], "text": ROOM}
    form = page.post("/api/edit/tea/form", {**edit, "changes": {"name": "Grey tea", "room": "Hall"}}).json
    assert "# of our own" in form["text"]
    edit["text"] = form["text"]
    assert page.post("/api/edit/tea/check", edit).json["ok"]
    plan = page.post("/api/edit/tea/plan", edit).json
    assert plan["restarts_mirror"]
    assert {change["name"] for change in plan["changes"]} == {"mirror", "tea"}
    assert page.file.read_text() == ROOM
    job = page.apply(edit)
    assert (job["state"], [change["name"] for change in job["changes"]]) == ("done", ["mirror", "tea"])
    assert page.file.read_text() == form["text"]
    assert page.file.stat().st_mode & 0o777 == 0o640
    assert page.get("/api/devices/tea").json["name"] == "Grey tea"
    assert page.get("/api/edit/tea").json["undo"]["by"] == "page"
    assert page.is_in_step()
    assert page.post("/api/edit/tea/apply", edit).reason.startswith("rooms/kitchen.toml has changed")
    job = page.wait(page.post("/api/edit/undo", {}))
    assert (job["state"], page.file.read_text()) == ("done", ROOM)
    assert page.get("/api/devices/tea").json["name"] == "Tea"
    assert page.is_in_step()


@pytest.mark.long
def test_the_plan_says_what_a_device_would_forget(page: Page) -> None:
    """A device of another kind starts anew. With another name it forgets nothing."""
    plan = page.post("/api/edit/lamp/plan", page.change('"lamp"', '"light_switch"', "lamp")).json
    (text,) = plan["forgotten"]["lamp"]
    assert text.startswith("it was a lamp and becomes a light_switch")
    edit = page.change('kind = "lamp"', 'kind = "lamp"\nname = "Grey lamp"', "lamp")
    assert page.post("/api/edit/lamp/plan", edit).json["forgotten"] == {}


@pytest.mark.long
def test_an_edit_whose_process_fails_is_rolled_back(page: Page) -> None:
    """The file and the house are as before, and the reason has the log of the process."""
    page.house.house("plan")
    job = page.apply(page.change("[[", 'name = "Boom"\n[['))
    assert (job["state"], job["is_rolled_back"]) == ("failed", True), job
    assert "tea" in job["reason"]
    assert page.file.read_text() == ROOM
    assert page.is_in_step()
    eventually(lambda: page.get("/api/devices/tea").json["presence"] == "live")
    assert page.get("/api/edit/tea").json["undo"] is None
    assert page.post("/api/edit/undo", {}).status == 409


@pytest.mark.long
def test_a_story_that_does_not_hold_stops_an_edit(page: Page) -> None:
    """The page shows it before, and `untested` applies the edit all the same."""
    (page.house.config.parent / "rooms" / "kitchen.test.toml").write_text(
        '[[story]]\ntitle = "Tea with light"\n'
        '[[story.step]]\nat = "00:10"\nsend = { device = "lamp", command = "on" }\n'
        '[[story.step]]\nwithin = "5s"\nexpect = { device = "tea", is = { status = true } }\n'
    )
    edit = page.change("status = true", "status = false")
    played = page.post("/api/edit/tea/stories", edit)
    if played.status == 200:
        assert not played.json["ok"]
    job = page.apply(edit)
    assert (job["state"], job["is_rolled_back"], page.file.read_text()) == ("failed", True, ROOM), job
    assert page.apply({**edit, "untested": True})["state"] == "done"


@pytest.mark.long
def test_of_racing_edits_one_wins(page: Page) -> None:
    """The others are refused, and the file has the text of the winner."""
    edits = [page.change("Kitchen", f"Room {number}") for number in range(4)]
    answers: list[HttpResponse] = []

    def apply(edit: dict[str, Any]) -> None:
        with suppress(OSError, HTTPException):  # the winner restarts the mirror
            answers.append(page.post("/api/edit/tea/apply", edit))

    threads = [threading.Thread(target=apply, args=(edit,)) for edit in edits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begun = [answer for answer in answers if answer.status == 202]
    assert len(begun) >= 1
    assert {answer.status for answer in answers} <= {202, 409, 429}
    jobs = [page.wait(answer) for answer in begun]
    assert [job["state"] for job in jobs].count("done") == 1
    assert 'room = "Room ' in page.file.read_text()
    assert page.is_in_step()


def killed_at(page: Page, is_time: Callable[[], bool]) -> None:
    """Kill the program of the last edit at a moment."""
    while not is_time():
        time.sleep(0.0005)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                is_ours = (entry / "cwd").readlink() == page.house.run
            except OSError:
                continue
            if b"daemons.editing.program" in command and is_ours:
                with suppress(ProcessLookupError):  # it may have ended just now
                    os.kill(int(entry.name), signal.SIGKILL)


@pytest.mark.long
@pytest.mark.parametrize("moment", ["written", "reloading", "at once"])
def test_a_kill_within_an_edit_is_told_and_undone(page: Page, moment: str) -> None:
    """The job is interrupted or done; the page offers the undo; then house and file agree."""
    edit = page.change("Kitchen", "Hall")
    begun = page.post("/api/edit/tea/apply", edit)
    job_file = page.house.run / "jobs" / f"{begun.json['id']}.json"
    killed_at(
        page,
        {
            "written": lambda: "Hall" in page.file.read_text(),
            "reloading": lambda: b'"reloading"' in job_file.read_bytes(),
            "at once": lambda: True,
        }[moment],
    )
    job = page.wait(begun)
    assert job["state"] in ("interrupted", "done")
    text = page.file.read_text()
    assert text in (ROOM, edit["text"])
    answer = page.get("/api/edit/tea")
    assert answer.status == 200, answer
    found = answer.json
    if text != ROOM:
        assert found["undo"] is not None
        assert found["undo"]["is_interrupted"] is not page.is_in_step()
        assert page.wait(page.post("/api/edit/undo", {}))["state"] == "done"
    assert page.file.read_text() == ROOM
    page.house.house("reload")
    assert page.is_in_step()


@pytest.mark.long
def test_a_kill_of_the_mirror_does_not_stop_an_edit(page: Page) -> None:
    """The program goes on; the next mirror tells how it went."""
    pid = page.house.process("mirror")
    assert pid is not None
    begun = page.post("/api/edit/tea/apply", page.change("Kitchen", "Hall"))
    os.kill(pid, signal.SIGKILL)
    job = page.wait(begun)
    assert job["state"] == "done"
    assert "Hall" in page.file.read_text()
    assert page.is_in_step()


@pytest.mark.long
def test_hostile_texts_change_nothing(page: Page) -> None:
    """Each is refused with a line, or with a status; the file stays, and so does the house."""
    before = page.house.pids()
    opened = page.open()
    texts = [
        ROOM.replace('driver = "simulated"', 'driver = "command"\ncommand = { on = ["touch", "/tmp/evil"] }'),
        ROOM + '[devices.evil]\nkind = "lamp"\ndriver = "command"\n',
        'include = ["/etc/*.toml"]\n' + ROOM,
        ROOM.replace("Kitchen", "Kit\0chen"),
        ROOM.replace("\n", "\r"),
        ROOM.replace('"Kitchen"', '"' + "x" * 50_000 + '"'),
        "[" * 30_000,
        "a." * 15_000 + "b = 1",
        ROOM + "x = [" * 500 + "]" * 500 + "\n",
        ROOM + '"""',
        ROOM.replace("kettle", "../../kinds/kettle"),
        "\ufeff" + ROOM,
        ROOM + "\u2028[devices.evil]\n",
    ]
    for text in texts:
        edit = {**opened, "text": text}
        found = page.post("/api/edit/tea/check", edit)
        assert found.status == 200, text[:60]
        assert not found.json["ok"], text[:60]
        assert page.post("/api/edit/tea/apply", edit).status == 422
    for name in ("..", "..%2F..%2Fetc%2Fpasswd", "tea%00", "house", "steward"):
        assert page.get(f"/api/edit/{name}").status in (400, 404)
    assert page.file.read_text() == ROOM
    assert page.house.config.read_text() == MAIN
    assert page.house.pids() == before
