"""`sre-agent model-fake`: an OpenAI-compatible server whose model behaves as one is told to."""

from __future__ import annotations

from typing import Annotated

import typer

from app.commands.model_server import ModelServer
from app.commands.screen import give_up, out
from app.reasoning.language.doubles import Behaviour


def model_fake(
    behaviour: Annotated[
        Behaviour, typer.Option(help="How its model behaves")
    ] = Behaviour.SCRIPTED,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0: any free one")] = 8100,
    key: Annotated[
        str, typer.Option(help="The one key that is accepted; empty: any", envvar="MODEL_FAKE_KEY")
    ] = "",
    delay: Annotated[
        float, typer.Option(help="Seconds that the slow behaviour waits", min=0)
    ] = 3600.0,
) -> None:
    """Serve a fake language model on 127.0.0.1, for trying things out; Ctrl-C ends it."""
    try:
        server = ModelServer(behaviour, port=port, key=key, delay=delay)
    except OSError as error:
        give_up(f"Port {port} of 127.0.0.1 cannot be used: {error.strerror}.", hint="See --port.")
    out.print(f"fake model ({behaviour.value}) at {server.url}; set OPENAI_BASE_URL={server.url}")
    with server:
        server.wait()
