"""OAuth tokens: given out by `/oauth_token.do`, good for a while."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.value import JsonObject

LIFETIME = timedelta(seconds=1799)
REFRESH_LIFETIME = timedelta(days=100)


@dataclass(frozen=True)
class Grant:
    """What a token stands for, and until when."""

    user_name: str
    client_id: str
    expires_at: datetime


class Tokens:
    """Every token that was given out."""

    def __init__(self) -> None:
        self.lifetime = LIFETIME
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}

    def issue(
        self, user_name: str, client_id: str, now: datetime, *, refreshable: bool
    ) -> JsonObject:
        """The token endpoint's answer with a new access token."""
        token = secrets.token_urlsafe(48)
        self._access[token] = Grant(user_name, client_id, now + self.lifetime)
        answer: JsonObject = {
            "access_token": token,
            "scope": "useraccount",
            "token_type": "Bearer",
            "expires_in": int(self.lifetime.total_seconds()),
        }
        if refreshable:
            again = secrets.token_urlsafe(48)
            self._refresh[again] = Grant(user_name, client_id, now + REFRESH_LIFETIME)
            answer["refresh_token"] = again
        return answer

    def user_name(self, token: str, now: datetime) -> str | None:
        """Whom an access token stands for; None where it is unknown or over."""
        grant = self._access.get(token)
        return grant.user_name if grant is not None and grant.expires_at > now else None

    def refreshed(self, token: str, client_id: str, now: datetime) -> str | None:
        """Whom a refresh token of that client stands for; None where it does not count."""
        grant = self._refresh.get(token)
        if grant is None or grant.client_id != client_id or grant.expires_at <= now:
            return None
        return grant.user_name

    def expire_all(self) -> None:
        """End every access token at once; refresh tokens live on."""
        self._access.clear()
