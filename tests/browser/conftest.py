"""One simulated server as a process of its own and one Chromium, shared by the tests of a module.

What is shown is written into the server's database as the service itself writes it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.commands.demo import running
from app.commands.server import Server
from app.models.database import Database
from app.settings import Settings

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOKEN = "approvers-token-of-the-tests"
SLOWEST = 60_000.0
"""Milliseconds until the page must show something; on a quiet machine it takes two thousand."""

Said = TypeVar("Said")


class Site:
    """A running server and the way to its database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.database_url = f"sqlite+aiosqlite:///{folder}/sre-agent.sqlite"

    def write(self, work: Callable[[Database], Awaitable[Said]]) -> Said:
        """Write to the database as another process of the service does."""

        async def on_a_loop() -> Said:
            database = Database(Settings(_env_file=None, database_url=self.database_url))
            try:
                return await work(database)
            finally:
                await database.close()

        # the browser's own loop runs in this thread
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(asyncio.run, on_a_loop()).result()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A simulated server with a database of its own."""
    folder = tmp_path_factory.mktemp("site")
    made = Site("", folder)
    environment = {
        "ENABLE_REAL_SSH": "false",
        "DATABASE_URL": made.database_url,
        "LOG_LEVEL": "WARNING",
        "POLICY_FILE": str(folder / "policy.yaml"),
    }
    (folder / "policy.yaml").write_text(f"approvers: {{ann: {TOKEN}}}\n")
    with running(environment, folder) as server:
        assert isinstance(server, Server)
        made.url = server.url
        yield made


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    binary = shutil.which("chromium")
    if binary is None:
        pytest.skip("there is no /usr/bin/chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh profile; whatever a page complains of fails the test."""
    context = chromium.new_context(color_scheme="light")
    context.set_default_timeout(SLOWEST)
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda said: complaints.append(said.text) if "Content Security" in said.text else None,
    )
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
