"""Every effect as one durable step: done once, and on resume answered from its record.

`durable` reads the port: whatever method `Effects` has is wrapped, by the type that it returns.
Adding an effect means adding it to the port and to HostEffects; nothing is to be done here.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast, get_type_hints

from pydantic import TypeAdapter

from app.engine.durable import step
from app.services.ports import Effects

Answered = Callable[[str, Any], None]
"""Told the method's name and the answer of each step, of recorded ones too."""


def durable(plain: Effects, answered: Answered) -> Effects:
    """The same effects, each call one step named `<method> <key>`.

    Values make the trip through JSON on the first run too, so that a resumed run sees exactly
    what the first one saw.
    """
    steps = _Steps()
    for name in effect_names():
        setattr(steps, name, _as_step(name, getattr(plain, name), answered))
    return cast(Effects, steps)


def effect_names() -> tuple[str, ...]:
    """The port's methods, in the order in which it lists them."""
    return tuple(
        name
        for name, member in vars(Effects).items()
        if inspect.iscoroutinefunction(member) and not name.startswith("_")
    )


class _Steps:
    """Holds the wrapped methods; it is an Effects once `durable` has filled it."""


def _as_step(
    name: str, method: Callable[..., Awaitable[Any]], answered: Answered
) -> Callable[..., Awaitable[Any]]:
    adapter = TypeAdapter[Any](get_type_hints(getattr(Effects, name))["return"])

    async def once(key: str, *args: Any, **kwargs: Any) -> Any:
        async def work() -> Any:
            return adapter.dump_python(await method(key, *args, **kwargs), mode="json")

        answer = adapter.validate_python(await step(f"{name} {key}", work))
        answered(name, answer)
        return answer

    return once
