"""A certificate that is over: one that was brought is put in place once a person agrees."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.probe import ProbeKind
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    PROBE,
    case,
    facts_of,
    listener,
    unit,
)
from tests.unit.reasoning.test_builtin import UP, asked, judge, steps

PATH, NEW = "/etc/nginx/tls/tickets.pem", "/root/renewed/tickets.pem"
BROUGHT = {"path": NEW, "sha256": "c" * 64, "not_after": "Jan  1 00:00:00 2027 GMT"}


def refused(found: list[dict[str, str]], *, is_current: bool = False, port: int = 443) -> Case:
    site = {
        "file": "/etc/nginx/conf.d/tickets.conf", "line": 1, "names": ["tickets.example"],
        "ports": [port], "tls": True, "certificate": PATH,
    }  # fmt: skip
    facts: dict[str, Any] = facts_of(
        UP,
        [*HEALTHY_LISTENERS, listener(443, "nginx.service")],
        nginx__dump={"servers": [site], "files": [site["file"]], "complete": True},
    )
    facts |= asked(*UP)
    facts[f"certificates.for_key path={PATH}"] = {
        "path": PATH, "not_after": "Dec 30 00:00:00 2025 GMT", "is_current": is_current,
        "found": found,
    }  # fmt: skip
    given = case(facts, error="tls: certificate expired", with_baseline=False)
    (known,) = given.probes
    probe = known.probe.model_copy(
        update={"kind": ProbeKind.TLS, "port": 443, "name": "tls tickets.example:443"}
    )
    return given.model_copy(update={"probes": (known.model_copy(update={"probe": probe}),)})


async def judged_of(found: list[dict[str, str]], **more: Any) -> Assessment:
    return await judge(refused(found, **more))


async def test_the_one_that_was_brought_is_put_in_place_if_a_person_agrees() -> None:
    judged = await judged_of([BROUGHT])
    assert steps(judged) == [
        f"certificate.install path={PATH} sha256={'c' * 64} source={NEW}",
        "service.reload unit=nginx.service",
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person
    assert "expired" in judged.statement
    assert NEW in judged.statement


FRONT = "/etc/balance/tls/front.pem"


async def of_a_balancer(**more: Any) -> Assessment:
    """The same where no nginx serves it."""
    balance = unit("balance.service", can_reload=True)
    facts: dict[str, Any] = facts_of([balance], [listener(443, "balance.service")])
    facts |= asked(balance) | more
    given = case(facts, error="tls: certificate expired", with_baseline=False)
    (known,) = given.probes
    probe = known.probe.model_copy(
        update={"kind": ProbeKind.TLS, "port": 443, "name": "tls tickets.example:443"}
    )
    return await judge(
        given.model_copy(update={"probes": (known.model_copy(update={"probe": probe}),)})
    )


async def test_of_what_another_program_serves_the_file_is_looked_for_by_what_is_in_it() -> None:
    question = f"certificates.served name={PROBE.host_header} port=443"
    first = await of_a_balancer()
    assert f"{question} on alpha" in [call.label() for call in first.wanted]
    told: dict[str, Any] = {question: {"path": FRONT, "named_in": "/etc/balance/balance.cfg"}}
    second = await of_a_balancer(**told)
    assert f"certificates.for_key path={FRONT} on alpha" in [c.label() for c in second.wanted]
    told[f"certificates.for_key path={FRONT}"] = {
        "path": FRONT, "not_after": "Dec 30 00:00:00 2025 GMT", "is_current": False,
        "found": [BROUGHT],
    }  # fmt: skip
    judged = await of_a_balancer(**told)
    assert steps(judged) == [
        f"certificate.install path={FRONT} sha256={'c' * 64} source={NEW}",
        "service.reload unit=balance.service",
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person


async def test_without_another_it_is_handed_over_with_its_cause() -> None:
    judged = await judged_of([])
    assert judged.advice is Advice.HAND_OVER
    assert f"{PATH} on alpha expired" in judged.statement


@pytest.mark.parametrize("more", [{"is_current": True}, {"port": 8443}])
async def test_one_that_is_not_over_or_not_refused_stays(more: dict[str, Any]) -> None:
    assert (await judged_of([BROUGHT], **more)).repair is None


async def test_others_are_looked_for() -> None:
    given = refused([])
    known = tuple(e for e in given.evidence if e.action != "certificates.for_key")
    judged = await judge(given.model_copy(update={"evidence": known}))
    assert f"certificates.for_key path={PATH} on alpha" in [c.label() for c in judged.wanted]
