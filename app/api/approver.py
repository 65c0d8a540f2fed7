"""Who answers a question: the person whose token was sent."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.api.parts import PartsOfApp
from app.errors import Unauthorized
from app.execution.policy_file import PolicyFile

_bearer = HTTPBearer(auto_error=False, description="An approver's token, as the policy file has it")


async def approver(
    parts: PartsOfApp,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """The person whose token was sent. Raises Unauthorized."""
    if given is None:
        raise Unauthorized(
            "This needs an approver's token.",
            hint="Send `Authorization: Bearer TOKEN`; approvers stand in POLICY_FILE.",
        )
    person = owner_of(given.credentials, parts.policy)
    if person is None:
        raise Unauthorized(
            "The token is no approver's.", hint="Check it against `approvers` in POLICY_FILE."
        )
    return person


def owner_of(token: str, policy: PolicyFile) -> str | None:
    """Whose token it is. Every token is compared, each in constant time: nothing to be timed."""
    shown = token.encode("utf-8", "surrogatepass")
    owners = [
        person
        for person, own in policy.approvers.items()
        if hmac.compare_digest(own.get_secret_value().encode(), shown)
    ]
    return owners[0] if owners else None


Person = Annotated[str, Depends(approver)]
