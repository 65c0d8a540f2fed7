"""Calls of a language model and decisions to forget are facts from now on.

No table changes: migrations/env.py puts the guards of these two in place, and the service takes
their rows over into the chain with the first thing that it writes (app/audit/adopting.py).
"""

from __future__ import annotations

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing but the guards."""


def downgrade() -> None:
    """Nothing: an older version puts back what guards it has at its next migration."""
