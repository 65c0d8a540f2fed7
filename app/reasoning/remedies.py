"""From a failure mode's remedy to catalogued calls: parameters evaluated, composed steps unfolded.

A remedy whose parameters are not all known gives nothing: half a repair is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.domain.action import ActionCall, Params
from app.host.kept import is_of_login_keys, is_startup_file, says_who_may_log_in
from app.knowledge.expressions import Facts
from app.knowledge.failure_mode import FailureMode, Remedy, RemedyStep, fill, parameters
from app.reasoning.port import Repair

_GENTLE = ("file.", "lock.", "access.", "startup.", "mount.", "account.", "log.", "daemon.reload",
           "service.start", "service.enable", "service.reset_failed", "service.reload",
           "service.unmask", "container.start", "container.unpause", "container.set_restart_policy",
           "container.connect_network", "process.continue", "haproxy.set_",
           "fail2ban.unban", "library.",
           "route.add", "route.replace", "link.up", "neighbour.remove", "policy_rule.remove",
           "qdisc.remove",
           "kernel.set", "link.set_mtu", "redis.save", "trust.update", "mariadb.set_",
           "postgres.create_index", "postgres.set_autovacuum", "postgres.vacuum",
           "redis.set_maxmemory", "nginx.set_limit", "config.correct_word", "firewall.add_declared",
           "certificate.install", "postgres.grant", "postgres.set_role", "postgres.set_default",
           "postgres.give_right", "postgres.advance_sequence", "mariadb.grant",
           "mariadb.move_account", "redis.set", "postgres.set_system", "job.run")  # fmt: skip
"""Actions that take nothing down. A repair made only of these is watched for a shorter time."""

_PUT_BACK_LIVE = ("kernel.set", "link.set_mtu")
"""What is put back in the running kernel, where no file has it."""

MOST_EACH = 20
"""Calls of one step at most: a repair that touches more is a person's."""


def repair_for(mode: FailureMode, key: str, host: str, facts: Facts) -> Repair | None:
    """The first remedy that fits and whose every parameter is known."""
    for remedy in mode.remedies:
        if remedy.condition is not None and remedy.condition.holds(facts) is not True:
            continue
        steps = _unfold(remedy, host, facts)
        if steps:
            return Repair(
                cause=key,
                title=remedy.title,
                steps=steps,
                requires_person=None if remedy.person is None else fill(remedy.person, facts),
                disruptive=not all(s.action.startswith(_GENTLE) for s in steps),
                puts_back=any(
                    step.restore is not None or step.action in _PUT_BACK_LIVE
                    for step in remedy.steps
                ),
            )
    return None


def _unfold(remedy: Remedy, host: str, facts: Facts) -> tuple[ActionCall, ...]:
    calls: list[ActionCall] = []
    for step in remedy.steps:
        if step.condition is not None and step.condition.holds(facts) is not True:
            continue
        found = _calls(step, host, facts)
        if found is None:
            return ()
        calls.extend(found)
    return tuple({call.label(): call for call in calls}.values())


def _calls(step: RemedyStep, host: str, facts: Facts) -> list[ActionCall] | None:
    if step.restore == "changes":
        return _restore_all(facts.get("changes"), host)
    if step.restore is not None:
        return restore_change(facts.get("change"), host)
    if step.access is not None:
        return _access_of(facts.get("change"), host)
    for named, way in ((step.start, bring_up), (step.renew, renew)):
        if named is not None:
            unit = named.value(facts)
            return way(unit, host) if isinstance(unit, Mapping) else None
    assert step.action is not None
    if step.each is None:
        params = parameters(step.params, facts)
        return None if params is None else [_call(host, step.action, params)]
    items = step.each.value(facts)
    if not isinstance(items, list | tuple) or len(items) > MOST_EACH:
        return None
    found = [parameters(step.params, {**facts, "item": item}) for item in items]
    known = [params for params in found if params is not None]
    return [_call(host, step.action, p) for p in known] if len(known) == len(found) else None


def restore_change(change: object, host: str) -> list[ActionCall] | None:
    """Put one changed path back exactly as the baseline has it; what is frozen stays frozen."""
    if not isinstance(change, Mapping):
        return None
    calls = _put_back(change, host)
    now = change.get("now")
    if calls is None or now is None or not now.get("frozen"):
        return calls
    thaw, freeze = (
        _call(host, "file.set_frozen", {"path": str(change["path"]), "frozen": frozen})
        for frozen in ("no", "yes")
    )
    removed = change.get("then") is None
    return [thaw, *calls] if removed else [thaw, *calls, freeze]


def _put_back(change: Mapping[str, Any], host: str) -> list[ActionCall] | None:
    then, now, path = change.get("then"), change.get("now"), str(change.get("path"))
    if change.get("renamed_to") and _family(path) == "file":
        return [_call(host, "file.rename", {"path": str(change["renamed_to"]), "to": path})]
    match change.get("kind"):
        case "added" if now is not None and now.get("kind") == "file":
            params: Params = {"path": path, "sha256": now["sha256"]}
            return [_call(host, f"{_family(path)}.remove", params)]
        case "added" if now is not None and now.get("kind") == "symlink":
            return [_call(host, "file.remove_link", {"path": path, "target": now["target"]})]
        case "mode" if then is not None and now is not None:
            return _restore_access(path, then, now, host)
        case "target" | "removed" | "content" if then is not None:
            return _restore_all_of([then, *change.get("within", ())], host)
    return None


def _restore_all_of(files: list[Mapping[str, Any]], host: str) -> list[ActionCall] | None:
    """Everything that stood in one place, a folder before what lay in it; None: not all can be."""
    if len(files) > MOST_EACH:
        return None
    calls = [_restore_version(str(file["path"]), file, host) for file in files]
    return [call for call in calls if call is not None] if all(calls) else None


def _restore_all(changes: object, host: str) -> list[ActionCall] | None:
    """Every one of several changed paths put back; None where one cannot be."""
    if not isinstance(changes, list) or not 0 < len(changes) <= MOST_EACH:
        return None
    calls = [restore_change(change, host) for change in changes]
    known = [call for some in calls if some is not None for call in some]
    return known if all(calls) else None


def _restore_version(path: str, then: Mapping[str, Any], host: str) -> ActionCall | None:
    """One path as it was; None where what stood there is not known."""
    if then.get("kind") == "symlink":
        return _call(host, "file.restore_link", {"path": path, "target": then["target"]})
    access: Params = {"owner": then["owner"], "group": then["group"], "mode": then["mode"]}
    if then.get("kind") == "directory":
        return _call(host, "file.restore_folder", {"path": path, **access})
    if not then.get("sha256"):
        return None
    params: Params = {"path": path, "sha256": then["sha256"], **access}
    return _call(host, f"{_family(path)}.restore", params)


def _family(path: str) -> str:
    """Which actions touch a file: those that bring it into effect with sshd, those of what a shell
    reads in a home, or the plain ones."""
    if is_startup_file(path):
        return "startup"
    return "access" if says_who_may_log_in(path) else "file"


def _access_of(change: object, host: str) -> list[ActionCall] | None:
    """Give a changed path the owner and mode back that it had; what is written in it stays."""
    if not isinstance(change, Mapping) or not change.get("then") or not change.get("now"):
        return None
    return _restore_access(str(change["path"]), change["then"], change["now"], host) or None


def _restore_access(
    path: str, then: Mapping[str, Any], now: Mapping[str, Any], host: str
) -> list[ActionCall]:
    calls = []
    lists = then.get("acl"), now.get("acl")
    if None not in lists and lists[0] != lists[1]:  # before the mode, which it changes too
        calls.append(_call(host, "file.set_acl", {"path": path, "acl": str(lists[0])}))
    if (then["owner"], then["group"]) != (now["owner"], now["group"]):
        params: Params = {"path": path, "owner": then["owner"], "group": then["group"]}
        calls.append(_call(host, "file.set_owner", params))
    if then["mode"] != now["mode"]:
        family = "access" if is_of_login_keys(path) else "file"
        calls.append(_call(host, f"{family}.set_mode", {"path": path, "mode": then["mode"]}))
    return calls


def bring_up(unit: Mapping[str, Any], host: str) -> list[ActionCall]:
    """Calls that bring a unit up from the state it is in, and enable it again if it was."""
    name = str(unit["name"])
    calls = []
    if unit.get("need_daemon_reload") or _definition_changed(unit):
        calls.append(_call(host, "daemon.reload", {}))
    if unit.get("active_state") in ("inactive", "failed"):
        if unit.get("active_state") == "failed":
            calls.append(_call(host, "service.reset_failed", {"unit": name}))
        calls.append(_call(host, "service.start", {"unit": name}))
    else:
        if unit.get("n_restarts"):  # counted anew, so that what dies from now on is told
            calls.append(_call(host, "service.reset_failed", {"unit": name}))
        calls.append(_call(host, "service.restart", {"unit": name}))
    if unit.get("enabled_then") == "enabled" and unit.get("enabled") == "disabled":
        calls.append(_call(host, "service.enable", {"unit": name}))
    return calls


def renew(unit: Mapping[str, Any], host: str) -> list[ActionCall]:
    """Calls that let a unit read its files again, with as little interruption as it can.

    A reload does not move a service to another address, and some die of trying: where it listens
    elsewhere than it should, or does not run well, it is restarted.
    """
    elsewhere = unit.get("missing_ports") or unit.get("moved")
    gentle = unit.get("can_reload") and unit.get("steady") and not elsewhere
    if gentle and not _definition_changed(unit):
        return [_call(host, "service.reload", {"unit": str(unit["name"])})]
    return bring_up(unit, host)


def _definition_changed(unit: Mapping[str, Any]) -> bool:
    return any(c.get("relation") == "definition" for c in unit.get("changes") or ())


def _call(host: str, action: str, params: Params) -> ActionCall:
    return ActionCall(action=action, host=host, params=params)
