"""What a test, or a person trying things, does to the instance from behind: `/fake/...`.

No credentials are asked for: whoever reaches a fake may break it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse, Response

from app.domain.value import JsonObject
from app.servicenow.fake.asking import CurrentPart, InstancePart
from app.servicenow.fake.business_rules import BusinessRule
from app.servicenow.fake.faults import Fault
from app.servicenow.fake.refusal import invalid_table
from app.servicenow.fake.schema import SCHEMA
from app.servicenow.fake.story import ticket
from app.servicenow.fake.users import May, Rule

router = APIRouter(prefix="/fake")


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Edit(_Body):
    """Somebody else's change of a row. `key`: its number or sys_id; "": a new row."""

    by: str = "alice"
    table: str = "incident"
    key: str = ""
    values: JsonObject


class Times(_Body):
    """How wrong the instance's clock is, and how long new tokens live."""

    skew_seconds: float = 0
    token_seconds: float = Field(default=1799, ge=0)


class Right(_Body):
    """What is taken from a user: everything, or writing; of one row or of a table."""

    user_name: str
    table: str
    may: May
    sys_id: str = ""


@router.get("/state")
async def state(instance: InstancePart) -> JsonObject:
    """Every row of every table that has any."""
    return dict(instance.records.dump())


@router.get("/tickets/{number}")
async def read_ticket(number: str, instance: InstancePart) -> Response:
    """A ticket as a person would see it."""
    return PlainTextResponse(ticket(instance, number))


@router.post("/rows")
async def edit(body: Edit, instance: InstancePart) -> JsonObject:
    """Insert or change a row as somebody; references may be given by name."""
    if body.table not in SCHEMA:
        raise invalid_table(body.table)
    if not body.key:
        return dict(instance.insert(body.by, body.table, body.values))
    return dict(instance.edit(body.by, body.table, body.key, body.values))


@router.get("/requests")
async def requests(instance: InstancePart) -> JsonObject:
    """What was asked of the instance, oldest first."""
    return {"requests": [asdict(asked) for asked in instance.requests.asked]}


@router.delete("/requests")
async def forget_requests(instance: InstancePart) -> JsonObject:
    """Begin the log anew."""
    instance.requests.clear()
    return {}


@router.get("/faults")
async def faults(instance: InstancePart) -> JsonObject:
    """The faults that can still strike."""
    return {"faults": [fault.model_dump() for fault in instance.faults.left]}


@router.post("/faults")
async def arm(body: tuple[Fault, ...], instance: InstancePart) -> JsonObject:
    """Add faults behind those that are there."""
    instance.faults.arm(*body)
    return await faults(instance)


@router.delete("/faults")
async def disarm(instance: InstancePart) -> JsonObject:
    """From now on nothing goes wrong."""
    instance.faults.clear()
    return {}


@router.post("/rights")
async def take_right(body: Right, instance: InstancePart) -> JsonObject:
    """Take a right from a user."""
    instance.rights.rules.append(Rule(body.user_name, body.table, body.may, body.sys_id))
    return {}


@router.delete("/rights")
async def give_rights_back(instance: InstancePart) -> JsonObject:
    """Roles alone decide again."""
    instance.rights.rules.clear()
    return {}


@router.post("/times")
async def set_times(body: Times, instance: InstancePart) -> JsonObject:
    """Set the clock wrong or right again, and the lifetime of tokens given out from now on."""
    instance.clock.skew = timedelta(seconds=body.skew_seconds)
    instance.access.tokens.lifetime = timedelta(seconds=body.token_seconds)
    return {}


@router.post("/business-rules")
async def add_rule(body: BusinessRule, instance: InstancePart) -> JsonObject:
    """POST to a URL from now on, whenever rows change."""
    instance.outbound.rules.append(body)
    return {"business_rules": [rule.url for rule in instance.outbound.rules]}


@router.delete("/business-rules")
async def drop_rules(instance: InstancePart) -> JsonObject:
    """Send nothing any more."""
    instance.outbound.rules.clear()
    return {}


@router.get("/deliveries")
async def deliveries(instance: InstancePart) -> JsonObject:
    """Every call that the rules caused, in the order of sending."""
    return {
        "deliveries": [
            {
                "url": sent.url,
                "at": sent.at.isoformat(),
                "body": json.loads(sent.body),
                "status": sent.status,
                "error": sent.error,
            }
            for sent in instance.outbound.deliveries
        ]
    }


@router.post("/deliveries/finish")
async def finish_deliveries(instance: InstancePart) -> JsonObject:
    """Send what is held, wait until no call is under way; then the same as /fake/deliveries."""
    instance.outbound.release()
    await instance.outbound.finished()
    return await deliveries(instance)


@router.post("/reset")
async def reset(current: CurrentPart) -> JsonObject:
    """As at the start."""
    await current.reset()
    return {}
