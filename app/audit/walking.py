"""One walk over the entries of a chain, in order: is each what its key made, in its own place?

Knows nothing of a database: `Walk` is fed entries, a few hundred or a million, and remembers the
last one and a number for each execution.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from app.audit.chain import content_of_entry, next_key_id
from app.audit.entry import Entry
from app.audit.findings import Fault, Findings
from app.audit.gaps import Gaps
from app.audit.key_file import KeyRing
from app.domain.fact import FactKind


@dataclass
class Walk:
    """Verifies entries one after another. `see` takes each with the one that follows it."""

    ring: KeyRing | None  # None: without keys only the numbers can be checked
    tables: tuple[str, ...]
    findings: Findings
    whole: bool = True  # False: the entries of one execution, with others' between them
    entries: int = 0
    last: Entry | None = None
    gaps: Gaps = field(default_factory=Gaps)  # what was archived, and is missing rightly
    _bound_to: str | None = ""  # what the next entry's `previous` must be; None: anything
    _in_force: str | None = None
    _numbers: dict[int, int] = field(default_factory=dict)  # of each execution's last entry

    def see_all(self, entries: Iterable[Entry]) -> None:
        """Take entries that are all at hand."""
        for entry, following in pairwise([*entries, None]):
            assert entry is not None, "only the last is followed by nothing"
            self.see(entry, following)

    def see(self, entry: Entry, following: Entry | None) -> None:
        """Take the next entry; `following` helps to say what was done to it."""
        self.entries += 1
        gap = self.whole and self._gap_before(entry)
        made = self._made_of(entry, entry.key_id)
        genuine = made == entry.hash != ""
        if genuine:
            self._see_genuine(entry, gap=gap)
        elif self.ring is not None:
            self._see_other(entry, following, made)
        self._see_number(entry)
        # what was done to an entry is said once, of that entry: the next one is not blamed for it
        self._bound_to = entry.hash if genuine else None
        self._in_force = next_key_id(entry) if genuine else None
        self.last = entry

    def _made_of(self, entry: Entry, key_id: str) -> str:
        """The hash that a key makes of an entry; "" where there is no such key."""
        key = self.ring.get(key_id) if self.ring else None
        return key.mac(entry.signed_part()) if key else ""

    def _gap_before(self, entry: Entry) -> bool:
        expected = self.last.seq + 1 if self.last else 1
        if entry.seq == expected:
            return False
        archived = self.gaps.across(expected, entry.seq - 1)
        if archived is not None:
            self._bound_to = archived
            return False
        missing = (
            f"Entry {expected} is missing."
            if entry.seq == expected + 1
            else f"Entries {expected} to {entry.seq - 1} are missing."
        )
        self.findings.add(Fault.ENTRIES_MISSING, missing, expected)
        return True

    def _see_genuine(self, entry: Entry, *, gap: bool) -> None:
        """A holder of its key made it. Does it belong here?"""
        if not self.whole or gap:
            return
        if self._bound_to not in (None, entry.previous):
            self.findings.add(
                Fault.ENTRY_FORGED,
                f"Before {entry.named()} stood another entry than the one that is there now: that "
                "one comes from another chain, or from another version of this one.",
                entry.seq - 1,
            )
        if (entry.kind == FactKind.GENESIS) != (self.last is None):
            self.findings.add(
                Fault.ENTRY_FORGED,
                f"The chain does not begin with its genesis, or has two: {entry.named()}.",
                entry.seq,
            )
        if self._in_force not in (None, entry.key_id):
            self.findings.add(
                Fault.KEY_UNKNOWN,
                f"{entry.title()} was made with the key {entry.key_id}, when "
                f"{self._in_force} was in force.",
                entry.seq,
            )

    def _see_other(self, entry: Entry, following: Entry | None, made: str) -> None:
        """Its hash is not what its key makes of it. Say as exactly as can be what was done."""
        if following is not None and made and following.previous == made:
            return self._changed(entry, "hash")
        for column, value in self._candidates(entry):
            as_it_was = entry.model_copy(update={column: value})
            if self._made_of(as_it_was, as_it_was.key_id) == entry.hash != "":
                if column == "seq":
                    return self._moved(entry, value)
                return self._changed(entry, column, value)
        if not made:
            return self.findings.add(
                Fault.KEY_UNKNOWN,
                f"{entry.title()} names the key {entry.key_id}, which the key file does not hold.",
                entry.seq,
            )
        if following is not None and following.previous == entry.hash:
            return self._changed(entry, "")
        return self.findings.add(
            Fault.ENTRY_FORGED,
            f"{entry.title()} was replaced or inserted: nobody who holds the key made it.",
            entry.seq,
        )

    def _changed(self, entry: Entry, column: str, value: Any = None) -> None:
        what = f"its {column} was overwritten" if column else "one of its fields was overwritten"
        was = "" if value is None else f"; it was {value!r}"
        self.findings.add(
            Fault.ENTRY_CHANGED,
            f"{entry.title()} was changed after it was made: {what}{was}.",
            entry.seq,
        )

    def _moved(self, entry: Entry, seq: int) -> None:
        self.findings.add(
            Fault.ENTRY_MOVED,
            f"{entry.title()} was made as entry {seq}: it was moved, or entries "
            "before it were inserted or removed.",
            entry.seq,
        )

    def _candidates(self, entry: Entry) -> Iterator[tuple[str, Any]]:
        """What a field may have been before somebody wrote over it."""
        if self.last is not None and self.whole:
            yield "previous", self.last.hash
        content = content_of_entry(entry)
        yield "row_id", str(content.get("id", ""))
        yield "row_id", ""
        for kind in FactKind:
            yield "kind", str(kind)
        for table in self.tables:
            yield "about", table
        for execution_id in (content.get("execution_id"), content.get("id"), None):
            if execution_id is None or isinstance(execution_id, int):
                yield "execution_id", execution_id
        yield "execution_seq", self._numbers.get(entry.execution_id or 0, 0) + 1
        for key in self.ring.keys if self.ring else ():
            yield "key_id", key.id
        for distance in (1, -1, 2, -2, 3, -3):
            yield "seq", entry.seq + distance

    def _see_number(self, entry: Entry) -> None:
        """Within an execution the entries are numbered too: a hole is seen in an export."""
        if entry.execution_id is None or entry.execution_seq is None:
            return
        expected = self._numbers.get(entry.execution_id, 0) + 1
        self._numbers[entry.execution_id] = entry.execution_seq
        if not self.whole and entry.execution_seq > expected:
            self.findings.add(
                Fault.ENTRIES_MISSING,
                f"Of execution {entry.execution_id} the entries {expected} to "
                f"{entry.execution_seq - 1} are missing before {entry.named()}.",
                entry.seq,
            )
