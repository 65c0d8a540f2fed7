"""Where the audit stands. Verifying and exporting are the command line's: it trusts no service."""

from __future__ import annotations

from fastapi import APIRouter

from app.access.guard import Guarded, needs
from app.api import examples
from app.api.errors import documented
from app.api.parts import PartsOfApp
from app.api.schemas import AuditStatus, AuditVerified
from app.audit.checks import Check, Checks
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1/audit", tags=["audit"], route_class=Guarded)


@router.get(
    "/status",
    summary="Where the audit stands",
    dependencies=[needs(Permission.READ_AUDIT)],
    responses=documented() | examples.answer(examples.AUDIT),
)
async def status(parts: PartsOfApp) -> AuditStatus:
    """The chain's end and length, its key, its guards, and what the service verified last.

    The service verifies what is new every AUDIT_VERIFY_SECONDS and everything every
    AUDIT_VERIFY_ALL_SECONDS. `sre-agent audit verify` does it without trusting the service.
    """
    standing = await Checks(parts.database).standing()
    return AuditStatus(
        chain=standing.chain,
        entries=standing.entries,
        head_hash=standing.head_hash,
        head_at=standing.head_at,
        key_id=standing.key_id,
        guarded=not standing.guards_missing,
        guards_missing=standing.guards_missing,
        verified=_verified(standing.check) if standing.check else None,
    )


def _verified(check: Check) -> AuditVerified:
    told = check.model_dump(exclude={"passed"}) | check.passed.model_dump()
    return AuditVerified(**told, sound=check.wrong == 0)
