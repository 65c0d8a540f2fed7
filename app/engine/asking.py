"""Asking people: the request where policy wants one, and the yes that was given for the same."""

from __future__ import annotations

from app.audit.approvals import Approval
from app.domain.action import Plan
from app.domain.approval import ApprovalState, Vote
from app.domain.verdict import Decision, Verdict
from app.engine.judging import APPROVAL_RULE
from app.engine.keys import Keys
from app.engine.parts import Records
from app.settings import Settings

REQUESTED_BY = "sre-agent"
_REFUSED = (ApprovalState.REJECTED, ApprovalState.REVISE)


class Asking:
    """Turns "needs approval" into yes, no, or a question that waits."""

    def __init__(
        self, keys: Keys, records: Records, settings: Settings, *, simulated: bool
    ) -> None:
        self._id = keys.execution_id
        self._records = records
        self._settings = settings
        self._simulated = simulated

    async def ask(self, row: str, plan: Plan, decision: Decision) -> Decision:
        """The decision with people's word in it.

        A grant is taken once, by this step; it carries only for the same proposal, and only where
        as many people said yes as are needed now.
        """
        grant = await self._records.approvals.take_grant(self._id, plan.proposal(), key=row)
        if grant is not None and grant.needed >= decision.approvals_needed:
            return _decided(decision, Verdict.ALLOW, f"Approved by {_people(grant)}.")
        asked = await self._records.approvals.request(
            self._id,
            plan,
            decision,
            requested_by=REQUESTED_BY,
            ttl_seconds=self._settings.approval_request_ttl_seconds,
            simulated=self._simulated,
        )
        if asked.state in _REFUSED:
            return _decided(decision, Verdict.DENY, f"Refused by {_people(asked)}.")
        return decision


def _decided(decision: Decision, verdict: Verdict, reason: str) -> Decision:
    return decision.model_copy(
        update={
            "verdict": verdict,
            "rule": APPROVAL_RULE,
            "reasons": (reason, *decision.reasons),
        }
    )


def _people(approval: Approval) -> str:
    """Who decided, with what they said: "ann (looks right), bob"."""
    refused = approval.state in _REFUSED
    votes = [ballot for ballot in approval.votes if (ballot.vote is not Vote.APPROVE) is refused]
    return ", ".join(f"{b.person} ({b.reason})" if b.reason else b.person for b in votes)
