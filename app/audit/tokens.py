"""Random tokens, and what is kept of them.

A token is 256 bits of the system's randomness, so plain SHA-256 is the right hash for it: there is
no smaller space of likely values to try, which is what slow password hashes defend. It costs
microseconds on each request, and whoever reads the database cannot go back to the token.
"""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 32


def fresh_token() -> str:
    """256 random bits as 43 characters of A-Z a-z 0-9 - _."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> str:
    """The sha256 of a token, in hexadecimal: what is stored and compared."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
