"""The server that the commands talk to: its address, and what they show to it."""

from __future__ import annotations

from app.commands.server import Server
from app.settings import read_settings


def server_url(given: str | None) -> str:
    """Where the server listens: as given, else by HOST and PORT of the settings."""
    if given:
        return given
    settings = read_settings()
    # 0.0.0.0 and :: are to be listened on, not to be called
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{host}:{settings.port}"


def connect(given: str | None) -> Server:
    """The server at `given`, or of the settings, shown the key of SRE_AGENT_TOKEN where it is set.

    Servers that a command starts itself are not shown it: a key of another server is wrong there.
    """
    token = read_settings().sre_agent_token
    shown = token.get_secret_value() if token is not None else None
    return Server(server_url(given), token=shown)
