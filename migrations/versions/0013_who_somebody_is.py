"""Who somebody is at the identity provider, beside the name shown: keys, sessions, votes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # in place, not by making the tables anew: their indexes stay as they are
    op.add_column("api_key", sa.Column("subject", sa.Text(), nullable=True))
    op.add_column("web_session", sa.Column("subject", sa.Text(), nullable=True))
    op.add_column("approval_vote", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index(
        "ix_approval_vote_approval_id_subject",
        "approval_vote",
        ["approval_id", "subject"],
        unique=True,
    )
    # a session from before does not say who it is: its holder logs in again
    op.execute("DELETE FROM web_session WHERE how = 'oidc'")


def downgrade() -> None:
    op.drop_index("ix_approval_vote_approval_id_subject", "approval_vote")
    op.drop_column("approval_vote", "subject")
    op.drop_column("web_session", "subject")
    op.drop_column("api_key", "subject")
