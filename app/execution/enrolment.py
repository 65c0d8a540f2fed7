"""What a host needs before the agent can act on it: five files, owned by root.

- the gate, /usr/local/libexec/sre-agent-gate: the one program that the agent may run as root
- /etc/sre-agent/gate.json: this host's catalog, units and account
- /etc/sudoers.d/sre-agent: one line, the gate without arguments
- authorized_keys: the agent's key, which can do nothing but call the gate
- /etc/ssh/sshd_config.d/10-sre-agent.conf: the same once more, by sshd and for the whole account

Beside them a host needs the account `sre-agent` (no password, shell /bin/sh, no rc files), sudo,
and Debian's package python3 (any Python from 3.9). docs/howto/ssh-keys.md shows it by hand.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from functools import cache
from pathlib import Path

from app.domain.host import Host
from app.domain.value import JsonObject, Value, canonical_json, fingerprint
from app.errors import ConfigurationError
from app.execution.catalog import Catalog
from app.execution.entry import CatalogEntry
from app.execution.gate.units import full_name, why_not

GATE_PATH = "/usr/local/libexec/sre-agent-gate"
GATE_CONFIG_PATH = "/etc/sre-agent/gate.json"
STATE_FOLDER = "/var/lib/sre-agent"
SUDOERS_PATH = "/etc/sudoers.d/sre-agent"
SSHD_PATH = "/etc/ssh/sshd_config.d/10-sre-agent.conf"
GATE_COMMAND = f"sudo -n {GATE_PATH}"

_GATE_SOURCES = Path(__file__).with_name("gate")
_INTERPRETER = b"#!/usr/bin/python3 -IS\n"  # isolated: no user site, no PYTHON* variables
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same sources give the same bytes
_KEY = re.compile(r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/]+=*")
_FROM = re.compile(r"[0-9A-Za-z.:/*-]+")
_WRITTEN = "# Written for {host} by sre-agent; enrol the host again instead of editing it.\n"
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


class HostFile(Value):
    """One file to be put on a host, with the owner and mode that it must have there."""

    path: str
    content: bytes
    mode: int
    owner: str
    group: str


def enrolment_files(
    *,
    host: Host,
    public_key: str,
    catalog: Catalog | None = None,
    from_addresses: tuple[str, ...] = (),
) -> tuple[HostFile, ...]:
    """The files that enrol `host`; missing parent folders are root's, mode 0755.

    `public_key` is one line of a .pub file. `from_addresses` limits where the key is accepted from.
    A host with `gate: false` gets no gate, only enumerated sudo lines and its key.
    """
    catalog = catalog or Catalog.load()
    account = _account(host)
    keys = authorized_keys(host, public_key, from_addresses)
    shared = (
        _by_root(SSHD_PATH, sshd_block(host), 0o644),
        _by_root(SUDOERS_PATH, sudoers(host, catalog), 0o440),
        _by_root(f"/home/{account}/.ssh/authorized_keys", keys, 0o644),  # the last: it lets in
    )
    if not host.gate:
        return shared
    config = canonical_json(gate_config(host, catalog)) + "\n"
    return (
        HostFile(path=GATE_PATH, content=gate_archive(), mode=0o755, owner="root", group="root"),
        _by_root(GATE_CONFIG_PATH, config, 0o644),
        *shared,
    )


def enrolled_paths(host: Host) -> tuple[str, ...]:
    """Where an enrolment's files lie, in the order in which they are taken away: the key first."""
    keys = f"/home/{_account(host)}/.ssh/authorized_keys"
    return (keys, SUDOERS_PATH, SSHD_PATH, GATE_CONFIG_PATH, GATE_PATH)


@cache
def gate_archive() -> bytes:
    """The gate as one executable file: a Python zip archive of app/execution/gate."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for source in sorted(_GATE_SOURCES.glob("*.py")):
            name = zipfile.ZipInfo(f"sre_agent_gate/{source.name}", _EPOCH)
            packed.writestr(name, source.read_bytes())
        entry = "import sys\n\nfrom sre_agent_gate.main import main\n\nsys.exit(main())\n"
        packed.writestr(zipfile.ZipInfo("__main__.py", _EPOCH), entry)
    return _INTERPRETER + archive.getvalue()


def gate_digest(catalog: Catalog) -> str:
    """What both ends must agree on: the catalog's digest and the gate's own bytes."""
    gate = hashlib.sha256(gate_archive()).hexdigest()
    return fingerprint({"catalog": catalog.digest, "gate": gate})


def gate_config(host: Host, catalog: Catalog) -> JsonObject:
    """This host's gate.json: the catalog with its types, the host's units, the account."""
    return {
        "version": 1,
        "digest": gate_digest(catalog),
        "host": host.name,
        "account": host.username,
        "services": list(host.services),
        "units": host.units.model_dump(mode="json"),
        "actions": {name: _for_gate(entry, catalog) for name, entry in catalog.actions.items()},
    }


def sudoers(host: Host, catalog: Catalog) -> str:
    """The host's sudo rules: the gate without arguments, or whole lines where there is no gate."""
    account = _account(host)
    commands = [f'{GATE_PATH} ""'] if host.gate else agentless_lines(host, catalog)
    rules = "\n".join(f"{account} ALL=(root) NOPASSWD: {command}" for command in commands)
    return (
        f"{_WRITTEN.format(host=host.name)}"
        f"Defaults:{account} env_reset, !setenv, !requiretty, !use_pty, !lecture\n"
        f"Defaults:{account} umask=0077, umask_override\n"
        f"{rules}\n"
    )


def sshd_block(host: Host) -> str:
    """What sshd lets the account do, should its authorized_keys ever say more."""
    forced = f"    ForceCommand {GATE_COMMAND}\n" if host.gate else ""
    return (
        f"{_WRITTEN.format(host=host.name)}"
        f"Match User {_account(host)}\n"
        f"{forced}"
        "    AuthenticationMethods publickey\n"
        "    PermitTTY no\n"
        "    PermitTunnel no\n"
        "    DisableForwarding yes\n"
        "    PermitUserRC no\n"
    )


def agentless_lines(host: Host, catalog: Catalog) -> list[str]:
    """Complete command lines for a host without a gate: unit verbs on the declared services.

    Enumerated, never patterns: sudo's wildcards match blanks and options too.
    """
    lines = []
    for entry in catalog.actions.values():
        if not entry.argv or entry.privilege != "root":
            continue
        if not entry.params:
            lines.append(_sudo_line(entry.argv, {}))
        elif set(entry.params.values()) == {"unit"} and entry.changes:
            for service in host.services:
                unit = full_name(service)
                if not why_not(unit, host.services, host.units.model_dump()):
                    lines.append(_sudo_line(entry.argv, {"unit": unit}))
    return sorted(lines)


def authorized_keys(host: Host, public_key: str, from_addresses: tuple[str, ...]) -> str:
    """One line: the key, restricted to calling the gate (or to plain commands without one)."""
    found = _KEY.match(public_key.strip())
    if found is None or len(public_key.strip().splitlines()) != 1:
        raise ConfigurationError(
            "The public key is not one line of an ed25519, RSA or ECDSA key.",
            hint="Give the content of the .pub file that ssh-keygen wrote.",
        )
    wrong = [address for address in from_addresses if not _FROM.fullmatch(address)]
    if wrong:
        raise ConfigurationError(f"{wrong} are no addresses or patterns for from=.")
    options = ["restrict"]
    if from_addresses:
        options.append(f'from="{",".join(from_addresses)}"')
    if host.gate:
        options.append(f'command="{GATE_COMMAND}"')
    return f"{','.join(options)} {found[0]} sre-agent\n"


def _for_gate(entry: CatalogEntry, catalog: Catalog) -> JsonObject:
    run: JsonObject = {"builtin": entry.builtin} if entry.builtin else {"argv": list(entry.argv)}
    return {
        "changes": entry.changes,
        "params": catalog.types_of(entry),
        "privilege": entry.privilege,
        "timeout": entry.timeout,
        "max_bytes": entry.max_bytes,
        **run,
    }


def _sudo_line(argv: tuple[str, ...], params: dict[str, str]) -> str:
    words = [word.format(**params) for word in argv]
    escaped = [re.sub(r"([,:=\\*?\[\]!])", r"\\\1", word) for word in words[1:]]
    return " ".join([words[0], *escaped]) if escaped else f'{words[0]} ""'


def _account(host: Host) -> str:
    if not _ACCOUNT.fullmatch(host.username):
        raise ConfigurationError(f"{host.name}: {host.username!r} is no account name.")
    return host.username


def _by_root(path: str, text: str, mode: int) -> HostFile:
    return HostFile(path=path, content=text.encode(), mode=mode, owner="root", group="root")
