"""Finding out who asks: Basic, an OAuth token, or an API key."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.value import JsonObject
from app.servicenow.fake.clock import Clock
from app.servicenow.fake.records import Records
from app.servicenow.fake.refusal import not_authenticated
from app.servicenow.fake.tokens import Tokens
from app.servicenow.fake.users import User, user_of

API_KEY_HEADER = "x-sn-apikey"


class TokenRefused(Exception):
    """The token endpoint says no, in OAuth's shape of an error."""

    def __init__(self, error: str, status: int = 401) -> None:
        super().__init__(error)
        self.status = status
        self.error = error

    def body(self) -> JsonObject:
        """The answer's body."""
        return {"error": self.error, "error_description": self.error}


@dataclass(frozen=True)
class Client:
    """An OAuth client. `user_name`: as whom client_credentials act."""

    secret: str
    user_name: str


@dataclass
class Access:
    """Secrets by their owners, and the tokens given out for them."""

    records: Records
    clock: Clock
    passwords: dict[str, str] = field(default_factory=dict)
    api_keys: dict[str, str] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    tokens: Tokens = field(default_factory=Tokens)

    def who(self, headers: Mapping[str, str]) -> User:
        """The user whom a request's headers prove. Raises Refused."""
        name = self._user_name(headers)
        user = None if name is None else user_of(self.records, name)
        if user is None:
            raise not_authenticated()
        return user

    def grant(self, form: Mapping[str, str], headers: Mapping[str, str]) -> JsonObject:
        """Answer a request for a token. Raises TokenRefused."""
        basic = _basic(headers.get("authorization", ""))
        client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        client = self.clients.get(client_id)
        if client is None or not _equal(client.secret, secret):
            raise TokenRefused("access_denied")
        kind = form.get("grant_type", "")
        user_name = self._granted_to(kind, form, client_id, client)
        refreshable = kind != "client_credentials"
        return self.tokens.issue(user_name, client_id, self.clock.now(), refreshable=refreshable)

    def _granted_to(
        self, kind: str, form: Mapping[str, str], client_id: str, client: Client
    ) -> str:
        if kind == "client_credentials":
            return client.user_name
        if kind == "password":
            name = form.get("username", "")
            if self._password_fits(name, form.get("password", "")):
                return name
            raise TokenRefused("access_denied")
        if kind == "refresh_token":
            again = self.tokens.refreshed(
                form.get("refresh_token", ""), client_id, self.clock.now()
            )
            if again is not None:
                return again
            raise TokenRefused("access_denied")
        raise TokenRefused("unsupported_grant_type", 400)

    def _user_name(self, headers: Mapping[str, str]) -> str | None:
        key = headers.get(API_KEY_HEADER)
        if key is not None:
            return next((n for n, known in self.api_keys.items() if _equal(known, key)), None)
        given = headers.get("authorization", "")
        if given.lower().startswith("bearer "):
            return self.tokens.user_name(given[len("bearer ") :].strip(), self.clock.now())
        name, password = _basic(given) or ("", "")
        return name if self._password_fits(name, password) else None

    def _password_fits(self, name: str, password: str) -> bool:
        return name in self.passwords and _equal(self.passwords[name], password)


def _basic(header: str) -> tuple[str, str] | None:
    if not header.lower().startswith("basic "):
        return None
    try:
        text = base64.b64decode(header[len("basic ") :], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    name, colon, password = text.partition(":")
    return (name, password) if colon else None


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
