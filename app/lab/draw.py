"""Draws that come out the same every time.

A draw ranks its candidates by a hash of the seed and of each candidate by itself. So it does not
depend on their order, and a candidate more or less moves only the draws that it wins or loses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TypeVar

Candidate = TypeVar("Candidate")


def ranked(seed: str, candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates in the order that this seed draws them."""
    return sorted(candidates, key=lambda candidate: _hash(seed, repr(candidate)))


def drawn(seed: str, candidates: Iterable[Candidate]) -> Candidate:
    """The one that this seed draws; there must be one."""
    return ranked(seed, candidates)[0]


def number(seed: str, below: int) -> int:
    """A number from 0 up to, and without, `below`."""
    return int(_hash(seed, "number"), 16) % below


def _hash(seed: str, name: str) -> str:
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()
