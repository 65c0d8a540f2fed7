"""Verifies an archive on its own: with the public key alone, or with the audit's keys too."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from app.audit import archive_file, key_file
from app.audit.archive_file import ArchiveContents, ArchiveManifest
from app.audit.archives import sha256_of
from app.audit.entry import Entry
from app.audit.findings import Fault, Findings, Report
from app.audit.unbundling import check_anchors, check_rows
from app.audit.verifying import TABLES
from app.audit.walking import Walk


def verify_archive(
    path: Path, *, keys_at: Path, public_key: str = "", anchors: Sequence[Path] = ()
) -> Report:
    """Verify an archive, whose manifest lies beside it.

    `public_key` is the key that must have signed it; "": the one that it names, whose id the
    caller compares. Without a key file at `keys_at` the entries' own hashes are not checked.
    Raises ConfigurationError where the file cannot be read or is no archive.
    """
    findings = Findings()
    contents, manifest = archive_file.read(path)
    _check_manifest(findings, path, contents, manifest, public_key)
    ring = key_file.load(keys_at) if keys_at.exists() else None
    Walk(ring, TABLES, findings, whole=False).see_all(contents.entries)
    _check_binding(findings, contents.entries)
    check_rows(findings, contents.entries, contents.rows)
    seen = sum(
        check_anchors(
            findings, contents.entries, file, chain=manifest.chain, head=manifest.head_seq
        )
        for file in anchors
    )
    last = contents.entries[-1] if contents.entries else None
    return Report(
        entries=len(contents.entries),
        rows=len(contents.rows),
        anchors=seen,
        chain=manifest.chain,
        head=last.seq if last else 0,
        head_hash=last.hash if last else "",
        head_at=last.at if last else "",
        findings=tuple(findings.kept),
        more=findings.more,
        signed_by=manifest.key_id,
        hashes_checked=ring is not None,
    )


def _check_manifest(
    findings: Findings,
    path: Path,
    contents: ArchiveContents,
    manifest: ArchiveManifest,
    public_key: str,
) -> None:
    if not manifest.is_genuine():
        findings.add(Fault.ANCHOR_FORGED, "The manifest is not signed by the key that it names.")
    if public_key and manifest.public_key != public_key:
        findings.add(
            Fault.ANCHOR_FORGED,
            f"The archive is signed by the key {manifest.key_id}, not by the one that was given.",
        )
    if sha256_of(path) != manifest.sha256:
        findings.add(
            Fault.ARCHIVE_CHANGED, "The file is not the one that the manifest was signed for."
        )
    if (contents.executions, contents.ranges) != (manifest.executions, manifest.ranges):
        findings.add(
            Fault.ENTRIES_MISSING, "The entries are not those that the manifest says are there."
        )


def _check_binding(findings: Findings, entries: Sequence[Entry]) -> None:
    """Entries that stood side by side in the chain are bound to each other."""
    for before, entry in pairwise(entries):
        if entry.seq == before.seq + 1 and entry.previous != before.hash:
            findings.add(
                Fault.ENTRY_FORGED,
                f"Before {entry.named()} stood another entry than the one that is there now.",
                before.seq,
            )
