"""The signature of a delivery: HMAC-SHA256 over timestamp, nonce and the raw body.

    X-SRE-Key-Id: snow-1
    X-SRE-Timestamp: 1764057600
    X-SRE-Nonce: 3f0c9a1e5b7d4c2a
    X-SRE-Signature: sha256=<hex or base64 of HMAC-SHA256(secret, "<timestamp>.<nonce>." + body)>

Pure: no clock, no database. The body is the bytes as they came, before anything understood them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

from app.domain.value import Value
from app.errors import Unauthorized

KEY_ID, TIMESTAMP = "X-SRE-Key-Id", "X-SRE-Timestamp"
NONCE, SIGNATURE = "X-SRE-Nonce", "X-SRE-Signature"
HEADERS = (KEY_ID, TIMESTAMP, NONCE, SIGNATURE)

WINDOW_SECONDS = 300
"""How far a delivery's clock may be from ours."""

_SHAPES = {
    KEY_ID: re.compile(r"[!-~]{1,100}"),
    TIMESTAMP: re.compile(r"[0-9]{1,12}"),
    NONCE: re.compile(r"[A-Za-z0-9_-]{8,128}"),
    SIGNATURE: re.compile(r"sha256=[A-Za-z0-9+/=]{43,64}"),
}
_HEX = re.compile(r"[0-9A-Fa-f]{64}")


class Signed(Value):
    """What the headers of a signed delivery say."""

    key_id: str
    timestamp: int  # seconds since 1970
    nonce: str
    mac: bytes


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a delivery claims to be signed: one of the headers is enough."""
    return any(name in headers for name in HEADERS)


def read(headers: Mapping[str, str]) -> Signed:
    """What the headers say. Raises Unauthorized naming the one that is missing or misshapen."""
    given = {name: headers.get(name, "") for name in HEADERS}
    for name, shape in _SHAPES.items():
        if not shape.fullmatch(given[name]):
            what = "is not as it should be" if given[name] else "is missing"
            raise Unauthorized(
                f"The header {name} {what}.",
                hint="docs/howto/access.md has the form of each and what is signed.",
            )
    return Signed(
        key_id=given[KEY_ID],
        timestamp=int(given[TIMESTAMP]),
        nonce=given[NONCE],
        mac=_bytes_of(given[SIGNATURE].removeprefix("sha256=")),
    )


def _bytes_of(text: str) -> bytes:
    """The code in hexadecimal or base64; b"" where it is neither, which fits nothing."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def code_of(secret: bytes, timestamp: int | str, nonce: str, body: bytes) -> bytes:
    """The code that a delivery with this secret carries."""
    return hmac.digest(secret, f"{timestamp}.{nonce}.".encode() + body, hashlib.sha256)


def fits(signed: Signed, secret: bytes, body: bytes) -> bool:
    """Whether the delivery was signed with this secret. Constant time."""
    expected = code_of(secret, signed.timestamp, signed.nonce, body)
    return hmac.compare_digest(expected, signed.mac)


def is_timely(signed: Signed, now: float) -> bool:
    """Whether the delivery's clock is within the window of ours."""
    return abs(now - signed.timestamp) <= WINDOW_SECONDS
