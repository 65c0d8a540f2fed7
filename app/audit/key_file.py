"""The audit's keys: one file outside of the database, mode 0600.

Each key is one secret of 32 bytes. The chain's hashes are HMAC-SHA256 with it: fast, and who has
the database but not the file can neither make nor change an entry. Checkpoints and exports are
signed with an Ed25519 key that is derived from it, so that an auditor who is given the public key
alone can verify those, and cannot make any. A key's id is the fingerprint of its public key.

    {"keys": [{"id": "3f0c9a2b51d47e86", "secret": "64 hexadecimal digits"}]}

Old keys stay in the file: entries that were made with them must stay verifiable.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import stat
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, ValidationError

from app.domain.value import Value
from app.errors import AuditKeyUnusable

SIGNING = b"sre-agent audit: signing key of checkpoints and exports"


class Key(Value):
    """One key. Its secret is never printed."""

    id: str
    secret: str = Field(repr=False, pattern=r"^[0-9a-f]{64}$")

    @classmethod
    def new(cls) -> Key:
        """A key that nobody had before."""
        return cls.of(secrets.token_hex(32))

    @classmethod
    def of(cls, secret: str) -> Key:
        """The key of a secret of 64 hexadecimal digits."""
        unnamed = cls(id="", secret=secret)
        return cls(id=key_id_of(unnamed.public), secret=secret)

    def mac(self, data: bytes) -> str:
        """The chain's hash of `data`, hexadecimal."""
        return hmac.new(self._bytes, data, hashlib.sha256).hexdigest()

    def sign(self, data: bytes) -> str:
        """An Ed25519 signature of `data`, hexadecimal."""
        return self._private.sign(data).hex()

    @cached_property
    def public(self) -> str:
        """The public key, hexadecimal: what an auditor needs for checkpoints and exports."""
        return self._private.public_key().public_bytes_raw().hex()

    @property
    def _bytes(self) -> bytes:
        return bytes.fromhex(self.secret)

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        seed = hmac.new(self._bytes, SIGNING, hashlib.sha256).digest()
        return Ed25519PrivateKey.from_private_bytes(seed)


def key_id_of(public: str) -> str:
    """The id of the key with this public part: nobody can give it to another key."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]


def is_signed(data: bytes, signature: str, public: str) -> bool:
    """Whether `signature` is that of `data` by the key with this public part."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


class KeyRing(Value):
    """The keys of a file, oldest first."""

    keys: tuple[Key, ...]

    def get(self, key_id: str) -> Key | None:
        """The key with this id; None where the file has none."""
        return next((key for key in self.keys if key.id == key_id), None)

    @property
    def newest(self) -> Key:
        return self.keys[-1]

    def with_key(self, key: Key) -> KeyRing:
        """The ring with one more key."""
        return KeyRing(keys=(*self.keys, key))


def load(path: Path) -> KeyRing:
    """The keys of a file. Raises AuditKeyUnusable where it is missing, open to others, or wrong."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise AuditKeyUnusable(
            f"The audit's key file {path} cannot be read: {getattr(error, 'strerror', error)}.",
            hint="Restore it from its backup; AUDIT_KEY_FILE says where it is.",
        ) from error
    if mode & 0o077:
        raise AuditKeyUnusable(
            f"Others may read or write the audit's key file {path}: its mode is {mode:04o}, "
            "expected 0600.",
            hint=f"chmod 600 {path}; if others were on this machine, change the key: sre-agent "
            "audit rotate-key",
        )
    return _parsed(path, text)


def load_or_create(path: Path) -> KeyRing:
    """The keys of a file, which is made with a new key where there is none yet."""
    if not path.exists():
        # linked into place whole: of two processes that start at once, one is first
        _write(path, KeyRing(keys=(Key.new(),)), replace=False)
    return load(path)


def add(path: Path, key: Key) -> None:
    """Put a further key into the file, which exists."""
    _write(path, load(path).with_key(key), replace=True)


def _parsed(path: Path, text: str) -> KeyRing:
    try:
        ring = KeyRing.model_validate_json(text)
    except ValidationError as error:
        raise _not_a_key_file(path) from error
    if not ring.keys or any(key.id != Key.of(key.secret).id for key in ring.keys):
        raise _not_a_key_file(path)
    return ring


def _not_a_key_file(path: Path) -> AuditKeyUnusable:
    return AuditKeyUnusable(
        f"{path} is no key file of the audit: its keys or their ids are wrong.",
        hint="Restore it from its backup. docs/discussions/audit.md has its form.",
    )


def _write(path: Path, ring: KeyRing, *, replace: bool) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    text = json.dumps(ring.model_dump(), indent=1) + "\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            _into_place(aside, path, replace=replace)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise AuditKeyUnusable(
            f"The audit's key file {path} cannot be written: {error.strerror}.",
            hint="Point AUDIT_KEY_FILE at a place that this user may write.",
        ) from error


def _into_place(aside: Path, path: Path, *, replace: bool) -> None:
    if replace:
        aside.replace(path)
        return
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return  # another process was first: its key counts
