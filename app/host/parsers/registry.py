"""The table of parsers by the names that the action catalog uses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import get_type_hints

from app.domain.value import JsonObject, Value
from app.host import (
    database_facts,
    facts,
    folder_facts,
    job_scripts,
    load_facts,
    packages,
    process_facts,
)
from app.host.parsers.apache_sites import parse_apache_sites
from app.host.parsers.apache_test import parse_apache_test
from app.host.parsers.chrony import parse_tracking
from app.host.parsers.config_test import (
    parse_haproxy_test,
    parse_named_test,
    parse_sshd_test,
)
from app.host.parsers.filesystems import parse_df, parse_findmnt
from app.host.parsers.gate_json import json_parser
from app.host.parsers.getent import parse_resolve
from app.host.parsers.journal import parse_journal
from app.host.parsers.json_text import json_object, storable
from app.host.parsers.log_lines import parse_log_lines
from app.host.parsers.network import parse_addresses, parse_routes
from app.host.parsers.nft import parse_lost, parse_ruleset
from app.host.parsers.nginx_dump import parse_nginx_dump
from app.host.parsers.nginx_test import parse_nginx_test
from app.host.parsers.ps import parse_processes
from app.host.parsers.raw import RawOutput
from app.host.parsers.ss import parse_listeners
from app.host.parsers.systemctl_files import parse_unit_files
from app.host.parsers.systemctl_show import parse_unit, parse_units
from app.host.parsers.who import parse_persons

Parser = Callable[[RawOutput], JsonObject]
"""Raw output to the JSON of a facts model (`model_dump(mode="json")`); raises ParseError only."""

TypedParser = Callable[[RawOutput], Value]

_OF_TOOLS: dict[str, TypedParser] = {
    "systemctl-show": parse_unit,
    "systemctl-show-many": parse_units,
    "systemctl-unit-files": parse_unit_files,
    "ss-listening": parse_listeners,
    "ps": parse_processes,
    "findmnt": parse_findmnt,
    "df": parse_df,
    "nginx-test": parse_nginx_test,
    "apache-test": parse_apache_test,
    "apache-sites": parse_apache_sites,
    "chrony-tracking": parse_tracking,
    "sshd-test": parse_sshd_test,
    "named-test": parse_named_test,
    "haproxy-test": parse_haproxy_test,
    "nginx-dump": parse_nginx_dump,
    "journal-json": parse_journal,
    "log-lines": parse_log_lines,
    "getent-hosts": parse_resolve,
    "ip-addr": parse_addresses,
    "ip-route": parse_routes,
    "nft-ruleset": parse_ruleset,
    "nft-lost": parse_lost,
    "who": parse_persons,
}
_BY_ACTION: dict[str, str] = {
    "unit.show": "systemctl-show",
    "units.show": "systemctl-show-many",
    "unit_files.list": "systemctl-unit-files",
    "sockets.listening": "ss-listening",
    "processes.list": "ps",
    "filesystems.list": "findmnt",
    "nginx.test": "nginx-test",
    "apache.test": "apache-test",
    "apache.sites": "apache-sites",
    "clock.chrony": "chrony-tracking",
    "sshd.test": "sshd-test",
    "named.test": "named-test",
    "haproxy.test": "haproxy-test",
    "nginx.dump": "nginx-dump",
    "journal.unit": "journal-json",
    "journal.errors": "journal-json",
    "log.tail": "log-lines",
    "log.head": "log-lines",
    "log.find": "log-lines",
    "container.logs": "log-lines",
    "unit.logs": "log-lines",
    "name.resolve": "getent-hosts",
    "firewall.show": "nft-ruleset",
    "firewall.lost": "nft-lost",
}
"""The catalog may also name a parser by the diagnostic that it is for."""

_OF_TOOLS |= {action: _OF_TOOLS[tool] for action, tool in _BY_ACTION.items()}


_FACTS = (facts, database_facts, folder_facts, job_scripts, load_facts, packages, process_facts)


def _facts_models() -> dict[str, type[Value]]:
    """Every model that the modules of facts define, by name."""
    return {
        name: model
        for module in _FACTS
        for name, model in inspect.getmembers(module, inspect.isclass)
        if issubclass(model, Value) and model.__module__ == module.__name__
    }


def _to_json(parse: TypedParser) -> Parser:
    def parse_to_json(raw: RawOutput) -> JsonObject:
        dumped: JsonObject = storable(parse(raw).model_dump(mode="json"))
        return dumped

    return parse_to_json


def _model_of(parse: TypedParser) -> type[Value]:
    model: type[Value] = get_type_hints(parse)["return"]
    return model


_OF_GATE: dict[str, type[Value]] = {f"json:{name}": kind for name, kind in _facts_models().items()}


def _any_object(raw: RawOutput) -> JsonObject:
    """A builtin's JSON object that has no model, as it is (config.read, receipt.read)."""
    found: JsonObject = storable(json_object(raw.stdout, "gate"))
    return found


PARSERS: dict[str, Parser] = {
    "json": _any_object,
    **{name: _to_json(parse) for name, parse in _OF_TOOLS.items()},
    **{name: _to_json(json_parser(model)) for name, model in _OF_GATE.items()},
}
"""By name; `json:<Model>` for what a builtin of the gate prints, for every facts model."""

MODELS: dict[str, type[Value]] = {
    **{name: _model_of(parse) for name, parse in _OF_TOOLS.items()},
    **_OF_GATE,
}
"""The facts model that each parser but `json` answers with: the catalog is checked against it."""
