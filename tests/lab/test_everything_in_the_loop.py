"""One incident with everything in the loop, on a real host, as docs/howto/whole-loop.md tells it.

A signed delivery of ServiceNow's, the fault on a host over SSH, somebody who is told that a plan
waits and approves it in a browser, the ticket as ServiceNow's own client reads it, the audit, the
metrics. The screenshots of that page are taken by

    pytest tests/lab/test_everything_in_the_loop.py --screenshots
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from prometheus_client.parser import text_string_to_metric_families
from pysnc import ServiceNowClient

from app.domain.permission import Role
from app.domain.value import JsonObject
from app.lab import requirements
from app.lab.agents import Agent
from app.lab.inventory import APPROVERS
from app.lab.judge import Row, Said, judge
from app.lab.places import PROJECT
from app.lab.runner import Run
from app.lab.scenario import Scenario, load
from app.servicenow.fake.control import Control
from app.servicenow.fake.seeding import GROUP
from tests.lab.loop import HOOK, PATIENCE, Loop, browsing, looped, require_browser

IMAGES = PROJECT / "docs" / "images"
LARGEST = 150_000
"""Bytes of one picture: a page of the manual is read over slow lines too."""
EXECUTION = "/api/v1/incident/execution/1"
APPROVER = APPROVERS[0]
SLOWEST = PATIENCE * 1000
"""Milliseconds until a page must show something."""
WHY = "The difference is what the baseline had."


class Camera:
    """Takes the manual's pictures where it was asked to."""

    def __init__(self, *, loaded: bool) -> None:
        self._loaded = loaded

    def take(self, page: Page, name: str) -> None:
        if not self._loaded:
            return
        path = IMAGES / f"loop-{name}.png"
        page.screenshot(path=path, animations="disabled")
        assert path.stat().st_size < LARGEST, path


class Nobody(Agent):
    """`Run` sets the scene and judges; who heals is spoken to by the test."""

    def heal(self, scenario: Scenario) -> Said:
        raise AssertionError("nobody is asked")


@pytest.fixture
def scenario() -> Scenario:
    """A configuration that does not parse; at this level its repair takes a person's yes."""
    require_browser()
    requirements.ensure()
    found = load(PROJECT / "scenarios/nginx-config-typo.yaml")
    asked = found.expect.model_copy(update={"approval": True})
    # the file's limit is for a repair alone; after a yes the host is looked at once more
    twice = found.limits.model_copy(update={"commands": 2 * found.limits.commands})
    return found.model_copy(update={"expect": asked, "limits": twice})


@pytest.fixture
def loop(scenario: Scenario, tmp_path: Path) -> Iterator[Loop]:
    with looped(scenario, tmp_path) as loop:
        yield loop


@pytest.fixture
def camera(request: pytest.FixtureRequest) -> Camera:
    return Camera(loaded=request.config.getoption("screenshots"))


def test_an_incident_from_its_ticket_to_its_proof(
    loop: Loop,
    scenario: Scenario,
    camera: Camera,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operator, viewer = loop.keys(Role.OPERATOR, Role.VIEWER)
    run = Run(scenario, Nobody(), loop.estate)
    break_the_host(loop, run, operator)
    number = file_the_ticket(loop, scenario)
    waits = loop.notice()
    told = "SRE agent: a question waits for a person"
    assert waits["title"] == told, loop.ask("GET", EXECUTION, viewer).text
    with browsing() as page:
        approve(page, loop, re.findall(r"Look at it: (\S+),", waits["message"])[0], camera)
        follow_to_the_end(page, camera)
        loop.until_told(operator, notes=3)
        page.goto(f"{loop.instance.url}/fake/tickets/{number}")
        camera.take(page, "ticket")
    assert loop.notice()["title"] == f"SRE agent: Over: {waits['title'][11:]}"
    execution = loop.ask("GET", EXECUTION, viewer).json()
    row = judged(run, execution)
    assert row.passed, row.reason

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(loop.instance.ca_file))
    notes = notes_on_the_resolved_ticket(loop.instance, number)
    kept = tmp_path / "notes.txt"
    kept.write_text("\n".join(notes))
    verified = loop.command("audit", "verify", "--anchor", str(kept))
    assert "Nothing was altered, removed or added." in verified
    the_figures_tell_it(loop.ask("GET", "/metrics", viewer).raise_for_status().text)


def break_the_host(loop: Loop, run: Run, operator: str) -> None:
    """Users are served, the agent sees the healthy hosts, then comes the fault."""
    run.set_up()
    for host in loop.estate.machines:
        loop.ask("POST", f"/api/v1/hosts/{host}/baseline", operator).raise_for_status()
    run.before = run.snapshots()
    run.break_it()


def file_the_ticket(loop: Loop, scenario: Scenario) -> str:
    """A person files the incident; ServiceNow signs and sends. Unsigned it is turned away."""
    ticket = scenario.ticket
    row = loop.instance.insert(
        short_description=ticket.short_description,
        description=ticket.description,
        impact="1",
        urgency="1",
        assignment_group=GROUP,
        cmdb_ci="web01.corp.internal",
    )
    (sent,) = loop.instance.finish_deliveries()
    assert sent["status"] == 200, sent
    assert loop.ask("POST", HOOK, json=sent["body"]).status_code == 401
    return row["number"]


def approve(page: Page, loop: Loop, address: str, camera: Camera) -> None:
    """What somebody does who was told: go there, log in, see why, read the plan, say yes."""
    page.goto(address)
    page.locator("#key").fill(loop.service.policy.tokens[APPROVER])
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#x1-head")).to_contain_text("waits", timeout=SLOWEST)
    camera.take(page, "waiting")
    page.get_by_role("link", name="Decide").click()
    expect(page.locator("#plan-title")).to_be_visible(timeout=SLOWEST)
    expect(page.locator("main")).to_contain_text("client_max_body_size", timeout=SLOWEST)
    camera.take(page, "question")
    page.locator("#yes-reason").fill(WHY)
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#q1-state")).to_contain_text(
        f"{APPROVER} said approve: {WHY}", timeout=SLOWEST
    )


def follow_to_the_end(page: Page, camera: Camera) -> None:
    """The execution's page shows its end by itself."""
    page.locator("p.facts a").click()
    expect(page.locator("#x1-outcome .proof")).to_be_visible(timeout=SLOWEST)
    expect(page.locator("#x1-head")).to_have_class("head is-resolved", timeout=SLOWEST)
    expect(page.locator(".band.real").first).to_be_visible(timeout=SLOWEST)
    camera.take(page, "resolved")


def judged(run: Run, execution: JsonObject) -> Row:
    """What the lab says, which looks at the hosts and not at what was said of them."""
    said = Said(
        outcome=execution["outcome"],
        cause=execution["root_cause"],
        approval_asked=True,
        commands_run=execution["commands_run"],
        changes_made=len(execution["actions_taken"]),
    )
    assert execution["simulated"] is False
    return judge(run.scenario, said, run.look_after(None))


def notes_on_the_resolved_ticket(instance: Control, number: str) -> list[str]:
    """What ServiceNow's own client reads; the work notes."""
    credentials = instance.credentials
    client = ServiceNowClient(instance.url, (credentials.user_name, credentials.password))
    incident = client.GlideRecord("incident")
    assert incident.get("number", number)
    assert incident.get_display_value("state") == "Resolved"
    assert incident.get_display_value("close_code") == "Solution provided"
    assert "/etc/nginx/sites-available/shop" in incident.get_value("close_notes")
    assert incident.get_display_value("resolved_by") == "SRE Agent"
    journal = client.GlideRecord("sys_journal_field")
    journal.add_query("element_id", incident.get_value("sys_id"))
    journal.add_query("element", "work_notes")
    journal.order_by("sys_created_on")
    journal.query()
    notes = [str(entry.get_value("value")) for entry in journal]
    client.session.close()
    for note, tells in zip(notes, ("taken on", "question", "resolved"), strict=True):
        assert f"[sre-agent execution 1 · {tells}" in note
    assert "Audit anchor: chain " in notes[-1]
    return notes


def the_figures_tell_it(text: str) -> None:
    """One real incident that was resolved behind one person's yes, by one delivery."""
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    real = ("simulated", "false")
    assert found["sre_agent_executions_ended_total", ("outcome", "resolved"), real] == 1
    assert found["sre_agent_verifications_total", ("result", "healed"), real] == 1
    assert found["sre_agent_healthy_seconds_count", real] == 1
    assert found["sre_agent_approvals", ("state", "used")] == 1
    assert found["sre_agent_outbox", ("state", "sent")] == 3
    taken = ("method", "POST"), ("route", HOOK), ("status", "200")
    assert found["sre_agent_process_http_requests_total", *taken] == 1
    turned_away = ("method", "POST"), ("route", HOOK), ("status", "401")
    assert found["sre_agent_process_http_requests_total", *turned_away] == 1
