"""What the addresses have in common: whose instance, who asks, what is sent, how to show it."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Depends, Request

from app.domain.value import JsonObject
from app.servicenow.fake.instance import Current, Instance
from app.servicenow.fake.refusal import Refused
from app.servicenow.fake.rendering import Display, Look
from app.servicenow.fake.users import User


def current_of(request: Request) -> Current:
    """The place that the served instance stands in."""
    current: Current = request.app.state.current
    return current


CurrentPart = Annotated[Current, Depends(current_of)]


def _instance(current: CurrentPart) -> Instance:
    return current.instance


InstancePart = Annotated[Instance, Depends(_instance)]


def _user(request: Request, instance: InstancePart) -> User:
    return instance.access.who(request.headers)


UserPart = Annotated[User, Depends(_user)]


def base_url(request: Request) -> str:
    """The instance's address as the client knows it."""
    return str(request.base_url).rstrip("/")


def look_of(request: Request, user: User) -> Look:
    """How the request wants rows to be shown; what it says wrongly counts as not said."""
    asked = request.query_params
    display = asked.get("sysparm_display_value", "")
    fields = asked.get("sysparm_fields", "")
    return Look(
        display=Display(display) if display in set(Display) else Display.RAW,
        links=asked.get("sysparm_exclude_reference_link") != "true",
        fields=tuple(name.strip() for name in fields.split(",") if name.strip()),
        zone=user.zone,
        base_url=base_url(request),
    )


async def body_of(request: Request) -> JsonObject:
    """The request's JSON object; an empty body is an empty object. Raises Refused."""
    raw = await request.body()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise Refused(400, "Exception while reading request", str(error)) from error
    if not isinstance(body, dict):
        raise Refused(400, "Exception while reading request", "The payload is no JSON object")
    return body
