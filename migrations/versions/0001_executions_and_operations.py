"""The seven tables of executions, and the tables that the work rests on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "baseline",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("manifest", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("probes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("host_model", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_baseline")),
        sa.UniqueConstraint(
            "host", "simulated", "version", name=op.f("uq_baseline_host_simulated_version")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "host_lease",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_lease")),
    )
    op.create_table(
        "sre_incident_execution",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("incident_number", sa.Text(), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("short_description", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "priority",
            sa.Enum("1", "2", "3", "4", "5", name="priority", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("assignment_group", sa.Text(), nullable=False),
        sa.Column("incident_state", sa.Text(), nullable=False),
        sa.Column("sys_id", sa.Text(), nullable=True),
        sa.Column("sys_mod_count", sa.Integer(), nullable=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("claimed_service", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raw", sa.JSON(none_as_null=True), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "queued",
                "running",
                "waiting_approval",
                "completed",
                "failed",
                "cancelled",
                name="executionstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "current_step",
            sa.Enum(
                "analyze",
                "hypothesize",
                "diagnose",
                "remediate",
                "verify",
                "finalize",
                name="step",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("running_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "resolved",
                "escalated",
                "no_fault",
                "failed",
                "cancelled",
                name="outcome",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("root_cause", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("recommended", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("evidence_ids", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_by", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sre_incident_execution")),
        sa.UniqueConstraint(
            "incident_number",
            "episode",
            name=op.f("uq_sre_incident_execution_incident_number_episode"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("sre_incident_execution", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sre_incident_execution_host_id"), ["host", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_sre_incident_execution_status_id"), ["status", "id"], unique=False
        )
        batch_op.create_index(
            "uq_sre_incident_execution_one_active",
            ["incident_number"],
            unique=True,
            sqlite_where=sa.text("status IN ('queued', 'running', 'waiting_approval')"),
            postgresql_where=sa.text("status IN ('queued', 'running', 'waiting_approval')"),
        )

    op.create_table(
        "worker",
        sa.Column("executor_id", sa.Text(), nullable=False),
        sa.Column("hostname", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name=op.f("pk_worker")),
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("plan", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("proposal", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("decision", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "approved",
                "rejected",
                "revise",
                "expired",
                "used",
                name="approvalstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_approval_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_approval_execution_id"), ["execution_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_approval_state_id"), ["state", "id"], unique=False)
        batch_op.create_index(
            "uq_approval_one_open",
            ["execution_id", "proposal"],
            unique=True,
            sqlite_where=sa.text("state IN ('approved', 'pending')"),
            postgresql_where=sa.text("state IN ('approved', 'pending')"),
        )

    op.create_table(
        "command_intent",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("call", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("decision", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("undo_of", sa.Text(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "intended",
                "dispatched",
                "done",
                "refused",
                "unknown",
                name="intentstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_command_intent_execution_id_sre_incident_execution"),
        ),
        sa.ForeignKeyConstraint(
            ["undo_of"],
            ["command_intent.id"],
            name=op.f("fk_command_intent_undo_of_command_intent"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_command_intent")),
    )
    with op.batch_alter_table("command_intent", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_command_intent_execution_id_intended_at"),
            ["execution_id", "intended_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_command_intent_host_intended_at"), ["host", "intended_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_command_intent_state"), ["state"], unique=False)

    op.create_table(
        "sre_evidence",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "diagnostic", "probe", "change", name="evidencekind", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "step",
            sa.Enum(
                "analyze",
                "hypothesize",
                "diagnose",
                "remediate",
                "verify",
                "finalize",
                name="step",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(none_as_null=True), nullable=False),
        sa.Column(
            "risk",
            sa.Enum(
                "R0",
                "R0s",
                "R1",
                "R2",
                "R2x",
                "R3",
                "R4",
                name="risk",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("output_sha256", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_sre_evidence_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sre_evidence")),
        sa.UniqueConstraint(
            "execution_id",
            "kind",
            "step_key",
            "position",
            name="uq_sre_evidence_of_step",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sre_hypothesis",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hypothesis_text", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "open",
                "confirmed",
                "refuted",
                name="hypothesisstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("supports", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("history", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_sre_hypothesis_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sre_hypothesis")),
        sa.UniqueConstraint("execution_id", "key", name=op.f("uq_sre_hypothesis_execution_id_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sre_timeline_entry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("step_number", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column(
            "step",
            sa.Enum(
                "analyze",
                "hypothesize",
                "diagnose",
                "remediate",
                "verify",
                "finalize",
                name="step",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "running",
                "completed",
                "failed",
                "skipped",
                name="entrystatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_sre_timeline_entry_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sre_timeline_entry")),
        sa.UniqueConstraint(
            "execution_id", "key", name=op.f("uq_sre_timeline_entry_execution_id_key")
        ),
        sa.UniqueConstraint(
            "execution_id",
            "step_number",
            name=op.f("uq_sre_timeline_entry_execution_id_step_number"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sre_verification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("healed", sa.Boolean(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("watched_seconds", sa.Double(), nullable=False),
        sa.Column("worse", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_sre_verification_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sre_verification")),
        sa.UniqueConstraint(
            "execution_id", "step_key", name=op.f("uq_sre_verification_execution_id_step_key")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "approval_vote",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "approval_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column(
            "vote",
            sa.Enum("approve", "reject", "revise", name="vote", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("plan_hash", sa.Text(), nullable=False),
        sa.Column("voted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approval.id"], name=op.f("fk_approval_vote_approval_id_approval")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval_vote")),
        sa.UniqueConstraint(
            "approval_id", "person", name=op.f("uq_approval_vote_approval_id_person")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "incident_execution_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("step_number", sa.Integer(), nullable=False),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "step",
            sa.Enum(
                "analyze",
                "hypothesize",
                "diagnose",
                "remediate",
                "verify",
                "finalize",
                name="step",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "action_type",
            sa.Enum(
                "diagnostic",
                "probe",
                "decision",
                "remediation",
                "undo",
                name="actiontype",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("params", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("argv", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("command_executed", sa.Text(), nullable=False),
        sa.Column("command_output", sa.Text(), nullable=False),
        sa.Column("error_output", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "completed",
                "failed",
                "refused",
                "unknown",
                "waiting",
                name="logstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=False),
        sa.Column(
            "risk",
            sa.Enum(
                "R0",
                "R0s",
                "R1",
                "R2",
                "R2x",
                "R3",
                "R4",
                name="risk",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=False),
        sa.Column(
            "evidence_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_id"],
            ["sre_evidence.id"],
            name=op.f("fk_incident_execution_log_evidence_id_sre_evidence"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_incident_execution_log_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_execution_log")),
        sa.UniqueConstraint(
            "execution_id",
            "action_type",
            "step_key",
            "position",
            name="uq_incident_execution_log_of_step",
        ),
        sa.UniqueConstraint(
            "execution_id",
            "step_number",
            name=op.f("uq_incident_execution_log_execution_id_step_number"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("incident_execution_log", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_incident_execution_log_evidence_id"), ["evidence_id"], unique=False
        )

    op.create_table(
        "sre_provenance",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "execution_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=False),
        sa.Column(
            "evidence_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("drawn_by", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evidence_id"],
            ["sre_evidence.id"],
            name=op.f("fk_sre_provenance_evidence_id_sre_evidence"),
        ),
        sa.ForeignKeyConstraint(
            ["execution_id"],
            ["sre_incident_execution.id"],
            name=op.f("fk_sre_provenance_execution_id_sre_incident_execution"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sre_provenance")),
        sa.UniqueConstraint(
            "execution_id",
            "step_key",
            "position",
            name=op.f("uq_sre_provenance_execution_id_step_key_position"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("sre_provenance", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sre_provenance_evidence_id"), ["evidence_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("sre_provenance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sre_provenance_evidence_id"))

    op.drop_table("sre_provenance")
    with op.batch_alter_table("incident_execution_log", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incident_execution_log_evidence_id"))

    op.drop_table("incident_execution_log")
    op.drop_table("approval_vote")
    op.drop_table("sre_verification")
    op.drop_table("sre_timeline_entry")
    op.drop_table("sre_hypothesis")
    op.drop_table("sre_evidence")
    with op.batch_alter_table("command_intent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_command_intent_state"))
        batch_op.drop_index(batch_op.f("ix_command_intent_host_intended_at"))
        batch_op.drop_index(batch_op.f("ix_command_intent_execution_id_intended_at"))

    op.drop_table("command_intent")
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_approval_one_open",
            sqlite_where=sa.text("state IN ('approved', 'pending')"),
            postgresql_where=sa.text("state IN ('approved', 'pending')"),
        )
        batch_op.drop_index(batch_op.f("ix_approval_state_id"))
        batch_op.drop_index(batch_op.f("ix_approval_execution_id"))

    op.drop_table("approval")
    op.drop_table("worker")
    with op.batch_alter_table("sre_incident_execution", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_sre_incident_execution_one_active",
            sqlite_where=sa.text("status IN ('queued', 'running', 'waiting_approval')"),
            postgresql_where=sa.text("status IN ('queued', 'running', 'waiting_approval')"),
        )
        batch_op.drop_index(batch_op.f("ix_sre_incident_execution_status_id"))
        batch_op.drop_index(batch_op.f("ix_sre_incident_execution_host_id"))

    op.drop_table("sre_incident_execution")
    op.drop_table("host_lease")
    op.drop_table("baseline")
