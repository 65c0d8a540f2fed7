"""What was interrupted leaves three records that must agree: ledger, receipts, systemd's own."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.lab.interruption import KILL, InterruptedService, beside, keep, read_beside
from app.lab.process import Finished
from app.lab.trace import DATABASE

STARTED = json.dumps({"MESSAGE_ID": "39f53479d3a045ac8e11786248231fbf"})
SCHEDULED = json.dumps({"MESSAGE_ID": "5eb03494b6584870a536b337290809b3"})


class Host:
    """A host with receipts, and a journal of one unit."""

    def __init__(self, receipts: list[str], journal: list[str]) -> None:
        self._said = {"/bin/sh": "\n".join(receipts), "journalctl": "\n".join(journal)}

    def look(self, *argv: str) -> Finished:
        return Finished(0, self._said[argv[0]], "")


def interrupted(folder: Path, intents: list[tuple[str, str]], host: Host, **last: Any) -> Any:
    """The agent after its work: intents of starts of edge.service as (id, state)."""
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("CREATE TABLE command_intent (id, host, call, state)")
        call = json.dumps({"action": "service.start", "params": {"unit": "edge.service"}})
        rows = [(ident, "alpha", call, state) for ident, state in intents]
        database.executemany("INSERT INTO command_intent VALUES (?, ?, ?, ?)", rows)
    database.close()
    agent = InterruptedService(KILL, seed=1)
    agent.estate = SimpleNamespace(folder=folder, machines={"alpha": host})  # type: ignore[assignment]
    agent.last = {"outcome": "resolved"} | last
    agent._at, agent._step, agent._begun, agent._epoch = 3.0, "remediate", 1, 0.0
    return agent._held_together(SimpleNamespace(id="x"))  # type: ignore[arg-type]


def test_records_that_agree_have_nothing_wrong(tmp_path: Path) -> None:
    found = interrupted(tmp_path, [("i-1", "done")], Host(["i-1"], [STARTED]))
    assert (found.violations, found.intents, found.undecided) == ((), 1, 0)


def test_what_systemd_started_again_by_itself_is_not_held_against_it(tmp_path: Path) -> None:
    journal = [STARTED, SCHEDULED, STARTED]
    assert interrupted(tmp_path, [("i-1", "done")], Host(["i-1"], journal)).violations == ()


@pytest.mark.parametrize(
    ("intents", "receipts", "journal", "last", "told"),
    [
        ([("i-1", "done")], ["i-1"], [STARTED, STARTED], {}, "started 2 times for 1 intents"),
        ([("i-1", "done")], ["i-1", "i-2"], [STARTED], {}, "i-2, which is in no ledger"),
        ([("i-1", "done")], [], [STARTED], {}, "has no receipt of it"),
        ([("i-1", "done")], ["i-1"], [STARTED], {"outcome": None}, "it was lost"),
    ],
)
def test_records_that_disagree_are_told(
    tmp_path: Path, intents: Any, receipts: Any, journal: Any, last: Any, told: str
) -> None:
    found = interrupted(tmp_path, intents, Host(receipts, journal), **last)
    assert any(told in violation for violation in found.violations), found.violations


def test_an_intent_of_which_nobody_knows_counts_as_undecided(tmp_path: Path) -> None:
    found = interrupted(tmp_path, [("i-1", "unknown")], Host(["i-1"], [STARTED]))
    assert found.undecided == 1


def test_it_is_kept_beside_the_rows_and_read_again(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    assert read_beside(rows) == []
    agent = InterruptedService(KILL, seed=1)
    keep(rows, agent)  # it was not interrupted: nothing to keep
    agent.interruption = interrupted(tmp_path, [], Host([], []))
    keep(rows, agent)
    assert read_beside(rows) == [agent.interruption]
    assert beside(rows).name == "rows.interruptions.jsonl"
