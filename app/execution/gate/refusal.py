"""Why the gate did not do something, told in a sentence."""

from __future__ import annotations


class Refused(Exception):
    """Nothing was run. `code` is for the program that asked, the text for a person."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Failed(Exception):
    """A builtin could not do what it was asked; nothing was left half done."""
