"""What was proven, as a page of the manual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.execution.catalog import Catalog
from app.execution.entry import CatalogEntry
from tests.lab.undo.rows import Row, action_of

PAGE = "docs/reference/undo.md"
_HEAD = """# What takes a change back

Every action of [the catalog](catalog.md) that changes a host, tried on a real one: the state is
prepared, captured, changed and undone by the calls that the catalog gives, and what was captured
must then be as before. Where several undos are named, what was there before decides which are run.
Where there is no undo, none is claimed, and a person is told why.

Made by `WRITE_UNDO_TABLE=1 python -m pytest tests/lab/test_undo_live.py` (root on Debian), which
writes it only where every row held. The rows: `tests/lab/undo/*.yaml`.

| action | host | prepared state | undone by |
|---|---|---|---|
"""
_LIMITS = """
## What no undo gives back

- Units that systemd stops along with one that is stopped, since they require it: they are not
  started again with it.
- Links by which somebody enabled a unit for more than its own `[Install]` section names.
- The setuid bit of a file whose owner was set: the agent never sets one.
- What a package that the agent installed leaves behind when it is removed: its configuration.
"""


def page(catalog: Catalog, rows: Mapping[str, Row]) -> str:
    """The whole page, in the catalog's order."""
    changing = [entry for entry in catalog.actions.values() if entry.changes]
    return _HEAD + "".join(_lines(changing, rows)) + _LIMITS


def _lines(entries: Iterable[CatalogEntry], rows: Mapping[str, Row]) -> Iterable[str]:
    for entry in entries:
        for row in (row for name, row in rows.items() if action_of(name) == entry.id):
            yield f"| `{entry.id}` | {row.host} | {row.state} | {_undone(entry)} |\n"


def _undone(entry: CatalogEntry) -> str:
    if entry.rollback == "none":
        return f"nothing: {entry.rollback_note.strip()}"
    return ", ".join(dict.fromkeys(f"`{undo.action}`" for undo in entry.undo))
