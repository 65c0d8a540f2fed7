"""Starting the server: migrate the database, take the port, serve until told to stop."""

from __future__ import annotations

import errno
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer
import uvicorn

from app import log
from app.commands.screen import CANNOT, give_up
from app.settings import Settings, read_settings

STOP_SECONDS = 5  # for requests under way; executions go on after the next start

_log = log.get(__name__)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: HOST")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0: any free; default: PORT", min=0)
    ] = None,
) -> None:
    """Migrate the database, then serve the API and work on incidents. Ctrl-C stops it."""
    settings = _with(read_settings(), host, port)
    log.configure(settings.log_level, settings.log_format)
    listening = _listen(settings)
    with _nothing_to_collect():
        # imported here: the other commands need none of it, and it takes seconds
        from app.main import create_app
        from app.models.migrate import upgrade

        app = create_app(settings)
    upgrade(settings)
    _log.info("database migrated", database=settings.database_url_shown)
    _log.info("serving", url=_url(settings, listening), docs=f"{_url(settings, listening)}/docs")
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, timeout_graceful_shutdown=STOP_SECONDS
        )
    )
    # once it has stopped, uvicorn raises again what stopped it: being told to stop is no failure
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    if not server.started:
        raise typer.Exit(CANNOT)


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """What is loaded within stays for as long as the process lives: no collection looks at it.

    It shortens the start by a sixth, and every full collection from then on.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _with(settings: Settings, host: str | None, port: int | None) -> Settings:
    given = {"host": host, "port": port}
    return settings.model_copy(update={name: v for name, v in given.items() if v is not None})


def _listen(settings: Settings) -> socket.socket:
    """The port, taken before anything else is done: two servers on one database start so."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        give_up(
            f"Cannot listen on {settings.host}:{settings.port}: {_reason(error)}.",
            hint=_advice(error, settings),
        )
    return listening


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _advice(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Another program has the port (`ss -ltnp 'sport = :{settings.port}'` says which); "
            "stop it, or use --port."
        )
    return "Name an address of this machine with --host, and a port above 1023 with --port."


def _url(settings: Settings, listening: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"
