"""What this installation says of a file that it gives out, signed with Ed25519."""

from __future__ import annotations

from app.audit.key_file import is_signed, key_id_of
from app.domain.value import Value, canonical_json


class Signed(Value):
    """A statement, and who makes it."""

    key_id: str
    public_key: str
    signature: str = ""

    def signed_part(self) -> bytes:
        """What the signature is taken over."""
        return canonical_json(self.model_dump(exclude={"signature"})).encode("ascii")

    def is_genuine(self) -> bool:
        """Whether the signature is right, by the key whose id it names."""
        try:
            right_key = key_id_of(self.public_key) == self.key_id
        except ValueError:
            return False
        return right_key and is_signed(self.signed_part(), self.signature, self.public_key)
