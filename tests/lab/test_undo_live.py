"""Every changing action of the catalog on real hosts: undone, or nothing claims that it can be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from app.lab.places import PROJECT
from tests.lab.one_host import CATALOG, Lab, lab_of
from tests.lab.undo import rows, table
from tests.lab.undo.trial import Trial

ROWS = rows.load()
PROVEN: set[str] = set()


class Labs:
    """One lab at a time: another host is booted where a row wants one."""

    def __init__(self, parts: ExitStack) -> None:
        self._parts = parts
        self._up: dict[str, Lab] = {}

    def of(self, host: str) -> Lab:
        if host not in self._up:
            self._parts.close()
            self._up = {host: self._parts.enter_context(lab_of(host))}
        return self._up[host]


@pytest.fixture(scope="module")
def labs() -> Iterator[Labs]:
    # not a parameter's fixture: pytest would boot a host anew for each row
    with ExitStack() as parts:
        yield Labs(parts)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=f"{row.host} {name}")
        for name, row in sorted(ROWS.items(), key=lambda item: item[1].host)
    ],
)
def test_it_is_undone_or_claims_no_undo(labs: Labs, name: str) -> None:
    row = ROWS[name]
    lab = labs.of(row.host)
    host, machine = lab.inventory.get(row.host), lab.estate.machines[row.host]
    trial = Trial(row, CATALOG, lab.hosts, host, machine)
    try:
        lab.runner.run(trial.prove(rows.action_of(name)))
    finally:
        trial.restore()
    PROVEN.add(name)


@pytest.mark.skipif("WRITE_UNDO_TABLE" not in os.environ, reason="only where it is asked for")
def test_the_table_says_what_was_proven() -> None:
    """Written only after every row of it was proven in the same run."""
    assert sorted(set(ROWS) - PROVEN) == []
    (PROJECT / table.PAGE).write_text(table.page(CATALOG, ROWS), encoding="utf-8")
