"""Which version of the graph a worker goes on with: executions of another are not its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("worker", sa.Column("epoch", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("worker", "epoch")
