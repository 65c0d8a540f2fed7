"""Alerts; workers that were lost; indexes from which the figures of /metrics are answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = (
    "execution-failed", "execution-escalated", "execution-stuck", "queue-waiting",
    "approval-waiting", "worker-lost", "outbox-blocked", "audit-broken",
)  # fmt: skip
IS_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column(
            "kind", sa.Enum(*KINDS, name="alertkind", native_enum=False, length=32), nullable=False
        ),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("execution_id", NUMBER, nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "notice",
            sa.Enum("opened", "repeated", "ended", name="notice", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("undelivered", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_alert_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_alert_one_open",
        "alert",
        ["kind", "subject"],
        unique=True,
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )
    op.create_index(op.f("ix_alert_kind_subject"), "alert", ["kind", "subject"])
    op.create_index(op.f("ix_alert_notice"), "alert", ["notice"])
    op.create_index(op.f("ix_alert_ended_at_id"), "alert", ["ended_at", "id"])
    op.add_column("worker", sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_incident_execution_log_figures",
        "incident_execution_log",
        ["action_type", "action", "status", "simulated"],
    )
    op.create_index(
        "ix_sre_incident_execution_figures",
        "sre_incident_execution",
        ["status", "outcome", "simulated", "started_at", "ended_at", "id"],
    )
    op.create_index(
        "ix_sre_verification_figures",
        "sre_verification",
        ["execution_id", "healed", "taken_at", "simulated"],
    )


def downgrade() -> None:
    op.drop_index("ix_sre_verification_figures", "sre_verification")
    op.drop_index("ix_sre_incident_execution_figures", "sre_incident_execution")
    op.drop_index("ix_incident_execution_log_figures", "incident_execution_log")
    op.drop_column("worker", "lost_at")
    op.drop_table("alert")
