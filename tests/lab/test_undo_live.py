"""Every changing action of the catalog on real hosts: undone, or nothing claims that it can be."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from app.execution.catalog import Catalog
from app.execution.hosts import SshHosts
from app.execution.targets import Inventory
from app.lab import leftovers, requirements
from app.lab.inventory import write_inventory
from app.lab.network import inside
from app.lab.places import PROJECT
from app.lab.running import Estate, new_run_id, start
from tests.lab.undo import rows, table
from tests.lab.undo.trial import Trial

CATALOG = Catalog.load()
ROWS = rows.load()
PROVEN: set[str] = set()


@dataclass(frozen=True)
class Lab:
    """Hosts that are up, and the product's way to them; the calling thread is on the monitor."""

    estate: Estate
    inventory: Inventory
    hosts: SshHosts
    runner: asyncio.Runner

    def trial(self, row: rows.Row) -> Trial:
        host, machine = self.inventory.get(row.host), self.estate.machines[row.host]
        return Trial(row, CATALOG, self.hosts, host, machine)


@contextmanager
def lab_of(host: str) -> Iterator[Lab]:
    """One host, and everybody's resolver."""
    requirements.ensure()
    run_id = new_run_id()
    with leftovers.held(run_id), ExitStack() as parts:
        estate = start((host,), run_id)
        parts.callback(estate.throw_away)
        inventory = Inventory.from_file(write_inventory(estate))
        hosts = SshHosts(inventory, CATALOG)
        parts.enter_context(inside(estate.namespace))
        runner = parts.enter_context(asyncio.Runner())
        parts.callback(lambda: runner.run(hosts.close()))
        yield Lab(estate, inventory, hosts, runner)


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
    trial = lab.trial(row)
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
