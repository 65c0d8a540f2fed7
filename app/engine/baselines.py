"""Taking a host's baseline while it is healthy, and reading it back."""

from __future__ import annotations

from app.audit.baselines import Baselines, StoredBaseline
from app.domain.evidence import Evidence
from app.domain.host import Host
from app.domain.probe import Probe
from app.engine.parts import Hands
from app.errors import Conflict
from app.host import probes as questions
from app.host.baseline import Baseline, assemble, calls
from app.host.learned_probes import learn, linked
from app.host.view import HostView


def loaded(stored: StoredBaseline) -> Baseline:
    """A baseline as the database has it."""
    return Baseline.model_validate(
        {
            "host": stored.host,
            "taken_at": stored.taken_at.isoformat(),
            "manifest": stored.manifest,
            "probes": stored.probes,
            "evidence": stored.host_model["evidence"],
        }
    )


async def take_baseline(
    host: Host, hands: Hands, baselines: Baselines, *, reason: str
) -> StoredBaseline:
    """Look at a host as it is now and keep that as its healthy state.

    Raises Conflict, with the host's own words, where it could not be looked at.
    """
    seen = await hands.hosts.observe(host, calls(host))
    evidence = tuple(one.as_evidence(0) for one in seen)  # of no execution, so without a number
    try:
        baseline = assemble(host, evidence, await _learned(host, evidence, hands))
    except ValueError as error:
        raise Conflict(str(error), hint="Try again once the host answers.") from error
    parts = baseline.model_dump(mode="json")
    await baselines.store(
        host.name,
        taken_at=max(one.taken_at for one in evidence),
        manifest=parts["manifest"],
        probes=parts["probes"],
        host_model={"evidence": parts["evidence"]},
        reason=reason,
        simulated=hands.simulated,
    )
    stored = await baselines.latest(host.name, simulated=hands.simulated)
    assert stored is not None, "it was stored a moment ago"
    return stored


async def _learned(host: Host, evidence: tuple[Evidence, ...], hands: Hands) -> tuple[Probe, ...]:
    asked = questions.candidates(HostView(host, evidence), hands.inventory.related(host))
    first = await hands.prober.probe(host, asked)
    asked += (parts := linked(first))
    first += await hands.prober.probe(host, parts)
    return learn(first, await hands.prober.probe(host, asked))
