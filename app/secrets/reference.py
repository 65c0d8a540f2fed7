"""References: how a setting or an inventory names a secret without holding it.

    env:NAME                  a variable of the environment or of `.env`
    file:/path                a file that its owner alone can read
    vault:mount/path#field    HashiCorp Vault, key-value engine version 2
    vault:a/b/mount//path#f   the same, where the mount itself has slashes
    aws:name[#field]          AWS Secrets Manager; `field` of a secret that is JSON

One rule for every secret setting: its value is a reference where it begins with one of these
words and a colon, and the secret itself otherwise. A secret that happens to begin that way is
written `literal:SECRET`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from app.errors import SecretReferenceInvalid

LITERAL = "literal:"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMS = "env:NAME, file:/path, vault:mount/path#field or aws:name[#field]"


class Scheme(StrEnum):
    """The kinds of places that hold secrets."""

    ENV = "env"
    FILE = "file"
    VAULT = "vault"
    AWS = "aws"


@dataclass(frozen=True)
class Reference:
    """One place that holds one secret."""

    scheme: Scheme
    place: str  # a name, a path, or mount and path
    field: str = ""  # which part of what is stored there; empty: all of it

    def __str__(self) -> str:
        return f"{self.scheme}:{self.place}" + (f"#{self.field}" if self.field else "")

    @property
    def mount_and_path(self) -> tuple[str, str]:
        """Of a Vault reference: the engine's mount, and the path inside it."""
        parting = "//" if "//" in self.place else "/"
        mount, _, path = self.place.partition(parting)
        return mount, path

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference that `text` is. Raises SecretReferenceInvalid, without the text where it
        may be the secret itself."""
        scheme, _, rest = text.partition(":")
        if scheme not in set(Scheme):
            raise SecretReferenceInvalid(
                "A secret is not named by a reference.", hint=f"Expected {_FORMS}."
            )
        if scheme in (Scheme.ENV, Scheme.FILE):
            place, field = rest, ""
        else:
            place, _, field = rest.partition("#")
        found = cls(Scheme(scheme), place, field)
        problem = _PROBLEMS[found.scheme](found)
        if problem:
            raise SecretReferenceInvalid(
                f"The secret's reference {text!r} is wrong: {problem}.", hint=f"Expected {_FORMS}."
            )
        return found


def is_reference(text: str) -> bool:
    """Whether a setting's value names a secret instead of being one."""
    return text.partition(":")[0] in set(Scheme) and ":" in text


def literal(text: str) -> str:
    """The secret that a value which is no reference stands for."""
    return text.removeprefix(LITERAL)


def _of_env(found: Reference) -> str:
    return "" if _NAME.fullmatch(found.place) else "no variable has such a name"


def _of_file(found: Reference) -> str:
    return "" if found.place.startswith("/") else "the path must be absolute"


def _of_vault(found: Reference) -> str:
    mount, path = found.mount_and_path
    if not mount or not path or path.startswith("/") or ".." in found.place.split("/"):
        return "it needs a mount and a path inside it"
    return "" if found.field else "it needs `#field`: a Vault secret has several"


def _of_aws(found: Reference) -> str:
    return "" if found.place else "it names no secret"


_PROBLEMS = {
    Scheme.ENV: _of_env,
    Scheme.FILE: _of_file,
    Scheme.VAULT: _of_vault,
    Scheme.AWS: _of_aws,
}
