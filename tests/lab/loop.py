"""What stands around the agent in an installation, on the monitor of one lab estate.

A ServiceNow whose business rule signs what it sends, somebody's telephone that is told of alerts, a
browser, keys, and the service that writes to all of them. The calling thread is on the monitor too:
whatever it opens is opened there.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright

from app.audit.keys import Keys
from app.domain.permission import Role
from app.lab.estate import HOSTS
from app.lab.network import inside
from app.lab.places import PROJECT
from app.lab.runner import fresh_estate
from app.lab.running import Estate
from app.lab.scenario import Scenario
from app.lab.service import PORT, Service, start_service
from app.models.database import Database
from app.servicenow.fake.business_rules import BusinessRule
from app.servicenow.fake.control import Control
from app.servicenow.fake.running import running
from app.servicenow.fake.seeding import AGENT, GROUP
from app.servicenow.fake.signing import Mode, Signing
from tests.browser.conftest import FLAGS
from tests.conftest import settings_of
from tests.receiver import Receiver, receiving

HOOK = "/api/v1/incident/trigger-agent"
SOURCE_KEY = "snow-1"
APPROVAL_SECONDS = 10
"""How long a question waits before somebody is told: the least that the setting takes."""
PATIENCE = 180.0
"""Seconds until what must come has come; on a quiet machine none takes thirty."""


@dataclass(frozen=True)
class Loop:
    """The agent at work on an estate, and everything that it speaks to."""

    estate: Estate
    service: Service
    instance: Control
    telephone: Receiver

    @property
    def database_url(self) -> str:
        return f"sqlite+aiosqlite:///{self.estate.folder / 'service.sqlite'}"

    def command(self, *words: str) -> str:
        """What a command prints on the server's own machine; it must end well."""
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            cwd=PROJECT,
            env={
                "PATH": os.defpath,
                "HOME": str(self.estate.folder / "home"),
                "DATABASE_URL": self.database_url,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def keys(self, *roles: Role) -> list[str]:
        """A fresh key for each role; from the first on everybody needs one."""

        async def make() -> list[str]:
            database = Database(settings_of(self.database_url))
            try:
                return [(await Keys(database).create(role, role.value)).token for role in roles]
            finally:
                await database.close()

        return asyncio.run(make())

    def ask(self, method: str, path: str, key: str = "", **more: Any) -> httpx.Response:
        """One request, with a key or without."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = self.service.url + path
        return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **more)

    def notice(self) -> dict[str, Any]:
        """What the telephone is told next; waits for it."""
        return self.telephone.came.get(timeout=PATIENCE).json()

    def until_told(self, key: str, notes: int) -> None:
        """Until the ticket has been told so much, and nothing waits to be told."""
        deadline = time.monotonic() + PATIENCE
        counts: dict[str, int] = {}
        while time.monotonic() < deadline:
            counts = self.ask("GET", "/api/v1/outbox", key).raise_for_status().json()["counts"]
            if counts["sent"] >= notes and counts["pending"] + counts["sending"] == 0:
                return
            time.sleep(0.2)
        raise TimeoutError(f"the ticket was not told: {counts}")


@contextmanager
def looped(scenario: Scenario, folder: Path) -> Iterator[Loop]:
    """The scenario's hosts with all of it around them; nothing is broken yet."""
    with fresh_estate(scenario) as estate, ExitStack() as parts:
        parts.enter_context(inside(estate.namespace))
        instance = parts.enter_context(running(folder / "servicenow"))
        telephone = parts.enter_context(receiving())
        secret = secrets.token_hex(32)
        settings = _settings(instance, telephone, _sources(folder, secret))
        service = start_service(estate, _policy(folder), settings)
        parts.callback(_show, service.log)
        parts.callback(service.stop)
        _teach(instance, scenario, service.url + HOOK, secret)
        yield Loop(estate, service, instance, telephone)


def _show(log: Path) -> None:
    """pytest shows it where the test fails; the estate is gone then."""
    sys.stdout.write(log.read_text(errors="replace")[-20_000:])


def _policy(folder: Path) -> Path:
    """The level that a real installation begins with: a person approves each change."""
    path = folder / "policy.yaml"
    path.write_text("autonomy_level: L2\n")
    return path


def _sources(folder: Path, secret: str) -> Path:
    """Who may hand in incidents: a ServiceNow that signs."""
    key = folder / "servicenow.key"
    key.touch(mode=0o600)
    key.write_text(secret)
    path = folder / "sources.yaml"
    keys = {SOURCE_KEY: {"file": str(key)}}
    path.write_text(json.dumps({"sources": {"servicenow": {"kind": "hmac", "keys": keys}}}))
    return path


def _settings(instance: Control, telephone: Receiver, sources: Path) -> dict[str, str]:
    return {
        "SOURCES_FILE": str(sources),
        "PUBLIC_URL": f"http://127.0.0.1:{PORT}",
        "SERVICENOW_INSTANCE_URL": instance.url,
        "SERVICENOW_CA_FILE": str(instance.ca_file),
        "SERVICENOW_USERNAME": instance.credentials.user_name,
        "SERVICENOW_PASSWORD": instance.credentials.password,
        "ALERT_URLS": telephone.apprise,
        "ALERT_APPROVAL_SECONDS": str(APPROVAL_SECONDS),
    }


def _teach(instance: Control, scenario: Scenario, hook: str, secret: str) -> None:
    """The CMDB knows the target, and a business rule calls the agent, as docs/howto has it."""
    target = HOSTS[scenario.target]
    instance.insert(
        "cmdb_ci_linux_server",
        by="admin",
        name=target.names[1],
        fqdn=target.names[1],
        ip_address=target.address,
    )
    instance.add_rule(
        BusinessRule(
            url=hook,
            condition=f"assignment_group.name={GROUP}^stateIN1,2",
            not_by=AGENT,
            signing=Signing(mode=Mode.HMAC, name=SOURCE_KEY, secret=secret),
        )
    )


@contextmanager
def browsing() -> Iterator[Page]:
    """Debian's Chromium with a fresh profile, in the caller's network."""
    binary = shutil.which("chromium")
    assert binary is not None, "asked for before"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        context = browser.new_context(
            color_scheme="light",
            viewport={"width": 1000, "height": 560},
            ignore_https_errors=True,  # the instance's authority is its own
        )
        context.set_default_timeout(PATIENCE * 1000)
        yield context.new_page()
        browser.close()


def require_browser() -> None:
    """Leave the test out where there is no browser."""
    if shutil.which("chromium") is None:
        pytest.skip("there is no /usr/bin/chromium: apt-get install chromium")
