"""HashiCorp Vault, key-value engine version 2: the only place that knows hvac.

Logs in by AppRole, or with a token that it is given; renews its own token on use once two thirds
of its life are over; logs in again where that fails. Nothing is written to a disk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.errors import ConfigurationError, SecretDenied, SecretMissing, SecretUnavailable
from app.secrets.reference import Reference

_RENEW_AFTER = 2 / 3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class VaultLogin:
    """How to reach a Vault and who to be there. The secrets are asked for at each login."""

    address: str
    namespace: str | None = None
    ca_file: Path | None = None
    token: Callable[[], str] | None = None
    role_id: str | None = None
    secret_id: Callable[[], str] | None = None
    approle_mount: str = "approle"
    seconds: float = 10.0

    def require_sound(self) -> None:
        """Raises ConfigurationError where it cannot work, or would send secrets in the clear."""
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError("VAULT_ADDR is no address; expected https://HOST:8200.")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ConfigurationError(
                "VAULT_ADDR is http:// to another machine: secrets would be sent in the clear.",
                hint="Use https://, with VAULT_CACERT for a private authority.",
            )
        if (self.role_id is None) != (self.secret_id is None):
            raise ConfigurationError("VAULT_ROLE_ID and VAULT_SECRET_ID go together.")
        if self.token is None and self.role_id is None:
            raise ConfigurationError(
                "VAULT_ADDR is set, but nothing to log in with.",
                hint="Set VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_TOKEN.",
            )


class VaultSource:
    """`vault:mount/path#field`. Blocking, and safe to be called from several threads."""

    def __init__(self, login: VaultLogin, *, now: Callable[[], float] = time.monotonic) -> None:
        login.require_sound()
        self._login = login
        self._now = now
        self._lock = threading.Lock()
        self._client: Any = None  # hvac has no types
        self._renew_at = 0.0
        self._renewable = False

    def read(self, reference: Reference) -> str:
        """The field's value. Raises SecretMissing, SecretDenied or SecretUnavailable."""
        hvac = _hvac()
        try:
            with self._lock:
                answer = self._ask(reference)
        except hvac.exceptions.InvalidPath as error:
            raise SecretMissing(
                f"{reference}: Vault has no such secret, or its newest version is deleted.",
                hint="The form is vault:MOUNT/PATH#FIELD, without `data/`.",
            ) from error
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized) as error:
            raise SecretDenied(
                f"{reference}: Vault says that permission is denied.",
                hint=f"The policy needs `read` on {_policy_path(reference)}.",
            ) from error
        except hvac.exceptions.VaultError as error:
            raise SecretUnavailable(f"{reference}: {_told(error)}") from error
        except OSError as error:  # what its HTTP client raises, all of it
            raise SecretUnavailable(
                f"{reference}: Vault at {self._login.address} cannot be reached: "
                f"{type(error).__name__}.",
                hint="Check VAULT_ADDR; for a private authority, VAULT_CACERT.",
            ) from error
        return _field(reference, answer)

    def _ask(self, reference: Reference) -> object:
        exceptions = _hvac().exceptions
        try:
            return self._read_version(reference)
        except exceptions.Forbidden:
            # Vault answers alike to a token that has ended and to one without the right
            self._client = None
            return self._read_version(reference)

    def _read_version(self, reference: Reference) -> object:
        mount, path = reference.mount_and_path
        return self._logged_in().secrets.kv.v2.read_secret_version(
            path=path, mount_point=mount, raise_on_deleted_version=True
        )

    def _logged_in(self) -> Any:
        if self._client is None:
            self._client = self._log_in()
        elif self._renewable and self._now() >= self._renew_at:
            self._renew()
        return self._client

    def _log_in(self) -> Any:
        # redirects stay off: the token would be sent along to wherever they lead
        client = _hvac().Client(
            url=self._login.address,
            token="",
            namespace=self._login.namespace,
            verify=True if self._login.ca_file is None else str(self._login.ca_file),
            timeout=self._login.seconds,
            allow_redirects=False,
        )
        if self._login.role_id is not None and self._login.secret_id is not None:
            self._keep_alive(self._by_role(client, self._login.role_id, self._login.secret_id()))
        elif self._login.token is not None:
            client.token = self._login.token()
            self._keep_alive(self._own_token(client))
        return client

    def _by_role(self, client: Any, role_id: str, secret_id: str) -> dict[str, Any]:
        try:
            answer = client.auth.approle.login(
                role_id=role_id,
                secret_id=secret_id,
                mount_point=self._login.approle_mount,
                use_token=False,  # hvac would look into the answer before we have
            )
        except _hvac().exceptions.InvalidRequest as error:
            raise SecretDenied(
                "Vault does not accept VAULT_ROLE_ID with VAULT_SECRET_ID.",
                hint="The secret id may have ended or be used up; make a new one.",
            ) from error
        auth = _mapping(answer, "auth")
        client.token = auth.get("client_token")
        return {"ttl": auth.get("lease_duration", 0), "renewable": auth.get("renewable", False)}

    def _own_token(self, client: Any) -> dict[str, Any]:
        """What Vault knows of the token; nothing where it may not ask even that."""
        try:
            return _mapping(client.auth.token.lookup_self(), "data")
        except _hvac().exceptions.Forbidden:
            return {}

    def _keep_alive(self, life: dict[str, Any]) -> None:
        seconds = float(life.get("ttl") or 0)
        self._renewable = bool(life.get("renewable")) and seconds > 0
        self._renew_at = self._now() + seconds * _RENEW_AFTER

    def _renew(self) -> None:
        try:
            auth = _mapping(self._client.auth.token.renew_self(), "auth")
        except _hvac().exceptions.VaultError:
            self._client = self._log_in()
            return
        self._keep_alive({"ttl": auth.get("lease_duration"), "renewable": auth.get("renewable")})


def _hvac() -> Any:
    try:
        import hvac
    except ImportError:
        raise ConfigurationError(
            "A secret is named by vault:..., but the Python package hvac is not installed.",
            hint="Run: pip install 'sre-agent[vault]'",
        ) from None
    return hvac


def _field(reference: Reference, answer: object) -> str:
    value = _mapping(_mapping(answer, "data"), "data").get(reference.field)
    if value is None:
        raise SecretMissing(f"{reference}: the secret has no field {reference.field!r}.")
    if not isinstance(value, str) or not value:
        raise SecretMissing(f"{reference}: the field {reference.field!r} holds no text.")
    return value


def _mapping(answer: object, key: str) -> dict[str, Any]:
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        # also what hvac returns for a redirect, which it was told not to follow
        raise SecretUnavailable(
            "Vault gave an answer that is not of its API.",
            hint="VAULT_ADDR must lead to the active node, or to a balancer that finds it.",
        )
    return found


def _policy_path(reference: Reference) -> str:
    mount, path = reference.mount_and_path
    return f"{mount}/data/{path}"


def _told(error: Exception) -> str:
    """What Vault said, without what was sent: its own list of errors holds no value."""
    kind = type(error).__name__
    meaning = {
        "VaultDown": "Vault is sealed or in maintenance.",
        "RateLimitExceeded": "Vault's rate limit is reached.",
        "VaultNotInitialized": "Vault is not initialized.",
    }
    return meaning.get(kind, f"Vault failed ({kind}).")
