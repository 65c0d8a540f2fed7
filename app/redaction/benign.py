"""What is no secret, though it stands where secrets stand: `passwd: files`, `token_ttl=3600`."""

from __future__ import annotations

import re

_WORDS = frozenset(
    [
        *("true", "false", "null", "none", "nil", "yes", "no", "on", "off", "enabled", "disabled"),
        *("files", "compat", "systemd", "sss", "ldap", "nis", "db"),  # nsswitch.conf
        *("required", "optional", "unset", "empty", "set", "default", "prompt", "ask", "missing"),
        *("ok", "failed", "valid", "invalid", "expired", "undefined", "changed", "unchanged"),
        *("wrong", "correct", "incorrect", "peer", "trust", "reject"),
        *("scram-sha-256", "md5", "sha256", "sha512", "yescrypt", "bcrypt"),
        *("x", "*", "!", "!!", "**"),
    ]
)
_FORMS = re.compile(
    r"\d{1,3}"  # counts and codes
    r"|\*{3,}|[xX]{3,}|\.{2,}"  # what somebody else masked
    r"|\$\{?[A-Za-z_][A-Za-z0-9_.]*(?::?-)?\}?|%[({%]?[A-Za-z_]+[)}%]?s?|<[^<>]*>"  # placeholders
    r"|\$\(.*|`.*"  # a command that will tell
    r"|(?:vault|env|file|aws):[^\s]+"  # references
    r"|(?:file://)?/(?:etc|var|usr|run|home|opt|srv|root|tmp|proc|dev|mnt|data|lib|secrets)"
    r"(?:/[A-Za-z0-9_.@%-]+)*/?:?"  # paths
)


def is_benign(value: str) -> bool:
    """Whether a value that was found under a secret's name is plainly none."""
    bare = value.strip("\"'\\").rstrip(".,:)")
    return not bare or bare.lower() in _WORDS or _FORMS.fullmatch(bare) is not None
