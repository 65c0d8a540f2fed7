"""Contents of files by sha256, readable by root alone. What a restore puts back comes from here."""

from __future__ import annotations

import hashlib
import os

from . import disk
from .places import Places
from .refusal import Failed

LARGEST = 16 * 1024 * 1024


class Store:
    """The host's store of contents."""

    def __init__(self, places: Places) -> None:
        self._root = places.contents

    def path(self, sha256: str) -> str:
        return f"{self._root}/{sha256}"

    def has(self, sha256: str) -> bool:
        return os.path.exists(self.path(sha256))

    def put(self, content: bytes) -> str:
        """Keep a content; its sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.has(sha256):
            disk.make_folder(self._root)
            disk.write_whole(self.path(sha256), content)
        return sha256

    def bind(self, sha256: str, path: str) -> None:
        """Keep that a content stood at a path."""
        if not self.is_bound(sha256, path):
            disk.write_whole(self._bond(sha256, path), b"")

    def is_for(self, sha256: str, path: str) -> bool:
        """Whether a content may go to a path: one that is bound goes only to where it stood."""
        bound = any(name.startswith(f"{sha256}.at.") for name in os.listdir(self._root))
        return not bound or self.is_bound(sha256, path)

    def is_bound(self, sha256: str, path: str) -> bool:
        """Whether a content ever stood there."""
        return os.path.exists(self._bond(sha256, path))

    def _bond(self, sha256: str, path: str) -> str:
        return f"{self.path(sha256)}.at.{hashlib.sha256(path.encode()).hexdigest()}"

    def put_note(self, sha256: str, note: bytes) -> None:
        """Keep beside a content what putting it back needs to know."""
        disk.write_whole(self.path(sha256) + ".note", note)

    def note(self, sha256: str) -> bytes:
        try:
            with open(self.path(sha256) + ".note", "rb") as source:
                return source.read(LARGEST)
        except FileNotFoundError:
            raise Failed(f"nothing is known of the place of {sha256[:12]}") from None

    def get(self, sha256: str) -> bytes:
        """A kept content, proven to be unharmed."""
        try:
            with open(self.path(sha256), "rb") as source:
                content = source.read(LARGEST + 1)
        except FileNotFoundError:
            raise Failed(f"no content {sha256[:12]} is stored on this host") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Failed(f"the stored content {sha256[:12]} is damaged")
        return content


def read_file(file: int, path: str) -> bytes:
    """A whole opened file; Failed where it is larger than what is ever kept."""
    content = disk.read_up_to(file, LARGEST + 1)
    if len(content) > LARGEST:
        raise Failed(f"{path} is larger than {LARGEST} bytes")
    return content
