"""The address of the server that the commands talk to."""

from __future__ import annotations

from app.settings import read_settings


def server_url(given: str | None) -> str:
    """Where the server listens: as given, else by HOST and PORT of the settings."""
    if given:
        return given
    settings = read_settings()
    # 0.0.0.0 and :: are to be listened on, not to be called
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    return f"http://{host}:{settings.port}"
