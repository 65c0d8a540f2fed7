"""Two looks at counters, and the time between them: how rates are measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SECONDS = 1.0
Look = TypeVar("Look")


def looked_twice(look: Callable[[], Look]) -> tuple[Look, Look, float]:
    """Both looks, and the seconds between them."""
    first, began = look(), time.monotonic()
    time.sleep(SECONDS)  # there is no event to wait for: what is measured is time itself
    return first, look(), time.monotonic() - began
