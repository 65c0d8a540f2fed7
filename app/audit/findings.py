"""What a verification found: which faults there are, each in a plain sentence."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from app.domain.value import Value

SHOWN_AT_MOST = 200


class Fault(StrEnum):
    """The ways in which an audit can be wrong, by what was done to it."""

    ENTRY_CHANGED = "entry-changed"  # an entry says something else than when it was made
    ENTRY_FORGED = "entry-forged"  # replaced or inserted by somebody without the key
    ENTRY_MOVED = "entry-moved"  # a genuine entry in another's place
    ENTRIES_MISSING = "entries-missing"  # numbers are missing
    ROW_CHANGED = "row-changed"  # a row is not what the last entry about it says
    ROW_DELETED = "row-deleted"
    ROW_INSERTED = "row-inserted"  # a row that no entry is about
    TRUNCATED = "truncated"  # something outside knows of entries that are not there
    HISTORY_REPLACED = "history-replaced"  # something outside knows of another entry here
    ANCHOR_FORGED = "anchor-forged"  # a checkpoint whose signature is wrong
    KEY_UNKNOWN = "key-unknown"
    GUARD_MISSING = "guard-missing"
    ARCHIVE_CHANGED = "archive-changed"  # an archive that is another file than was written


GAPS = frozenset({Fault.ENTRIES_MISSING})
TRUNCATIONS = frozenset({Fault.TRUNCATED})


class Finding(Value):
    """One thing that is wrong."""

    fault: Fault
    seq: int | None = None  # the entry where it shows
    sentence: str


class Report(Value):
    """What a verification looked at, and what it found."""

    entries: int
    rows: int
    anchors: int
    chain: str  # "": there is none yet
    head: int  # the last entry's number
    head_hash: str
    head_at: str  # ISO 8601; "" where there is no entry
    archived: int = 0  # executions that are not in these tables any more
    findings: tuple[Finding, ...] = Field(default=())
    more: int = 0  # findings beyond those that are kept
    signed_by: str = ""  # of an export: the id of the key that signed it
    hashes_checked: bool = True  # False: an export was verified without the audit's key file

    @property
    def sound(self) -> bool:
        return not self.findings

    @property
    def truncated(self) -> bool:
        return any(finding.fault in TRUNCATIONS for finding in self.findings)

    @property
    def gap(self) -> bool:
        return any(finding.fault in GAPS for finding in self.findings)

    def sentences(self) -> tuple[str, ...]:
        """What was looked at and what it means, for a person."""
        looked = (
            f"Looked at {self.entries} entries, {self.rows} rows and {self.anchors} anchors; the "
            f"last entry is {self.head}, of {self.head_at}, in the chain {self.chain}."
            if self.entries
            else "The audit has no entries yet."
        )
        verdict = (
            "Nothing was altered, removed or added."
            if self.sound
            else f"{len(self.findings) + self.more} things are wrong."
        )
        archived = (
            f"{self.archived} executions were archived: sre-agent audit verify --archive FILE."
            if self.archived
            else ""
        )
        return tuple(filter(None, (looked, archived, self._beyond(), verdict)))

    def _beyond(self) -> str:
        """What this verification could not see."""
        if self.signed_by and not self.hashes_checked:
            return (
                f"Signed by the key {self.signed_by}. There is no key file here, so the entries "
                "stand by that signature: compare the key's id with the one in the incident's work "
                "note."
            )
        if not self.anchors:
            return (
                "There was no anchor to compare with: entries that were removed from the end "
                "together with their rows would not be seen."
            )
        return ""


class Findings:
    """Collects findings; the first two hundred are kept, the rest counted."""

    def __init__(self) -> None:
        self.kept: list[Finding] = []
        self.more = 0

    def add(self, fault: Fault, sentence: str, seq: int | None = None) -> None:
        """Note one."""
        if len(self.kept) < SHOWN_AT_MOST:
            self.kept.append(Finding(fault=fault, seq=seq, sentence=sentence))
        else:
            self.more += 1
