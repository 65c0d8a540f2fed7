"""What a model may answer: a JSON schema made from the case at hand, and the check against it.

The schema that is sent is the one that is checked: a server that ignores it gains nothing. Every
name in an answer is one of a closed list: causes, evidence and offers that exist.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from app.domain.value import JsonObject

ANSWER_CAP = 16_000
"""Characters of an answer that are looked at; longer ones are none."""

NUDGES = {"much more": 0.7, "more": 0.35, "less": -0.35, "much less": -0.7}
"""What a model's word weighs, in log odds: at most a doubling. For the order of looking only."""

CHOSEN = 4
PROPOSED = 2
SENTENCES = 4
_CITED = 6


class Unfit(ValueError):
    """Why an answer is none: a sentence that the model may be told."""


def rank_schema(causes: Sequence[str], evidence: Sequence[int]) -> JsonObject:
    item = _object(
        cause={"type": "string", "enum": list(causes)},
        likelihood={"type": "string", "enum": list(NUDGES)},
        evidence=_ids(evidence),
        because={"type": "string"},
    )
    return _object(ranking=_list(item, most=len(causes)))


def choose_schema(offers: Sequence[str]) -> JsonObject:
    item = _object(diagnostic={"type": "string", "enum": list(offers)}, because={"type": "string"})
    return _object(chosen=_list(item, most=CHOSEN))


def propose_schema(evidence: Sequence[int]) -> JsonObject:
    item = _object(cause={"type": "string"}, evidence=_ids(evidence))
    return _object(proposed=_list(item, most=PROPOSED))


def explain_schema(evidence: Sequence[int]) -> JsonObject:
    item = _object(says={"type": "string"}, evidence=_ids(evidence))
    return _object(sentences=_list(item, most=SENTENCES))


def parsed(text: str, schema: JsonObject) -> JsonObject:
    """The answer as JSON of the schema. Raises Unfit."""
    if len(text) > ANSWER_CAP:
        raise Unfit(f"The answer has {len(text)} characters; expected at most {ANSWER_CAP}.")
    try:
        value = json.loads(_unfenced(text))
    except (ValueError, RecursionError):
        raise Unfit("The answer is not JSON.") from None
    wrong = next(_faults(value, schema, "answer"), None)
    if wrong is not None:
        raise Unfit(wrong)
    assert isinstance(value, dict)
    return value


def _unfenced(text: str) -> str:
    """Without the fence that some models put around JSON."""
    bare = text.strip()
    if bare.startswith("```") and bare.endswith("```"):
        return bare.removeprefix("```json").strip("`").strip()
    return bare


def _faults(value: Any, schema: JsonObject, where: str) -> Iterator[str]:
    """Where a value does not fit. Knows exactly the words that the schemas above use."""
    kinds = {"object": dict, "array": list, "string": str, "integer": int}
    kind = kinds[schema["type"]]
    if not isinstance(value, kind) or isinstance(value, bool):
        yield f"{where} is not of the type {schema['type']}."
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where} is not one of the allowed values."
    elif isinstance(value, dict):
        if set(value) != set(schema["required"]):
            yield f"{where} must have exactly the fields {', '.join(schema['required'])}."
            return
        for name, inner in schema["properties"].items():
            yield from _faults(value[name], inner, f"{where}.{name}")
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema["maxItems"]:
            yield f"{where} must have {schema.get('minItems', 0)} to {schema['maxItems']} items."
            return
        for index, item in enumerate(value):
            yield from _faults(item, schema["items"], f"{where}[{index}]")


def _object(**fields: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _list(item: JsonObject, *, most: int, least: int = 0) -> JsonObject:
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def _ids(evidence: Sequence[int]) -> JsonObject:
    return _list({"type": "integer", "enum": list(evidence)}, least=1, most=_CITED)
