"""Ways to knock: with a key, signed, with a file of sources."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

from app.access import signature
from app.audit.keys import Keys
from app.domain.permission import Role

SECRET = "signing-secret-of-the-tests-0123456789"
TOKEN = "shared-header-of-the-tests-01234"
PASSWORD = "password-of-the-tests"


async def key(keys: Keys, role: Role, name: str = "") -> dict[str, str]:
    """The header of a new key."""
    made = await keys.create(role, name or role.value)
    return {"Authorization": f"Bearer {made.token}"}


def signed(
    body: bytes,
    *,
    nonce: str | None = None,
    at: int | None = None,
    key_id: str = "snow-1",
    secret: str = SECRET,
) -> dict[str, str]:
    """The headers of a signed delivery."""
    moment = int(time.time()) if at is None else at
    chosen = nonce or uuid4().hex
    code = signature.code_of(secret.encode(), moment, chosen, body)
    return {
        "Content-Type": "application/json",
        signature.KEY_ID: key_id,
        signature.TIMESTAMP: str(moment),
        signature.NONCE: chosen,
        signature.SIGNATURE: f"sha256={code.hex()}",
    }


def sources_file(folder: Path) -> Path:
    """A file with a source of each kind."""
    for name, text in (("hmac", SECRET), ("old", "x" * 40), ("header", TOKEN), ("basic", PASSWORD)):
        path = folder / name
        path.write_text(text)
        path.chmod(0o600)
    path = folder / "sources.yaml"
    path.write_text(
        f"""
sources:
  servicenow:
    kind: hmac
    keys: {{snow-1: {{file: {folder}/hmac}}, snow-0: {{file: {folder}/old}}}}
  monitoring: {{kind: shared-header, keys: {{first: {{file: {folder}/header}}}}}}
  legacy: {{kind: basic, keys: {{snow: {{file: {folder}/basic}}}}}}
"""
    )
    return path
