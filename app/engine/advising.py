"""A language model beside the built-in reasoner, put together: settings, catalog, redaction.

Reasoning knows neither the catalog nor any secret's shape; both are handed to it here.
"""

from __future__ import annotations

from app.domain.action import Risk
from app.execution.catalog import Catalog
from app.reasoning.builtin import BuiltinReasoner
from app.reasoning.language.adviser import Adviser
from app.reasoning.language.beside import ReasonerBeside
from app.reasoning.language.chat import Budget, ChatModel, Memory
from app.reasoning.language.offers import Read
from app.reasoning.port import Reasoner
from app.redaction.redactor import REDACTOR, Redactor
from app.settings import Settings


class Advising:
    """Implements the engine's `Advised` with one model for every execution."""

    def __init__(
        self,
        model: ChatModel,
        builtin: BuiltinReasoner,
        catalog: Catalog,
        budget: Budget,
        redactor: Redactor,
    ) -> None:
        self._model = model
        self._builtin = builtin
        self._reads = reads_of(catalog)
        self._budget = budget
        self._redact = redactor.text

    def reasoner(self, memory: Memory, step_key: str) -> Reasoner:
        """For one step of an execution."""
        adviser = Adviser(self._model, memory, self._budget, self._redact, step_key)
        return ReasonerBeside(self._builtin, adviser, self._reads, self._redact)

    async def close(self) -> None:
        """Give the connections back."""
        await self._model.close()


def advising(settings: Settings, builtin: BuiltinReasoner, catalog: Catalog) -> Advising | None:
    """The model that the settings name; None where OPENAI_API_KEY is not set."""
    if settings.openai_api_key is None:
        return None
    # the library takes seconds to load; who asks no model shall not wait for it
    from app.reasoning.language.language_model import OpenAIModel

    model = OpenAIModel(
        model=settings.openai_model,
        key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        proxy=settings.openai_proxy,
    )
    return Advising(model, builtin, catalog, budget_of(settings), REDACTOR)


def budget_of(settings: Settings) -> Budget:
    """What one execution may spend on a model."""
    return Budget(
        seconds=settings.openai_timeout_seconds,
        tokens=settings.openai_max_tokens,
        cost=settings.openai_max_cost,
        price_in=settings.openai_price_in,
        price_out=settings.openai_price_out,
    )


def reads_of(catalog: Catalog) -> tuple[Read, ...]:
    """The reads that a model may choose from: class R0, so none whose output may hold secrets."""
    return tuple(
        Read(action=name, title=entry.title, params=entry.params)
        for name, entry in catalog.actions.items()
        if entry.risk is Risk.READ
    )
