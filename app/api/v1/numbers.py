"""Numbers of rows as they stand in addresses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

RowNumber = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""The number of an execution or a question: 64 bits, as the database keeps it."""
