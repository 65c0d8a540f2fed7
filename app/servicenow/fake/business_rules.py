"""Calls out of the instance when rows change: sent and forgotten, never tried again.

As RESTMessageV2.executeAsync does it: what the receiver answers changes nothing, and a call that
is lost is lost. On request calls are late, doubled, or out of order.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

import httpx
from pydantic import Field

from app.domain.value import Value
from app.servicenow.fake.clock import Clock
from app.servicenow.fake.payloads import Payload, body_of
from app.servicenow.fake.query import Search
from app.servicenow.fake.records import Records, Row
from app.servicenow.fake.schema import is_a
from app.servicenow.fake.signing import Signing
from app.servicenow.fake.writing import Event

CALL_SECONDS = 10.0


class BusinessRule(Value):
    """After these events on rows of this table that fit the condition, POST to `url`."""

    url: str
    table: str = "incident"
    on: tuple[Event, ...] = (Event.INSERT, Event.UPDATE)
    condition: str = Field(default="", description="An encoded query; empty: every row")
    not_by: str = Field(default="", description="Whose own writes are left out; empty: nobody's")
    payload: Payload = Payload.FLAT
    wrapped: bool = Field(default=False, description='The body stands in {"result": ...}')
    signing: Signing = Signing()
    delay_seconds: float = Field(default=0, ge=0)
    copies: int = Field(default=1, ge=1, description="How often each delivery is sent")
    replayed: bool = Field(default=False, description="Copies carry the first one's headers")
    gathered: int = Field(
        default=1, ge=1, description="Deliveries held until so many are there, sent last first"
    )
    ca_file: str = Field(default="", description="Whom to trust as the receiver; empty: the usual")


@dataclass(frozen=True)
class Delivery:
    """One call, and what came of it: a status, or why there is none; neither while under way."""

    url: str
    body: bytes
    headers: dict[str, str]
    at: datetime
    status: int | None = None
    error: str | None = None


@dataclass
class Outbound:
    """The rules, and every call that they caused."""

    records: Records
    clock: Clock
    rules: list[BusinessRule] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    _held: list[tuple[BusinessRule, Delivery]] = field(default_factory=list)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def on_write(self, event: Event, table: str, row: Row) -> None:
        """Start the calls that a write causes. Listens to `Writing`."""
        for rule in self.rules:
            if self._fits(rule, event, table, row):
                self._hold_or_start(rule, table, row)

    def release(self) -> None:
        """Send what is held, the last first."""
        held, self._held = self._held, []
        for rule, delivery in reversed(held):
            self._start(rule, delivery)

    async def finished(self) -> None:
        """Until no call is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def stop(self) -> None:
        """Give up the calls under way."""
        calls = [*self._under_way]
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _fits(self, rule: BusinessRule, event: Event, table: str, row: Row) -> bool:
        return (
            event in rule.on
            and is_a(table, rule.table)
            and row["sys_updated_by"] != rule.not_by
            and Search(self.records).matches(table, row, rule.condition)
        )

    def _hold_or_start(self, rule: BusinessRule, table: str, row: Row) -> None:
        content = body_of(rule.payload, self.records, table, row)
        body = json.dumps({"result": content} if rule.wrapped else content).encode()
        self._held += [(rule, copy) for copy in self._copies(rule, body)]
        # each delivery is held with its copies
        if sum(1 for held, _ in self._held if held is rule) >= rule.gathered * rule.copies:
            self.release()

    def _copies(self, rule: BusinessRule, body: bytes) -> list[Delivery]:
        first = self._delivery(rule, body)
        more = range(rule.copies - 1)
        return [first, *(first if rule.replayed else self._delivery(rule, body) for _ in more)]

    def _delivery(self, rule: BusinessRule, body: bytes) -> Delivery:
        now = self.clock.now()
        headers = {"Content-Type": "application/json"}
        headers |= rule.signing.headers(body, int(now.timestamp()))
        return Delivery(rule.url, body, headers, now)

    def _start(self, rule: BusinessRule, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        call = asyncio.create_task(self._call(rule, delivery, len(self.deliveries) - 1))
        self._under_way.add(call)
        call.add_done_callback(self._under_way.discard)

    async def _call(self, rule: BusinessRule, delivery: Delivery, place: int) -> None:
        await asyncio.sleep(rule.delay_seconds)
        try:
            # no proxy of the environment: the receiver is on this machine
            async with httpx.AsyncClient(
                verify=_trust(rule.ca_file), timeout=CALL_SECONDS, trust_env=False
            ) as client:
                answer = await client.post(
                    delivery.url, content=delivery.body, headers=delivery.headers
                )
        except httpx.HTTPError as error:
            self.deliveries[place] = replace(delivery, error=f"{type(error).__name__}: {error}")
        else:
            self.deliveries[place] = replace(delivery, status=answer.status_code)


@cache
def _trust(ca_file: str) -> ssl.SSLContext:
    """Made once: reading the usual authorities takes longer than a call."""
    return ssl.create_default_context(cafile=ca_file or None)
