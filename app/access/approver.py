"""Approvers of the policy file: whose token is it?"""

from __future__ import annotations

import hmac

from app.execution.policy_file import PolicyFile


def owner_of(token: str, policy: PolicyFile) -> str | None:
    """Whose token it is. Every token is compared, each in constant time: nothing to be timed."""
    shown = token.encode("utf-8", "surrogatepass")
    owners = [
        person
        for person, own in policy.approvers.items()
        if hmac.compare_digest(own.get_secret_value().encode(), shown)
    ]
    return owners[0] if owners else None
