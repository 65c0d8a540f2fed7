"""Calls of a language model: what was sent, what came back, what it cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sre_model_call",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "rank",
                "choose",
                "propose",
                "explain",
                name="purpose",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "answered",
                "invalid",
                "failed",
                name="callstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sent", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("tokens_in", sa.Integer(), nullable=False),
        sa.Column("tokens_out", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_sre_model_call_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sre_model_call")),
        sa.UniqueConstraint(
            "execution_id",
            "step_key",
            "purpose",
            "attempt",
            name=op.f("uq_sre_model_call_execution_id_step_key_purpose_attempt"),
        ),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("sre_model_call")
