"""Moments and durations in words. Moments are UTC; the browser adds the reader's own time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def in_words(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`: two units at most."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    size, unit = next((size, unit) for size, unit in _UNITS if whole >= size)
    below, below_unit = {86400: (3600, "h"), 3600: (60, "min"), 60: (1, "s")}[size]
    rest = whole % size // below
    return f"{whole // size} {unit}" + (f" {rest} {below_unit}" if rest else "")


def moment(at: datetime) -> str:
    """`2026-11-25 18:54:30 UTC`"""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(at: datetime) -> str:
    """`18:54:30`, where the day is known."""
    return f"{at.astimezone(UTC):%H:%M:%S}"


def now() -> datetime:
    """The service's clock; used for ages alone, never to decide."""
    return datetime.now(UTC)


def between(began: datetime, ended: datetime | None) -> timedelta:
    """How long it took, or takes by now."""
    return (ended or now()) - began
