"""The log's way out: no secret in a message, a field, a traceback or a library's line."""

from __future__ import annotations

import io
import logging
from typing import Literal

import pytest

from app import log
from app.redaction.redactor import REDACTOR


@pytest.mark.parametrize("form", ["console", "json"])
def test_secrets_are_taken_out_on_the_way(form: Literal["console", "json"]) -> None:
    lines = io.StringIO()
    log.configure("INFO", form, lines)
    REDACTOR.know("known-to-the-agent-4711")
    logger = log.get("shop")
    logger.info("login with password=in-the-message", token="in-a-field", host="web01")
    logger.info(
        "asked", answer={"nested": ["api_key: in-a-list"]}, object=ValueError("pwd=in-a-value")
    )
    logging.getLogger("library").warning("uri %s", "redis://:in-an-argument@cache:6379/0")
    try:
        _fail()
    except RuntimeError:
        logger.exception("failed", known="known-to-the-agent-4711")
    said = lines.getvalue()
    assert [word for word in ("in-the-", "in-a-", "in-an-", "4711") if word in said] == []
    assert said.count("[redacted:") >= 6
    assert "web01" in said
    assert "RuntimeError" in said
    assert "Traceback" in said


def _fail() -> None:
    raise RuntimeError("connect: postgres://shop:in-a-traceback@db01/shop")
