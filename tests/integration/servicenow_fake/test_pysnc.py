"""The fake satisfies ServiceNow's own client, so that it cannot drift to please ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pysnc import ServiceNowClient, exceptions
from pysnc.auth import ServiceNowClientCredentialsFlow

from app.servicenow.fake.control import Control
from app.servicenow.fake.faults import Fault, FaultKind

HOST = "web-prod-01.company.com"
CHOSEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _trusted(fake: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests takes whom to trust from here, also for the client's own token requests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(fake.ca_file))


def signed_in(fake: Control, user: str, password: str | None = None) -> ServiceNowClient:
    return ServiceNowClient(fake.url, (user, password or fake.credentials.password))


@pytest.fixture
def agent(fake: Control) -> Iterator[ServiceNowClient]:
    client = signed_in(fake, fake.credentials.user_name)
    yield client
    client.session.close()


@pytest.fixture
def admin(fake: Control) -> Iterator[ServiceNowClient]:
    client = signed_in(fake, "admin")
    yield client
    client.session.close()


def test_an_inserted_incident_gets_what_the_instance_derives(agent: ServiceNowClient) -> None:
    incident = agent.GlideRecord("incident")
    incident.initialize()
    incident.short_description = "Shop answers 502"
    incident.impact = "1"
    incident.urgency = "2"
    incident.priority = "5"  # is looked up, never taken
    incident.bunk_field = "ignored without a word"
    assert incident.insert()
    assert incident.get_value("number") == "INC0010001"
    assert incident.get_display_value("priority") == "2 - High"
    assert incident.get_display_value("state") == "New"
    assert incident.get_value("incident_state") == "1"
    assert incident.get_value("sys_created_by") == "sre.agent"
    assert incident.get_value("sys_mod_count") == "0"
    assert incident.get_value("bunk_field") is None


def test_references_show_their_row(fake: Control, agent: ServiceNowClient) -> None:
    fake.insert(short_description="x", cmdb_ci=HOST, assignment_group="SRE Team")
    incident = agent.GlideRecord("incident")
    assert incident.get("number", "INC0010001")
    item = agent.GlideRecord("cmdb_ci")
    assert item.get("name", HOST)
    assert incident.get_value("cmdb_ci") == item.get_value("sys_id")
    assert incident.get_display_value("cmdb_ci") == HOST
    assert incident.get_display_value("assignment_group") == "SRE Team"


def test_a_row_is_found_by_its_key_and_by_its_number(
    fake: Control, agent: ServiceNowClient
) -> None:
    row = fake.insert(short_description="by key")
    by_key, by_number = agent.GlideRecord("incident"), agent.GlideRecord("incident")
    assert by_key.get(row["sys_id"])
    assert by_number.get("number", row["number"])
    assert by_key.get_value("sys_id") == by_number.get_value("sys_id") == row["sys_id"]
    assert not agent.GlideRecord("incident").get("f" * 32)


def test_resolving_takes_code_and_notes(fake: Control, agent: ServiceNowClient) -> None:
    row = fake.insert(short_description="x")
    incident = agent.GlideRecord("incident")
    assert incident.get(row["sys_id"])
    incident.state = "6"
    with pytest.raises(exceptions.RoleException) as refusal:
        incident.update()
    detail = refusal.value.args[0]["error"]["detail"]
    assert detail == (
        "Data Policy Exception: The following fields are mandatory: Resolution code, "
        "Resolution notes"
    )
    incident.close_code = "Solution provided"
    incident.close_notes = "nginx was started."
    assert incident.update()
    assert incident.get_display_value("state") == "Resolved"
    assert incident.get_value("resolved_at")
    assert incident.get_display_value("resolved_by") == "SRE Agent"
    assert incident.get_value("sys_mod_count") == "1"


def test_closing_takes_a_role_of_its_own(fake: Control, agent: ServiceNowClient) -> None:
    row = fake.insert(short_description="x")
    incident = agent.GlideRecord("incident")
    assert incident.get(row["sys_id"])
    incident.state, incident.close_code, incident.close_notes = "7", "Duplicate", "x"
    with pytest.raises(exceptions.RoleException, match="Update Failed due to security"):
        incident.update()
    closing = {"state": "7", "close_code": "Duplicate", "close_notes": "x"}
    closed = fake.edit(row["number"], by="dora", **closing)
    assert (closed["state"], closed["active"]) == ("7", "false")
    reopened = agent.GlideRecord("incident")
    assert reopened.get(row["sys_id"])
    reopened.state = "2"
    with pytest.raises(exceptions.RoleException, match="Update Failed due to security"):
        reopened.update()


def test_notes_are_appended_and_read_from_the_journal(
    fake: Control, agent: ServiceNowClient
) -> None:
    row = fake.insert(short_description="x")
    incident = agent.GlideRecord("incident")
    assert incident.get(row["sys_id"])
    for note in ("first", "second"):
        incident.work_notes = note
        assert incident.update()
    assert incident.get_value("work_notes") == ""
    journal = agent.GlideRecord("sys_journal_field")
    journal.add_query("element_id", row["sys_id"])
    journal.add_query("element", "IN", "work_notes,comments")
    journal.query()
    assert [entry.get_value("value") for entry in journal] == ["first", "second"]


def test_paging_sees_every_row_once(fake: Control, agent: ServiceNowClient) -> None:
    for number in range(25):
        fake.insert(short_description=f"ticket {number}")
    incidents = agent.GlideRecord("incident", batch_size=10)
    incidents.order_by("number")
    incidents.query()
    assert [row.get_value("short_description") for row in incidents] == [
        f"ticket {number}" for number in range(25)
    ]
    assert len(incidents) == 25
    assert sum("/table/incident" in asked["path"] for asked in fake.requests()) == 3


def test_alternatives_and_empty_columns(fake: Control, agent: ServiceNowClient) -> None:
    for urgency, group in (("1", ""), ("2", "SRE Team"), ("3", "")):
        fake.insert(short_description=f"u{urgency}", urgency=urgency, assignment_group=group)

    def found(incidents: object) -> list[str]:
        incidents.query()  # type: ignore[attr-defined]
        return [row.get_value("short_description") for row in incidents]  # type: ignore[attr-defined]

    either = agent.GlideRecord("incident")
    either.add_query("urgency", "1").add_or_condition("urgency", "3")
    assert found(either) == ["u1", "u3"]
    empty = agent.GlideRecord("incident")
    empty.add_null_query("assignment_group")
    assert found(empty) == ["u1", "u3"]
    named = agent.GlideRecord("incident")
    named.add_query("assignment_group.name", "STARTSWITH", "SRE")
    assert found(named) == ["u2"]


def test_dot_walking(fake: Control, agent: ServiceNowClient) -> None:
    fake.insert(short_description="x", cmdb_ci=HOST)
    incidents = agent.GlideRecord("incident")
    incidents.fields = ["number", "cmdb_ci.fqdn", "cmdb_ci.ip_address", "caller_id.name"]
    incidents.query()
    assert incidents.next()
    assert incidents.get_value("cmdb_ci.fqdn") == HOST
    assert incidents.get_value("cmdb_ci.ip_address") == "10.0.1.100"
    assert incidents.get_value("caller_id.name") == ""


def test_subclass_columns_take_the_subclass(agent: ServiceNowClient) -> None:
    item, server = agent.GlideRecord("cmdb_ci"), agent.GlideRecord("cmdb_ci_linux_server")
    assert item.get("name", HOST)
    assert item.get_value("sys_class_name") == "cmdb_ci_linux_server"
    assert item.get_value("host_name") is None
    assert server.get(item.get_value("sys_id"))
    assert server.get_value("host_name") == "web-prod-01"


def test_an_unknown_table(agent: ServiceNowClient) -> None:
    with pytest.raises(exceptions.RequestException, match="Invalid table no_such_table"):
        agent.GlideRecord("no_such_table").query()


def test_wrong_credentials(fake: Control) -> None:
    client = signed_in(fake, "sre.agent", "wrong")
    with pytest.raises(exceptions.AuthenticationException, match="Required to provide Auth"):
        client.GlideRecord("incident").query()
    client.session.close()


def test_too_many_requests_are_tried_again(fake: Control, agent: ServiceNowClient) -> None:
    fake.arm(Fault(kind=FaultKind.RATE_LIMITED, seconds=0), Fault(kind=FaultKind.OVERLOADED))
    fake.insert(short_description="x")
    incidents = agent.GlideRecord("incident")
    incidents.query()
    assert len(incidents) == 1
    assert [asked["status"] for asked in fake.requests()] == [429, 429, 200]


def test_a_hibernating_instance_is_no_answer(
    fake: Control, agent: ServiceNowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.arm(Fault(kind=FaultKind.HIBERNATING))
    with pytest.raises(ValueError, match="Expecting value"):
        agent.GlideRecord("incident").query()


def test_an_answer_that_ran_out_of_time(fake: Control, agent: ServiceNowClient) -> None:
    fake.arm(Fault(kind=FaultKind.TRUNCATED))
    with pytest.raises(exceptions.RequestException, match="Maximum execution time exceeded"):
        agent.GlideRecord("sys_choice").query()


def test_a_caller_chosen_key_keeps_a_second_insert_away(agent: ServiceNowClient) -> None:
    def insert() -> str:
        change = agent.GlideRecord("change_request")
        change.initialize()
        change.set_new_guid_value(CHOSEN)
        change.short_description = "once"
        change.insert()
        return str(change.get_value("sys_id"))

    assert insert() == CHOSEN
    with pytest.raises(exceptions.RoleException, match="Unique Key violation"):
        insert()
    changes = agent.GlideRecord("change_request")
    changes.query()
    assert len(changes) == 1


def test_admin_alone_deletes(
    fake: Control, agent: ServiceNowClient, admin: ServiceNowClient
) -> None:
    row = fake.insert(short_description="x")
    for client, allowed in ((agent, False), (admin, True)):
        incident = client.GlideRecord("incident")
        assert incident.get(row["sys_id"])
        if allowed:
            assert incident.delete()
        else:
            with pytest.raises(exceptions.RoleException, match="Delete Failed"):
                incident.delete()
    assert not agent.GlideRecord("incident").get(row["sys_id"])


def test_oauth_client_credentials(fake: Control) -> None:
    flow = ServiceNowClientCredentialsFlow(
        fake.credentials.client_id, fake.credentials.client_secret
    )
    client = ServiceNowClient(fake.url, flow)
    incident = client.GlideRecord("incident")
    incident.initialize()
    incident.short_description = "by token"
    assert incident.insert()
    assert incident.get_value("sys_created_by") == "sre.agent"
    client.session.close()


def test_oauth_wrong_secret(fake: Control) -> None:
    flow = ServiceNowClientCredentialsFlow(fake.credentials.client_id, "wrong")
    with pytest.raises(
        exceptions.AuthenticationException, match="401 Unauthorized - access_denied"
    ):
        ServiceNowClient(fake.url, flow)
