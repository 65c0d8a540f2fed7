"""A ticket as it is posted to the webhook, made plain.

Three shapes are understood, in any mixture (docs/reference/api.md shows each):

- the flat form: `{"incident_number": "INC0010001", ..., "target": {"hostname": ...}}`
- a record of ServiceNow's Table API: `{"number": ..., "cmdb_ci": {"display_value": ...}}`, values
  as strings, references as objects or "", choices as codes or display values ("1 - Critical")
- the same inside `{"result": {...}}`

Unknown fields are ignored: ServiceNow sends many. Every text is untrusted; it is bounded and
cleaned here, and after that only ever compared, stored and shown.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from app.api.v1.ticket_examples import EXAMPLES
from app.domain.incident import Priority, Target
from app.domain.value import JsonObject

SHORT_MAX = 1_000
LONG_MAX = 32_000
LABEL_MAX = 200
DEPTH_MAX = 32

_NUMBER = re.compile(r"[!-~]{1,40}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9_.:-]{1,253}")
# C0 and C1 controls but tab and newline, and lone surrogates: PostgreSQL refuses the NUL, UTF-8
# the surrogates, and no ticket means any of them.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

_PRIORITY_WORDS = {
    "critical": Priority.CRITICAL,
    "high": Priority.HIGH,
    "moderate": Priority.MODERATE,
    "medium": Priority.MODERATE,
    "low": Priority.LOW,
    "planning": Priority.PLANNING,
}


def plain(value: object) -> object:
    """What a ServiceNow value says to a person: of a reference its name, of a pair its display.

    Numbers and booleans become text; None becomes "". What is no text at all stays as it is, so
    that it is refused where a text is needed.
    """
    if isinstance(value, dict):
        value = value.get("display_value") or value.get("value")
    if value is None:
        return ""
    return str(value) if isinstance(value, bool | int | float) else value


def code_of(value: object) -> object:
    """What a ServiceNow value says to a program: of a pair its code. Never refused."""
    if isinstance(value, dict):
        value = value.get("value") or value.get("display_value")
    return remark(value)


def remark(value: object) -> object:
    """A text that is only shown or compared: what is none counts as empty, not as a mistake."""
    text = plain(value)
    return text if isinstance(text, str) else ""


def clean(text: str) -> str:
    """Without control characters, with plain newlines, without blanks at the ends."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("", unix).strip()


def cut(text: str, most: int) -> str:
    """At most `most` characters; what was cut is said, not hidden."""
    if len(text) <= most:
        return text
    note = f" [cut: {len(text)} characters]"
    return text[: most - len(note)] + note


def _deeper_than(levels: int, value: object) -> bool:
    """Whether JSON is nested deeper; never descends further than that itself."""
    if not isinstance(value, dict | list):
        return False
    inside = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(levels - 1, part) for part in inside)


_ANY_TEXT = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string"},
            {"type": "number"},
            {"type": "null"},
            {
                "type": "object",
                "description": "A reference or a display pair of ServiceNow's Table API.",
                "properties": {
                    "value": {"type": ["string", "null"]},
                    "display_value": {"type": ["string", "null"]},
                    "link": {},
                },
            },
        ]
    }
)

_ANYTHING = WithJsonSchema({"description": "Usually a text; anything else counts as empty."})

Text = Annotated[str, BeforeValidator(plain), _ANY_TEXT]
Code = Annotated[str, BeforeValidator(code_of), _ANYTHING]
Remark = Annotated[str, BeforeValidator(remark), _ANYTHING]


def _as_documented(schema: JsonObject) -> None:
    """Say in the OpenAPI document what `Ticket` takes beside its own field names."""
    fields = schema["properties"]
    fields["number"] = fields["incident_number"] | {"title": "Number"}
    fields["result"] = {"type": "object", "description": "A ticket inside ServiceNow's wrapper"}
    del schema["required"]
    schema["anyOf"] = [{"required": [key]} for key in ("incident_number", "number", "result")]
    schema["examples"] = [*EXAMPLES.values()]


class TicketTarget(BaseModel):
    """What the ticket says is affected. It selects a host of the inventory and no more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    ip_address: Text = Field(default="", description="Address of the host, as the inventory has it")
    hostname: Text = Field(default="", description="Name of the host, as the inventory has it")
    service: Remark = Field(default="", description="What is said to be broken; may be wrong")

    @field_validator("ip_address", "hostname")
    @classmethod
    def _label(cls, text: str) -> str:
        text = text.strip()
        if text and not _HOST_LABEL.fullmatch(text):
            raise ValueError(
                "expected a host name or an address: letters, digits and . - _ : only, at most 253"
            )
        return text

    @field_validator("ip_address")
    @classmethod
    def _address(cls, text: str) -> str:
        """One spelling for one address, so that the inventory is compared with what was meant."""
        if not text:
            return text
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            raise ValueError("expected an IPv4 or IPv6 address, such as 10.0.1.100") from None

    @field_validator("service")
    @classmethod
    def _service(cls, text: str) -> str:
        return cut(clean(text), LABEL_MAX)


class Ticket(BaseModel):
    """A ticket, made plain. `target.hostname` holds the configuration item where there is one."""

    model_config = ConfigDict(frozen=True, extra="ignore", json_schema_extra=_as_documented)

    incident_number: Text = Field(
        validation_alias=AliasChoices("incident_number", "number"),
        description="ServiceNow's number; the key of de-duplication. Also taken as `number`.",
    )
    sys_id: Code = Field(default="", description="ServiceNow's key of the record")
    short_description: Text = Field(default="", description="The title")
    description: Text = Field(default="", description="The text; may be long, HTML or empty")
    priority: Code = Field(default="", description='"1 - Critical", "1" or "Critical"')
    category: Remark = Field(default="", description="Shown, not acted on")
    assignment_group: Remark = Field(default="", description="Shown, not acted on")
    state: Code = Field(default="", description='ServiceNow\'s code: "2" is In Progress')
    target: TicketTarget | None = Field(
        default=None, description="What is affected; without it `cmdb_ci` is looked up"
    )
    cmdb_ci: Text = Field(default="", description="The configuration item: a host's name")
    business_service: Remark = Field(default="", description="Used where target has no service")

    @model_validator(mode="before")
    @classmethod
    def _unwrapped(cls, body: Any) -> Any:
        """Out of `{"result": {...}}`; `"target": ""` is an empty reference, so no target."""
        if _deeper_than(DEPTH_MAX, body):
            raise ValueError(f"the body is nested more than {DEPTH_MAX} levels deep")
        if isinstance(body, dict) and isinstance(body.get("result"), dict):
            body = body["result"]
        if isinstance(body, dict) and body.get("target") == "":
            body = {**body, "target": None}
        return body

    @field_validator("incident_number")
    @classmethod
    def _number(cls, text: str) -> str:
        if not _NUMBER.fullmatch(text.strip()):
            raise ValueError(
                "expected an incident number such as INC0010001: 1 to 40 printable ASCII "
                "characters without blanks"
            )
        return text.strip()

    @field_validator("short_description")
    @classmethod
    def _short(cls, text: str) -> str:
        return cut(" ".join(clean(text).split()), SHORT_MAX)

    @field_validator("description")
    @classmethod
    def _long(cls, text: str) -> str:
        return cut(clean(text), LONG_MAX)

    @field_validator("category", "assignment_group", "state", "sys_id", "priority", "cmdb_ci",
                     "business_service")  # fmt: skip
    @classmethod
    def _brief(cls, text: str) -> str:
        return cut(clean(text), LABEL_MAX)

    @model_validator(mode="after")
    def _says_something(self) -> Ticket:
        if not self.title:
            raise ValueError("short_description is missing: say in a sentence what is broken")
        return self

    @property
    def title(self) -> str:
        """The short description, or the first line of the long one."""
        return self.short_description or cut(self.description.split("\n")[0], SHORT_MAX)

    @property
    def urgency(self) -> Priority:
        """The priority by its number; moderate where it is missing or a site's own."""
        first = self.priority[:1]
        if first in set(Priority):
            return Priority(first)
        return _PRIORITY_WORDS.get(self.priority.lower(), Priority.MODERATE)

    @property
    def affected(self) -> Target:
        """What to look up in the inventory; empty where the ticket names nothing."""
        named = self.target or TicketTarget()
        given = bool(named.ip_address or named.hostname)
        return Target(
            ip_address=named.ip_address or None,
            hostname=named.hostname or (None if given else self.cmdb_ci or None),
            service=named.service or self.business_service or None,
        )
