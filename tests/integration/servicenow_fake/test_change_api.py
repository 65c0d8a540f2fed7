"""Changes: created by type or template, moved along their model and nowhere else."""

from __future__ import annotations

import httpx

from app.servicenow.fake.control import Control

CHANGES = "/api/sn_chg_rest/change"


def group(fake: Control) -> str:
    groups = fake.state()["sys_user_group"]
    return next(row["sys_id"] for row in groups if row["name"] == "SRE Team")


def test_a_standard_change_from_its_template(fake: Control, now: httpx.Client) -> None:
    [template] = fake.state()["std_change_record_producer"]
    body = {"short_description": "restart nginx", "assignment_group": group(fake), "u_x": "1"}
    made = now.post(f"{CHANGES}/standard/{template['sys_id']}", json=body).json()["result"]
    assert made["number"]["value"] == "CHG0010001"
    assert made["type"] == {"display_value": "Standard", "value": "standard"}
    assert made["approval"]["value"] == "approved"
    assert made["__meta"] == {"ignoredFields": ["u_x"]}
    path = f"{CHANGES}/{made['sys_id']['value']}"
    for state in ("-2", "-1", "0"):
        following = now.get(f"{path}/nextstate").json()["result"]
        assert state in following["available_states"]
        assert now.patch(path, json={"state": state}).json()["result"]["state"]["value"] == state
    refusal = now.patch(path, json={"state": "3"})
    assert refusal.status_code == 403
    assert "Close code, Close notes" in refusal.json()["error"]["detail"]
    ended = {"state": "3", "close_code": "successful", "close_notes": "healthy again"}
    closed = now.patch(path, json=ended).json()["result"]
    assert closed["active"]["value"] == "false"
    assert closed["closed_by"]["display_value"] == "SRE Agent"
    assert now.post(f"{CHANGES}/standard/{'0' * 32}", json={}).status_code == 404


def test_a_normal_change_waits_for_its_approval(fake: Control, now: httpx.Client) -> None:
    made = now.post(f"{CHANGES}/normal", json={"assignment_group": group(fake)}).json()["result"]
    number, path = made["number"]["value"], f"{CHANGES}/{made['sys_id']['value']}"
    for state in ("-4", "-3"):
        assert now.patch(path, json={"state": state}).status_code == 200
    assert now.get(f"{path}/nextstate").json()["result"]["available_states"] == ["-3", "4"]
    refusal = now.patch(path, json={"state": "-2"})
    assert refusal.status_code == 400
    fake.edit(number, table="change_request", approval="approved")
    assert now.patch(f"{CHANGES}/normal/{path[-32:]}", json={"state": "-2"}).status_code == 200


def test_an_emergency_change_skips_the_assessment(fake: Control, now: httpx.Client) -> None:
    made = now.post(f"{CHANGES}/emergency", json={}).json()["result"]
    path = f"{CHANGES}/{made['sys_id']['value']}"
    following = now.get(f"{path}/nextstate").json()["result"]
    assert following["available_states"] == ["-5", "-3", "4"]
    assert following["state_label"]["-3"] == "Authorize"
    refusal = now.patch(path, json={"state": "-3"})
    assert refusal.json()["error"]["detail"].endswith("mandatory: Assignment group")


def test_the_table_api_knows_the_model_too(fake: Control, now: httpx.Client) -> None:
    made = now.post("/api/now/table/change_request", json={"type": "emergency"}).json()["result"]
    path = f"/api/now/table/change_request/{made['sys_id']}"
    leap = now.patch(path, json={"state": "0", "assignment_group": group(fake)})
    assert leap.status_code == 403
    assert "aborted by Business Rule" in leap.json()["error"]["detail"]
    assert now.patch(path, json={"state": "4"}).json()["result"]["active"] == "false"


def test_no_other_type_and_no_other_change(now: httpx.Client) -> None:
    assert now.post(CHANGES, json={"type": "magic"}).status_code == 400
    assert now.get(f"{CHANGES}/{'0' * 32}").status_code == 404
