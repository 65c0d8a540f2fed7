"""The words of asking a person: where a request stands, and what a person may say to it."""

from __future__ import annotations

from enum import StrEnum


class ApprovalState(StrEnum):
    """Where a request for approval stands. Only `pending` and `approved` may still move."""

    PENDING = "pending"
    APPROVED = "approved"  # enough people said yes; carries until `granted_until`
    REJECTED = "rejected"
    REVISE = "revise"  # a person wants another plan
    EXPIRED = "expired"  # nobody answered in time, or the yes was not used in time
    USED = "used"  # the grant was taken by the execution; it carries once


class Vote(StrEnum):
    """What one person says to a request."""

    APPROVE = "approve"
    REJECT = "reject"
    REVISE = "revise"


STATE_OF_VOTE: dict[Vote, ApprovalState] = {
    Vote.APPROVE: ApprovalState.APPROVED,  # once as many people as needed have said so
    Vote.REJECT: ApprovalState.REJECTED,
    Vote.REVISE: ApprovalState.REVISE,
}
