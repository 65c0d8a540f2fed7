"""The server that the commands talk to: its address, and what they show to it."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr

from app.commands.server import Server
from app.secrets.configured import secrets_of
from app.secrets.reference import is_reference, literal
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
    return Server(server_url(given), token=shown(token) if token is not None else None)


def shown(token: SecretStr | str) -> str:
    """What a token means: itself, or what its reference leads to, by the one rule of secrets.

    Raises SecretReferenceInvalid, SecretUnavailable and its kinds.
    """
    text = token.get_secret_value() if isinstance(token, SecretStr) else token
    if not is_reference(text):
        return literal(text)
    return asyncio.run(secrets_of(read_settings()).get(text)).get_secret_value()
