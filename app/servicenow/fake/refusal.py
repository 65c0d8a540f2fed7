"""What the instance says no with: ServiceNow's statuses and words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from app.domain.value import JsonObject

OPERATION_FAILED = "Operation Failed"


class Operation(StrEnum):
    """A write, by the name that an ACL's refusal gives it."""

    INSERT = "Insert"
    UPDATE = "Update"
    DELETE = "Delete"


class Refused(Exception):
    """A request is answered with `status` and ServiceNow's shape of an error."""

    def __init__(self, status: int, message: str, detail: str | None) -> None:
        super().__init__(f"{status} {message}: {detail}")
        self.status = status
        self.message = message
        self.detail = detail

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the answer carries beside its body."""
        return {"WWW-Authenticate": 'BASIC realm="Service-now"'} if self.status == 401 else {}

    def body(self) -> JsonObject:
        """The answer's body."""
        return error_body(self.message, self.detail)


def error_body(message: str, detail: str | None) -> JsonObject:
    """ServiceNow's one shape of an error."""
    return {"error": {"message": message, "detail": detail}, "status": "failure"}


def not_authenticated() -> Refused:
    """Nobody, or nobody that is known, asks."""
    return Refused(401, "User is not authenticated", "Required to provide Auth information")


def no_record() -> Refused:
    """There is no such row, or the user may not see it: the answer does not tell which."""
    return Refused(
        404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval"
    )


def invalid_table(name: str) -> Refused:
    """There is no such table."""
    return Refused(400, f"Invalid table {name}", None)


def no_resource() -> Refused:
    """There is no such address."""
    return Refused(400, "Requested URI does not represent any resource", None)


def against_acl(operation: Operation) -> Refused:
    """The user's roles do not allow this write."""
    return Refused(
        403, OPERATION_FAILED, f"ACL Exception {operation} Failed due to security constraints"
    )


def mandatory(labels: Sequence[str]) -> Refused:
    """A data policy wants these fields filled."""
    missing = ", ".join(labels)
    return Refused(
        403,
        OPERATION_FAILED,
        f"Data Policy Exception: The following fields are mandatory: {missing}",
    )


def aborted(table: str, rule: str) -> Refused:
    """A business rule of the instance stopped the write."""
    return Refused(
        403,
        OPERATION_FAILED,
        f"Operation against file '{table}' was aborted by Business Rule '{rule}'",
    )


def duplicate(table: str, sys_id: str) -> Refused:
    """A row with this caller-chosen sys_id is there already. The wording is not documented."""
    return Refused(
        403,
        OPERATION_FAILED,
        f"Error during insert of {table} ({sys_id}): Unique Key violation detected by database",
    )
