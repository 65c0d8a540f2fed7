"""The Table API on the wire: statuses, headers, shapes, rights, times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.servicenow.fake.control import Control
from app.servicenow.fake.users import May
from tests.integration.servicenow_fake.conftest import SignIn

HOST = "web-prod-01.company.com"
INCIDENTS = "/api/now/table/incident"


def test_the_three_ways_of_showing(fake: Control, now: httpx.Client) -> None:
    row = fake.insert(short_description="x", cmdb_ci=HOST, impact="1", urgency="1")
    item = row["cmdb_ci"]
    link = f"{fake.url}/api/now/table/cmdb_ci/{item}"
    fields = "priority,cmdb_ci,problem_id"

    def shown(**more: str) -> object:
        asked = {"sysparm_fields": fields} | more
        return now.get(f"{INCIDENTS}/{row['sys_id']}", params=asked).json()["result"]

    assert shown() == {
        "priority": "1",
        "cmdb_ci": {"link": link, "value": item},
        "problem_id": "",
    }
    assert shown(sysparm_display_value="true") == {
        "priority": "1 - Critical",
        "cmdb_ci": {"display_value": HOST, "link": link},
        "problem_id": "",
    }
    assert shown(sysparm_display_value="all") == {
        "priority": {"display_value": "1 - Critical", "value": "1"},
        "cmdb_ci": {"display_value": HOST, "value": item, "link": link},
        "problem_id": {"display_value": "", "value": ""},
    }
    assert shown(sysparm_exclude_reference_link="true") == {
        "priority": "1",
        "cmdb_ci": item,
        "problem_id": "",
    }


def test_inserting_says_where_the_row_is(now: httpx.Client) -> None:
    made = now.post(INCIDENTS, json={"short_description": "x", "active": True, "work_notes": "n"})
    assert made.status_code == 201
    row = made.json()["result"]
    assert made.headers["Location"].endswith(f"{INCIDENTS}/{row['sys_id']}")
    assert row["work_notes"] == ""
    assert all(isinstance(value, str | dict) for value in row.values())


@pytest.mark.parametrize("version", ["", "/v1", "/v2"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_each_version_and_both_verbs_change_a_row(
    fake: Control, now: httpx.Client, version: str, method: str
) -> None:
    row = fake.insert(short_description="x", impact="2")
    path = f"/api/now{version}/table/incident/{row['sys_id']}"
    changed = now.request(method, path, json={"urgency": "1"}).json()["result"]
    assert (changed["impact"], changed["urgency"], changed["priority"]) == ("2", "1", "2")
    assert (changed["sys_mod_count"], changed["sys_updated_by"]) == ("1", "sre.agent")


def test_a_change_of_nothing_changes_nothing(fake: Control, now: httpx.Client) -> None:
    row = fake.insert(short_description="x")
    ignored = {"short_description": "x", "sys_mod_count": "9", "priority": "1", "u_other": "1"}
    now.patch(f"{INCIDENTS}/{row['sys_id']}", json=ignored)
    assert fake.row(row["number"]) == row


def test_pages_and_their_headers(fake: Control, now: httpx.Client) -> None:
    for number in range(5):
        fake.insert(short_description=f"t{number}")
    asked = {"sysparm_query": "ORDERBYnumber", "sysparm_limit": "2", "sysparm_offset": "2"}
    page = now.get(INCIDENTS, params=asked)
    assert page.headers["X-Total-Count"] == "5"
    order = re.findall(r'sysparm_offset=(\d+)[^>]*>;rel="(\w+)"', page.headers["Link"])
    assert order == [("0", "first"), ("0", "prev"), ("4", "next"), ("4", "last")]
    following = now.get(re.findall(r'<([^>]*)>;rel="next"', page.headers["Link"])[0])
    assert [row["short_description"] for row in following.json()["result"]] == ["t4"]
    assert 'rel="next"' not in following.headers["Link"]
    quiet = {"sysparm_no_count": "true", "sysparm_suppress_pagination_header": "true"}
    bare = now.get(INCIDENTS, params=quiet)
    assert "X-Total-Count" not in bare.headers
    assert "Link" not in bare.headers


def test_hidden_rows_are_missing_from_their_page(fake: Control, now: httpx.Client) -> None:
    rows = [fake.insert(short_description=f"t{number}") for number in range(3)]
    fake.take_right("sre.agent", "incident", May.NOTHING, rows[1]["sys_id"])
    asked = {"sysparm_query": "ORDERBYnumber", "sysparm_limit": "2"}
    page = now.get(INCIDENTS, params=asked)
    assert [row["short_description"] for row in page.json()["result"]] == ["t0"]
    assert page.headers["X-Total-Count"] == "3"
    hidden = f"{INCIDENTS}/{rows[1]['sys_id']}"
    gone = f"{INCIDENTS}/{'0' * 32}"
    for answer in (now.get(hidden), now.patch(hidden, json={"urgency": "1"}), now.get(gone)):
        assert answer.status_code == 404
        assert answer.json() == {
            "error": {
                "message": "No Record found",
                "detail": "Record doesn't exist or ACL restricts the record retrieval",
            },
            "status": "failure",
        }


def test_a_row_that_may_only_be_read(fake: Control, now: httpx.Client) -> None:
    row = fake.insert(short_description="x")
    fake.take_right("sre.agent", "incident", May.READ, row["sys_id"])
    path = f"{INCIDENTS}/{row['sys_id']}"
    assert now.get(path).status_code == 200
    refusal = now.patch(path, json={"urgency": "1"})
    assert refusal.status_code == 403
    assert refusal.json()["error"] == {
        "message": "Operation Failed",
        "detail": "ACL Exception Update Failed due to security constraints",
    }


def test_roles_decide(fake: Control, sign_in: SignIn) -> None:
    fake.insert(short_description="x")
    caller, agent = sign_in("carl"), sign_in()
    listed = caller.get(INCIDENTS)
    assert (listed.json()["result"], listed.headers["X-Total-Count"]) == ([], "1")
    assert caller.post(INCIDENTS, json={}).status_code == 403
    assert agent.post("/api/now/table/sys_user", json={"user_name": "eve"}).status_code == 403
    granted = agent.get(
        "/api/now/table/sys_user_has_role",
        params={"sysparm_query": "user.user_name=dora", "sysparm_fields": "role.name"},
    )
    assert {row["role.name"] for row in granted.json()["result"]} == {"itil", "itil_admin"}


def test_close_codes_are_read_from_the_choices(fake: Control, now: httpx.Client) -> None:
    query = "name=incident^element=close_code^inactive=false^ORDERBYsequence"
    asked = {"sysparm_query": query, "sysparm_fields": "value"}
    codes = now.get("/api/now/table/sys_choice", params=asked).json()["result"]
    assert {"value": "Solution provided"} in codes
    assert len(codes) == 10


def test_holding_wants_its_reason(fake: Control, now: httpx.Client) -> None:
    row = fake.insert(short_description="x")
    path = f"{INCIDENTS}/{row['sys_id']}"

    def refusal(body: dict[str, str]) -> str:
        return str(now.patch(path, json=body).json()["error"]["detail"])

    assert refusal({"state": "3"}).endswith("mandatory: On hold reason")
    assert refusal({"state": "3", "hold_reason": "1"}).endswith("mandatory: Additional comments")
    waiting = now.patch(path, json={"state": "3", "hold_reason": "1", "comments": "Please call"})
    assert waiting.json()["result"]["incident_state"] == "3"


def test_reopening_forgets_who_resolved(fake: Control, now: httpx.Client) -> None:
    row = fake.insert(short_description="x")
    path = f"{INCIDENTS}/{row['sys_id']}"
    now.patch(path, json={"state": "6", "close_code": "Known error", "close_notes": "n"})
    assert fake.row(row["number"])["resolved_by"]
    now.patch(path, json={"state": "2"})
    reopened = fake.row(row["number"])
    assert (reopened["resolved_at"], reopened["resolved_by"]) == ("", "")
    assert (reopened["reopen_count"], reopened["active"]) == ("1", "true")


def test_times_are_utc_in_rows_and_the_users_own_elsewhere(fake: Control, sign_in: SignIn) -> None:
    fake.set_times(skew_seconds=-3600)
    row = fake.insert(short_description="x")
    opened = datetime.strptime(row["opened_at"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    late = datetime.now(UTC) - timedelta(hours=1) - opened
    assert timedelta() <= late < timedelta(minutes=5)
    alice = sign_in("alice")  # in Berlin
    asked = {"sysparm_display_value": "all", "sysparm_fields": "opened_at"}
    shown = alice.get(f"{INCIDENTS}/{row['sys_id']}", params=asked).json()["result"]["opened_at"]
    assert shown["value"] == row["opened_at"]
    local = datetime.strptime(shown["display_value"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert local - opened in (timedelta(hours=1), timedelta(hours=2))
    for client, found in ((alice, 1), (sign_in(), 0)):
        query = {"sysparm_query": f"opened_at={shown['display_value']}"}
        assert len(client.get(INCIDENTS, params=query).json()["result"]) == found


def test_a_bad_term_brings_more_rows_unless_the_instance_says_otherwise(
    fake: Control, now: httpx.Client
) -> None:
    fake.insert(short_description="x")
    for query in ("no_such_column=1", "short_descriptionSORTOF x", "cmdb_ci.nope=1"):
        assert len(now.get(INCIDENTS, params={"sysparm_query": query}).json()["result"]) == 1
    name = "glide.invalid_query.returns_no_rows"
    key = next(row for row in fake.state()["sys_properties"] if row["name"] == name)["sys_id"]
    fake.edit(key, table="sys_properties", by="admin", value="true")
    for query in ("no_such_column=1", "short_descriptionSORTOF x", "cmdb_ci.nope=1"):
        assert now.get(INCIDENTS, params={"sysparm_query": query}).json()["result"] == []


def test_wrong_requests(now: httpx.Client) -> None:
    unknown = now.get("/api/now/table/nope")
    assert (unknown.status_code, unknown.json()) == (
        400,
        {"error": {"message": "Invalid table nope", "detail": None}, "status": "failure"},
    )
    assert now.get("/api/now/other").json()["error"]["message"].startswith("Requested URI")
    assert now.head(INCIDENTS).status_code == 405
    for body in (b"{", b"[]"):
        assert now.post(INCIDENTS, content=body).status_code == 400


def test_what_a_person_sees(fake: Control, now: httpx.Client) -> None:
    row = fake.insert(short_description="Shop answers 502", cmdb_ci=HOST, impact="1", urgency="1")
    now.patch(f"{INCIDENTS}/{row['sys_id']}", json={"state": "2", "work_notes": "Taken on\n[x]"})
    text = fake.ticket(row["number"])
    assert text.startswith("INC0010001  Shop answers 502\n")
    assert re.search(r"State +In Progress\n", text)
    assert re.search(rf"Configuration item +{HOST}\n", text)
    assert text.endswith("SRE Agent - Work notes\n  Taken on\n  [x]\n")
    assert fake.notes(row["number"]) == ["Taken on\n[x]"]


def test_ids_are_the_same_in_each_run(fake: Control) -> None:
    first = fake.insert(short_description="x")["sys_id"]
    fake.reset()
    assert fake.insert(short_description="x")["sys_id"] == first
