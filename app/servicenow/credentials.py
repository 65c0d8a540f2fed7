"""How we say who we are: a password, an OAuth client's token, or an API key.

Secrets are read at each use, so that one that was rotated is used from then on, and live nowhere
else. An OAuth token is kept in memory until a minute before it ends.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import SecretStr

from app.settings import Settings

EARLY_SECONDS = 60.0
SHORTEST_SECONDS = 5.0


class Way(StrEnum):
    """How we log in."""

    PASSWORD = "password"  # noqa: S105  a word, not a secret
    OAUTH = "OAuth client credentials"
    API_KEY = "API key"


@dataclass(frozen=True)
class Login:
    """What is needed to log in; the settings' part of it."""

    way: Way
    name: str  # user, or OAuth client; "" with an API key
    secret: Callable[[], str]
    own_user: str | None  # who we are on the instance, where it is known beforehand

    @classmethod
    def of(cls, settings: Settings) -> Login:
        """The one way that is set. The settings hold that there is exactly one."""
        user = settings.servicenow_username
        if settings.servicenow_client_id is not None:
            secret = settings.servicenow_client_secret
            return cls(Way.OAUTH, settings.servicenow_client_id, _reader(secret), user)
        if settings.servicenow_api_key is not None:
            return cls(Way.API_KEY, "", _reader(settings.servicenow_api_key), user)
        return cls(Way.PASSWORD, user or "", _reader(settings.servicenow_password), user)


def _reader(secret: SecretStr | None) -> Callable[[], str]:
    assert secret is not None, "the settings hold that it is there"
    return secret.get_secret_value


@dataclass
class Token:
    """An OAuth token in memory."""

    value: str = field(repr=False)
    ends_at: float  # of the monotonic clock

    @classmethod
    def lasting(cls, value: str, seconds: float, *, now: float) -> Token:
        return cls(value, now + max(SHORTEST_SECONDS, seconds - EARLY_SECONDS))


def headers(login: Login, token: Token | None) -> Mapping[str, str]:
    """The headers that say who we are."""
    if login.way is Way.API_KEY:
        return {"x-sn-apikey": login.secret()}
    if login.way is Way.OAUTH:
        assert token is not None, "a token is fetched before it is shown"
        return {"Authorization": f"Bearer {token.value}"}
    pair = f"{login.name}:{login.secret()}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}
