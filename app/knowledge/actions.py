"""What failure modes may ask and do, as far as knowledge must know it: the catalog's outline.

Knowledge has no hands, so it does not read the catalog; whoever has both hands it over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """One catalogued action."""

    parameters: frozenset[str]  # every one is required
    changes: bool
    is_verified: bool  # the catalog asks afterwards whether it has taken effect
    is_undone: bool
    unfit: Callable[[str, object], str]
    """Why a literal value does not fit a parameter, as a sentence; "" where it does."""


Actions = Mapping[str, Action]
"""By id."""
