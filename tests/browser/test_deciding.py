"""Deciding by the page: as somebody, for a plan, with a reason, once; without JavaScript too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.audit.approvals import Approval
from app.domain.approval import ApprovalState
from app.engine.parts import Records
from tests.browser.conftest import SLOWEST, TOKEN, Site
from tests.integration.api.scene import waiting_execution

HOST = "web-prod-01.company.com"


@pytest.fixture
def plain(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser whose JavaScript is switched off."""
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(SLOWEST)
    yield context
    context.close()


def ask(site: Site, number: str) -> Approval:
    return site.write(lambda database: waiting_execution(database, number, host=HOST))


def question(site: Site, number: int) -> Approval:
    return site.write(lambda database: Records.of(database).approvals.get(number))


def log_in(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="log in", exact=True).click()
    page.locator("#key").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(address)


def test_a_no_takes_a_reason_and_is_said_once(site: Site, context: BrowserContext) -> None:
    asked = ask(site, "INC0020001")
    address = f"{site.url}/ui/approvals/{asked.id}"
    first, second = context.new_page(), context.new_page()
    log_in(first, address)
    second.goto(address)
    first.keyboard.press("r")
    expect(first.locator("#no-reason")).to_be_focused()
    first.get_by_role("button", name="Reject").click()  # the browser asks for the reason
    assert question(site, asked.id).state is ApprovalState.PENDING
    second.locator("#yes-reason").fill("half written")
    first.locator("#no-reason").fill("not tonight")
    first.get_by_role("button", name="Reject").click()
    expect(first.locator(f"#q{asked.id}-state")).to_contain_text("ann said reject: not tonight")
    expect(second.locator(f"#q{asked.id}-state")).to_contain_text("rejected", timeout=SLOWEST)
    assert second.locator("#yes-reason").input_value() == "half written"  # nothing took it away
    second.get_by_role("button", name="Approve").click()
    expect(second.locator("h1")).to_contain_text("is rejected, not pending")
    (vote,) = question(site, asked.id).votes
    assert (vote.person, vote.reason) == ("ann", "not tonight")


def test_without_javascript(site: Site, plain: BrowserContext) -> None:
    asked = ask(site, "INC0020002")
    page = plain.new_page()
    log_in(page, f"{site.url}/ui/approvals/{asked.id}")
    page.locator("#yes-reason").fill("seen the evidence")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(f"#q{asked.id}-state")).to_contain_text("ann said approve")
    assert question(site, asked.id).votes[0].reason == "seen the evidence"
    page.get_by_role("link", name="Stop everything").click()
    page.get_by_label("Why").fill("the array moves")
    page.get_by_role("button", name="Stop everything").click()
    expect(page.locator("#stopped")).to_contain_text("STOPPED by ann: the array moves")
    assert site.write(lambda database: Records.of(database).pauses.current()).paused
    # who approves may stop everything, but not let it go on: that is for an administrator
    expect(page.locator("main")).to_contain_text("agent.resume")
    site.write(
        lambda database: Records.of(database).pauses.turn(paused=False, by="test", reason="done")
    )
