"""The Table API: `/api/now/table/{table}[/{sys_id}]`, with its versions 1 and 2."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from app.domain.value import JsonObject
from app.servicenow.fake.asking import InstancePart, UserPart, base_url, body_of, look_of
from app.servicenow.fake.query import Search
from app.servicenow.fake.records import Row
from app.servicenow.fake.refusal import invalid_table, no_record
from app.servicenow.fake.rendering import Rendering, own_table
from app.servicenow.fake.schema import SCHEMA

LIMIT = 10_000

router = APIRouter()


@router.get("/table/{table}")
async def list_rows(
    table: str, request: Request, instance: InstancePart, user: UserPart
) -> Response:
    """The rows that a query chooses, a page of them; hidden ones are missing from the page."""
    _require(table)
    asked = request.query_params
    found = Search(instance.records, user.zone).rows(table, asked.get("sysparm_query", ""))
    limit, offset = _number(request, "sysparm_limit", LIMIT), _number(request, "sysparm_offset", 0)
    # the limit comes before the rights: a short page is not the last one
    page = found[offset : offset + limit]
    visible = [row for row in page if instance.rights.may_read(user, own_table(table, row), row)]
    shown = Rendering(instance.records).rows(table, visible, look_of(request, user))
    return JSONResponse({"result": shown}, headers=_paging(request, len(found), limit, offset))


@router.post("/table/{table}")
async def insert_row(
    table: str, request: Request, instance: InstancePart, user: UserPart
) -> Response:
    """A new row; a sys_id in the body becomes its key."""
    _require(table)
    row = instance.writing.insert(user, table, await body_of(request))
    shown = Rendering(instance.records).row(table, row, look_of(request, user))
    address = f"{base_url(request)}/api/now/table/{table}/{row['sys_id']}"
    return JSONResponse({"result": shown}, 201, {"Location": address})


@router.get("/table/{table}/{sys_id}")
async def read_row(
    table: str, sys_id: str, request: Request, instance: InstancePart, user: UserPart
) -> JsonObject:
    """One row."""
    _require(table)
    found = instance.records.locate(table, sys_id)
    if found is None or not instance.rights.may_read(user, *found):
        raise no_record()
    return _result(table, found[1], request, instance, user)


@router.put("/table/{table}/{sys_id}")
@router.patch("/table/{table}/{sys_id}")
async def update_row(
    table: str, sys_id: str, request: Request, instance: InstancePart, user: UserPart
) -> JsonObject:
    """Change the columns that the body names; PUT does the same, as on the real thing."""
    _require(table)
    row = instance.writing.update(user, table, sys_id, await body_of(request))
    return _result(table, row, request, instance, user)


@router.delete("/table/{table}/{sys_id}")
async def delete_row(table: str, sys_id: str, instance: InstancePart, user: UserPart) -> Response:
    """Take a row away."""
    _require(table)
    instance.writing.delete(user, table, sys_id)
    return Response(status_code=204)


def _result(
    table: str, row: Row, request: Request, instance: InstancePart, user: UserPart
) -> JsonObject:
    return {"result": Rendering(instance.records).row(table, row, look_of(request, user))}


def _require(table: str) -> None:
    if table not in SCHEMA:
        raise invalid_table(table)


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdigit() else default


def _paging(request: Request, total: int, limit: int, offset: int) -> dict[str, str]:
    """How many rows there are, and the addresses of the pages beside this one."""
    headers = {}
    if request.query_params.get("sysparm_no_count") != "true":
        headers["X-Total-Count"] = str(total)
    if request.query_params.get("sysparm_suppress_pagination_header") != "true" and limit:
        headers["Link"] = ",".join(
            f'<{_page_address(request, at, limit)}>;rel="{name}"'
            for name, at in _pages(total, limit, offset)
        )
    return headers


def _pages(total: int, limit: int, offset: int) -> list[tuple[str, int]]:
    pages = [("first", 0)]
    if offset > 0:
        pages.append(("prev", max(0, offset - limit)))
    if offset + limit < total:
        pages.append(("next", offset + limit))
    return [*pages, ("last", max(0, total - 1) // limit * limit)]


def _page_address(request: Request, offset: int, limit: int) -> str:
    asked = dict(request.query_params)
    asked |= {"sysparm_offset": str(offset), "sysparm_limit": str(limit)}
    return f"{base_url(request)}{request.url.path}?{urlencode(asked)}"
