"""Every page of the manual that something points to is there."""

from __future__ import annotations

import re
from pathlib import Path

from app.access import permissions_page
from app.execution.catalog import Catalog
from app.execution.catalog_page import page
from app.knowledge import modes_page
from app.knowledge.library import Library

ROOT = Path(__file__).parents[3]
WHERE = ("app/**/*.py", "app/**/*.yaml", "docs/**/*.md", "*.md", "*.toml", "ssh_config.py")


def test_no_page_is_missing() -> None:
    missing = {
        f"{source.relative_to(ROOT)} -> {page}"
        for pattern in WHERE
        for source in ROOT.glob(pattern)
        for page in re.findall(r"\bdocs/[a-z/-]+\.md", source.read_text(encoding="utf-8"))
        if not (ROOT / page).is_file()
    }
    assert missing == set()


def test_relative_links_between_pages_lead_somewhere() -> None:
    missing = {
        f"{page.relative_to(ROOT)} -> {link}"
        for page in [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
        for link in re.findall(r"\]\(([^)#:]+\.(?:md|png))", page.read_text(encoding="utf-8"))
        if not (page.parent / link).is_file()
    }
    assert missing == set()


def test_the_catalogs_page_is_made_from_the_catalog() -> None:
    made = (ROOT / "docs/reference/catalog.md").read_text(encoding="utf-8")
    assert made == page(Catalog.load()), (
        "run: python -m app.execution.catalog_page > docs/reference/catalog.md"
    )


def test_the_permissions_page_is_made_from_the_matrix() -> None:
    made = (ROOT / "docs/reference/permissions.md").read_text(encoding="utf-8")
    assert made == permissions_page.page(), (
        "run: python -m app.access.permissions_page > docs/reference/permissions.md"
    )


def test_the_failure_modes_page_is_made_from_the_failure_modes() -> None:
    made = (ROOT / "docs/reference/failure-modes.md").read_text(encoding="utf-8")
    assert made == modes_page.page(Library.load().modes), (
        "run: python -m app.knowledge.modes_page > docs/reference/failure-modes.md"
    )
