"""Whoever reads it: with a screen reader, by keyboard, on a telephone, without JavaScript."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.engine.parts import Records
from tests.browser.conftest import SLOWEST, Site
from tests.integration.api.scene import add_a_change, waiting_execution

HOST = "web-prod-01.company.com"


@pytest.fixture(scope="module")
def addresses(site: Site) -> list[str]:
    """Every page there is, with something on it."""
    question = site.write(lambda database: waiting_execution(database, host=HOST))
    other = site.write(lambda database: waiting_execution(database, "INC0010002", host=HOST))
    number = question.execution_id
    site.write(lambda database: add_a_change(Records.of(database), number))
    return [
        "/ui",
        f"/ui/executions/{number}",
        f"/ui/executions/{number}/lines/1",
        f"/ui/executions/{number}/compare",
        f"/ui/executions/{number}/compare?with={other.execution_id}",
        "/ui/approvals",
        f"/ui/approvals/{question.id}",
        "/ui/hosts",
        f"/ui/hosts/{HOST}",
        "/ui/figures",
        "/ui/audit",
        "/ui/tickets",
        "/ui/stop",
        "/ui/executions/999",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    site: Site, chromium: Browser, addresses: list[str], scheme: str
) -> None:
    context = chromium.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    found = {}
    for address in addresses:
        page.goto(site.url + address)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        results = Axe().run(page)
        if results.violations_count:
            found[address] = results.generate_report()
    context.close()
    assert not found, "\n".join(found.values())


def test_nothing_is_cut_off_on_a_telephone(
    site: Site, chromium: Browser, addresses: list[str]
) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    for address in addresses:
        page.goto(site.url + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, address
    context.close()


def test_without_javascript_every_page_is_whole(
    site: Site, chromium: Browser, addresses: list[str]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    for address in addresses:
        page.goto(site.url + address)
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("#live")).to_contain_text("not live: reload")
    page.goto(site.url + addresses[1])
    page.locator(".log summary").first.click()
    expect(page.locator(".log pre").first).to_be_visible()
    context.close()


def test_by_keyboard(site: Site, page: Page, addresses: list[str]) -> None:
    page.goto(f"{site.url}/ui")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("INC0010002")
    page.keyboard.press("Enter")
    expect(page.locator("#rows tr")).to_have_count(1, timeout=SLOWEST)
    page.locator("main").focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#rows tr.chosen a").first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/executions/*")


def test_it_prints_without_what_only_a_screen_needs(
    site: Site, page: Page, addresses: list[str]
) -> None:
    page.goto(site.url + addresses[1])
    page.emulate_media(media="print")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
