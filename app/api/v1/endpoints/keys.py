"""Keys: who holds which, and taking one back. They are made by the command line on the server.

Not here: who administers over the network could make an approver's key, and approve with it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from app import log
from app.access.authentication import CallerPart
from app.access.guard import Guarded, needs
from app.api.errors import documented
from app.api.parts import PartsOfApp
from app.api.schemas import KeysPage
from app.api.v1.numbers import RowNumber
from app.domain.access import ApiKeyInfo
from app.domain.permission import Permission

router = APIRouter(prefix="/api/v1/keys", tags=["keys"], route_class=Guarded)

_log = log.get(__name__)


@router.get(
    "", summary="All keys", dependencies=[needs(Permission.READ_AUDIT)], responses=documented()
)
async def list_keys(parts: PartsOfApp) -> KeysPage:
    """Every key that was ever made, oldest first: whose it is, and when it was last used."""
    return KeysPage(keys=await parts.access.keys.listed())


@router.post(
    "/{key_number}/revoke",
    summary="Take a key back",
    dependencies=[needs(Permission.MANAGE_KEYS)],
    responses=documented(404, 409, 422),
)
async def revoke(
    key_number: Annotated[RowNumber, Path(description="The key's number")],
    parts: PartsOfApp,
    caller: CallerPart,
) -> ApiKeyInfo:
    """End a key at once, and the sessions that were begun with it."""
    revoked = await parts.access.keys.revoke(key_number)
    _log.warning("a key was revoked", key_id=revoked.key_id, name=revoked.name, by=caller.person)
    return revoked
