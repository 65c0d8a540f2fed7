"""Log lines: JSON off a terminal, with the ids of what they are about."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest

from app import log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("INFO", "auto", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def test_every_line_carries_what_it_is_about(lines: io.StringIO) -> None:
    with log.about(execution_id=7, incident_number="INC1"):
        log.get("app.x").info("probe answered", status=200)
        logging.getLogger("alembic.runtime").warning("of a library: %s", "x")
    log.get("app.x").info("outside")
    ours, theirs, outside = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert (ours["execution_id"], ours["incident_number"], ours["status"]) == (7, "INC1", 200)
    assert (theirs["event"], theirs["execution_id"]) == ("of a library: x", 7)
    assert "execution_id" not in outside


def test_a_traceback_stays_on_one_line(lines: io.StringIO) -> None:
    try:
        int("inner")
    except ValueError:
        log.get("app.x").exception("it broke")
    (line,) = lines.getvalue().splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_no_local_variables(
    lines: io.StringIO, form: Literal["console", "json"]
) -> None:
    log.configure("INFO", form, lines)
    password = "hunter" + "2"
    try:
        int("inner" + password[:0])
    except ValueError:
        log.get("app.x").exception("it broke")
    assert "ValueError" in lines.getvalue()
    assert "hunter2" not in lines.getvalue()
