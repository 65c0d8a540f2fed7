"""Parsers of what diagnostics print: raw output in, typed facts (app/host/facts.py) out.

A catalog entry names its parser by a key of `PARSERS`. A parser either returns facts or raises
`ParseError`; it reads nothing but its argument. Output that was cut gives what is whole in it.
"""

from __future__ import annotations

from app.host.parsers.raw import ParseError, RawOutput
from app.host.parsers.registry import MODELS, PARSERS, Parser

__all__ = ["MODELS", "PARSERS", "ParseError", "Parser", "RawOutput"]
