"""The catalog as a page of the manual: `python -m app.execution.catalog_page` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from app.execution.catalog import Catalog
from app.execution.entry import CatalogEntry
from app.execution.gate_protocol import UNHEARD_SECONDS

_HEAD = """# The action catalog

Everything that may ever be run on a host. Made from `app/execution/catalog.yaml` by
`python -m app.execution.catalog_page`; a test holds the two together. What is not here is refused
by the service and again by the gate on the host. Risks: [policy.md](policy.md). Undos, tried on
real hosts: [undo.md](undo.md).
"""


def page(catalog: Catalog) -> str:
    """The whole page, readings first."""
    reads = [entry for entry in catalog.actions.values() if not entry.changes]
    changes = [entry for entry in catalog.actions.values() if entry.changes]
    parts = [_HEAD, "## What reads\n", *_reads(reads), "\n## What changes\n", *_changes(changes)]
    return "\n".join(parts) + "\n"


def _reads(entries: Iterable[CatalogEntry]) -> Iterable[str]:
    yield "| action | risk | what it does | parameters | runs |"
    yield "|---|---|---|---|---|"
    for entry in entries:
        yield (
            f"| `{entry.id}` | {entry.risk} | {entry.title} | {_params(entry)} | {_runs(entry)} |"
        )


def _changes(entries: Iterable[CatalogEntry]) -> Iterable[str]:
    yield "| action | risk | what it does | parameters | runs | undone by |"
    yield "|---|---|---|---|---|---|"
    for entry in entries:
        yield (
            f"| `{entry.id}` | {entry.risk} | {entry.title} | {_params(entry)} | {_runs(entry)} "
            f"| {_undone(entry)} |"
        )


def _params(entry: CatalogEntry) -> str:
    return ", ".join(f"`{name}`: {kind}" for name, kind in entry.params.items()) or "-"


def _runs(entry: CatalogEntry) -> str:
    """The program and its first words; the rest stands in the catalog."""
    if entry.builtin is not None:
        return "the gate itself"
    shown = " ".join(entry.argv[:3])
    more = " ..." if len(entry.argv) > len(entry.argv[:3]) else ""
    return f"`{shown}{more}`"


def _undone(entry: CatalogEntry) -> str:
    calls = ", ".join(dict.fromkeys(f"`{undo.action}`" for undo in entry.undo))
    settled = ", ".join(dict.fromkeys(f"`{call.action}`" for call in entry.settle))
    undone = calls or f"nothing: {entry.rollback_note or 'rollback is none'}"
    if entry.cuts_off:
        undone += f"; by the host itself, where it does not hear the agent for {UNHEARD_SECONDS} s"
    told = f"{undone} After its plan is undone, where needed: {settled}" if settled else undone
    return f"{told}; a person must agree: {entry.person}" if entry.person else told


if __name__ == "__main__":
    sys.stdout.write(page(Catalog.load()))
