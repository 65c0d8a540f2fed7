"""What the tools printed, by file; see recorded/README.md."""

from __future__ import annotations

from pathlib import Path

from app.host.parsers import RawOutput

FOLDER = Path(__file__).parent / "recorded"


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8", errors="replace")


def printed(name: str, exit_code: int | None = 0, /, **params: str | int) -> RawOutput:
    """A recording as standard output of a run that ended well."""
    return RawOutput(params=params, exit_code=exit_code, stdout=text_of(name))


def said(text: str, exit_code: int | None = 0, /, **params: str | int) -> RawOutput:
    return RawOutput(params=params, exit_code=exit_code, stdout=text)
