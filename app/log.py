"""Structured logs: readable on a terminal, one JSON object a line otherwise.

Every line of ours and of the libraries (uvicorn, alembic, asyncssh, sqlalchemy, dbos) takes the
same way out, to standard error, and secrets are taken out of it on that way. What is bound with
`about(...)` stands on every line until the block ends, in this task and in those it starts: that is
how `execution_id` and `incident_number` come to be on lines of code that knows of neither.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.redaction.redactor import REDACTOR

LogFormat = Literal["auto", "console", "json"]

# Libraries that log through handlers of their own: their lines are led into ours.
OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "dbos", "alembic", "sqlalchemy")

_PLAIN = (str, int, float, bool, type(None), list, tuple, dict)

# What these say at INFO is said better by our own lines (a request, a step, a command).
QUIETER = {
    "uvicorn.access": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncssh": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "dbos": logging.WARNING,
    "openai": logging.WARNING,
    "langsmith": logging.WARNING,
}


def configure(level: str = "INFO", form: LogFormat = "auto", stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream` (standard error) in the given form.

    Calling it again replaces the earlier configuration; tests and `--reload` do.
    """
    out = stream or sys.stderr
    console = form == "console" or (form == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(console=console, colours=console and out.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _lead_libraries_into_root(level)
    structlog.configure(
        processors=[
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module; then `log.info("what happened", key=value)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def about(**what: object) -> Iterator[None]:
    """Put `what` on every line logged inside the block: `with about(execution_id=7): ...`."""
    tokens = structlog.contextvars.bind_contextvars(**what)
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(*, console: bool, colours: bool) -> logging.Formatter:
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # before the renderer: its pretty form prints every frame's local variables too
        structlog.processors.format_exc_info,
        _without_secrets,
        structlog.dev.ConsoleRenderer(colors=colours)
        if console
        else structlog.processors.JSONRenderer(),
    ]
    return structlog.stdlib.ProcessorFormatter(
        processors=last, foreign_pre_chain=_shared_processors()
    )


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The line as it may be read by others. What is no JSON is shown as its text."""
    plain = {
        key: value if isinstance(value, _PLAIN) else str(value) for key, value in event.items()
    }
    clean: EventDict = REDACTOR.value(plain)
    return clean


def _lead_libraries_into_root(level: str) -> None:
    for name in OWN_HANDLERS:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name, quiet in QUIETER.items():
        # LOG_LEVEL=DEBUG shows the libraries at INFO: at DEBUG they drown what one looks for
        wanted = logging.INFO if level == "DEBUG" else quiet
        logging.getLogger(name).setLevel(wanted)
