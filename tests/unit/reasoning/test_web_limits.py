"""Limits of the web server that are too low for what users ask: raised once a person agrees."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.host import asked_of
from app.domain.probe import ProbeResult
from app.host import web_limits
from app.host.view import HostView
from app.reasoning.port import Advice, Assessment, Case
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    HOST,
    NOW,
    case,
    evidence,
    facts_of,
)
from tests.unit.reasoning.test_builtin import UP, judge, steps

LINK, FILE = "/etc/nginx/sites-enabled/tickets", "/etc/nginx/sites-available/tickets"


def site(*limits: dict[str, Any], **more: Any) -> dict[str, Any]:
    shape = {
        "file": LINK, "line": 1, "names": ["tickets.example"], "ports": [80],
        "upstreams": [{"url": "http://127.0.0.1:9100", "host": "127.0.0.1", "port": 9100}],
        "limits": [{"file": LINK, "line": 7} | one for one in limits],
    }  # fmt: skip
    return {"servers": [shape | more], "files": [LINK], "complete": True}


def limit(directive: str, value: str) -> dict[str, Any]:
    return {"directive": directive, "value": value}


def told(nginx: dict[str, Any], **more: Any) -> dict[str, Any]:
    facts = facts_of(UP, HEALTHY_LISTENERS, nginx__dump=nginx, **more)
    facts[f"file.state path={LINK}"] = {
        "path": LINK, "kind": "symlink", "target": "../sites-available/tickets",
    }  # fmt: skip
    for name in ("nginx.service", "tickets.service"):
        facts |= {f"{a} unit={name}": {"source": "x"} for a in ("journal.unit", "unit.logs")}
        facts[f"unit.show unit={name}"] = {"unit": next(u for u in UP if u["name"] == name)}
    return facts


def beside(given: Case, *, ok: bool = True) -> Case:
    """Another page of the same host is asked too."""
    (known,) = given.probes
    probe = known.probe.model_copy(update={"name": "other", "path": "/other"})
    other = known.model_copy(update={"probe": probe, "ok": ok, "status": 200 if ok else 504})
    return given.model_copy(update={"probes": (*given.probes, other)})


async def of_time(value: str, *, others: bool = True) -> Assessment:
    facts = told(site(limit("proxy_read_timeout", value)))
    return await judge(beside(case(facts, status=504, with_baseline=False), ok=others))


async def test_a_page_that_takes_longer_than_nginx_waits() -> None:
    judged = await of_time("3s")
    assert steps(judged) == [
        f"nginx.set_limit directive=proxy_read_timeout line=7 path={FILE} value=60s",
        "service.reload unit=nginx.service",
    ], judged.statement
    assert judged.repair is not None
    assert judged.repair.requires_person


@pytest.mark.parametrize(("value", "others"), [("90s", True), ("0", True), ("3s", False)])
async def test_a_limit_that_is_not_the_cause_stays(value: str, *, others: bool) -> None:
    assert (await of_time(value, others=others)).repair is None


REFUSED = {"method": "POST", "path": "/in", "failed": 4, "last_ago": 9.0, "last_status": 413}


def sent(nginx: dict[str, Any], text: str) -> Case:
    facts = told(nginx, web__errors={"failing": [REFUSED]}, persons__list={})
    given = case(facts, status=200, with_baseline=False)
    incident = given.incident.model_copy(update={"short_description": text})
    probes = web_limits.doubted(HostView(HOST, given.evidence), incident)
    red = (
        ProbeResult(probe=one, ok=False, error="check", taken_at=NOW, simulated=False)
        for one in probes
    )
    update = {"incident": incident, "probes": (*given.probes, *red)}
    return given.model_copy(update=update)


@pytest.mark.parametrize(
    ("nginx", "text", "step"),
    [
        (site(), "uploads of pictures fail, up to 15 MB as always",
         f"nginx.set_limit directive=client_max_body_size line=1 path={FILE} value=20m"),
        (site(limit("client_max_body_size", "2m")), "cannot attach a file of 4 MB",
         f"nginx.set_limit directive=client_max_body_size line=7 path={FILE} value=5m"),
        (site(limit("client_max_body_size", "8m")), "cannot attach a file of 4 MB", None),
        (site(limit("client_max_body_size", "0")), "cannot attach a file of 4 MB", None),
        (site(), "uploads of 500 MB fail", None),
        (site(), "uploads fail", None),
        (site(), "the page needs 15 MB of memory", None),
        (site(upstreams=[]), "uploads of 15 MB fail", None),
    ],
)  # fmt: skip
async def test_what_is_larger_than_nginx_takes(
    nginx: dict[str, Any], text: str, step: str | None
) -> None:
    judged = await judge(sent(nginx, text))
    if step is None:
        assert judged.repair is None
        return
    assert judged.advice is Advice.REMEDIATE, judged.statement
    assert steps(judged) == [step, "service.reload unit=nginx.service"]
    assert judged.repair is not None
    assert judged.repair.requires_person


def test_whether_so_much_is_taken_is_told_by_nginx() -> None:
    probe = asked_of(HOST, web_limits.CHECK, f"{LINK}:1 20m")
    for limits, holds in (((), False), ((limit("client_max_body_size", "20m"),), True)):
        view = HostView(HOST, evidence({"nginx.dump": site(*limits)}))
        said = web_limits.takes(view, probe.subject or "")
        assert said is not None
        assert said[0] is holds
    assert web_limits.takes(HostView(HOST, ()), probe.subject or "") is None
