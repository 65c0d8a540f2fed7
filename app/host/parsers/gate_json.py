"""A gate builtin answers with JSON in the shape of its facts model; anything else is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from app.domain.value import Value
from app.host.parsers.json_text import json_object, storable
from app.host.parsers.raw import ParseError, RawOutput

Model = TypeVar("Model", bound=Value)


def json_parser(model: type[Model]) -> Callable[[RawOutput], Model]:
    """A parser that validates standard output, one JSON object, into `model`."""

    def parse(raw: RawOutput) -> Model:
        if not raw.stdout.strip():
            raise ParseError(f"{model.__name__}: the gate printed nothing: {raw.complaint()}")
        found = storable(json_object(raw.stdout, model.__name__))
        try:
            return model.model_validate(found)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ParseError(f"{model.__name__}: {place or 'object'}: {first['msg']}") from error

    return parse
