"""Somebody who asks: who, by what proof, and what that lets them do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from app.domain.permission import ROLES, Permission, Role
from app.domain.value import Value


class How(StrEnum):
    """What somebody showed."""

    LOCAL = "local"  # nothing: from this machine, hosts are simulated, no key exists yet
    KEY = "key"
    APPROVER = "approver"  # a token of the policy file
    OIDC = "oidc"
    SIGNATURE = "signature"
    SHARED_HEADER = "shared-header"
    BASIC = "basic"


def subject_of(issuer: str, sub: str) -> str:
    """Who somebody is at an identity provider, for good: names there may change, this does not."""
    return f"{issuer}#{sub}"  # an issuer has no "#"


class Caller(Value):
    """Who asks. `person` is a name for logs, votes and cancellations."""

    person: str
    role: Role | None  # None: local
    how: How
    subject: str | None = None  # who that is at the identity provider; None: not known there
    permissions: frozenset[Permission]
    source: str = "servicenow"  # of the incidents that they hand in
    autonomy_cap: str | None = None  # L0..L4: the most that is done alone for those incidents
    csrf: str = ""  # what a form of their session carries; empty without a session
    expires_at: datetime | None = None  # of the session or the key

    def may(self, permission: Permission) -> bool:
        """Whether the matrix lets them."""
        return permission in self.permissions

    @classmethod
    def of(cls, role: Role, person: str, how: How, **more: object) -> Caller:
        """Somebody with a role: the matrix says the rest."""
        return cls.model_validate(
            {"person": person, "role": role, "how": how, "permissions": ROLES[role]} | more
        )


class ApiKeyInfo(Value):
    """A key as it may be shown: never its secret, nor the hash of it."""

    id: int
    key_id: str
    role: Role
    name: str
    subject: str | None = None  # who that is at the identity provider
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
