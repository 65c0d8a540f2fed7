"""Who may do what: the roles, and the whole matrix. Nothing else in the code decides it.

Roles are no ladder. Who administers cannot approve and who approves cannot administer, so that no
single stolen key both lets itself in and says yes to a plan. What does not stand here is not
allowed. docs/reference/permissions.md is made from this module.
"""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One thing that a route lets somebody do."""

    SUBMIT = "incident.submit"
    READ = "execution.read"
    CANCEL = "execution.cancel"
    DECIDE = "approval.decide"
    BASELINE = "baseline.take"
    STOP = "agent.stop"
    RESUME = "agent.resume"
    READ_AUDIT = "audit.read"
    SETTLE_OUTBOX = "outbox.settle"
    MANAGE_KEYS = "key.manage"


class Role(StrEnum):
    """What somebody is to the service. A key and a session have exactly one."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"
    AUDITOR = "auditor"
    WEBHOOK = "webhook"


_P = Permission

ROLES: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.READ}),
    Role.OPERATOR: frozenset(
        {_P.READ, _P.SUBMIT, _P.CANCEL, _P.BASELINE, _P.STOP, _P.SETTLE_OUTBOX}
    ),
    Role.APPROVER: frozenset({_P.READ, _P.DECIDE, _P.CANCEL, _P.STOP}),
    Role.ADMIN: frozenset(
        {_P.READ, _P.STOP, _P.RESUME, _P.READ_AUDIT, _P.SETTLE_OUTBOX, _P.MANAGE_KEYS}
    ),
    Role.AUDITOR: frozenset({_P.READ, _P.READ_AUDIT}),
    Role.WEBHOOK: frozenset({_P.SUBMIT}),
}
"""The matrix."""

LOCAL: frozenset[Permission] = frozenset(Permission) - {_P.DECIDE, _P.MANAGE_KEYS}
"""What whoever sits at the machine may do while there is no key yet and hosts are simulated. A
decision carries a name, so it takes an approver's token even then; keys are made by the command
line. Where hosts are real, nobody may do anything without showing who they are."""

MEANING: dict[Permission, str] = {
    _P.SUBMIT: "Hand an incident to the agent.",
    _P.READ: "See executions, commands and their output, questions, hosts and figures.",
    _P.CANCEL: "Stop an execution at its next safe point.",
    _P.DECIDE: "Say yes or no to a plan.",
    _P.BASELINE: "Have a healthy host's state written down.",
    _P.STOP: "Stop every change everywhere (the kill switch).",
    _P.RESUME: "Let changes be made again after that.",
    _P.READ_AUDIT: "See who holds which key and when it was last used; check and export records.",
    _P.SETTLE_OUTBOX: "Have a note to a ticket tried again, or given up.",
    _P.MANAGE_KEYS: "Revoke keys. Making one takes the command line on the server.",
}
