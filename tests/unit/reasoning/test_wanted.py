"""What is asked next: nothing of which the answer is known already."""

from __future__ import annotations

from app.domain.probe import ProbeResult
from tests.unit.reasoning.cases import (
    HEALTHY_LISTENERS,
    NOW,
    PROBE,
    case,
    facts_of,
    manifest_now,
    nginx,
    tickets,
)
from tests.unit.reasoning.test_builtin import asked, judge


async def test_a_service_is_asked_for_two_pages_and_not_in_every_name() -> None:
    facts = facts_of([nginx(), tickets()], HEALTHY_LISTENERS) | asked(nginx(), tickets())
    given = case(facts, status=502)
    pages = [
        PROBE.model_copy(update={"name": f"{name}{path}", "path": path, "host_header": name})
        for path in ("/", "/a", "/b")
        for name in ("tickets.example", "alpha")
    ]
    red = tuple(
        ProbeResult(probe=page, ok=False, status=502, taken_at=NOW, simulated=False)
        for page in pages
    )
    judged = await judge(given.model_copy(update={"probes": red}))
    urls = [c.params["url"] for c in judged.wanted if c.action == "http.local"]
    assert urls == ["http://127.0.0.1:9100/", "http://127.0.0.1:9100/a"]


async def test_a_file_that_is_known_not_to_be_there_is_not_read() -> None:
    files = {"environment_files": ["/etc/sysconfig/tickets", "/etc/default/tickets"]}
    behind = tickets() | files
    facts = facts_of([nginx(), behind], HEALTHY_LISTENERS)
    read = [c.params["path"] for c in (await judge(case(facts, status=502))).wanted
            if c.action == "environment.read"]  # fmt: skip
    assert read == ["/etc/sysconfig/tickets", "/etc/default/tickets"]  # nothing is known of them
    facts["baseline.manifest"] = manifest_now()
    judged = await judge(case(facts, status=502))
    assert [c for c in judged.wanted if c.action == "environment.read"] == []
