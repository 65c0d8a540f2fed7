"""A file of archived executions: JSON lines, compressed, and a manifest beside it.

    {"entry": {...}}      their entries of the chain, in order
    {"row": {...}}        their rows, whole: {"table", "id", "values"}
    {"beside": {...}}     rows that are no facts: what people were told, tickets' keys
    {"workflow": {...}}   the durable engine's own record, with the steps that it had recorded

The manifest says what the file holds and where the chain stood, and is signed with Ed25519. A file
is there under its name once it is whole, on disk and read back.
"""

from __future__ import annotations

import gzip
import json
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.audit.archives import sha256_of
from app.audit.bundle import BundledRow, take_fact
from app.audit.entry import Entry
from app.audit.gaps import Range, ranges_of
from app.audit.key_file import Key
from app.audit.signed import Signed
from app.domain.value import JsonObject, Value, canonical_json
from app.errors import ConfigurationError, DatabaseNotReady

VERSION = 1
ENDING = ".jsonl.gz"
MANIFEST = ".manifest.json"
PARTIAL = ".partial"
UNFINISHED_SECONDS = 3600


class ArchivedOne(Value):
    """One execution in the file."""

    id: int
    entries: int  # also the number of its last entry within the execution


class ArchiveManifest(Signed):
    """What the file beside it holds, and who says so."""

    version: int = VERSION
    chain: str
    name: str  # of the file
    sha256: str  # of the file as it is, compressed
    executions: tuple[ArchivedOne, ...]
    entries: int
    rows: int
    beside: int
    workflows: int
    ranges: tuple[Range, ...]  # of the entries, with the hash of each one's last
    head_seq: int  # the chain's end when it was archived
    head_hash: str
    archived_at: str  # ISO 8601, UTC


@dataclass
class ArchiveContents:
    """What a file holds, or will."""

    entries: list[Entry] = field(default_factory=list)
    rows: dict[tuple[str, str], JsonObject] = field(default_factory=dict)
    beside: list[JsonObject] = field(default_factory=list)  # {"table", "values"}
    workflows: list[JsonObject] = field(default_factory=list)

    @property
    def executions(self) -> tuple[ArchivedOne, ...]:
        """The executions that it has entries of."""
        counted: dict[int, int] = {}
        for entry in self.entries:
            if entry.execution_id is not None:
                counted[entry.execution_id] = counted.get(entry.execution_id, 0) + 1
        return tuple(ArchivedOne(id=id_, entries=n) for id_, n in sorted(counted.items()))

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The ranges of its entries."""
        return ranges_of([(entry.seq, entry.hash) for entry in self.entries])

    def lines(self) -> Iterator[str]:
        """The file's lines."""
        for entry in self.entries:
            yield canonical_json({"entry": entry.model_dump()})
        for (table, id_), values in self.rows.items():
            row = BundledRow(table=table, id=id_, values=values)
            yield canonical_json({"row": row.model_dump()})
        for beside in self.beside:
            yield canonical_json({"beside": beside})
        for workflow in self.workflows:
            yield canonical_json({"workflow": workflow})


def write(path: Path, contents: ArchiveContents, unsigned: ArchiveManifest, key: Key) -> Path:
    """Write a file and its manifest under names that nothing takes for an archive; where it lies.

    `place` gives them their own. Raises DatabaseNotReady where there is no room, or no right.
    """
    partial = _partial(path)
    with _told(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_lines(partial, contents.lines())
        manifest = unsigned.model_copy(update={"sha256": sha256_of(partial)})
        signed = manifest.model_copy(update={"signature": key.sign(manifest.signed_part())})
        _write_text(_partial(manifest_of(path)), signed.model_dump_json(indent=1) + "\n")
    return partial


def place(path: Path) -> None:
    """Give a file and its manifest their names, for good."""
    with _told(path):
        _partial(path).rename(path)
        _partial(manifest_of(path)).rename(manifest_of(path))
        _sync(path.parent)


def discard(path: Path) -> None:
    """Remove a file and its manifest of which nothing was taken out of the tables."""
    for one in (path, manifest_of(path)):
        one.unlink(missing_ok=True)
        _partial(one).unlink(missing_ok=True)


def forget_unfinished(folder: Path) -> None:
    """Remove what runs that were killed had begun to write; of others' that still write nothing."""
    for path in folder.glob(f"*{PARTIAL}"):
        if time.time() - path.stat().st_mtime > UNFINISHED_SECONDS:
            path.unlink(missing_ok=True)


def read(path: Path) -> tuple[ArchiveContents, ArchiveManifest]:
    """Read a file and its manifest. Raises ConfigurationError where it is no archive of ours."""
    contents = ArchiveContents()
    try:
        manifest = ArchiveManifest.model_validate_json(manifest_of(path).read_bytes())
        with gzip.open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                _take(contents, json.loads(line), number)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        why = "a line has another form" if isinstance(error, ValidationError) else str(error)
        raise ConfigurationError(
            f"{path} cannot be read as an archive: {why}.",
            hint=f"It needs its manifest beside it: {manifest_of(path).name}.",
        ) from error
    return contents, manifest


def manifest_of(path: Path) -> Path:
    """Where an archive's manifest lies; of an unfinished one the unfinished one."""
    if path.name.endswith(PARTIAL):
        return _partial(manifest_of(path.with_name(path.name.removesuffix(PARTIAL))))
    return path.with_name(path.name.removesuffix(ENDING) + MANIFEST)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + PARTIAL)


def _take(contents: ArchiveContents, line: Any, number: int) -> None:
    if not isinstance(line, dict) or len(line) != 1:
        raise ValueError(f"line {number} is neither an entry nor a row nor a workflow")
    ((kind, told),) = line.items()
    if take_fact(kind, told, contents.entries, contents.rows):
        return
    if kind == "beside":
        contents.beside.append(told)
    elif kind == "workflow":
        contents.workflows.append(told)
    else:
        raise ValueError(f"{kind!r} is no kind of line")


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # no time and no name in it: the same lines are the same file
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            for line in lines:
                packed.write(line.encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _write_text(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DatabaseNotReady(
            f"The archive {path} cannot be written: {error.strerror}.",
            hint="Nothing was removed. ARCHIVE_DIR says where archives go.",
        ) from error
