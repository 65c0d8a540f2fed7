"""`Secrets`: references in, secrets out, kept in memory only and for a short time.

    password = await secrets.value(settings.servicenow_password)
    ...the other side answers 401...
    newer = await secrets.refresh(settings.servicenow_password, refused=password)

A rotated secret needs no restart: it is asked for anew when its time is over, and at once when the
other side refuses it. Whatever was given out is taken out of every text from then on
(app/redaction).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import SecretStr

from app.errors import SecretUnavailable
from app.redaction.redactor import REDACTOR
from app.secrets.reference import Reference, Scheme, is_reference, literal


class Source(Protocol):
    """One kind of place that holds secrets."""

    def read(self, reference: Reference) -> str:
        """The secret as it is now; blocking. Raises SecretUnavailable or one of its kinds."""
        ...


class _Kept:
    """One secret in memory, and until when it is believed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.value: SecretStr | None = None
        self.until = 0.0


class Secrets:
    """Every secret of the process comes from here. One for the process, from any event loop."""

    def __init__(
        self,
        sources: Mapping[Scheme, Callable[[], Source]],
        *,
        cache_seconds: float,
        timeout_seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """A source is made when it is first needed: without references nothing of it is loaded."""
        self._makers = sources
        self._made: dict[Scheme, Source] = {}
        self._cache_seconds = cache_seconds
        self._timeout_seconds = timeout_seconds
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[Reference, _Kept] = {}

    async def get(self, reference: str) -> SecretStr:
        """The secret behind a reference.

        Raises SecretReferenceInvalid, or SecretUnavailable and its kinds SecretMissing and
        SecretDenied.
        """
        return await self._within(Reference.parse(reference), None)

    async def value(self, setting: SecretStr | str) -> SecretStr:
        """What a secret setting means: itself, or what its reference leads to."""
        text = setting.get_secret_value() if isinstance(setting, SecretStr) else setting
        if is_reference(text):
            return await self.get(text)
        REDACTOR.know(literal(text))
        return SecretStr(literal(text))

    async def refresh(self, setting: SecretStr | str, *, refused: SecretStr) -> SecretStr:
        """The secret as it is now, asked for at once because the other side refused `refused`.

        The same as `refused` where it has not changed: then it is not the secret's age.
        """
        text = setting.get_secret_value() if isinstance(setting, SecretStr) else setting
        if not is_reference(text):
            return await self.value(text)
        return await self._within(Reference.parse(text), refused)

    async def _within(self, reference: Reference, refused: SecretStr | None) -> SecretStr:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await asyncio.to_thread(self._load, reference, refused)
        except TimeoutError:
            raise SecretUnavailable(
                f"{reference} gave no answer within {self._timeout_seconds:g} s.",
                hint="SECRETS_TIMEOUT_SECONDS says how long is waited.",
            ) from None

    def _load(self, reference: Reference, refused: SecretStr | None) -> SecretStr:
        """Ask the source, unless what is kept will do. One at a time for each reference."""
        kept = self._kept_of(reference)
        if not kept.lock.acquire(timeout=self._timeout_seconds):
            raise SecretUnavailable(f"{reference} is being asked for already, without an answer.")
        try:
            fresh = kept.value is not None and self._now() < kept.until
            if kept.value is None or not fresh or kept.value == refused:
                kept.value = None  # what has ended is not given out when its source is silent
                secret = self._source(reference.scheme).read(reference)
                REDACTOR.know(secret)
                kept.value, kept.until = SecretStr(secret), self._now() + self._cache_seconds
            return kept.value
        finally:
            kept.lock.release()

    def _kept_of(self, reference: Reference) -> _Kept:
        with self._lock:
            return self._kept.setdefault(reference, _Kept())

    def _source(self, scheme: Scheme) -> Source:
        with self._lock:
            if scheme not in self._made:
                self._made[scheme] = self._makers[scheme]()
            return self._made[scheme]
