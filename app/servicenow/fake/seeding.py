"""What stands in a fresh instance: people, groups, choices, hosts, one change template."""

from __future__ import annotations

from dataclasses import dataclass

from app.servicenow.fake.access import Access, Client
from app.servicenow.fake.choices import CHOICES
from app.servicenow.fake.users import User
from app.servicenow.fake.writing import Writing

AGENT = "sre.agent"
GROUP = "SRE Team"
CLIENT_ID = "sre-agent-client"
TEMPLATE = "Restart a service on a Linux host"

_SYSTEM = User(sys_id="system", user_name="system", roles=frozenset({"admin"}), zone="UTC")

_ROLES = ("admin", "itil", "itil_admin", "sn_incident_read", "sn_incident_write", "cmdb_read")


@dataclass(frozen=True)
class Credentials:
    """What the integration signs in with. They open a fake and nothing else."""

    user_name: str = AGENT
    password: str = "servicenow-fake"  # noqa: S105
    client_id: str = CLIENT_ID
    client_secret: str = "servicenow-fake-client"  # noqa: S105
    api_key: str = "servicenow-fake-api-key"


@dataclass(frozen=True)
class _Person:
    user_name: str
    name: str
    roles: tuple[str, ...] = ()
    zone: str = "UTC"


_PEOPLE = (
    _Person("admin", "System Administrator", ("admin",)),
    _Person(AGENT, "SRE Agent", ("itil",)),
    _Person("alice", "Alice Ito", ("itil",), zone="Europe/Berlin"),
    _Person("dora", "Dora Quist", ("itil", "itil_admin")),
    _Person("carl", "Carl Caller"),
)

_SERVERS = (
    ("web-prod-01.company.com", "10.0.1.100"),
    ("db-prod-01.company.com", "10.0.1.110"),
)


def seed(writing: Writing, access: Access, credentials: Credentials) -> None:
    """Fill an empty instance. Everybody has the integration's password."""
    for (table, element), choices in CHOICES.items():
        for sequence, (value, label) in enumerate(choices):
            _insert(writing, "sys_choice", name=table, element=element, value=value,
                    label=label, sequence=str(sequence))  # fmt: skip
    roles = {name: _insert(writing, "sys_user_role", name=name) for name in _ROLES}
    people = {person.user_name: _seed_person(writing, person, roles) for person in _PEOPLE}
    _seed_group(writing, people)
    _seed_servers(writing)
    _insert(writing, "std_change_record_producer", name=TEMPLATE)
    _insert(writing, "sys_properties", name="glide.invalid_query.returns_no_rows", value="false")
    access.passwords |= dict.fromkeys(people, credentials.password)
    access.api_keys[AGENT] = credentials.api_key
    access.clients[credentials.client_id] = Client(credentials.client_secret, AGENT)


def _insert(writing: Writing, table: str, **values: str) -> str:
    return writing.insert(_SYSTEM, table, values)["sys_id"]


def _seed_person(writing: Writing, person: _Person, roles: dict[str, str]) -> str:
    first, _, last = person.name.partition(" ")
    sys_id = _insert(
        writing,
        "sys_user",
        user_name=person.user_name,
        name=person.name,
        first_name=first,
        last_name=last,
        email=f"{person.user_name}@example.com",
        time_zone=person.zone,
    )
    for role in person.roles:
        _insert(writing, "sys_user_has_role", user=sys_id, role=roles[role], state="active")
    return sys_id


def _seed_group(writing: Writing, people: dict[str, str]) -> None:
    group = _insert(writing, "sys_user_group", name=GROUP, active="true", manager=people["dora"])
    _insert(writing, "sys_user_group", name="Service Desk", active="true")
    for member in (AGENT, "alice", "dora"):
        _insert(writing, "sys_user_grmember", user=people[member], group=group)


def _seed_servers(writing: Writing) -> None:
    keys = []
    for fqdn, address in _SERVERS:
        host, _, domain = fqdn.partition(".")
        keys.append(
            _insert(writing, "cmdb_ci_linux_server", name=fqdn, fqdn=fqdn, host_name=host,
                    dns_domain=domain, ip_address=address, os="Linux Debian", os_version="12")
        )  # fmt: skip
    depends = _insert(
        writing,
        "cmdb_rel_type",
        name="Depends on::Used by",
        parent_descriptor="Depends on",
        child_descriptor="Used by",
    )
    _insert(writing, "cmdb_rel_ci", parent=keys[0], child=keys[1], type=depends)
