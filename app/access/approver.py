"""Approvers of the policy file: whose token is it, and who is that elsewhere?"""

from __future__ import annotations

import hmac

from app.domain.access import subject_of
from app.execution.policy_file import PolicyFile
from app.settings import Settings


def owner_of(token: str, policy: PolicyFile) -> str | None:
    """Whose token it is. Every token is compared, each in constant time: nothing to be timed."""
    shown = token.encode("utf-8", "surrogatepass")
    owners = [
        person
        for person, own in policy.approvers.items()
        if hmac.compare_digest(own.get_secret_value().encode(), shown)
    ]
    return owners[0] if owners else None


def subject_of_approver(person: str, policy: PolicyFile, settings: Settings) -> str | None:
    """Who an approver is at the identity provider, where the policy file says so."""
    sub = policy.approver_subjects.get(person)
    if sub is None or settings.oidc_issuer is None:
        return None
    return subject_of(settings.oidc_issuer, sub)
