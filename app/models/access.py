"""The tables of who may knock: keys, sessions, used nonces, logins under way. No secret in any."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.access import How
from app.domain.permission import Role
from app.models.audited import Audited
from app.models.base import Base, Identity, Reference, Written


class ApiKey(Base):
    """One key. The row stays when it is revoked: what it did still names it."""

    __tablename__ = "api_key"
    __audited__ = Audited(may_change=frozenset({"revoked_at"}), outside=frozenset({"last_used_at"}))
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[Identity]
    key_id: Mapped[str] = mapped_column(unique=True)  # the part that may be shown and logged
    secret_hash: Mapped[str]  # sha256, hex
    role: Mapped[Role]
    name: Mapped[str]  # whose it is; an approver's votes carry it
    subject: Mapped[str | None]  # who that is at the identity provider, where it is said
    created_at: Mapped[Written]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to the minute


class WebSession(Base):
    """Somebody who is logged in on the page."""

    __tablename__ = "web_session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)  # of what the cookie holds
    person: Mapped[str]
    role: Mapped[Role]
    how: Mapped[How]  # what was shown at the login
    subject: Mapped[str | None]  # who it is at the identity provider
    api_key_id: Mapped[Reference | None] = mapped_column(ForeignKey("api_key.id"))
    credential_hash: Mapped[str | None]  # of an approver's token: it must still be in the policy
    created_at: Mapped[Written]
    last_seen_at: Mapped[datetime]  # to the minute
    expires_at: Mapped[datetime] = mapped_column(index=True)


class WebhookNonce(Base):
    """A nonce that was used. The primary key decides which of two equal deliveries was first."""

    __tablename__ = "webhook_nonce"

    source: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class OidcLogin(Base):
    """A login under way at the identity provider. Taken once, by the browser that began it."""

    __tablename__ = "oidc_login"

    state_hash: Mapped[str] = mapped_column(primary_key=True)
    browser_hash: Mapped[str]  # of the cookie of the browser that began
    nonce: Mapped[str]
    code_verifier: Mapped[str]
    next_path: Mapped[str]
    expires_at: Mapped[datetime] = mapped_column(index=True)
