"""The catalog: its rules hold for what is shipped, and each broken rule is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.domain.action import ActionCall, Risk
from app.domain.host import Host, UnitRules
from app.domain.value import JsonObject
from app.errors import ActionRejected, CatalogError
from app.execution.catalog import SHIPPED, Catalog
from app.execution.gate.parameters import Unfit, check
from app.execution.gate.units import PROTECTED
from app.host.parsers import MODELS, PARSERS

CATALOG = Catalog.load()
HOST = Host(name="web01", address="10.0.0.1", services=("nginx", "postgresql", "nightly.timer"))


def call(action: str, **params: Any) -> ActionCall:
    return ActionCall(action=action, host="web01", params=params)


def altered(tmp_path: Path, action: str, **change: Any) -> Path:
    """The shipped catalog with one entry changed."""
    data = yaml.safe_load(SHIPPED.read_text())
    data["actions"][action] = {**data["actions"][action], **change}
    path = tmp_path / "catalog.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_every_diagnostic_has_a_parser_that_exists() -> None:
    for entry in CATALOG.actions.values():
        if not entry.changes:
            assert entry.parser in PARSERS, entry.id
            if entry.facts_model is not None:
                assert MODELS[str(entry.parser)].__name__ == entry.facts_model, entry.id
        if entry.agentless is not None:
            assert entry.agentless.parser in PARSERS, entry.id


def test_conditions_speak_of_fields_that_the_facts_have() -> None:
    for entry in CATALOG.actions.values():
        for condition in [*entry.precondition, *(c for u in entry.undo for c in u.when)]:
            captured = CATALOG.entry(entry.capture[condition.of].action)
            assert condition.field in MODELS[str(captured.parser)].model_fields, entry.id
        for check_after in entry.verify:
            asked = CATALOG.entry(check_after.action)
            assert check_after.field in MODELS[str(asked.parser)].model_fields, entry.id


def test_every_builtin_is_one_of_the_gate() -> None:
    from app.execution.gate.builtin_table import MODULE_OF, builtin

    named = {entry.builtin for entry in CATALOG.actions.values() if entry.builtin}
    assert named == set(MODULE_OF)
    assert [name for name in MODULE_OF if builtin(name).__name__ != name] == []


@pytest.mark.parametrize(
    ("action", "change", "complaint"),
    [
        ("unit.show", {"argv": ["systemctl", "show", "--", "{unit}"]}, "absolute path"),
        ("unit.show", {"argv": ["/usr/bin/systemctl", "show", "{unit}"]}, "after '--'"),
        ("unit.show", {"argv": ["/usr/bin/env", "--", "{unit}"]}, "what it is told"),
        ("unit.show", {"argv": ["/bin/bash", "-c", "--", "{unit}"]}, "what it is told"),
        ("unit.show", {"argv": ["/usr/bin/systemctl", "--", "{other}"]}, "names no parameter"),
        ("unit.show", {"params": {"unit": "nothing"}}, "unknown types"),
        ("unit.show", {"parser": None}, "needs a parser"),
        ("unit.show", {"builtin": "x"}, "either argv or builtin"),
        ("unit.show", {"rollback": "none"}, "nothing to capture"),
        ("service.restart", {"limits": None}, "needs limits"),
        ("service.restart", {"rollback": None}, "undo or `rollback: none`"),
        ("service.restart", {"rollback_note": ""}, "needs its note"),
        ("service.restart", {"capture": {}}, "not captured"),
        (
            "service.restart",
            {"capture": {"before": {"action": "service.stop", "params": {"unit": "{unit}"}}}},
            "in order to look",
        ),
        ("service.start", {"undo": [{"action": "nothing"}]}, "unknown action"),
        (
            "service.start",
            {"undo": [{"action": "service.stop", "params": {"unit": "{Unit}"}}]},
            "no placeholder",
        ),
        (
            "service.start",
            {"undo": [{"action": "service.stop", "params": {"unit": "{then.unit}"}}]},
            "neither a parameter nor a capture",
        ),
        ("unit.show", {"examples": {"match": [{"unit": "x"}], "not_match": [{}]}}, "own example"),
        (
            "unit.show",
            {"examples": {"match": [{"unit": "x.service"}], "not_match": [{"unit": "y.service"}]}},
            "must refuse",
        ),
    ],
)
def test_a_broken_rule_is_named(
    tmp_path: Path, action: str, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(CatalogError) as raised:
        Catalog.load(altered(tmp_path, action, **change))
    assert complaint in str(raised.value)


def test_a_type_that_takes_blanks_is_refused(tmp_path: Path) -> None:
    data = yaml.safe_load(SHIPPED.read_text())
    data["types"]["unit"]["kind"] = "anything"
    path = tmp_path / "catalog.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(CatalogError, match="unknown kind"):
        Catalog.load(path)


@given(st.text(max_size=40), st.sampled_from(sorted(CATALOG.types)))
def test_no_type_lets_an_option_or_a_second_word_pass(text: str, name: str) -> None:
    try:
        value = check("x", text, CATALOG.types[name])
    except Unfit:
        return
    assert isinstance(value, str)
    assert value.isascii()
    assert value.isprintable()
    assert not value.startswith("-")
    assert " " not in value


@given(st.text(alphabet="/.a-*é \n", max_size=20))
def test_paths_are_plain_and_beneath_their_folder(tail: str) -> None:
    try:
        check("path", "/var/log/" + tail, CATALOG.types["log_path"])
    except Unfit:
        return
    assert ".." not in tail.split("/")
    assert tail.isascii()


@pytest.mark.parametrize(
    ("unit", "allowed"),
    [
        ("nginx.service", True),
        ("nginx.socket", True),
        ("nginx@blue.service", True),
        ("postgresql@15-main.service", True),
        ("nightly.timer", True),
        ("nightly.service", False),
        ("nginx-evil.service", False),
        ("apache2.service", False),
        ("ssh.service", False),
        ("sshd.service", False),
        ("systemd-journald.service", False),
        ("auditd.service", False),
        ("dbus.service", False),
        ("user@1000.service", False),
        ("multi-user.target", False),
    ],
)
def test_changes_are_bound_to_the_hosts_own_units(unit: str, allowed: bool) -> None:
    assert CATALOG.accepts(call("service.restart", unit=unit), HOST) is allowed
    assert CATALOG.accepts(call("unit.show", unit=unit), HOST), "reads may name any unit"


def test_rules_widen_and_narrow_but_never_reach_protected_units() -> None:
    rules = UnitRules(allow=("*",), deny=("database*",))
    host = HOST.model_copy(update={"units": rules})
    assert CATALOG.accepts(call("service.restart", unit="anything.service"), host)
    assert not CATALOG.accepts(call("service.restart", unit="database-main.service"), host)
    for pattern in PROTECTED:
        unit = pattern.replace("*", "x")
        if unit.endswith((".service", ".socket", ".mount", ".target")):
            assert not CATALOG.accepts(call("service.restart", unit=unit), host), unit


def test_a_refusal_says_what_was_wrong_and_what_was_expected() -> None:
    with pytest.raises(ActionRejected, match=r"nginx\.service"):
        CATALOG.check(call("service.restart", unit="redis.service"), HOST)
    with pytest.raises(ActionRejected, match="full unit name"):
        CATALOG.check(call("unit.show", unit="nginx"), HOST)
    with pytest.raises(ActionRejected, match="no action"):
        CATALOG.check(call("shell.run", command="id"), HOST)
    with pytest.raises(ActionRejected, match="another host"):
        CATALOG.check(ActionCall(action="host.identity", host="db01"), HOST)


def test_rendering_fills_words_and_never_joins_them() -> None:
    argv = CATALOG.render(call("journal.unit", unit="nginx.service", lines=50))
    assert argv[0] == "/usr/bin/journalctl"
    assert "--lines=50" in argv
    assert "--unit=nginx.service" in argv
    shown = CATALOG.render(call("disk.usage", path="/var/log"))
    assert shown == ("gate", "disk.usage", "path=/var/log")


SHA, OTHER = "a" * 64, "b" * 64
RESTORE = call(
    "file.restore", path="/etc/nginx/nginx.conf", sha256=SHA, owner="root", group="root",
    mode="0644",
)  # fmt: skip


def test_undo_is_made_from_what_was_there_before() -> None:
    was = {"kind": "file", "sha256": OTHER, "owner": "app", "group": "app", "mode": "0600"}
    (undo,) = CATALOG.undo(RESTORE, {"before": was}, HOST).calls
    assert undo.action == "file.restore"
    assert undo.params == {
        "path": "/etc/nginx/nginx.conf", "sha256": OTHER, "owner": "app", "group": "app",
        "mode": "0600",
    }  # fmt: skip
    (undo,) = CATALOG.undo(RESTORE, {"before": {"kind": "missing"}}, HOST).calls
    assert (undo.action, undo.params["sha256"]) == ("file.remove", SHA)
    (undo,) = CATALOG.undo(RESTORE, {"before": {"kind": "symlink", "target": "../x"}}, HOST).calls
    assert (undo.action, undo.params["target"]) == ("file.restore_link", "../x")


def test_what_cannot_be_put_back_is_said() -> None:
    wide = {"kind": "file", "mode": "0777", "owner": "root", "group": "root", "sha256": OTHER}
    found = CATALOG.undo(RESTORE, {"before": wide}, HOST)
    assert found.calls == ()
    assert "0777" in found.note
    restart = CATALOG.undo(call("service.restart", unit="nginx.service"), {}, HOST)
    assert restart.calls == ()
    assert "no inverse" in restart.note


def test_a_stopped_unit_is_started_again_only_if_it_ran() -> None:
    stop = call("service.stop", unit="nginx.service")
    alone: JsonObject = {"stopped_with": []}
    failed = {"before": {"active_state": "failed"}, "ties": alone}
    assert CATALOG.undo(stop, failed, HOST).calls == ()
    (undo,) = CATALOG.undo(stop, {"before": {"active_state": "active"}, "ties": alone}, HOST).calls
    assert undo.action == "service.start"


def test_what_was_stopped_with_a_unit_is_started_too_where_the_host_lets_us() -> None:
    stop = call("service.stop", unit="nginx.service")
    with_it: JsonObject = {
        "stopped_with": ["nightly.timer", "strange.service", "postgresql.service"]
    }
    before = {"before": {"active_state": "active"}, "ties": with_it}
    found = CATALOG.undo(stop, before, HOST)
    named = [one.params["unit"] for one in found.calls]
    assert named == ["nginx.service", "nightly.timer", "postgresql.service"]
    assert "strange.service" in found.note


def test_preconditions_hold_over_captured_facts_only() -> None:
    start = call("service.start", unit="nginx.service")
    assert set(CATALOG.captures(start)) == {"before"}
    failed = {"load_state": "loaded", "active_state": "failed"}
    assert CATALOG.unmet(start, {"before": failed}) == ()
    masked = CATALOG.unmet(start, {"before": {**failed, "load_state": "masked"}})
    assert masked == ("before.load_state is 'masked'; expected 'loaded'",)
    assert len(CATALOG.unmet(start, {})) == 2, "what is not known does not hold"
    remove = call("file.remove", path="/etc/x", sha256=SHA)
    assert CATALOG.unmet(remove, {"before": {"sha256": SHA}}) == ()
    assert CATALOG.unmet(remove, {"before": {"sha256": OTHER}})


def test_the_digest_changes_with_anything_that_is_said(tmp_path: Path) -> None:
    assert Catalog.load().digest == CATALOG.digest
    assert Catalog.load(altered(tmp_path, "nginx.test", timeout=16)).digest != CATALOG.digest


def test_risks_are_honest() -> None:
    assert CATALOG.risk(call("service.restart", unit="x.service")) is Risk.DISRUPTIVE
    assert CATALOG.risk(call("log.truncate", path="/var/log/x")) is Risk.EXPENDABLE
    for entry in CATALOG.actions.values():
        if entry.risk is Risk.REVERSIBLE and not entry.undo:
            assert entry.rollback_note, entry.id
