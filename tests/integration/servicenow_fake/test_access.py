"""Who gets in: Basic, OAuth with its expiry, an API key; and the shape of a refusal."""

from __future__ import annotations

import httpx

from app.servicenow.fake.control import Control
from app.servicenow.fake.faults import Fault, FaultKind
from tests.integration.servicenow_fake.conftest import SignIn

INCIDENTS = "/api/now/table/incident"


def token(client: httpx.Client, fake: Control, **form: str) -> httpx.Response:
    own = {
        "client_id": fake.credentials.client_id,
        "client_secret": fake.credentials.client_secret,
    }
    return client.post("/oauth_token.do", data=own | form)


def status(client: httpx.Client, access_token: str) -> int:
    bearer = {"Authorization": f"Bearer {access_token}"}
    return client.get(INCIDENTS, headers=bearer, auth=None).status_code


def test_nobody_is_refused_in_the_documented_shape(sign_in: SignIn) -> None:
    for headers in ({}, {"Authorization": "Basic !"}, {"x-sn-apikey": "?"}):
        refusal = sign_in(anonymous=True, headers=headers).get(INCIDENTS)
        assert refusal.status_code == 401
        assert refusal.headers["WWW-Authenticate"] == 'BASIC realm="Service-now"'
        assert refusal.json() == {
            "error": {
                "message": "User is not authenticated",
                "detail": "Required to provide Auth information",
            },
            "status": "failure",
        }


def test_an_api_key(fake: Control, sign_in: SignIn) -> None:
    keyed = sign_in(anonymous=True, headers={"x-sn-apikey": fake.credentials.api_key})
    made = keyed.post(INCIDENTS, json={"short_description": "x"}).json()["result"]
    assert made["sys_created_by"] == "sre.agent"


def test_a_password_grant_and_its_refreshing(fake: Control, sign_in: SignIn) -> None:
    client = sign_in(anonymous=True)
    user = {"grant_type": "password", "username": "alice"}
    given = token(client, fake, **user, password=fake.credentials.password).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 1799)
    assert status(client, given["access_token"]) == 200
    fake.set_times(skew_seconds=1800)
    assert status(client, given["access_token"]) == 401
    again = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    fresh = token(client, fake, **again).json()
    assert status(client, fresh["access_token"]) == 200
    assert token(client, fake, **user, password="wrong").status_code == 401


def test_wrong_clients_and_unknown_grants(fake: Control, sign_in: SignIn) -> None:
    client = sign_in(anonymous=True)
    for form in ({"client_secret": "wrong"}, {"client_id": "nobody"}):
        refusal = token(client, fake, grant_type="client_credentials", **form)
        assert refusal.status_code == 401
        assert refusal.json() == {"error": "access_denied", "error_description": "access_denied"}
    assert token(client, fake, grant_type="magic").json()["error"] == "unsupported_grant_type"
    stolen = token(client, fake, grant_type="refresh_token", refresh_token="guessed")
    assert stolen.status_code == 401


def test_tokens_end_in_the_middle_of_work(fake: Control, sign_in: SignIn) -> None:
    client = sign_in(anonymous=True)
    given = token(client, fake, grant_type="client_credentials").json()
    assert "refresh_token" not in given
    fake.arm(Fault(kind=FaultKind.TOKENS_EXPIRE, path=INCIDENTS, skip=1))
    assert status(client, given["access_token"]) == 200
    assert status(client, given["access_token"]) == 401
    fresh = token(client, fake, grant_type="client_credentials").json()
    assert status(client, fresh["access_token"]) == 200


def test_the_log_names_users_and_keeps_no_credential(fake: Control, sign_in: SignIn) -> None:
    client = sign_in()
    client.post(INCIDENTS, json={"short_description": "x"})
    token(sign_in(anonymous=True), fake, grant_type="client_credentials")
    asked = fake.requests()
    assert [(one["method"], one["path"], one["status"]) for one in asked] == [
        ("POST", INCIDENTS, 201),
        ("POST", "/oauth_token.do", 200),
    ]
    assert asked[0]["user"] == "sre.agent"
    assert asked[0]["body"] == {"short_description": "x"}
    assert asked[1]["body"] is None
    assert fake.credentials.password not in str(asked)
    fake.forget_requests()
    assert fake.requests() == []
