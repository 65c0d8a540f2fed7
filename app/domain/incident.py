"""What ServiceNow told us. Every text in it is untrusted: it may select, never permit."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from app.domain.value import Value

OWN_NUMBERS = "CLI-"
"""How numbers begin that we made up ourselves: no ticket has them."""


class Priority(StrEnum):
    """ServiceNow's priority, by its number. 1 is the most urgent."""

    CRITICAL = "1"
    HIGH = "2"
    MODERATE = "3"
    LOW = "4"
    PLANNING = "5"


class Target(Value):
    """What the ticket says is affected. Only a key for looking a host up in the inventory."""

    ip_address: str | None = None
    hostname: str | None = None
    service: str | None = None


class Incident(Value):
    """One incident as accepted by the webhook, already matched to a host of the inventory."""

    number: str  # "INC0010001"; for people, the key of de-duplication
    short_description: str
    description: str = ""
    priority: Priority = Priority.MODERATE
    category: str = ""
    assignment_group: str = ""
    state: str = ""  # ServiceNow's code, "2" is In Progress
    sys_id: str | None = None
    host: str  # the inventory's name of the host, never an address from the ticket
    claimed_service: str | None = None  # what the ticket blames; often wrong
    source: str = "servicenow"
    autonomy_cap: str | None = None  # the most that is done alone for it, by how it came in
    received_at: datetime
