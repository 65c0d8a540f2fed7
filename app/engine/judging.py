"""Whether a change may be made: asked of the policy when planned, and again right before it."""

from __future__ import annotations

from app.domain.action import ActionCall, Plan
from app.domain.verdict import ChangeResult, Decision, Verdict
from app.engine.parts import Hands, Records
from app.errors import EngineError

APPROVAL_RULE = "approval"
"""`Decision.rule` where a person's word decided."""


class Judging:
    """The policy's word on the plans of one execution."""

    def __init__(self, records: Records, hands: Hands) -> None:
        self._records = records
        self._hands = hands

    async def decide(self, plan: Plan) -> Decision:
        """The policy's decision as of now."""
        return await self._hands.judge.decide(plan)

    async def refusal(self, plan: Plan, decision: Decision) -> str:
        """Why an allowed plan must not go on after all; "" where nothing has changed.

        A person's yes stands where the policy still only asks for one.
        """
        now = await self.decide(plan)
        if now.plan_hash != decision.plan_hash:
            return "What would be run is not what was decided on: the plan's hash differs."
        approved = decision.rule == APPROVAL_RULE and now.verdict is Verdict.NEEDS_APPROVAL
        if now.verdict is Verdict.ALLOW or approved:
            return ""
        return f"The policy does not allow it any more ({now.rule}): {' '.join(now.reasons)}"

    async def of_undo(self, done: ChangeResult, call: ActionCall) -> Decision:
        """The decision under which a change is taken back: that of the change itself.

        Whoever may make a change may take it back; no budget or level stands in the way of that.
        """
        intent = await self._records.intents.get(done.intent_id)
        if intent is None:
            raise EngineError(f"There is no intent {done.intent_id} that could be taken back.")
        made_under = Decision.model_validate(intent.decision)
        return made_under.model_copy(
            update={
                "rule": "undo",
                "reasons": (f"Takes back {done.call.label()}.",),
                "risk": self._hands.catalog.risk(call),
            }
        )
