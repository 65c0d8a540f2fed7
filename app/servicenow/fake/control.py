"""The fake from behind, for a program: what `/fake/...` can do, and how to reach the front."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from app.domain.value import JsonObject
from app.servicenow.fake.business_rules import BusinessRule
from app.servicenow.fake.faults import Fault
from app.servicenow.fake.records import Row
from app.servicenow.fake.seeding import Credentials
from app.servicenow.fake.users import May

ANSWER_SECONDS = 30


@dataclass(frozen=True)
class Control:
    """A running fake: where it is, whom to trust, what to sign in with, and its strings."""

    url: str
    ca_file: Path
    credentials: Credentials = field(default_factory=Credentials)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def state(self) -> dict[str, list[Row]]:
        """Every row by table."""
        return dict(self._ask("GET", "/fake/state"))

    def insert(self, table: str = "incident", *, by: str = "alice", **values: str) -> Row:
        """A new row, as somebody types it in; references may be given by name."""
        return dict(self._ask("POST", "/fake/rows", {"by": by, "table": table, "values": values}))

    def edit(self, key: str, *, table: str = "incident", by: str = "alice", **values: str) -> Row:
        """Somebody changes a row, by its number or sys_id."""
        body = {"by": by, "table": table, "key": key, "values": values}
        return dict(self._ask("POST", "/fake/rows", body))

    def row(self, number: str, table: str = "incident") -> Row:
        """A row by its number, raw. Raises LookupError."""
        for row in self.state().get(table, []):
            if row["number"] == number:
                return row
        raise LookupError(f"the fake's {table} has no {number}")

    def notes(self, number: str, element: str = "work_notes") -> list[str]:
        """What was appended to a ticket, oldest first."""
        sys_id = self.row(number)["sys_id"]
        return [
            entry["value"]
            for entry in self.state().get("sys_journal_field", [])
            if entry["element_id"] == sys_id and entry["element"] == element
        ]

    def ticket(self, number: str) -> str:
        """A ticket as a person would see it."""
        answer = self._client.get(f"/fake/tickets/{number}")
        return answer.raise_for_status().text

    def requests(self) -> list[JsonObject]:
        """What was asked of the instance, oldest first."""
        return list(self._ask("GET", "/fake/requests")["requests"])

    def forget_requests(self) -> None:
        """Begin the log anew."""
        self._ask("DELETE", "/fake/requests")

    def arm(self, *faults: Fault) -> None:
        """Let these go wrong."""
        self._ask("POST", "/fake/faults", [fault.model_dump(mode="json") for fault in faults])

    def disarm(self) -> None:
        """Let nothing go wrong any more."""
        self._ask("DELETE", "/fake/faults")

    def take_right(self, user_name: str, table: str, may: May, sys_id: str = "") -> None:
        """Leave a user only that much of a row, or of a table."""
        body = {"user_name": user_name, "table": table, "may": may, "sys_id": sys_id}
        self._ask("POST", "/fake/rights", body)

    def set_times(self, *, skew_seconds: float = 0, token_seconds: float = 1799) -> None:
        """How wrong the clock is, and how long new tokens live."""
        body = {"skew_seconds": skew_seconds, "token_seconds": token_seconds}
        self._ask("POST", "/fake/times", body)

    def add_rule(self, rule: BusinessRule) -> None:
        """POST to a URL from now on."""
        self._ask("POST", "/fake/business-rules", rule.model_dump(mode="json"))

    def finish_deliveries(self) -> list[JsonObject]:
        """Every call that the rules caused, once none is under way."""
        return list(self._ask("POST", "/fake/deliveries/finish")["deliveries"])

    def reset(self) -> None:
        """As at the start."""
        self._ask("POST", "/fake/reset")

    @cached_property
    def trust(self) -> ssl.SSLContext:
        """What a client of this fake trusts."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, verify=self.trust, timeout=ANSWER_SECONDS, trust_env=False
        )

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = self._client.request(method, path, json=body)
        if not answer.is_success:
            raise ValueError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()
