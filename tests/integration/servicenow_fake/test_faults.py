"""Each fault does what its name says, to the requests that it is for and to no other."""

from __future__ import annotations

import json

import httpx
import pytest

from app.servicenow.fake.control import Control
from app.servicenow.fake.faults import Fault, FaultKind

INCIDENTS = "/api/now/table/incident"


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        (FaultKind.UNAUTHORIZED, 401, "User is not authenticated"),
        (FaultKind.FORBIDDEN, 403, "ACL Exception"),
        (FaultKind.NOT_FOUND, 404, "No Record found"),
        (FaultKind.RATE_LIMITED, 429, "Rate limit"),
        (FaultKind.OVERLOADED, 429, "Rate limit"),
        (FaultKind.SERVER_ERROR, 500, "<html>"),
        (FaultKind.UNAVAILABLE, 503, "<html>"),
        (FaultKind.HIBERNATING, 200, "Instance Hibernating page"),
    ],
)
def test_an_answer_instead_of_the_instances(
    fake: Control, now: httpx.Client, kind: FaultKind, status: int, said: str
) -> None:
    fake.arm(Fault(kind=kind))
    answer = now.post(INCIDENTS, json={"short_description": "x"})
    assert answer.status_code == status
    assert said in answer.text
    assert "incident" not in fake.state()  # nothing was done
    assert now.post(INCIDENTS, json={"short_description": "x"}).status_code == 201
    assert [one["fault"] for one in fake.requests()] == [kind, None]


def test_a_limit_says_when_to_come_back_or_says_nothing(fake: Control, now: httpx.Client) -> None:
    fake.arm(Fault(kind=FaultKind.RATE_LIMITED, seconds=7), Fault(kind=FaultKind.OVERLOADED))
    limited, overloaded = now.get(INCIDENTS), now.get(INCIDENTS)
    assert limited.headers["Retry-After"] == "7"
    assert limited.headers["X-RateLimit-Limit"] == "100"
    assert int(limited.headers["X-RateLimit-Reset"]) > 1_700_000_000
    assert len(limited.headers["X-RateLimit-Rule"]) == 32
    named = {"retry-after", "x-ratelimit-limit", "x-ratelimit-reset", "x-ratelimit-rule"}
    assert not named & set(overloaded.headers)


def test_an_answer_that_is_cut_short(fake: Control, now: httpx.Client) -> None:
    fake.insert(short_description="x")
    fake.arm(Fault(kind=FaultKind.TRUNCATED))
    answer = now.get(INCIDENTS)
    assert answer.status_code == 200
    assert "Transaction cancelled: maximum execution time exceeded" in answer.text
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_an_answer_that_drips(fake: Control, now: httpx.Client) -> None:
    fake.arm(Fault(kind=FaultKind.SLOW, seconds=0.2))
    with now.stream("GET", "/api/now/table/sys_user_role") as answer:
        parts = [*answer.iter_raw()]
    assert len(parts) > 3
    assert b"".join(parts).endswith(b"}]}")
    assert int(answer.headers["Content-Length"]) == sum(map(len, parts))


@pytest.mark.parametrize(
    ("kind", "done"), [(FaultKind.CUT_BEFORE, []), (FaultKind.CUT_AFTER, ["note"])]
)
def test_a_connection_that_is_cut(
    fake: Control, now: httpx.Client, kind: FaultKind, done: list[str]
) -> None:
    row = fake.insert(short_description="x")
    fake.arm(Fault(kind=kind, method="PATCH"))
    path = f"{INCIDENTS}/{row['sys_id']}"
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        now.patch(path, json={"work_notes": "note"})
    assert fake.notes(row["number"]) == done
    assert [(one["status"], one["fault"]) for one in fake.requests()] == [(None, kind)]
    assert now.get(path).status_code == 200


def test_somebody_else_edits_between_read_and_write(fake: Control, now: httpx.Client) -> None:
    row = fake.insert(short_description="x")
    path = f"{INCIDENTS}/{row['sys_id']}"
    taken = {"assigned_to": "Alice Ito", "work_notes": "I have this one"}
    fake.arm(Fault(kind=FaultKind.EDITED, method="PATCH", number=row["number"], changes=taken))
    assert now.get(path).json()["result"]["assigned_to"] == ""
    written = now.patch(path, json={"work_notes": "mine"}).json()["result"]
    assert written["assigned_to"]["value"]
    assert written["sys_mod_count"] == "2"
    assert fake.notes(row["number"]) == ["I have this one", "mine"]


def test_which_requests_a_fault_is_for(fake: Control, now: httpx.Client) -> None:
    fake.arm(
        Fault(kind=FaultKind.UNAVAILABLE, method="GET", path="/sys_user", skip=1, every=2, times=2)
    )
    roles = "/api/now/table/sys_user_role"
    assert now.get(INCIDENTS).status_code == 200
    assert [now.get(roles).status_code for _ in range(7)] == [200, 200, 503, 200, 503, 200, 200]


def test_every_third_request_for_ever(fake: Control, now: httpx.Client) -> None:
    fake.arm(Fault(kind=FaultKind.SERVER_ERROR, every=3, times=None))
    answers = [now.get(INCIDENTS).status_code for _ in range(9)]
    assert answers == [200, 200, 500] * 3
    fake.disarm()
    assert [now.get(INCIDENTS).status_code for _ in range(3)] == [200] * 3
