"""What an entry of the audit's chain says: that a row was written or changed, or an event."""

from __future__ import annotations

from enum import StrEnum

SERVICE = "sre-agent"
"""Who acts where nobody else is named."""


class FactKind(StrEnum):
    """The kinds of entries. The first entry of a chain is its genesis, and only that."""

    GENESIS = "genesis"  # the chain begins; its content counts the rows that stood before
    ADOPTED = "adopted"  # a row that stood before the chain began, as it was then
    WRITTEN = "written"  # a row was added
    CHANGED = "changed"  # a row that may change did
    KEY = "key"  # the entries after this one are made with another key
    EVENT = "event"  # something that has no row: a start and its mode, a switch, a refusal


ADDS_ROW = frozenset({FactKind.ADOPTED, FactKind.WRITTEN})
OF_ROW = ADDS_ROW | {FactKind.CHANGED}
