"""One execution to take away: JSON lines that can be verified without the database.

    {"entry": {...}}      the execution's entries of the chain, in order
    {"row": {...}}        its rows, whole: {"table", "id", "values"}
    {"manifest": {...}}   the last line: what stands above, hashed and signed with Ed25519

With the public key anyone can verify that the export is what this installation gave out, that no
entry of the execution is missing in it, and that each row is what the last entry about it says.
With the audit's key file, also that each entry is the chain's own. A work note's anchor ties both
to something that this installation cannot rewrite.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit import key_file
from app.audit.adopting import chained_tables
from app.audit.archives import not_there
from app.audit.chain import entry_of, head
from app.audit.comparing import belonging
from app.audit.entry import Entry
from app.audit.key_file import Key
from app.audit.scanning import entries_of, raw_rows_of
from app.audit.sealing import chain_id
from app.audit.signed import Signed
from app.domain.value import JsonObject, Value, canonical_json
from app.errors import ConfigurationError
from app.models.chain import AuditEntry
from app.models.database import Database

VERSION = 1


class BundledRow(Value):
    """A row, whole."""

    table: str
    id: str
    values: JsonObject


def take_fact(
    kind: str, told: Any, entries: list[Entry], rows: dict[tuple[str, str], JsonObject]
) -> bool:
    """Whether a line of a file is an entry or a row, and was taken for one. Raises ValueError."""
    if kind == "entry":
        entries.append(Entry.model_validate(told))
    elif kind == "row":
        row = BundledRow.model_validate(told)
        rows[row.table, row.id] = row.values
    return kind in ("entry", "row")


class Manifest(Signed):
    """What stands above it in the file, and who says so."""

    version: int = VERSION
    chain: str
    execution_id: int
    entries: int
    rows: int
    sha256: str  # of all lines above
    head_seq: int  # the chain's end when it was exported
    head_hash: str
    exported_at: str  # ISO 8601, UTC


async def export(database: Database, execution_id: int, path: Path) -> Manifest:
    """Write an execution into a file. Raises NotFound, AuditKeyUnusable, ConfigurationError.

    Nothing is verified on the way: what is wrong here is wrong there, and is found there.
    """
    async with database.reading() as session:
        last, chain = await head(session), await chain_id(session)
        entries = [line async for line in _entry_lines(session, execution_id)]
        rows = [line async for line in _row_lines(session, execution_id)]
        if last is None or not entries:
            raise await not_there(session, execution_id)
    ring = await asyncio.to_thread(key_file.load, database.settings.audit_keys_at)
    text = "".join(f"{line}\n" for line in (*entries, *rows))
    key = ring.get(last.key_id) or ring.newest
    unsigned = Manifest(
        chain=chain,
        execution_id=execution_id,
        entries=len(entries),
        rows=len(rows),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        head_seq=last.seq,
        head_hash=last.hash,
        exported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        key_id=key.id,
        public_key=key.public,
    )
    manifest = _signed(unsigned, key)
    whole = text + canonical_json({"manifest": manifest.model_dump()}) + "\n"
    await asyncio.to_thread(_write, path, whole)
    return manifest


def _signed(manifest: Manifest, key: Key) -> Manifest:
    return manifest.model_copy(update={"signature": key.sign(manifest.signed_part())})


async def _entry_lines(session: AsyncSession, execution_id: int) -> AsyncIterator[str]:
    async for rows in entries_of(session, AuditEntry.execution_id == execution_id):
        for row in rows:
            yield canonical_json({"entry": entry_of(row).model_dump()})


async def _row_lines(session: AsyncSession, execution_id: int) -> AsyncIterator[str]:
    for mapper in await chained_tables(session):
        where = belonging(mapper, execution_id)
        if where is None:
            continue
        table = str(mapper.class_.__tablename__)
        async for rows in raw_rows_of(session, mapper, *where):
            for id_, values in rows.items():
                row = BundledRow(table=table, id=id_, values=values)
                yield canonical_json({"row": row.model_dump()})


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.", hint="Name another file with --out."
        ) from error
