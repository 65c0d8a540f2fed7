"""An export verifies alone: with the public key, with the keys, against a work note's anchor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.audit import bundle
from app.audit.bundle import Manifest
from app.audit.events import Events
from app.audit.findings import Fault, Report
from app.audit.key_file import Key
from app.audit.unbundling import verify_bundle
from app.errors import ConfigurationError, NotFound
from app.models.database import Database
from tests.integration.audit.conftest import Begin
from tests.integration.audit.test_chain import live_through


@pytest.fixture
async def exported(
    database: Database, execution_id: int, begin: Begin, tmp_path: Path
) -> tuple[Path, Manifest]:
    """An execution's export, from a chain that another one wrote into as well."""
    await begin("INC0010099")
    await live_through(database, execution_id)
    path = tmp_path / "one.jsonl"
    return path, await bundle.export(database, execution_id, path)


def check(path: Path, keys_at: Path = Path("/none"), **more: object) -> Report:
    return verify_bundle(path, keys_at=keys_at, **{"public_key": "", **more})  # type: ignore[arg-type]


async def test_it_verifies_with_the_public_key_and_with_the_keys(
    exported: tuple[Path, Manifest], database: Database, execution_id: int, tmp_path: Path
) -> None:
    path, manifest = exported
    alone = check(path, public_key=manifest.public_key)
    assert alone.sound, alone.findings
    assert alone.entries == manifest.entries > 20
    assert any("compare the key's id" in line for line in alone.sentences())
    note = tmp_path / "note.txt"
    note.write_text(f"Served again.\n{await Events(database).anchor_line(execution_id)}\n")
    full = check(path, database.settings.audit_keys_at, anchors=[note])
    assert full.sound, full.findings
    assert full.anchors == 1


def _edited(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line.replace(old, new) for line in lines]


HARM = {
    "a row edited": (_edited("xxxx", "xxxy"), Fault.ENTRY_CHANGED),
    "an entry removed": (lambda lines: lines[:3] + lines[4:], Fault.ENTRIES_MISSING),
    "a row removed": (lambda lines: lines[:-2] + lines[-1:], Fault.ROW_DELETED),
    "cut off": (lambda lines: lines[:-1], Fault.TRUNCATED),
    "manifest edited": (_edited('"rows":', '"rows":1'), Fault.ANCHOR_FORGED),
}


@pytest.mark.parametrize("harm", sorted(HARM))
async def test_what_is_done_to_it_is_found(exported: tuple[Path, Manifest], harm: str) -> None:
    path, _ = exported
    do, fault = HARM[harm]
    before = path.read_text()
    after = "".join(do(before.splitlines(keepends=True)))
    assert after != before
    path.write_text(after)
    assert fault in {finding.fault for finding in check(path).findings}


async def test_one_that_was_signed_anew_by_another_key_is_not_ours(
    exported: tuple[Path, Manifest], database: Database
) -> None:
    path, manifest = exported
    other = Key.new()
    forged = manifest.model_copy(update={"key_id": other.id, "public_key": other.public})
    forged = forged.model_copy(update={"signature": other.sign(forged.signed_part())})
    lines = path.read_text().splitlines()[:-1]
    path.write_text("\n".join([*lines, json.dumps({"manifest": forged.model_dump()})]) + "\n")
    assert check(path).signed_by == other.id  # it is whole, and says who signed it
    report = check(path, public_key=manifest.public_key)
    assert [finding.fault for finding in report.findings] == [Fault.ANCHOR_FORGED]


async def test_an_anchor_that_says_otherwise_is_found(
    exported: tuple[Path, Manifest], database: Database, execution_id: int, tmp_path: Path
) -> None:
    path, _ = exported
    line = await Events(database).anchor_line(execution_id)
    hash_ = line.split("hash ")[1][:64]
    note = tmp_path / "note.txt"
    note.write_text(line.replace(hash_, "0" * 64))
    report = check(path, anchors=[note])
    assert [finding.fault for finding in report.findings] == [Fault.HISTORY_REPLACED]


async def test_what_is_no_export_is_told(tmp_path: Path, database: Database) -> None:
    path = tmp_path / "other.txt"
    path.write_text('{"something": {}}\n')
    with pytest.raises(ConfigurationError, match="cannot be read as an export"):
        check(path)
    with pytest.raises(NotFound):
        await bundle.export(database, 4711, path)
