"""The inventory: three forms of file, one meaning, every mistake named; tickets only select."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.host import Host
from app.errors import ContradictoryTarget, InventoryError, UnknownTarget
from app.execution.targets import Inventory
from app.settings import Settings

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDFZip1wOrp+Yz+QXgw3AIxJ3HSPmP0WSvl0QF5PQdxi"
OURS = f"""
hosts:
  web01:
    address: 10.0.0.10
    names: [shop.example.com]
    services: [nginx]
    depends_on: [db01]
    host_key: {KEY}
    units: {{allow: ["shop*"]}}
    probes:
      - {{name: shop, kind: http, port: 80, host_header: shop.example.com}}
  db01: {{address: 10.0.0.20, jump: web01, autonomy_level: L2}}
"""
ANSIBLE_INI = """
# a comment
lonely ansible_host=10.0.1.1

[web]
web[01:03].example.com ansible_port=2222

[db]
db01 ansible_host=10.0.2.1 ansible_user=root

[prod:children]
web
db

[prod:vars]
ansible_user=sre-agent
ansible_ssh_private_key_file=/keys/agent

[all:vars]
ansible_port=22
"""
ANSIBLE_YAML = """
all:
  vars: {ansible_user: sre-agent}
  children:
    web:
      hosts:
        web01: {ansible_host: 10.0.0.10, sre_agent: {services: [nginx], depends_on: [db01]}}
    db:
      hosts: {db01: {ansible_host: 10.0.0.20}}
"""


def read(tmp_path: Path, text: str, name: str = "inventory.yaml") -> Inventory:
    path = tmp_path / name
    path.write_text(text)
    return Inventory.from_file(path)


def test_our_own_form(tmp_path: Path) -> None:
    inventory = read(tmp_path, OURS)
    web = inventory.get("web01")
    assert (web.address, web.services, web.units.allow) == ("10.0.0.10", ("nginx",), ("shop*",))
    assert web.probes[0].address == "10.0.0.10", "a probe goes to the host unless it says otherwise"
    assert inventory.get("db01").autonomy_level == "L2"


def test_an_ansible_ini(tmp_path: Path) -> None:
    inventory = read(tmp_path, ANSIBLE_INI, "hosts")
    names = ["web01.example.com", "web02.example.com", "web03.example.com"]
    assert {h.name for h in inventory.hosts} == {"lonely", "db01", *names}
    web = inventory.get("web02.example.com")
    assert (web.address, web.port, web.username) == ("web02.example.com", 2222, "sre-agent")
    assert web.ssh_key_path == "/keys/agent"
    assert set(web.groups) == {"web", "prod"}
    assert inventory.get("db01").username == "root", "a host's own variable wins"
    assert inventory.get("lonely").port == 22


def test_an_ansible_yaml(tmp_path: Path) -> None:
    web = read(tmp_path, ANSIBLE_YAML).get("web01")
    assert (web.address, web.services, web.depends_on) == ("10.0.0.10", ("nginx",), ("db01",))
    assert web.groups == ("web",)


def test_the_shipped_development_targets() -> None:
    inventory = Inventory.from_development_targets()
    assert inventory.match("10.0.1.100", "web-prod-01.company.com").services[0] == "nginx"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hosts: {a: {address: 10.0.0.1, color: red}}", "a.color"),
        ("hosts: {a: {}}", "no address"),
        ("hosts: {a: 10.0.0.1}", "expected a mapping"),
        ("hosts: {a: {address: 'x y'}}", "neither an address nor a host name"),
        ("hosts: {a: {address: -oProxyCommand=id}}", "neither an address nor a host name"),
        ("hosts: {a: {address: 10.0.0.1, port: many}}", "a.port"),
        ("hosts: {a: {address: 10.0.0.1, depends_on: [b]}}", "a.depends_on names 'b'"),
        ("hosts: {a: {address: 10.0.0.1, jump: b}}", "a.jump names 'b'"),
        ("hosts: {a: {address: 10.0.0.1, autonomy_level: L9}}", "expected L0 to L4"),
        ("hosts: {a: {address: 10.0.0.1}, b: {address: 10.0.0.1}}", "stands for both a and b"),
        ("hosts: {a: {address: 10.0.0.1}, b: {address: x, names: [A]}}", "stands for both"),
        ("hosts:\n  a: {address: 10.0.0.1}\n  a: {address: 10.0.0.2}", "line 3: 'a' stands there"),
        ("hosts: {a: {address: x, jump: b}, b: {address: y, jump: a}}", "circle"),
        ("hosts: {}\nhots: {}", "unknown key 'hots'"),
        ("hosts: [", "no YAML"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InventoryError) as raised:
        read(tmp_path, text)
    assert complaint in str(raised.value)
    assert "inventory.yaml" in str(raised.value)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="cannot be read"):
        Inventory.from_file(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("ip", "name"),
    [
        ("10.0.0.10", None),
        (None, "web01"),
        (None, "WEB01"),
        (None, " shop.example.com. "),
        ("10.0.0.10", "shop.example.com"),
        ("10.0.0.10", ""),
    ],
)
def test_a_ticket_selects_a_host(tmp_path: Path, ip: str | None, name: str | None) -> None:
    assert read(tmp_path, OURS).match(ip, name).name == "web01"


@pytest.mark.parametrize(
    ("ip", "name", "error"),
    [
        (None, None, UnknownTarget),
        ("", " ", UnknownTarget),
        ("192.0.2.1", None, UnknownTarget),
        (None, "web01.evil.example", UnknownTarget),
        (None, "web", UnknownTarget),
        ("10.0.0.20", "web01", ContradictoryTarget),
        ("192.0.2.1", "web01", ContradictoryTarget),
        ("10.0.0.10", "unheard-of", ContradictoryTarget),
    ],
)
def test_a_ticket_never_brings_an_address(
    tmp_path: Path, ip: str | None, name: str | None, error: type[Exception]
) -> None:
    with pytest.raises(error):
        read(tmp_path, OURS).match(ip, name)


def test_a_hostile_name_is_shown_harmlessly(tmp_path: Path) -> None:
    with pytest.raises(UnknownTarget) as raised:
        read(tmp_path, OURS).match(None, "\x1b[31m\u202eevil" + "x" * 5000)
    assert "\x1b" not in str(raised.value)
    assert len(str(raised.value)) < 500


def usable(**more: Any) -> Inventory:
    shape = {"name": "web", "address": "10.0.0.1", "host_key": KEY} | more
    return Inventory([Host.model_validate(shape)], source="ssh_config.py")


def test_a_key_that_others_can_read_is_refused_with_the_command(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("x")
    key.chmod(0o644)
    with pytest.raises(InventoryError) as raised:
        usable(ssh_key_path=str(key)).require_usable(None)
    assert f"chmod 600 {key}" in str(raised.value)
    key.chmod(0o600)
    usable(ssh_key_path=str(key)).require_usable(None)


def test_real_ssh_needs_a_key_and_a_pinned_host_key(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="cannot be read"):
        usable(ssh_key_path=str(tmp_path / "none")).require_usable(None)
    with pytest.raises(InventoryError, match="never accepted unseen"):
        usable(host_key=None).require_usable(None)
    usable(host_key=None).require_usable(tmp_path / "known_hosts")


def test_simulation_needs_no_key(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text("hosts: {a: {address: 10.0.0.1, ssh_key_path: /none}}")
    assert Inventory.load(Settings(inventory_file=path, _env_file=None)).get("a")
    with pytest.raises(InventoryError):
        Inventory.load(Settings(inventory_file=path, enable_real_ssh=True, _env_file=None))


def test_a_key_by_reference_of_a_host_or_its_group(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(
        "groups: {web: {ssh_key: 'vault:kv/web#ssh_key'}, db: {ssh_key: 'vault:kv/db#ssh_key'}}\n"
        "hosts:\n"
        "  a: {address: 10.0.0.1, groups: [all, web, db]}\n"
        "  b: {address: 10.0.0.2, groups: [web], ssh_key: 'aws:b'}\n"
        "  c: {address: 10.0.0.3, groups: [web], ssh_key_path: /keys/c}\n"
        "  d: {address: 10.0.0.4}\n"
    )
    found = [(host.ssh_key, host.ssh_key_path) for host in Inventory.from_file(path).hosts]
    assert found == [
        ("vault:kv/web#ssh_key", None),
        ("aws:b", None),
        (None, "/keys/c"),
        (None, None),
    ]


def test_ansible_groups_may_name_a_key(tmp_path: Path) -> None:
    path = tmp_path / "hosts.ini"
    path.write_text("[web]\na ansible_host=10.0.0.1\n[web:vars]\nsre_agent_ssh_key=file:/k/web\n")
    (host,) = Inventory.from_file(path).hosts
    assert host.ssh_key == "file:/k/web"


def test_a_key_is_named_once_and_in_a_form_that_leads_somewhere() -> None:
    with pytest.raises(InventoryError, match="both `ssh_key` and `ssh_key_path`"):
        usable(ssh_key="env:KEY", ssh_key_path="/keys/agent").require_usable(None)
    with pytest.raises(InventoryError, match="needs `#field`"):
        usable(ssh_key="vault:kv/web").require_usable(None)


def test_what_a_host_needs_and_a_few_of_who_need_it_are_related(tmp_path: Path) -> None:
    text = "hosts: {db: {address: 10.0.0.1}, front: {address: 10.0.0.2, depends_on: [db]}, "
    more = [f"s{n}: {{address: 10.0.1.{n}, depends_on: [front]}}" for n in range(1, 9)]
    inventory = read(tmp_path, text + ", ".join(more) + "}")
    front = inventory.get("front")
    names = [host.name for host in inventory.related(front)]
    assert names[0] == "db", "what it needs comes first"
    assert names[1:] == ["s1", "s2", "s3", "s4"], "and no more than a few of the others"
    assert [host.name for host in inventory.related(inventory.get("db"))] == ["front"]
