"""Secrets of this machine: variables of the environment, and files that are closed to others."""

from __future__ import annotations

import os
import stat

from app.errors import SecretDenied, SecretMissing
from app.secrets.reference import Reference
from app.settings import read_variable

MOST_BYTES = 64 * 1024
_OTHERS = 0o077


class EnvironmentSource:
    """`env:NAME`."""

    def read(self, reference: Reference) -> str:
        """The variable's value as it is now. Raises SecretMissing."""
        value = read_variable(reference.place)
        if not value:
            raise SecretMissing(
                f"{reference}: the variable {reference.place} is not set.",
                hint="Set it in the service's environment or in `.env`.",
            )
        return value


class FileSource:
    """`file:/path`. What is checked is the open file, so nothing can be swapped in between."""

    def read(self, reference: Reference) -> str:
        """The content without its last line end. Raises SecretMissing or SecretDenied."""
        try:
            # not blocking: a pipe in the file's place must not hold us up
            descriptor = os.open(reference.place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise SecretMissing(f"{reference}: there is no such file.") from error
        except OSError as error:
            raise SecretDenied(f"{reference} cannot be read: {error.strerror}.") from error
        with os.fdopen(descriptor, "rb") as file:
            _require_closed(reference, os.fstat(descriptor))
            content = file.read(MOST_BYTES + 1)
        return _as_text(reference, content)


def _require_closed(reference: Reference, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise SecretDenied(f"{reference} is not an ordinary file.")
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        raise SecretDenied(
            f"{reference} can be read or written by others (mode {mode:04o}).",
            hint=f"Run: chmod 600 {reference.place}",
        )
    if found.st_uid not in (0, os.geteuid()):
        raise SecretDenied(
            f"{reference} belongs to the account {found.st_uid}, not to the service's "
            f"({os.geteuid()}) or root: its owner could change it.",
            hint=f"Run: chown {os.geteuid()} {reference.place}",
        )


def _as_text(reference: Reference, content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise SecretDenied(f"{reference} has more than {MOST_BYTES} bytes: that is no secret.")
    try:
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        # the error itself would carry the bytes
        raise SecretDenied(f"{reference} is no text in UTF-8.") from None
    if not text:
        raise SecretMissing(f"{reference} is empty.")
    return text
