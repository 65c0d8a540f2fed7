"""The policy with its context from the records: what a plan is judged by, gathered as of now."""

from __future__ import annotations

from datetime import UTC, datetime

from app.audit.intents import Intent
from app.domain.action import Plan
from app.domain.evidence import Evidence
from app.domain.execution import Outcome
from app.domain.intent import IntentState
from app.domain.probe import ProbeResult
from app.domain.value import fingerprint
from app.domain.verdict import Decision
from app.engine.parts import Records
from app.execution.catalog import Catalog
from app.execution.policy import decide
from app.execution.policy_context import PastChange, PolicyContext
from app.execution.policy_file import PolicyFile
from app.execution.targets import Inventory
from app.settings import AutonomyLevel, Settings

REMEMBERED_SECONDS = 24 * 3600
"""How far back changes count for budgets, the flap guard and the breaker."""

EXECUTIONS_LOOKED_AT = 200


class PolicyJudge:
    """Implements `Judge` over the policy: the same records give the same decision."""

    def __init__(
        self,
        settings: Settings,
        policy: PolicyFile,
        catalog: Catalog,
        inventory: Inventory,
        records: Records,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._catalog = catalog
        self._inventory = inventory
        self._records = records

    async def decide(self, plan: Plan) -> Decision:
        """The decision as of now. Its plan_hash is the same for the same plan."""
        incident = await self._records.reading.incident(plan.execution_id)
        evidence = await self._records.reading.evidence(plan.execution_id)
        host = next((h for h in self._inventory.hosts if h.name == plan.host), None)
        context = PolicyContext(
            catalog=self._catalog,
            policy=self._policy,
            hosts={h.name: h for h in self._inventory.hosts},
            incident_host=incident.host,
            source=incident.source,
            source_cap=AutonomyLevel(incident.autonomy_cap) if incident.autonomy_cap else None,
            live=self._settings.enable_real_ssh,
            kill_switch=(await self._records.pauses.current()).paused,
            level=self._policy.base_level(self._settings),
            now=datetime.now(UTC),
            evidence=tuple(e for e in evidence if not _is_probe(e)),
            probes=_latest_probes(evidence),
            past_changes=await self._past_changes(plan),
            host_key_fingerprint=fingerprint(host.host_key) if host is not None else "",
        )
        return decide(plan, context)

    async def _past_changes(self, plan: Plan) -> tuple[PastChange, ...]:
        """What was changed before this plan: its own steps are counted by the policy itself."""
        sent = await self._records.intents.recent(
            within_seconds=REMEMBERED_SECONDS, simulated=not self._settings.enable_real_ssh
        )
        healed = await self._healed()
        return tuple(
            PastChange(
                call=intent.call,
                at=intent.dispatched_at or datetime.now(UTC),
                verified=healed.get(intent.execution_id),
            )
            for intent in sent
            if _counts(intent) and not _is_of(plan, intent)
        )

    async def _healed(self) -> dict[int, bool]:
        """Whether each recent execution that has ended had healed its host."""
        page = await self._records.reading.executions(limit=EXECUTIONS_LOOKED_AT)
        return {
            e.execution_id: e.outcome is Outcome.RESOLVED
            for e in page.executions
            if e.outcome is not None
        }


def _counts(intent: Intent) -> bool:
    """Undoing is never held against a budget; what was refused did not happen."""
    return intent.undo_of is None and intent.state is not IntentState.REFUSED


def _is_of(plan: Plan, intent: Intent) -> bool:
    return intent.execution_id == plan.execution_id and intent.call in plan.steps


def _is_probe(evidence: Evidence) -> bool:
    return evidence.action.startswith("probe.")


def _latest_probes(evidence: tuple[Evidence, ...]) -> tuple[ProbeResult, ...]:
    """The newest result of each probe; evidence comes in the order in which it was taken."""
    results = (
        ProbeResult.model_validate(e.facts | {"evidence_id": e.id})
        for e in evidence
        if _is_probe(e)
    )
    return tuple({result.probe.name: result for result in results}.values())
