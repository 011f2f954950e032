"""A real Firefox for the tests, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/)."""

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.patience import Deadline, patience

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
ADDRESS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
MAX_MESSAGE_BYTES = 1 << 26
POLL_SECONDS = 0.05
PREFERENCES = """
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.auto", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "");
user_pref("remote.prefs.recommended", true);
"""


class Window:
    """A window of Firefox that shows a page."""

    def __init__(self, socket: ClientConnection) -> None:
        """Begin a session, and use the window that is open."""
        self._socket, self._numbers = socket, count(1)
        self.errors: list[str] = []
        """What the page has logged as an error."""
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        self._context = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **parameters: Any) -> Any:
        """Return the result of a command; raises AssertionError if Firefox refuses it."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            found = json.loads(self._socket.recv(timeout=patience()))
            if found.get("method") == "log.entryAdded" and found["params"]["level"] == "error":
                self.errors.append(str(found["params"]["text"]))
            if found.get("id") == number:
                assert found["type"] == "success", found
                return found["result"]

    def open(self, url: str) -> None:
        """Load a page."""
        self.call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """Set the size of the page, in CSS pixels."""
        size = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self._context, viewport=size)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, or of its promise."""
        found = self.call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({expression})) ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert found["type"] == "success", found["exceptionDetails"]["text"]
        return json.loads(found["result"]["value"])

    def run(self, script: str) -> None:
        """Run a script in the page."""
        target = {"context": self._context}
        found = self.call("script.evaluate", expression=script, target=target, awaitPromise=False)
        assert found["type"] == "success", found["exceptionDetails"]["text"]

    def wait_until(self, expression: str) -> None:
        """Wait until an expression is true."""
        deadline = Deadline()
        while not self.evaluate(expression):
            assert deadline.left() > 0, f"never true: {expression}; errors: {self.errors}"
            time.sleep(POLL_SECONDS)

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a person does."""
        self.wait_until(f"document.querySelector({json.dumps(selector)})?.getClientRects().length > 0")
        place = self.evaluate(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); "
            "one.scrollIntoView({ block: 'center', behavior: 'instant' }); "
            "const { x, y, width, height } = one.getBoundingClientRect(); "
            "return [Math.round(x + width / 2), Math.round(y + height / 2)]; })()"
        )
        move = {"type": "pointerMove", "x": place[0], "y": place[1]}
        press, release = ({"type": what, "button": 0} for what in ("pointerDown", "pointerUp"))
        self._act({"type": "pointer", "id": "mouse", "actions": [move, press, release]})

    def press(self, *keys: str) -> None:
        """Press keys, one after the other; a key's value is that of WebDriver, such as "\\ue004" for Tab."""
        strokes = [{"type": what, "value": key} for key in keys for what in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def _act(self, source: dict[str, Any]) -> None:
        self.call("input.performActions", context=self._context, actions=[source])

    def picture(self) -> bytes:
        """Return what the window shows, as PNG."""
        found = self.call("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(found["data"])


@contextmanager
def firefox(profile: Path) -> Iterator[Window]:
    """Start a Firefox with a new profile in this folder, and end it."""
    assert FIREFOX is not None
    profile.mkdir(parents=True)
    (profile / "user.js").write_text(PREFERENCES)
    command = [FIREFOX, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
    log = profile / "firefox.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            address = wait_for_address(log, process)
            with connect(f"{address}/session", max_size=MAX_MESSAGE_BYTES, compression=None) as socket:
                yield Window(socket)
        finally:
            process.terminate()
            process.wait(patience())


def wait_for_address(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address that Firefox prints when it is ready."""
    deadline = Deadline()
    while not (found := ADDRESS.search(log.read_text(errors="replace"))):
        is_starting = process.poll() is None and deadline.left() > 0
        assert is_starting, log.read_text(errors="replace")
        time.sleep(POLL_SECONDS)
    return found[1]
