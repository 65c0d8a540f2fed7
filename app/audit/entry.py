"""An entry of the chain as a value, and what its hash is taken over."""

from __future__ import annotations

import json

from app.domain.fact import SERVICE, FactKind
from app.domain.value import JsonObject, Value, canonical_json


class Fact(Value):
    """Something to be entered: that a row was written or changed, or an event."""

    kind: FactKind
    about: str  # the row's table; an event's name
    row_id: str = ""
    content: JsonObject
    execution_id: int | None = None
    actor: str = SERVICE


class Entry(Value):
    """A fact in its place in the chain."""

    seq: int  # 1, 2, ...
    previous: str  # the hash of the entry before it; "" for the first
    kind: str  # of FactKind; any text where somebody wrote over it
    about: str
    row_id: str
    content: str  # canonical JSON
    execution_id: int | None
    execution_seq: int | None
    at: str  # ISO 8601, UTC
    actor: str
    key_id: str
    hash: str = ""  # "": not yet made

    def signed_part(self) -> bytes:
        """What the hash is taken over: every field but the hash, as canonical JSON."""
        return canonical_json(self.model_dump(exclude={"hash"})).encode("ascii")

    @property
    def row(self) -> tuple[str, str]:
        """The table and the primary key of what it is about."""
        return self.about, self.row_id

    def named(self) -> str:
        """The entry for a person: `entry 17 (changed, command_intent exe-7-1.change-1)`."""
        what = " ".join(filter(None, (self.about, self.row_id)))
        return f"entry {self.seq} ({self.kind}, {what})" if what else f"entry {self.seq}"

    def title(self) -> str:
        """The same at the beginning of a sentence."""
        return f"E{self.named()[1:]}"


def parsed(content: str) -> JsonObject:
    """An entry's content; empty where it is no JSON object, which no entry of ours has."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
