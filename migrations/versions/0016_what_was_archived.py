"""What was archived: which file holds what, and what must be known of it all the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
POINTED_TO = (("alert", "execution_id"), ("command_intent", "undo_of"))


def upgrade() -> None:
    op.create_table(
        "archive",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("executions", sa.Integer(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("first_seq", NUMBER, nullable=False),
        sa.Column("last_seq", NUMBER, nullable=False),
        sa.Column("ranges", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("head_seq", NUMBER, nullable=False),
        sa.Column("head_hash", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive")),
        sa.UniqueConstraint("name", name=op.f("uq_archive_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_archive_cleared_at"), "archive", ["cleared_at"])
    op.create_index(op.f("ix_archive_first_seq_last_seq"), "archive", ["first_seq", "last_seq"])
    op.create_table(
        "archived_execution",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("archive_id", NUMBER, nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("incident_number", sa.Text(), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("sys_id", sa.Text(), nullable=True),
        sa.Column("sys_mod_count", sa.Integer(), nullable=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("teaches", sa.Boolean(), nullable=False),
        sa.Column("lessons", sa.JSON(none_as_null=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_id"], ["archive.id"], name=op.f("fk_archived_execution_archive_id_archive")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archived_execution")),
    )
    for columns in (["archive_id"], ["incident_number", "episode"], ["teaches", "ended_at"]):
        name = op.f(f"ix_archived_execution_{'_'.join(columns)}")
        op.create_index(name, "archived_execution", columns)
    # rows that others may point to are looked for by this as they are deleted
    for table, column in POINTED_TO:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table, column in POINTED_TO:
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    op.drop_table("archived_execution")
    op.drop_table("archive")
