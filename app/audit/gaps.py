"""What the chain lacks since it was archived: runs of entries, each with its last one's hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.domain.value import Value


class Range(Value):
    """Entries of one archive without a gap between them."""

    first: int
    last: int
    hash: str  # of the last one: what the next entry is bound to


@dataclass
class Gaps:
    """The ranges that are known to have been archived, for a walk over what is left."""

    _by_first: dict[int, Range] = field(default_factory=dict)

    def add(self, ranges: Iterable[Range]) -> None:
        """Know further ranges."""
        self._by_first |= {one.first: one for one in ranges}

    def forget_before(self, seq: int) -> None:
        """Ranges before an entry that was seen are of no use any more."""
        self._by_first = {at: one for at, one in self._by_first.items() if one.last >= seq}

    def across(self, first: int, last: int) -> str | None:
        """The hash of the entry `last` where all from `first` on were archived; None: not all were.

        A range may begin before `first`: what was seen of it was archived afterwards.
        """
        at = first
        for one in sorted(self._by_first.values(), key=lambda one: one.first):
            if one.first <= at <= one.last:
                at = one.last + 1
                if one.last == last:
                    return one.hash
        return None


def ranges_of(entries: Sequence[tuple[int, str]]) -> tuple[Range, ...]:
    """The ranges of these entries, each as its number and hash, in order."""
    found: list[Range] = []
    for seq, hash_ in entries:
        if found and found[-1].last == seq - 1:
            found[-1] = Range(first=found[-1].first, last=seq, hash=hash_)
        else:
            found.append(Range(first=seq, last=seq, hash=hash_))
    return tuple(found)
