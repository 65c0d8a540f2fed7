"""The Change Management API: `/api/sn_chg_rest[/v1]/change...`.

It creates changes of a type or from a template, moves them, and tells where they may move. A move
that the change's model does not know is refused with 400; the words of that are not documented.
"""

from __future__ import annotations

from fastapi import APIRouter, Request

from app.domain.value import JsonObject
from app.servicenow.fake.asking import InstancePart, UserPart, body_of
from app.servicenow.fake.instance import Instance
from app.servicenow.fake.policies import CHANGE_MOVES, next_states
from app.servicenow.fake.records import Row
from app.servicenow.fake.refusal import Refused, no_record
from app.servicenow.fake.rendering import Display, Look, Rendering
from app.servicenow.fake.schema import columns_of
from app.servicenow.fake.users import User
from app.servicenow.fake.writing import as_text

TABLE = "change_request"

router = APIRouter()


@router.post("/change/standard/{template_id}")
async def create_standard(
    template_id: str, request: Request, instance: InstancePart, user: UserPart
) -> JsonObject:
    """A change from a template that is approved already."""
    if instance.records.find("std_change_record_producer", template_id) is None:
        raise no_record()
    given = {"std_change_producer_version": template_id, "approval": "approved"}
    return await _created(request, instance, user, {"type": "standard"} | given)


@router.post("/change/normal")
async def create_normal(request: Request, instance: InstancePart, user: UserPart) -> JsonObject:
    """A change that is assessed and authorized first."""
    return await _created(request, instance, user, {"type": "normal"})


@router.post("/change/emergency")
async def create_emergency(request: Request, instance: InstancePart, user: UserPart) -> JsonObject:
    """A change that is authorized without an assessment."""
    return await _created(request, instance, user, {"type": "emergency"})


@router.post("/change")
async def create(request: Request, instance: InstancePart, user: UserPart) -> JsonObject:
    """A change of the type that the body names; normal without one."""
    return await _created(request, instance, user, {})


@router.get("/change/{sys_id}")
async def read(sys_id: str, instance: InstancePart, user: UserPart) -> JsonObject:
    """One change."""
    return _shown(instance, user, _visible(instance, user, sys_id))


@router.get("/change/{sys_id}/nextstate")
async def nextstate(sys_id: str, instance: InstancePart, user: UserPart) -> JsonObject:
    """Where the change may move, the state that it is in among them; labels of all states."""
    row = _visible(instance, user, sys_id)
    known = (*CHANGE_MOVES[row["type"]], "3", "4")
    labels = {state: instance.records.label(TABLE, "state", state) for state in known}
    following = next_states(row)
    transitions = [
        {
            "from_state": row["state"],
            "to_state": state,
            "display_value": labels[state],
            "transition_available": True,
        }
        for state in following
    ]
    return {
        "result": {
            "available_states": [row["state"], *following],
            "state_label": labels,
            "state_transitions": [transitions],
        }
    }


@router.patch("/change/{sys_id}")
@router.patch("/change/{kind}/{sys_id}")
async def update(
    sys_id: str, request: Request, instance: InstancePart, user: UserPart
) -> JsonObject:
    """Change values, or move the change to another state."""
    row = _visible(instance, user, sys_id)
    given = await body_of(request)
    state = as_text(given.get("state", row["state"]))
    if state not in (row["state"], *next_states(row)):
        raise Refused(400, "Invalid state transition", f"{row['state']} to {state}")
    changed = instance.writing.update(user, TABLE, sys_id, given)
    return _shown(instance, user, changed, given)


async def _created(
    request: Request, instance: Instance, user: User, fixed: JsonObject
) -> JsonObject:
    given = await body_of(request) | fixed
    kind = given.get("type", "normal")
    if kind not in CHANGE_MOVES:
        raise Refused(400, "Invalid change type", str(kind))
    return _shown(instance, user, instance.writing.insert(user, TABLE, given), given)


def _visible(instance: Instance, user: User, sys_id: str) -> Row:
    row = instance.records.find(TABLE, sys_id)
    if row is None or not instance.rights.may_read(user, TABLE, row):
        raise no_record()
    return row


def _shown(instance: Instance, user: User, row: Row, given: JsonObject | None = None) -> JsonObject:
    """A change with pairs of value and display value, and what of the body was ignored."""
    look = Look(Display.BOTH, links=False, zone=user.zone)
    shown = Rendering(instance.records).row(TABLE, row, look)
    ignored = [name for name in given or {} if name not in columns_of(TABLE)]
    return {"result": shown | {"__meta": {"ignoredFields": ignored}}}
