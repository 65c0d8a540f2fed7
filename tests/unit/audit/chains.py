"""Chains for tests, made without a database."""

from __future__ import annotations

from app.audit.entry import Entry
from app.audit.findings import Finding, Findings
from app.audit.key_file import Key, KeyRing
from app.audit.walking import Walk
from app.domain.fact import FactKind
from app.domain.value import canonical_json

KEY = Key.of("11" * 32)
OTHER = Key.of("22" * 32)
TABLES = ("sre_evidence", "command_intent")


def sign(entry: Entry, key: Key = KEY) -> Entry:
    return entry.model_copy(update={"hash": key.mac(entry.signed_part())})


def chain(length: int) -> list[Entry]:
    """A genesis and rows of two executions after it."""
    made: list[Entry] = []
    numbers = {1: 0, 2: 0}
    for seq in range(1, length + 1):
        execution_id = None if seq == 1 else 1 + seq % 2
        if execution_id:
            numbers[execution_id] += 1
        content = {} if seq == 1 else {"id": seq, "execution_id": execution_id}
        made.append(
            sign(
                Entry(
                    seq=seq,
                    previous=made[-1].hash if made else "",
                    kind=FactKind.GENESIS if seq == 1 else FactKind.WRITTEN,
                    about="" if seq == 1 else TABLES[seq % 2],
                    row_id="" if seq == 1 else str(seq),
                    content=canonical_json(content),
                    execution_id=execution_id,
                    execution_seq=numbers[execution_id] if execution_id else None,
                    at=f"2026-03-01T12:00:{seq % 60:02}.000000+00:00",
                    actor="sre-agent",
                    key_id=KEY.id,
                )
            )
        )
    return made


def walk(entries: list[Entry], *keys: Key) -> list[Finding]:
    """What a walk over these entries finds."""
    findings = Findings()
    Walk(KeyRing(keys=keys or (KEY,)), TABLES, findings).see_all(entries)
    return findings.kept
