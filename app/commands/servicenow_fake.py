"""`sre-agent servicenow-fake`: a ServiceNow on this machine, to try the integration on."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from app.commands.screen import give_up, out


def servicenow_fake(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1, 0: any free", min=0)] = 8443,
    folder: Annotated[
        Path, typer.Option(help="Where its certificate is kept, for the next start too")
    ] = Path("var/servicenow-fake"),
    seed: Annotated[
        str | None, typer.Option(help="Makes sys_ids the same in each run; default: random")
    ] = None,
) -> None:
    """Serve a fake ServiceNow over TLS, everything in memory. Ctrl-C stops it."""
    # imported here: the other commands need none of it, and it takes a second
    from app.servicenow.fake.certificate import tls_files
    from app.servicenow.fake.running import listen, server, url_of
    from app.servicenow.fake.seeding import Credentials

    try:
        listening = listen(port)
    except (OSError, OverflowError) as error:
        give_up(f"Cannot listen on 127.0.0.1:{port}: {error}.", hint="Name another with --port.")
    credentials = Credentials()
    tls = tls_files(folder)
    for name, value in (
        ("url", url_of(listening)),
        ("user", credentials.user_name),
        ("password", credentials.password),
        ("ca file", str(tls.ca.resolve())),
        ("client", f"{credentials.client_id} {credentials.client_secret}"),
        ("api key", credentials.api_key),
    ):
        out.print(f"{name:<9} {value}", markup=False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)  # uvicorn stops by its own handler
    with suppress(KeyboardInterrupt):
        server(credentials, seed, tls).run(sockets=[listening])
