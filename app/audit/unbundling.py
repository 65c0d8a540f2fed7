"""Verifies an export on its own: with the public key alone, or with the audit's keys too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from app.audit import key_file
from app.audit.anchoring import anchors_of, compare_anchor
from app.audit.bundle import Manifest, take_fact
from app.audit.comparing import compare
from app.audit.entry import Entry
from app.audit.findings import Fault, Findings, Report
from app.audit.verifying import TABLES
from app.audit.walking import Walk
from app.domain.fact import ADDS_ROW, OF_ROW
from app.domain.value import JsonObject
from app.errors import ConfigurationError


@dataclass
class Contents:
    """What a file holds."""

    entries: list[Entry] = field(default_factory=list)
    rows: dict[tuple[str, str], JsonObject] = field(default_factory=dict)
    manifest: Manifest | None = None  # None: the file was cut
    sha256: str = ""  # of the lines above the manifest


def verify_bundle(
    path: Path, *, keys_at: Path, public_key: str, anchors: Sequence[Path] = ()
) -> Report:
    """Verify an export.

    `public_key` is the key that must have signed it; "": the one that it names, whose id the
    caller compares. Without a key file at `keys_at` the entries' own hashes are not checked.
    Raises ConfigurationError where the file cannot be read or is no export.
    """
    findings, contents = Findings(), read(path)
    _check_manifest(findings, contents, public_key)
    ring = key_file.load(keys_at) if keys_at.exists() else None
    Walk(ring, TABLES, findings, whole=False).see_all(contents.entries)
    check_rows(findings, contents.entries, contents.rows)
    manifest, last = contents.manifest, contents.entries[-1] if contents.entries else None
    seen = 0
    if manifest is not None:
        chain, head = manifest.chain, manifest.head_seq
        for file in anchors:
            seen += check_anchors(findings, contents.entries, file, chain=chain, head=head)
    return Report(
        entries=len(contents.entries),
        rows=len(contents.rows),
        anchors=seen,
        chain=manifest.chain if manifest else "",
        head=last.seq if last else 0,
        head_hash=last.hash if last else "",
        head_at=last.at if last else "",
        findings=tuple(findings.kept),
        more=findings.more,
        signed_by=manifest.key_id if manifest else "",
        hashes_checked=ring is not None,
    )


def read(path: Path) -> Contents:
    """Read an export. Raises ConfigurationError where it is none."""
    contents, hashed = Contents(), hashlib.sha256()
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                _take(contents, json.loads(line), number)
                if contents.manifest is None:
                    hashed.update(line)
    except (OSError, ValueError, ValidationError) as error:
        why = "a line has another form" if isinstance(error, ValidationError) else str(error)
        raise ConfigurationError(
            f"{path} cannot be read as an export of the audit: {why}.",
            hint="`sre-agent audit export ID` makes one; it must not be edited.",
        ) from error
    contents.sha256 = hashed.hexdigest()
    return contents


def _take(contents: Contents, line: object, number: int) -> None:
    if contents.manifest is not None:
        raise ValueError(f"line {number} stands after the manifest")
    if not isinstance(line, dict) or len(line) != 1:
        raise ValueError(f"line {number} is neither an entry nor a row nor a manifest")
    ((kind, told),) = line.items()
    if take_fact(kind, told, contents.entries, contents.rows):
        return
    if kind == "manifest":
        contents.manifest = Manifest.model_validate(told)
    else:
        raise ValueError(f"{kind!r} is no kind of line")


def _check_manifest(findings: Findings, contents: Contents, public_key: str) -> None:
    manifest = contents.manifest
    if manifest is None:
        return findings.add(Fault.TRUNCATED, "The export was cut off: its manifest is missing.")
    if not manifest.is_genuine():
        findings.add(Fault.ANCHOR_FORGED, "The manifest is not signed by the key that it names.")
    if public_key and manifest.public_key != public_key:
        findings.add(
            Fault.ANCHOR_FORGED,
            f"The export is signed by the key {manifest.key_id}, not by the one that was given.",
        )
    if manifest.sha256 != contents.sha256:
        findings.add(
            Fault.ENTRY_CHANGED, "The lines are not those that the manifest was signed for."
        )
    return None


def check_rows(
    findings: Findings, entries: Sequence[Entry], rows: Mapping[tuple[str, str], JsonObject]
) -> None:
    """Each row against the last entry about it, and each added row against the rows."""
    last = {entry.row: entry for entry in entries if entry.kind in OF_ROW}
    for (table, id_), values in rows.items():
        compare(findings, table, id_, values, last.get((table, id_)))
    for entry in entries:
        if entry.kind in ADDS_ROW and entry.row not in rows:
            findings.add(
                Fault.ROW_DELETED,
                f"Row {entry.row_id} of {entry.about} is missing: {entry.named()} says that it "
                "was added.",
                entry.seq,
            )


def check_anchors(
    findings: Findings, entries: Sequence[Entry], path: Path, *, chain: str, head: int
) -> int:
    """Hold a file's entries against a file's anchors; those of others say nothing here."""
    hashes, seen = {entry.seq: entry.hash for entry in entries}, 0
    for line in anchors_of(path, findings):
        if line.anchor.seq in hashes or line.anchor.chain != chain:
            compare_anchor(findings, line, hashes.get(line.anchor.seq), chain=chain, head=head)
            seen += 1
    return seen
