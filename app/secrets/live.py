"""Secret settings that are references, looked up for whoever reads the setting.

Who uses a secret setting calls `get_secret_value()` at each use and always gets the newest value
that was fetched. A rotated secret arrives within SECRETS_CACHE_SECONDS; who wants it at once, after
a refusal, asks `newer`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import SecretStr

from app import log
from app.errors import SreAgentError
from app.secrets.configured import named_by
from app.secrets.reference import LITERAL, literal
from app.secrets.secrets import Secrets
from app.settings import Settings

_log = log.get(__name__)
_OPENS_VAULT = ("VAULT_TOKEN", "VAULT_SECRET_ID")  # read at each login, by Vault's source itself
SHORTEST_PAUSE = 5.0


class LiveSecret(SecretStr):
    """A secret that is replaced in place when it has been rotated. Empty until it is fetched."""

    def __init__(self, reference: str) -> None:
        super().__init__("")
        self.reference = reference

    def replace(self, newer: SecretStr) -> None:
        """Take the newer value. Whoever holds this object has it from now on."""
        self._secret_value = newer.get_secret_value()


def with_live_secrets(settings: Settings) -> tuple[Settings, tuple[LiveSecret, ...]]:
    """Settings in which each reference is a live secret, and those. A secret that is written
    `literal:SECRET` stands there as it is meant."""
    references = {k: v for k, v in named_by(settings).items() if k not in _OPENS_VAULT}
    live = {reference: LiveSecret(reference) for reference in references.values()}
    found = {name.lower(): live[reference] for name, reference in references.items()}
    return settings.model_copy(update=_meant(settings) | found), tuple(live.values())


async def newer(setting: SecretStr, secrets: Secrets, *, refused: str) -> str | None:
    """The secret of a setting as it is now, because the other side refused `refused`.

    None: it is the same, so it is not its age. Raises SecretUnavailable and its kinds.
    """
    if not isinstance(setting, LiveSecret):
        return None
    found = await secrets.refresh(setting.reference, refused=SecretStr(refused))
    setting.replace(found)
    return None if found.get_secret_value() == refused else found.get_secret_value()


async def fetch(live: Sequence[LiveSecret], secrets: Secrets) -> None:
    """Bring each up to date. One that cannot be had keeps what it was, and the log says so: the
    other side refuses what is empty or old, and a Vault that is down stops no repair."""
    for secret in live:
        try:
            secret.replace(await secrets.get(secret.reference))
        except SreAgentError as error:
            _log.error(
                "secret not fetched", reference=secret.reference, code=error.code, why=str(error)
            )


def _meant(settings: Settings) -> dict[str, SecretStr]:
    """The secrets that are written `literal:SECRET`, without that word."""
    held = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        name.lower(): SecretStr(literal(value.get_secret_value()))
        for name, value in held.items()
        if isinstance(value, SecretStr) and value.get_secret_value().startswith(LITERAL)
        if name.upper() not in _OPENS_VAULT
    }


async def keep_fresh(live: Sequence[LiveSecret], secrets: Secrets, seconds: float) -> None:
    """Fetch again and again, until cancelled."""
    while live:
        await asyncio.sleep(max(seconds, SHORTEST_PAUSE))
        await fetch(live, secrets)
