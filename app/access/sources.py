"""Who may hand in incidents, and how each proves itself: SOURCES_FILE. YAML.

sources:
  servicenow:
    kind: hmac                       # signs each delivery: app/access/signature.py
    keys:                            # by key id; two at most, so that one can replace the other
      snow-1: {file: /etc/sre-agent/servicenow-1.key}
      snow-2: {file: /etc/sre-agent/servicenow-2.key}
  monitoring:
    kind: shared-header              # X-SRE-Token: weak, what is seen once can be sent again
    keys: {first: {file: /etc/sre-agent/monitoring.token}}
  legacy:
    kind: basic                      # weak too; the keys are user names
    keys: {snow: {file: /etc/sre-agent/legacy.password}}
    autonomy_level: L2               # the most that is done alone; weak ones: L1 unless said

A secret stands in a file that only its owner may read. The file is read at each delivery, so a
new secret counts at once.
"""

from __future__ import annotations

import hmac
import stat
from enum import StrEnum
from pathlib import Path

from pydantic import Field, ValidationError

from app import strict_yaml
from app.domain.access import Caller, How
from app.domain.permission import Role
from app.domain.value import Value
from app.errors import SourcesFileError
from app.settings import AutonomyLevel

LIVE_KEYS = 2
WEAK_CAP = AutonomyLevel.L1
"""The most that is done alone for an incident whose sender only showed a password."""


class SourceKind(StrEnum):
    """How a source proves itself."""

    HMAC = "hmac"
    SHARED_HEADER = "shared-header"
    BASIC = "basic"


SHORTEST = {SourceKind.HMAC: 32, SourceKind.SHARED_HEADER: 24, SourceKind.BASIC: 16}
"""Characters that a secret has at least: too many to try them all."""

HOW = {
    SourceKind.HMAC: How.SIGNATURE,
    SourceKind.SHARED_HEADER: How.SHARED_HEADER,
    SourceKind.BASIC: How.BASIC,
}


class SecretFile(Value):
    """Where a secret is: never the secret itself."""

    file: Path

    def read(self) -> str:
        """The secret as it is now. Raises SourcesFileError."""
        try:
            mode = self.file.stat().st_mode
            text = self.file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SourcesFileError(f"The secret in {self.file} cannot be read: {error}.") from error
        if stat.S_IMODE(mode) & 0o077:
            raise SourcesFileError(
                f"The secret in {self.file} may be read by others.",
                hint=f"Run: chmod 600 {self.file}",
            )
        return text


class Source(Value):
    """One sender of incidents."""

    kind: SourceKind
    keys: dict[str, SecretFile] = Field(min_length=1, max_length=LIVE_KEYS)
    autonomy_level: AutonomyLevel | None = None

    @property
    def weak(self) -> bool:
        """Whether what is seen on the way once can be sent again, with another body."""
        return self.kind is not SourceKind.HMAC

    def cap(self, *, local: bool) -> AutonomyLevel | None:
        """The most that is done alone for its incidents. None: no cap of its own."""
        if self.autonomy_level is not None:
            return self.autonomy_level
        return WEAK_CAP if self.weak and not local else None


class Sources(Value):
    """Every sender of incidents, by name."""

    sources: dict[str, Source] = Field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None) -> Sources:
        """The sources of a file, or none; SourcesFileError names file and key."""
        if path is None:
            return cls()
        try:
            data = strict_yaml.read(path.read_text(encoding="utf-8"))
            found = cls.model_validate({} if data is None else data)
        except (OSError, strict_yaml.YamlError) as error:
            raise SourcesFileError(f"{path} cannot be read: {error}.") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            key = ".".join(str(part) for part in first["loc"]) or "the file"
            raise SourcesFileError(f"{path}: {key}: {first['msg']}.") from error
        found._check(path)
        return found

    def _check(self, path: Path) -> None:
        """Every secret is there and long enough; no two senders are told apart by nothing."""
        owner_of: dict[tuple[SourceKind, str], str] = {}
        for name, source in self.sources.items():
            for key_id, place in source.keys.items():
                where = f"{path}: sources.{name}.keys.{key_id}"
                least = SHORTEST[source.kind]
                secret = place.read()
                if len(secret) < least:
                    raise SourcesFileError(f"{where} has fewer than {least} characters.")
                # a header has no key id, so there the secret itself must say whose it is
                shared = source.kind is SourceKind.SHARED_HEADER
                other = owner_of.setdefault((source.kind, secret if shared else key_id), name)
                if other != name:
                    raise SourcesFileError(f"{where} is a key of the source {other} too.")

    def secret_of(self, kind: SourceKind, key_id: str) -> tuple[str, str] | None:
        """The source and the secret of a key id (of a user, for basic). None: there is none."""
        for name, source in self.sources.items():
            if source.kind is kind and key_id in source.keys:
                return name, source.keys[key_id].read()
        return None

    def owner_of_token(self, shown: str) -> str | None:
        """The source whose shared header it is. Each is compared, in constant time."""
        owners = [
            name
            for name, source in self.sources.items()
            if source.kind is SourceKind.SHARED_HEADER
            for place in source.keys.values()
            if same(place.read(), shown)
        ]
        return owners[0] if owners else None

    def caller(self, name: str, *, local: bool) -> Caller:
        """The sender, once it has proved itself."""
        source = self.sources[name]
        return Caller.of(
            Role.WEBHOOK, name, HOW[source.kind], source=name, autonomy_cap=source.cap(local=local)
        )


def same(own: str, shown: str) -> bool:
    """Whether two secrets are equal, in a time that does not say how much of them is."""
    return hmac.compare_digest(own.encode(), shown.encode("utf-8", "surrogatepass"))
