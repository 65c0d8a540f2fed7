"""Whether a repair that served nobody yet got users further on their path."""

from __future__ import annotations

import pytest

from app.domain.evidence import Evidence
from app.domain.probe import Probe, ProbeKind, ProbeResult
from app.domain.verdict import Verification
from app.reasoning.port import Case
from app.services.progress import Progress
from app.services.proving import broken_by, got_elsewhere, got_further
from tests.unit.services.world import HOST, START, World

Seen = str | int  # how a question failed: a word of the network, or a status; 200 passed


def result(name: str, seen: Seen) -> ProbeResult:
    probe = Probe(name=name, kind=ProbeKind.HTTP, address="192.0.2.7", port=80)
    status, error = (seen, None) if isinstance(seen, int) else (None, seen)
    return ProbeResult(
        probe=probe, ok=status == 200, status=status, error=error, taken_at=START, simulated=False
    )


def proof(before: tuple[Seen, ...], after: tuple[Seen, ...]) -> Verification:
    return Verification(
        healed=False,
        statement="not healed",
        watched_seconds=0.0,
        before=tuple(result(f"q{n}", seen) for n, seen in enumerate(before)),
        after=tuple(result(f"q{n}", seen) for n, seen in enumerate(after)),
        taken_at=START,
        simulated=False,
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("timeout",), ("refused",)),
        (("refused",), (502,)),
        (("timeout",), (502,)),
        ((502,), (500,)),  # not the gateway speaks any more, but who stands behind it
        ((504,), (503,)),
        ((500, 500), (500, 200)),
        (("refused", "refused"), ("refused", 502)),
    ],
)
def test_further(before: tuple[Seen, ...], after: tuple[Seen, ...]) -> None:
    assert got_further(proof(before, after))
    assert not got_further(proof(after, before))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((502,), (502,)),
        ((502,), (504,)),
        ((500,), (503,)),
        (("refused", 500), (500, "refused")),  # one further, one less far
    ],
)
def test_not_further(before: tuple[Seen, ...], after: tuple[Seen, ...]) -> None:
    assert not got_further(proof(before, after))


@pytest.mark.parametrize(
    ("before", "after", "so"),
    [
        ((206, 500), (503, 500), True),
        ((404,), (500,), True),
        ((500,), (500,), False),
        (("refused",), ("timeout",), False),
        ((404, 500), (500, "refused"), False),  # somebody else is served less than before
    ],
)
def test_elsewhere(before: tuple[Seen, ...], after: tuple[Seen, ...], so: bool) -> None:
    assert got_elsewhere(proof(before, after)) is so


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        ((500,), (200, 500), ["q1"]),
        ((500,), (200, 200), []),
        ((500, 500), (200, 500), []),  # not healed: whose fault the rest is, is not known
        ((500,), (500, 500), []),
    ],
)
def test_broken(before: tuple[Seen, ...], after: tuple[Seen, ...], broken: list[str]) -> None:
    assert [p.probe.name for p in broken_by(proof(before, after))] == broken


def test_what_was_tried_in_vain_before_may_have_been_right_with_a_fault_in_front_of_it() -> None:
    evidence: tuple[Evidence, ...] = ()
    case = Case(
        incident=World().given().incident, host=HOST, hosts=(HOST,), evidence=evidence, probes=()
    )
    at = Progress(given=World().given(), case=case).refuting("a").refuting("b")
    assert at.known.refuted == ("a", "b")
    further = at.step(plans_tried=2).further("c")
    assert further.known.refuted == ("c",)
    assert further.plans_tried == 1, "what got users further was not tried in vain"
