"""Calls out of the fake: signed as agreed, sent once and forgotten, doubled or shuffled on request.

The signature is computed here anew, from the words of docs/howto/servicenow-fake.md.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import time
from typing import Any

import httpx
import pytest

from app.servicenow.fake.business_rules import BusinessRule
from app.servicenow.fake.control import Control
from app.servicenow.fake.payloads import Payload
from app.servicenow.fake.signing import Encoding, Mode, Signing
from app.servicenow.fake.writing import Event
from tests.integration.servicenow_fake.conftest import Receiver

HOST = "web-prod-01.company.com"
INCIDENTS = "/api/now/table/incident"


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.taken]


@pytest.mark.parametrize("encoding", Encoding)
def test_a_signed_delivery(fake: Control, receiver: Receiver, encoding: Encoding) -> None:
    signing = Signing(mode=Mode.HMAC, name="key-1", secret="s3cret", encoding=encoding)
    fake.add_rule(BusinessRule(url=receiver.url, signing=signing))
    fake.insert(short_description="Shop answers 502", cmdb_ci=HOST, impact="1", urgency="1")
    assert [sent["status"] for sent in fake.finish_deliveries()] == [202]
    [(headers, body)] = receiver.taken
    assert headers["X-SRE-Key-Id"] == "key-1"
    assert abs(int(headers["X-SRE-Timestamp"]) - time.time()) < 60
    assert re.fullmatch(r"[A-Za-z0-9_-]{8,128}", headers["X-SRE-Nonce"])
    message = f"{headers['X-SRE-Timestamp']}.{headers['X-SRE-Nonce']}.".encode() + body
    mac = hmac.new(b"s3cret", message, hashlib.sha256)
    text = mac.hexdigest()
    if encoding is Encoding.BASE64:
        text = base64.b64encode(mac.digest()).decode()
    assert headers["X-SRE-Signature"] == f"sha256={text}"
    assert "s3cret" not in str(fake.finish_deliveries())


def test_the_weaker_ways(fake: Control, receiver: Receiver) -> None:
    for signing in (
        Signing(),
        Signing(mode=Mode.TOKEN, secret="shared"),
        Signing(mode=Mode.BASIC, name="snow", secret="pass"),
    ):
        fake.add_rule(BusinessRule(url=receiver.url, signing=signing))
    fake.insert(short_description="x")
    fake.finish_deliveries()
    sent = {
        (headers.get("X-SRE-Token"), headers.get("Authorization")) for headers, _ in receiver.taken
    }
    basic = "Basic " + base64.b64encode(b"snow:pass").decode()
    assert sent == {(None, None), ("shared", None), (None, basic)}


def test_a_wrong_clock_is_signed_with(fake: Control, receiver: Receiver) -> None:
    signing = Signing(mode=Mode.HMAC, name="key-1", secret="s3cret")
    fake.add_rule(BusinessRule(url=receiver.url, signing=signing))
    fake.set_times(skew_seconds=900)
    fake.insert(short_description="x")
    fake.finish_deliveries()
    assert int(receiver.taken[0][0]["X-SRE-Timestamp"]) - time.time() > 800


def test_the_shapes_of_a_body(fake: Control, receiver: Receiver) -> None:
    row = fake.insert(short_description="x", cmdb_ci=HOST, impact="1", urgency="1")
    fake.add_rule(BusinessRule(url=receiver.url, payload=Payload.FLAT))
    fake.edit(row["number"], state="2")
    fake.finish_deliveries()
    [flat] = bodies(receiver)
    assert (flat["incident_number"], flat["priority"]) == ("INC0010001", "1 - Critical")
    assert flat["target"] == {"hostname": HOST, "ip_address": "10.0.1.100", "service": ""}
    assert (flat["sys_mod_count"], flat["sys_updated_by"]) == ("1", "alice")
    for payload, expected in (
        (Payload.RECORD, {"number": "INC0010001", "problem_id": "", "priority": "1"}),
        (Payload.PAIRS, {"state": {"display_value": "In Progress", "value": "2"}}),
        (Payload.STUB, {"table": "incident", "sys_id": row["sys_id"], "number": "INC0010001"}),
    ):
        receiver.taken.clear()
        fake.add_rule(BusinessRule(url=receiver.url, payload=payload, wrapped=True))
        fake.edit(row["number"], work_notes=payload)
        fake.finish_deliveries()
        newest = [body["result"] for body in bodies(receiver) if "result" in body][-1]
        assert newest.items() >= expected.items()


def test_conditions_events_and_echoes(fake: Control, receiver: Receiver, now: httpx.Client) -> None:
    condition = "assignment_group.name=SRE Team^stateIN1,2"
    fake.add_rule(BusinessRule(url=receiver.url, condition=condition, on=(Event.UPDATE,)))
    mine = fake.insert(short_description="mine", assignment_group="SRE Team")
    other = fake.insert(short_description="other", assignment_group="Service Desk")
    for row in (mine, other):
        fake.edit(row["number"], urgency="1")
    now.patch(f"{INCIDENTS}/{mine['sys_id']}", json={"work_notes": "our own write comes back"})
    fake.finish_deliveries()
    assert {body["short_description"] for body in bodies(receiver)} == {"mine"}
    assert {body["sys_updated_by"] for body in bodies(receiver)} == {"alice", "sre.agent"}


def test_an_echo_can_be_left_out_by_the_rule(
    fake: Control, receiver: Receiver, now: httpx.Client
) -> None:
    fake.add_rule(BusinessRule(url=receiver.url, not_by="sre.agent"))
    now.post(INCIDENTS, json={"short_description": "x"})
    assert fake.finish_deliveries() == []


def test_doubles(fake: Control, receiver: Receiver) -> None:
    signing = Signing(mode=Mode.HMAC, name="key-1", secret="s3cret")
    for replayed in (False, True):
        receiver.taken.clear()
        fake.reset()
        rule = BusinessRule(url=receiver.url, signing=signing, copies=3, replayed=replayed)
        fake.add_rule(rule)
        fake.insert(short_description="x")
        fake.finish_deliveries()
        assert len({body for _, body in receiver.taken}) == 1
        nonces = {headers["X-SRE-Nonce"] for headers, _ in receiver.taken}
        assert (len(receiver.taken), len(nonces)) == (3, 1 if replayed else 3)


def test_out_of_order(fake: Control, receiver: Receiver) -> None:
    fake.add_rule(BusinessRule(url=receiver.url, gathered=3))
    row = fake.insert(short_description="x")
    fake.edit(row["number"], urgency="2")
    assert receiver.taken == []
    fake.edit(row["number"], urgency="1")
    sent = fake.finish_deliveries()
    assert [one["body"]["sys_mod_count"] for one in sent] == ["2", "1", "0"]


def test_a_lost_call_is_lost(fake: Control) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    fake.add_rule(BusinessRule(url=f"http://127.0.0.1:{port}/hook"))
    fake.insert(short_description="x")  # the writer notices nothing
    [sent] = fake.finish_deliveries()
    assert sent["status"] is None
    assert sent["error"].startswith("ConnectError")
