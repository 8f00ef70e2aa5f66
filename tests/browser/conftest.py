"""A browser and a daemon, as users have them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.flood import Flood
from tests.running import RunningDlm

CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-precise-memory-info",
)


class Daemon:
    """A daemon in a process of its own, with its token, and the folder that files go to. It may be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "files"
        self._own = folder
        self._state = ("--state", str(folder / "state" / "dlm.db"))
        self._listen = "127.0.0.1:0"
        self._life = ExitStack()

    def start(self) -> None:
        """Begin, where it was the last time, and return when it answers."""
        flags = ("--listen", self._listen, "--dir", str(self.folder), "--workers", "0", "--json")
        running = self._life.enter_context(RunningDlm("serve", *self._state, *flags, cwd=self._own))
        assert running.process.stdout is not None
        ready = json.loads(running.process.stdout.readline())
        self.address = next(each for each in ready["listening"] if each.startswith("http"))
        self._listen = self.address.removeprefix("http://").rstrip("/")
        with RunningDlm("token", *self._state, cwd=self._own) as told:
            self.token = told.end()[1].strip()

    def stop(self) -> None:
        """Kill it."""
        self._life.close()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers."""
        request = urllib.request.Request(self.address + "api/v1" + path, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def add(self, *addresses: str, **options: object) -> list[str]:
        """Queue these. Gives their ids."""
        told = self.ask("POST", "/downloads/bulk", {"downloads": [{"uris": [each], **options} for each in addresses]})
        return [each["download"]["download_id"] for each in told["added"]]


@dataclass
class Visit:
    """The page in a browser, and everything that it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def heard(self, message: ConsoleMessage) -> None:
        """A line of the console; refused and lost connections are not the page's fault."""
        told_by_browser = message.text.startswith(("Failed to load resource", "WebSocket connection to"))
        if message.type in {"error", "warning"} and not told_by_browser:
            self.complaints.append(message.text)

    def enter(self, daemon: Daemon) -> None:
        """Give the token, and see the list."""
        self.page.goto(daemon.address)
        self.page.fill("#entry-token", daemon.token)
        self.page.press("#entry-token", "Enter")
        self.page.wait_for_selector("#app:not([hidden])")

    def row(self, name: str) -> Any:
        """The row of the download with this name."""
        return self.page.locator(".row:not([hidden])", has=self.page.get_by_text(name, exact=True))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def flood() -> Iterator[Flood]:
    """A server that is as slow as each address says."""
    with Flood() as server:
        yield server


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon at work."""
    daemon = Daemon(tmp_path)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """A fresh browser profile. Whatever the page complains about fails the test, violations of its policy above all."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    visit = Visit(context.new_page())
    visit.page.set_default_timeout(60_000)
    visit.page.on("console", visit.heard)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    yield visit
    context.close()
    assert visit.complaints == []
