"""How a business rule proves to the receiver who sends: a signature, a shared token, or Basic."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from enum import StrEnum

from pydantic import Field

from app.domain.value import Value


class Mode(StrEnum):
    """How the sender shows who it is."""

    NONE = "none"
    HMAC = "hmac"
    TOKEN = "token"  # noqa: S105
    BASIC = "basic"


class Encoding(StrEnum):
    """How the digest is written: GlideCertificateEncryption of ServiceNow gives base64."""

    HEX = "hex"
    BASE64 = "base64"


class Signing(Value):
    """A mode with what it needs. `name`: the key's id, or Basic's user."""

    mode: Mode = Mode.NONE
    name: str = ""
    secret: str = Field(default="", repr=False)
    encoding: Encoding = Encoding.BASE64

    def headers(self, body: bytes, unix_seconds: int) -> dict[str, str]:
        """Headers for a delivery with that body at that time; a nonce is drawn for each call."""
        match self.mode:
            case Mode.HMAC:
                return self._signed(body, str(unix_seconds), secrets.token_urlsafe(16))
            case Mode.TOKEN:
                return {"X-SRE-Token": self.secret}
            case Mode.BASIC:
                pair = base64.b64encode(f"{self.name}:{self.secret}".encode()).decode()
                return {"Authorization": f"Basic {pair}"}
            case Mode.NONE:
                return {}

    def _signed(self, body: bytes, timestamp: str, nonce: str) -> dict[str, str]:
        message = f"{timestamp}.{nonce}.".encode() + body
        digest = hmac.digest(self.secret.encode(), message, hashlib.sha256)
        written = digest.hex()
        if self.encoding is Encoding.BASE64:
            written = base64.b64encode(digest).decode()
        return {
            "X-SRE-Key-Id": self.name,
            "X-SRE-Timestamp": timestamp,
            "X-SRE-Nonce": nonce,
            "X-SRE-Signature": f"sha256={written}",
        }
