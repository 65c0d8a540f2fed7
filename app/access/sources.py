"""Who may hand in incidents, and how each proves itself: SOURCES_FILE. YAML.

sources:
  servicenow:
    kind: hmac                       # signs each delivery: app/access/signature.py
    keys:                            # by key id; two at most, so that one can replace the other
      snow-1: {file: /etc/sre-agent/servicenow-1.key}
      snow-2: {secret_ref: "vault:kv/sre-agent/servicenow#key"}
  monitoring:
    kind: shared-header              # X-SRE-Token: weak, what is seen once can be sent again
    keys: {first: {file: /etc/sre-agent/monitoring.token}}
  legacy:
    kind: basic                      # weak too; the keys are user names
    keys: {snow: {file: /etc/sre-agent/legacy.password}}
    autonomy_level: L2               # the most that is done alone; weak ones: L1 unless said

A secret stands in a file that only its owner may read, which is read at each delivery, so a new
secret counts at once; or `secret_ref` names it as settings do (app/secrets/reference.py), and a new
one counts within SECRETS_CACHE_SECONDS. None stands here itself.
"""

from __future__ import annotations

import hmac
import stat
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from app import strict_yaml
from app.domain.access import Caller, How
from app.domain.permission import Role
from app.domain.value import Value
from app.errors import SecretReferenceInvalid, SecretUnavailable, SourcesFileError, SreAgentError
from app.secrets.live import LiveSecret
from app.secrets.reference import Reference
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


class SecretPlace(Value):
    """Where a secret is: never the secret itself."""

    file: Path | None = None
    secret_ref: str | None = None
    _live: LiveSecret | None = PrivateAttr(default=None)  # fetched beside deliveries, not by them

    @field_validator("secret_ref")
    @classmethod
    def _leads_somewhere(cls, text: str) -> str:
        try:
            Reference.parse(text)
        except SecretReferenceInvalid as error:
            raise ValueError(str(error)) from None  # the cause may quote a secret
        return text

    @model_validator(mode="after")
    def _one_place(self) -> SecretPlace:
        if (self.file is None) == (self.secret_ref is None):
            raise ValueError("expected {file: /path} or {secret_ref: REFERENCE}, one of them")
        if self.secret_ref is not None:
            self._live = LiveSecret(self.secret_ref)
        return self

    @property
    def live(self) -> LiveSecret | None:
        """The secret that `secret_ref` names. None: it is in a file."""
        return self._live

    def __str__(self) -> str:
        return self.secret_ref or str(self.file)

    def read(self) -> str:
        """The secret as it is now. Raises SourcesFileError, SecretUnavailable."""
        if self._live is not None:
            return self._fetched(self._live)
        assert self.file is not None, "there is one of the two"
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

    @staticmethod
    def _fetched(live: LiveSecret) -> str:
        secret = live.get_secret_value().strip()
        if not secret:  # whoever reads this is a stranger yet: the log says what is missing
            raise SecretUnavailable(
                "The secret of this source could not be fetched yet.",
                hint="Send it again later; the server's log says why.",
            )
        return secret


class Source(Value):
    """One sender of incidents."""

    kind: SourceKind
    keys: dict[str, SecretPlace] = Field(min_length=1, max_length=LIVE_KEYS)
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
    _path: Path | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: Path | None) -> Sources:
        """The sources of a file, or none; SourcesFileError names file and key.

        Files of secrets are read; for what lies elsewhere nobody is asked: `live` is to be fetched.
        """
        if path is None:
            return cls()
        try:
            data = strict_yaml.read(path.read_text(encoding="utf-8"))
            found = cls.model_validate({} if data is None else data)
        except (OSError, strict_yaml.YamlError) as error:
            raise SourcesFileError(f"{path} cannot be read: {error}.") from error
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            key = ".".join(str(part) for part in first["loc"]) or "the file"
            problem = first["msg"].removeprefix("Value error, ").rstrip(".")
            raise SourcesFileError(f"{path}: {key}: {problem}.") from error
        found._path = path
        found._check()
        return found

    def _check(self) -> None:
        """Every file is there, its secret long enough; no two senders are told apart by nothing."""
        owner_of: dict[tuple[SourceKind, str], str] = {}
        for name, source, key_id, place in self._places():
            secret = str(place) if place.live is not None else self._read(name, key_id)
            # a header has no key id, so there the secret itself must say whose it is
            shared = source.kind is SourceKind.SHARED_HEADER
            other = owner_of.setdefault((source.kind, secret if shared else key_id), name)
            if other != name:
                raise SourcesFileError(
                    f"{self._where(name, key_id)} is a key of the source {other} too."
                )

    @property
    def live(self) -> tuple[LiveSecret, ...]:
        """The secrets that are named by references, to be kept fresh."""
        found = [place.live for _, _, _, place in self._places()]
        return tuple(live for live in found if live is not None)

    def references(self) -> dict[str, str]:
        """The references, by what they name: sources.NAME.keys.ID."""
        return {
            f"sources.{name}.keys.{key_id}": place.live.reference
            for name, _, key_id, place in self._places()
            if place.live is not None
        }

    def unusable(self) -> Iterator[str]:
        """Which secrets cannot be used now, each with the reason."""
        for name, _, key_id, _ in self._places():
            try:
                self._read(name, key_id)
            except SourcesFileError as error:
                yield str(error)
            except SecretUnavailable:
                yield f"{self._where(name, key_id)} could not be fetched."

    def secret_of(self, kind: SourceKind, key_id: str) -> tuple[str, str] | None:
        """The source and the secret of a key id (of a user, for basic). None: there is none.

        Raises SourcesFileError, SecretUnavailable.
        """
        for name, source in self.sources.items():
            if source.kind is kind and key_id in source.keys:
                return name, self._read(name, key_id)
        return None

    def owner_of_token(self, shown: str) -> str | None:
        """The source whose shared header it is. Each is compared, in constant time.

        Where it is none's, raises what keeps one of them from being compared, if anything does.
        """
        owners: list[str] = []
        trouble: list[SreAgentError] = []
        for name, source, key_id, _ in self._places():
            if source.kind is not SourceKind.SHARED_HEADER:
                continue
            try:
                if same(self._read(name, key_id), shown):
                    owners.append(name)
            except (SourcesFileError, SecretUnavailable) as error:
                trouble.append(error)
        if len(set(owners)) > 1:
            raise SourcesFileError(
                f"{self._path}: the sources {' and '.join(owners)} have the same secret."
            )
        if trouble and not owners:
            raise trouble[0]
        return owners[0] if owners else None

    def _places(self) -> Iterator[tuple[str, Source, str, SecretPlace]]:
        for name, source in self.sources.items():
            for key_id, place in source.keys.items():
                yield name, source, key_id, place

    def _read(self, name: str, key_id: str) -> str:
        """A secret as it is now, if it can be used."""
        source = self.sources[name]
        secret, least = source.keys[key_id].read(), SHORTEST[source.kind]
        if len(secret) < least:
            raise SourcesFileError(
                f"{self._where(name, key_id)} has fewer than {least} characters."
            )
        return secret

    def _where(self, name: str, key_id: str) -> str:
        return f"{self._path}: sources.{name}.keys.{key_id}"

    def caller(self, name: str, *, local: bool) -> Caller:
        """The sender, once it has proved itself."""
        source = self.sources[name]
        return Caller.of(
            Role.WEBHOOK, name, HOW[source.kind], source=name, autonomy_cap=source.cap(local=local)
        )


def same(own: str, shown: str) -> bool:
    """Whether two secrets are equal, in a time that does not say how much of them is."""
    return hmac.compare_digest(own.encode(), shown.encode("utf-8", "surrogatepass"))
