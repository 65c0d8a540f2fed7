"""What failure modes are asked about: the units, changes, mounts and names on the user's path.

Each subject carries its facts as plain data (what conditions read) and, for every name that a
condition may read, the id of the evidence behind it.
"""

from __future__ import annotations

from typing import Any

from app.domain.value import Value


class Subject(Value):
    """One thing that may be at fault."""

    kind: str  # as failure modes name it (app/knowledge/failure_mode.py)
    host: str
    name: str  # the unit, path, mount point, name, rule, route, device or host
    facts: dict[str, Any]
    sources: dict[str, int]  # name read by conditions ("unit", "unit.log") -> evidence id
    nearness: int  # 0: the first failing hop; counted along the path

    def evidence_for(self, read: str) -> int | None:
        """The evidence behind a name that a condition reads, by its longest known prefix."""
        parts = read.split(".")
        for length in range(len(parts), 0, -1):
            if (found := self.sources.get(".".join(parts[:length]))) is not None:
                return found
        return None
