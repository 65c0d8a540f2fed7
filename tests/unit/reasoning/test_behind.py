"""What is not as it was on hosts behind the incident's own: who may come in, and names."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.evidence import Evidence
from app.domain.host import Host
from app.host.baseline import Baseline
from app.host.facts import Manifest
from app.reasoning.port import Advice, Case
from tests.unit.reasoning import cases
from tests.unit.reasoning.cases import HOST, case, facts_of, file, nginx, tickets
from tests.unit.reasoning.test_builtin import judge

BEHIND = Host(name="beta", address="192.0.2.8", services=("postgresql",))
DAY_BEFORE = "2025-12-31T00:00:00+00:00"
HBA = "/etc/postgresql/15/main/pg_hba.conf"


def of_beta(facts: dict[str, Any], start: int) -> tuple[Evidence, ...]:
    return tuple(e.model_copy(update={"host": "beta"}) for e in cases.evidence(facts, start=start))


def with_beta(
    given: Case, now: dict[str, Any], then: dict[str, Any], *files: Manifest.File
) -> Case:
    """The case with a host behind its own, as it is and as it was."""
    front = HOST.model_copy(update={"depends_on": ("beta",)})
    known = Baseline(
        host="beta",
        taken_at=DAY_BEFORE,
        manifest=Manifest(host="beta", taken_at=DAY_BEFORE, files=files),
        probes=(),
        evidence=of_beta(then, 800),
    )
    return given.model_copy(
        update={
            "host": front,
            "hosts": (front, BEHIND),
            "evidence": (*given.evidence, *of_beta(now, 500)),
            "baselines": (*given.baselines, known),
        }
    )


def store(*superusers: str) -> dict[str, Any]:
    shape = {"port": 5432, "status": "ready", "reachable": True, "superusers": list(superusers)}
    return {"postgres.state": {"clusters": [shape]}}


def manifest(*files: Manifest.File) -> dict[str, Any]:
    shown = Manifest(host="beta", taken_at=cases.NOW.isoformat(), files=files)
    return {"baseline.manifest": shown.model_dump(mode="json")}


@pytest.mark.parametrize(
    ("now", "advice", "told"),
    [
        (store("postgres", "sync"), Advice.HAND_OVER, "sync of PostgreSQL on port 5432 is a super"),
        (store("postgres") | manifest(file(HBA, "b" * 64)), Advice.HAND_OVER, HBA),
        (
            store("postgres") | manifest(file(HBA), file("/etc/aliases", "b" * 64)),
            Advice.NO_FAULT,
            "",
        ),
        (store("postgres"), Advice.NO_FAULT, ""),
    ],
)
async def test_who_may_do_everything_behind_a_served_site_is_told(
    now: dict[str, Any], advice: Advice, told: str
) -> None:
    """Prices may be changed while every page is served: that is no false alarm."""
    facts = facts_of([nginx(), tickets()], cases.HEALTHY_LISTENERS, firewall__show={})
    then = store("postgres")
    given = with_beta(case(facts, status=200), now, then, file(HBA), file("/etc/aliases"))
    judged = await judge(given)
    assert judged.advice is advice
    assert told in judged.statement
    assert ("on beta" in judged.statement or "beta was healthy" in judged.statement) is bool(told)


@pytest.mark.parametrize(
    "answered", [{"ok": False, "error": "not-found"}, {"ok": True, "addresses": ["192.0.2.30"]}]
)
async def test_what_a_name_server_answers_by_goes_back_where_names_do_not_resolve(
    answered: dict[str, Any],
) -> None:
    """Or resolve late: another server may have answered in the end."""
    path = "/etc/bind/named.conf.options"
    named = cases.unit(
        "named.service", can_reload=True, fragment_path="/lib/systemd/system/named.service"
    )
    now = {
        "units.show": {"units": [named]},
        "persons.list": {},
        f"file.diff path={path} sha256={'a' * 64}": {
            "path": path, "diff": "-blackhole { 192.0.2.70; };\n+blackhole { 192.0.2.7; };",
        },
    } | manifest(file(path, "b" * 64))  # fmt: skip
    facts = facts_of([nginx(), tickets()], cases.HEALTHY_LISTENERS, firewall__show={})
    asked = {"name": "ledger.example", "seconds": 8.0}
    facts["name.resolve name=ledger.example"] = asked | answered
    given = with_beta(case(facts, status=503), now, {"units.show": {"units": [named]}}, file(path))
    judged = await judge(given)
    causes = {h.mode: h.confidence for h in judged.hypotheses}
    assert causes["changed-beside"] > 0.5
    assert causes["changed-beside"] > causes.get("name-not-resolving", 0.0)
