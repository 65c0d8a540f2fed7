"""The four traps, in a real browser: six connections, stopping, one rendering, lost state."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from app.commands.demo import running, stop
from app.domain.approval import Vote
from app.domain.execution import Outcome
from app.engine.parts import Records
from app.models.database import Database
from tests.acceptance.conftest import started
from tests.browser.conftest import SLOWEST, Site
from tests.integration.api.scene import PLAN_HASH, add_a_change, waiting_execution

HOST = "web-prod-01.company.com"


async def conclude(records: Records, execution_id: int) -> None:
    await records.journal.conclude(
        execution_id,
        outcome=Outcome.ESCALATED,
        root_cause="the disk is dying",
        summary="",
        confidence=0.9,
        evidence_ids=(),
        recommended=("Replace the disk.",),
    )


def live(page: Page) -> None:
    expect(page.locator("#live")).to_have_text("live", timeout=SLOWEST)


def test_a_page_follows_what_happens_and_keeps_what_its_reader_opened(
    site: Site, page: Page
) -> None:
    question = site.write(lambda database: waiting_execution(database, "INC0000001", host=HOST))
    number = question.execution_id
    page.goto(f"{site.url}/ui/executions/{number}")
    live(page)
    reasons = page.locator(".cause details").first
    first = page.locator(f"#x{number}-l1 details")
    first.locator("summary").click()
    reasons.locator("summary").click()  # closed now, as nobody but the reader wants it
    reasons.locator("summary").focus()
    lines = page.locator(f"#x{number}-log > li")
    count = lines.count()
    site.write(lambda database: add_a_change(Records.of(database), number))
    expect(lines).to_have_count(count + 1, timeout=SLOWEST)
    site.write(lambda database: conclude(Records.of(database), number))
    expect(page.locator(".sentence").first).to_contain_text("the disk is dying", timeout=SLOWEST)
    assert first.get_attribute("open") is not None
    assert reasons.get_attribute("open") is None
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert page.title() != "owned"


def test_the_seventh_tab_loads_and_all_are_live(site: Site, context: BrowserContext) -> None:
    tabs = [context.new_page() for _ in range(8)]
    for tab in tabs:
        tab.goto(f"{site.url}/ui")
    for tab in tabs:
        live(tab)
    question = site.write(lambda database: waiting_execution(database, "INC0000008", host=HOST))
    for tab in tabs:
        row = tab.locator(f"#row-{question.execution_id}")
        expect(row).to_contain_text("waits for a person", timeout=SLOWEST)
        expect(tab.locator("#waiting-count")).to_have_class("count")


def test_after_a_restart_nothing_is_missing(tmp_path: Path, context: BrowserContext) -> None:
    site = Site("", tmp_path)
    environment = {"DATABASE_URL": site.database_url, "LOG_LEVEL": "WARNING"}
    page = context.new_page()
    with running(environment, tmp_path) as server:
        question = site.write(lambda database: waiting_execution(database, host=HOST))
        page.goto(f"{server.url}/ui/executions/{question.execution_id}")
        live(page)
        port = int(server.url.rsplit(":", 1)[1])
    expect(page.locator("#live")).not_to_have_text("live", timeout=SLOWEST)
    site.write(lambda database: add_a_change(Records.of(database), question.execution_id))
    bare = {"PATH": "/usr/bin:/bin"} | environment
    with started(["-m", "app.cli", "serve"], bare, tmp_path, port=port):
        live(page)
        lines = page.locator(f"#x{question.execution_id}-log > li")
        expect(lines).to_have_count(3, timeout=SLOWEST)
        expect(page.locator(".taken li")).to_have_count(1, timeout=SLOWEST)


def test_the_server_stops_while_it_is_watched(tmp_path: Path, context: BrowserContext) -> None:
    site = Site("", tmp_path)
    bare = {"PATH": "/usr/bin:/bin", "DATABASE_URL": site.database_url}
    with started(["-m", "app.cli", "serve"], bare, tmp_path) as (address, child):
        for _ in range(2):
            page = context.new_page()
            page.goto(f"{address}/ui")
            live(page)
        began = time.monotonic()
        assert stop(child, signal.SIGTERM) == 0
        # five seconds is what open requests are given at most; a killed one would not say 0
        assert time.monotonic() - began < 15
    assert "stopped" in (tmp_path / "server.log").read_text()


def test_a_decision_shows_in_the_other_tab(site: Site, context: BrowserContext) -> None:
    question = site.write(lambda database: waiting_execution(database, "INC0000009", host=HOST))
    page = context.new_page()
    page.goto(f"{site.url}/ui/approvals/{question.id}")
    live(page)

    async def reject(database: Database) -> None:
        await Records.of(database).approvals.vote(
            question.id,
            person="ann",
            subject=None,
            vote=Vote.REJECT,
            reason="not tonight",
            plan_hash=PLAN_HASH,
            grant_seconds=900,
        )

    site.write(reject)
    expect(page.locator(f"#q{question.id}-state")).to_contain_text("not tonight", timeout=SLOWEST)
