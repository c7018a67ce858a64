"""A real Chromium without a window, spoken to over a pipe: no package, no port, no network.

The DevTools protocol over ``--remote-debugging-pipe`` is JSON objects with a zero byte after
each. The browser is the one that the set-up has unpacked, on Linux and x86-64, or the one that the
machine has; where it has none, a test that needs one fails and says so, since a page that nobody
opened is not tested.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_OWN = Path(sys.prefix) / "node" / "browser"
_FLAGS = (
    *("--headless", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# No server listens there, so all requests of a page fail.
_NO_NETWORK = ("--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>")
_LOOPBACK = ("--proxy-server=http://127.0.0.1:9",)

_SECONDS = 60  # of silence, after which a browser that was asked something has failed


class Page:
    """One tab."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._into, self._rest = out, into, b""
        self._numbers = count(1)
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Page.setLifecycleEventsEnabled", enabled=True)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send an order and wait for the answer; what happens meanwhile is in ``events``."""
        number = next(self._numbers)
        order = {"id": number, "method": method, "params": parameters}
        order |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while True:
            said = self._read()
            if said.get("id") == number:
                assert "error" not in said, said["error"]
                result: dict[str, Any] = said["result"]
                return result
            self.events.append(said)

    def open(self, path: Path, width: int, scheme: str = "light", media: str = "screen") -> None:
        """Open a file, in this width, and wait until it is loaded."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=media, features=features)
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **screen)
        self.open_url(path.as_uri())

    def open_url(self, url: str) -> None:
        """Open a page and wait until it has loaded."""
        self.events.clear()
        # What an earlier click has started may still load: only this navigation's own end counts.
        loader = self.send("Page.navigate", url=url)["loaderId"]
        self.wait_for(
            "Page.lifecycleEvent", lambda seen: (seen["loaderId"], seen["name"]) == (loader, "load")
        )

    def wait_for(self, method: str, fits: Callable[[dict[str, Any]], bool]) -> None:
        """Wait for an event, or find it among those that were there before.

        Nothing is asked of the page meanwhile: it may be leaving for another one, and could not
        answer. The test fails after 60 seconds without any event.
        """
        for event in self.events:
            if event.get("method") == method and fits(event["params"]):
                return
        while True:
            event = self._read()
            self.events.append(event)
            if event.get("method") == method and fits(event["params"]):
                return

    def ask(self, expression: str) -> Any:
        """Evaluate JavaScript; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click into the middle of an element, with a mouse."""
        x, y = self.ask(
            f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            " const r = e.getClientRects()[0];"
            " return [r.x + r.width / 2, r.y + r.height / 2] })"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key and let it go."""
        extra = {"text": text} if text else {}
        for kind in ("keyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **(extra if kind == "keyDown" else {}),
            )

    def screenshot(self, path: Path) -> None:
        """Save what is to be seen as PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._into], [], [], _SECONDS)[0], "the browser says nothing"
            part = os.read(self._into, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        said, _, self._rest = self._rest.partition(b"\0")
        event: dict[str, Any] = json.loads(said)
        return event


@contextmanager
def browser(profile: Path, *, loopback: bool = False) -> Iterator[Page]:
    """Start a browser with an empty profile; it ends with the block.

    It has no network, or, with ``loopback``, no other host than this one.
    """
    candidates = (os.environ.get("FINBASE_CHROMIUM"), str(_OWN / "chromium"), *_PROGRAMS)
    program = next(filter(None, map(shutil.which, filter(None, candidates))), None)
    if not program:
        pytest.fail(
            "no Chromium is here, so nobody has opened the report: install the package `chromium`, "
            "or name a browser with FINBASE_CHROMIUM"
        )
    flags = [*_FLAGS, *(_LOOPBACK if loopback else _NO_NETWORK), f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium has no sandbox for root.
    theirs_in, out = os.pipe()
    into, theirs_out = os.pipe()
    # The browser reads orders from 3 and answers on 4; bash, unlike sh, puts any pipe there.
    process = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", program, *flags],
        pass_fds=(theirs_in, theirs_out),
        # Its own libraries; no other program has use for them.
        env=os.environ | {"LD_LIBRARY_PATH": str(_OWN / "lib")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(out, into)
    finally:
        process.terminate()
        process.wait(10)
        os.close(out)
        os.close(into)
