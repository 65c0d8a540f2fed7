"""Where notices go: the addresses of ALERT_URLS. The only door to Apprise.

A destination is known by its scheme and a few digits of its address's hash, `slack-3f9a2c71`: the
address itself holds tokens and is never shown, logged or stored.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType
from pydantic import SecretStr

from app import log
from app.alerts.watchdog import NOT_KNOWN_YET
from app.alerts.wording import Message
from app.errors import ConfigurationError

SEND_SECONDS = 20.0
"""After so long a destination has not got it, whatever it still does."""

_log = log.get(__name__)


@dataclass(frozen=True)
class Destination:
    """One address that notices are sent to."""

    name: str
    service: NotifyBase

    async def send(self, message: Message) -> str:
        """Send it; "" once it was accepted, else why not, in words without the address."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                accepted = await self.service.async_notify(
                    title=message.title,
                    body=message.body,
                    notify_type=NotifyType.SUCCESS if message.over else NotifyType.WARNING,
                    body_format=NotifyFormat.TEXT,
                )
        except TimeoutError:
            return f"{self.name} did not answer within {SEND_SECONDS:.0f} seconds"
        # a hundred plugins fail in as many ways; their words may hold the address: the kind only
        except Exception as error:  # noqa: BLE001
            _log.warning(
                "a notice could not be sent", destination=self.name, kind=type(error).__name__
            )
            return f"{self.name} failed: {type(error).__name__}"
        return "" if accepted else f"{self.name} did not accept it"


@dataclass(frozen=True)
class Unknown:
    """Stands for the destinations while what ALERT_URLS names cannot be had or used."""

    why: str
    name: str = NOT_KNOWN_YET

    async def send(self, _message: Message, /) -> str:
        """Send nothing; why not."""
        return self.why


class Addresses:
    """The destinations of ALERT_URLS as it is now: a reference is fetched, and may be rotated."""

    def __init__(self, urls: SecretStr) -> None:
        self._urls = urls
        self._read = ""  # what a reference is until it was fetched
        self._good: tuple[Destination, ...] = ()
        self._why = "what ALERT_URLS names was not fetched yet"

    def __call__(self) -> tuple[Destination, ...] | tuple[Unknown]:
        """At least one. What cannot be used is logged, and those of before stay."""
        text = self._urls.get_secret_value()
        if text != self._read:
            self._read = text
            try:
                self._good = _some_of(text)
            except ConfigurationError as wrong:
                self._why = wrong.message
                _log.error("ALERT_URLS cannot be used", why=wrong.message, hint=wrong.hint)
        return self._good or (Unknown(self._why),)


def _some_of(urls: str) -> tuple[Destination, ...]:
    found = destinations_of(urls)
    if not found:
        raise ConfigurationError("ALERT_URLS: there is no address in what it names.")
    return found


def destinations_of(urls: str) -> tuple[Destination, ...]:
    """The destinations of ALERT_URLS, by blanks. ConfigurationError names a wrong one's place."""
    asset = AppriseAsset(app_id="sre-agent", secure_logging=True, storage_mode="memory")
    found: dict[str, Destination] = {}
    for place, url in enumerate(urls.split(), start=1):
        service = Apprise.instantiate(url, asset=asset)
        if service is None:
            raise ConfigurationError(
                f"ALERT_URLS: the address number {place} is none that notices can be sent to.",
                hint="docs/howto/monitoring.md has examples; Apprise's manual has every scheme.",
            )
        name = name_of(url)
        found[name] = Destination(name=name, service=service)
    return tuple(found.values())


def name_of(url: str) -> str:
    """`slack-3f9a2c71`: tells destinations apart and gives nothing away."""
    scheme = url.split("://", 1)[0].lower()
    return f"{scheme}-{sha256(url.encode()).hexdigest()[:8]}"
