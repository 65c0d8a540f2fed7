"""How often somebody may ask. Kept in memory, so it counts for each process by itself.

That is enough for what it is there for: a client that runs wild, and a stranger who tries. What
must hold over all processes - that a nonce is used once - stands in the database.
"""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.errors import RateLimited
from app.settings import Settings


class Rates:
    """The counts of this minute."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(settings.rate_limit_per_minute)
        self._refusals = RateLimitItemPerMinute(settings.refusals_per_minute)

    def asked(self, who: str) -> None:
        """Count a request of somebody known. Raises RateLimited."""
        self._count(self._requests, "asked", who)

    def refused(self, address: str) -> None:
        """Count a request that was turned away at the door. Raises RateLimited.

        Only wrong credentials count here, and right ones pass whatever the count: a stranger
        behind the same proxy must not be able to lock the others out. Secrets are too long to be
        guessed, so it is the log and the database that are spared.
        """
        self._count(self._refusals, "refused", address)

    def begun(self, address: str) -> None:
        """Count a login that is begun at the identity provider. Raises RateLimited.

        Anybody may begin one, and each is a row until it is over.
        """
        self._count(self._refusals, "begun", address)

    def _count(self, limit: RateLimitItemPerMinute, what: str, who: str) -> None:
        if self._limiter.hit(limit, what, who):
            return
        over = self._limiter.get_window_stats(limit, what, who).reset_time
        seconds = max(1, math.ceil(over - time.time()))
        raise RateLimited(
            f"More than {limit.amount} {_WORDS[what]} came within a minute.",
            retry_after_seconds=seconds,
            hint=f"Come back in {seconds} s.",
        )


_WORDS = {
    "asked": "requests of yours",
    "refused": "wrong credentials from your address",
    "begun": "logins from your address",
}
