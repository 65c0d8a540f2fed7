"""What was interrupted leaves three records that must agree: ledger, receipts, systemd's own."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.lab.interruption import (
    KILL,
    Intent,
    InterruptedService,
    Interruption,
    beside,
    disagreements,
    keep,
    ledger,
    read_beside,
)
from app.lab.process import Finished
from app.lab.trace import DATABASE


def message(ident: str, seconds: float = 100.0) -> str:
    """An entry of the journal as `-o json` has it."""
    return json.dumps({"MESSAGE_ID": ident, "__REALTIME_TIMESTAMP": f"{seconds * 1e6:.0f}"})


_STARTED, _SCHEDULED = "39f53479d3a045ac8e11786248231fbf", "5eb03494b6584870a536b337290809b3"
STARTED, SCHEDULED = message(_STARTED), message(_SCHEDULED)
FAILED = message("d9b373ed55a64feb8242e02dbe79a49c")
EARLIER, SCHEDULED_EARLIER = message(_STARTED, 80.0), message(_SCHEDULED, 89.9)


class Host:
    """A host with receipts, and a journal of one unit."""

    def __init__(self, receipts: list[str], journal: list[str]) -> None:
        self._said = {"/bin/sh": "\n".join(receipts), "journalctl": "\n".join(journal)}

    def look(self, *argv: str) -> Finished:
        return Finished(0, self._said[argv[0]], "")


def of(folder: Path, *intents: tuple[str, str]) -> list[Intent]:
    """A ledger of starts of edge.service as (id, state), written and read again."""
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        database.execute("CREATE TABLE command_intent (id, host, call, state)")
        call = json.dumps({"action": "service.start", "params": {"unit": "edge.service"}})
        rows = [(ident, "alpha", call, state) for ident, state in intents]
        database.executemany("INSERT INTO command_intent VALUES (?, ?, ?, ?)", rows)
        database.commit()
    return ledger(folder / DATABASE)


def told(intents: list[Intent], receipts: list[str], journal: list[str]) -> list[str]:
    return list(disagreements({"alpha": Host(receipts, journal)}, intents, since=90.0))


def test_records_that_agree_have_nothing_wrong(tmp_path: Path) -> None:
    assert told(of(tmp_path, ("i-1", "done")), ["i-1"], [STARTED]) == []


@pytest.mark.parametrize(
    "journal",
    [
        [STARTED, SCHEDULED, STARTED],
        [SCHEDULED_EARLIER, STARTED, STARTED],  # scheduled before the ticket, started after it
        [EARLIER, STARTED],
    ],
)
def test_what_systemd_started_again_by_itself_is_not_held_against_it(
    tmp_path: Path, journal: list[str]
) -> None:
    assert told(of(tmp_path, ("i-1", "done")), ["i-1"], journal) == []


@pytest.mark.parametrize(
    ("receipts", "journal", "expected"),
    [
        (["i-1"], [STARTED, STARTED], "started 2 times for 1 intents"),
        (["i-1"], [SCHEDULED, FAILED, STARTED, STARTED], "started 2 times for 1 intents"),
        (["i-1", "i-2"], [STARTED], "i-2, which is in no ledger"),
        ([], [STARTED], "has no receipt of it"),
    ],
)
def test_records_that_disagree_are_told(
    tmp_path: Path, receipts: list[str], journal: list[str], expected: str
) -> None:
    (found,) = told(of(tmp_path, ("i-1", "done")), receipts, journal)
    assert expected in found


def test_it_is_kept_beside_the_rows_and_read_again(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    assert read_beside(rows) == []
    agent = InterruptedService(KILL, seed=1)
    keep(rows, agent)  # it was not interrupted: nothing to keep
    agent.interruption = Interruption("x", KILL, 3.0, "remediate", 1, 2, 0, ("wrong",))
    keep(rows, agent)
    assert read_beside(rows) == [agent.interruption]
    assert beside(rows).name == "rows.interruptions.jsonl"
