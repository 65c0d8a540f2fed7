"""What a database takes, whatever a host printed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from app.models.base import UtcDateTime, storable, storable_json

DIALECT = SQLiteDialect()


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive datetime 2026-03-01T12:00:00"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 1, 12, 0), DIALECT)  # noqa: DTZ001


def test_a_time_of_another_zone_is_kept_as_utc() -> None:
    there = datetime(2026, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    kept = UtcDateTime().process_bind_param(there, DIALECT)
    assert kept == datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
    assert kept is not None
    assert kept.tzinfo is UTC


def test_nul_and_undecodable_bytes_become_visible_marks() -> None:
    assert storable("a\x00b") == "a\u2400b"
    assert storable(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\ufffd"
    assert storable("öäü 🚒\n\t") == "öäü 🚒\n\t"


def test_json_is_cleaned_at_any_depth_and_left_alone_otherwise() -> None:
    told = {"a\x00": [1, {"b": "\x00"}, (float("nan"), 2.5)], "n": None, "t": True}
    assert storable_json(told) == {
        "a\u2400": [1, {"b": "\u2400"}, [None, 2.5]],
        "n": None,
        "t": True,
    }
