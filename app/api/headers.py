"""What every answer tells a browser: load nothing from elsewhere, frame us nowhere, guess nothing.

The interactive documentation of FastAPI loads its script from a public server and starts it inline;
its page alone may do that, the script named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.datastructures import MutableHeaders

CSP = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000"

_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_DOCS_FROM = "https://cdn.jsdelivr.net https://fastapi.tiangolo.com"


def add_security(headers: MutableHeaders, *, https: bool) -> None:
    """Put them on an answer. What its route said itself stays."""
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if https:
        headers.setdefault("Strict-Transport-Security", HSTS)


def csp_of_docs(page: bytes) -> str:
    """The policy of a documentation page: its own inline scripts, by hash, and no others."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in _INLINE_SCRIPT.findall(page)
    ]
    return "; ".join(
        (
            CSP,
            f"script-src 'self' {_DOCS_FROM} {' '.join(hashes)}",
            f"style-src 'self' 'unsafe-inline' {_DOCS_FROM} https://fonts.googleapis.com",
            "font-src https://fonts.gstatic.com",
            f"img-src 'self' data: {_DOCS_FROM}",
            "worker-src 'self' blob:",
        )
    )
