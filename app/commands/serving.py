"""Starting the processes: one that serves and works, or servers and any number of workers.

`serve` alone is the whole service and needs no database server. `serve --no-worker` and `worker`
share a PostgreSQL; SQLite has one writer and one process.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer
import uvicorn

from app import log
from app.commands.holding import alone, require_shared
from app.commands.screen import CANNOT, give_up
from app.settings import Settings, read_settings

if TYPE_CHECKING:
    from app.assembly import Files

STOP_SECONDS = 5  # for requests under way; executions go on after the next start

_log = log.get(__name__)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: HOST")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0: any free; default: PORT", min=0)
    ] = None,
    works: Annotated[
        bool,
        typer.Option(
            "--worker/--no-worker",
            help="Work on incidents too, or leave that to `sre-agent worker` (PostgreSQL)",
        ),
    ] = True,
) -> None:
    """Migrate the database, then serve the API and work on incidents. Ctrl-C stops it."""
    settings = _with(read_settings(), host, port)
    log.configure(settings.log_level, settings.log_format)
    if not works:
        require_shared(settings, "serve --no-worker")
    listening = _listen(settings)
    held = alone(settings)
    with _nothing_to_collect():
        # imported here: the other commands need none of it, and it takes seconds
        from app.main import create_app
        from app.models.migrate import upgrade

        app = create_app(settings, works=works)
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
    if held is not None:
        os.close(held)
    if not server.started:
        raise typer.Exit(CANNOT)


def worker() -> None:
    """Migrate the database, then work on incidents that others serve. Ctrl-C stops it.

    Any number of them share a PostgreSQL, on any machines; one that is gone is taken over from.
    """
    settings = read_settings()
    log.configure(settings.log_level, settings.log_format)
    require_shared(settings, "worker")
    with _nothing_to_collect():
        from app.assembly import Files
        from app.models.migrate import upgrade

        files = Files.load(settings)
    upgrade(settings)
    _log.info("database migrated", database=settings.database_url_shown)
    asyncio.run(_work(settings, files))


async def _work(settings: Settings, files: Files) -> None:
    """Until told to stop, by a signal."""
    from app.assembly import service

    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with service(settings, files):
        await told.wait()


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
