"""Checkpoints: what the chain's end was at a moment, signed, and kept outside of the database.

Whoever can remove the newest entries together with the rows that they are about leaves a shorter
chain that is whole in itself. Only what was written elsewhere tells: one line in a file for every
hundred entries and at the end of each execution, and one line in the incident's work note.

Signed with Ed25519, not with the chain's HMAC: an outside auditor can then be given the public
key, with which checkpoints can be verified but not made.
"""

from __future__ import annotations

import asyncio
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from app import log
from app.audit.entry import Entry
from app.audit.key_file import Key, is_signed, key_id_of
from app.domain.value import Value, canonical_json

ANCHOR = re.compile(
    r"Audit anchor: chain ([0-9a-f]{16}), entry ([0-9]+), hash ([0-9a-f]{64}), key ([0-9a-f]{16})"
)

_log = log.get(__name__)


class Anchor(Value):
    """That the chain had an entry with this hash, told by something outside of the database."""

    chain: str  # the first 16 digits of its first entry's hash
    seq: int
    hash: str
    key_id: str

    def line(self) -> str:
        """The one line that is put into the incident's closing note."""
        return (
            f"Audit anchor: chain {self.chain}, entry {self.seq}, hash {self.hash}, "
            f"key {self.key_id}"
        )


class Checkpoint(Anchor):
    """An anchor that was signed when it was made."""

    at: datetime
    execution_id: int | None  # the execution that ended; None: so many entries were written
    public_key: str
    signature: str = ""

    def signed_part(self) -> bytes:
        """What the signature is taken over."""
        told = self.model_dump(exclude={"signature", "at"})
        told["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return canonical_json(told).encode("ascii")

    def is_genuine(self) -> bool:
        """Whether the signature is right, by the key whose id it names."""
        try:
            right_key = key_id_of(self.public_key) == self.key_id
        except ValueError:
            return False
        return right_key and is_signed(self.signed_part(), self.signature, self.public_key)


def checkpoint_of(entry: Entry, key: Key, *, chain: str, execution_id: int | None) -> Checkpoint:
    """A signed checkpoint of the chain's end."""
    unsigned = Checkpoint(
        chain=chain,
        seq=entry.seq,
        hash=entry.hash,
        key_id=key.id,
        at=datetime.now(UTC),
        execution_id=execution_id,
        public_key=key.public,
    )
    return unsigned.model_copy(update={"signature": key.sign(unsigned.signed_part())})


def anchor_in(line: str) -> Anchor | None:
    """The checkpoint or anchor in a line of text; None where there is none.

    Takes a line of the checkpoint file, and any text around a note's anchor. Raises ValueError for
    a line that begins as a checkpoint and is none.
    """
    if line.lstrip().startswith("{"):
        try:
            return Checkpoint.model_validate_json(line)
        except ValidationError as error:
            raise ValueError("it is no checkpoint") from error
    found = ANCHOR.search(line)
    if found is None:
        return None
    return Anchor(chain=found[1], seq=int(found[2]), hash=found[3], key_id=found[4])


async def write(path: Path, checkpoint: Checkpoint) -> None:
    """Append a checkpoint. What it is about is durable already, so a failure is logged, not raised.

    The log line is the alarm; the next checkpoint covers what this one would have.
    """
    try:
        await asyncio.to_thread(_append, path, checkpoint.model_dump_json() + "\n")
    except OSError as error:
        _log.error(
            "a checkpoint of the audit could not be written",
            file=str(path),
            entry=checkpoint.seq,
            reason=error.strerror,
        )


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # one write at the file's end: lines of several processes do not mix
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
