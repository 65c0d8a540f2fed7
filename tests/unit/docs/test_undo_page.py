"""The page of undos is about the catalog as it is; what it says is proven on real hosts."""

from __future__ import annotations

import re
from pathlib import Path

from app.execution.catalog import Catalog
from tests.lab.undo import rows
from tests.lab.undo.table import PAGE

ROOT = Path(__file__).parents[3]
CHANGING = {entry.id for entry in Catalog.load().actions.values() if entry.changes}
PROVE = "prove it: WRITE_UNDO_TABLE=1 python -m pytest tests/lab/test_undo_live.py"


def test_the_page_names_every_changing_action_and_no_other() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z0-9_.]+)` \|", page, re.MULTILINE)) == CHANGING, PROVE


def test_every_changing_action_has_a_row() -> None:
    assert {rows.action_of(name) for name in rows.load()} == CHANGING
