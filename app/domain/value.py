"""The base of every value: frozen, strict about its fields, and JSON both ways.

Values cross the durable engine as JSON (`model_dump(mode="json")` out, `model_validate` in), so
every field must survive that trip unchanged; tuples, not lists, keep a value hashable.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

JsonObject = dict[str, Any]
"""A JSON object as it travels between steps."""


class Value(BaseModel):
    """An immutable value. Unknown fields are an error: a misspelt field must not be lost."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


def canonical_json(value: object) -> str:
    """One text for one meaning: sorted keys, no blanks, ASCII. What hashes are taken over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint(value: object) -> str:
    """The sha256 of `canonical_json(value)`, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()
