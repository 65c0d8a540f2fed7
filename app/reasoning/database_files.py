"""Which changed file gave a running database's setting the value that it has."""

from __future__ import annotations

from typing import Any

from app.host.database_settings import ChangedSetting, changed
from app.host.databases import NAMES
from app.host.drift import Change
from app.knowledge.setting_meanings import normal
from app.reasoning.host_case import HostCase
from app.reasoning.written import diff_ask, settings_of

_ALSO = {"binlog_expire_logs_seconds": ("expire_logs_days",)}
"""Other names by which files give a setting."""


def names_of(setting: str) -> frozenset[str]:
    """Every name by which files give a setting, as the meanings have them."""
    return frozenset({normal(setting), *map(normal, _ALSO.get(setting, ()))})


def files_of(case: HostCase, engine: str) -> tuple[Change, ...]:
    """What changed of the files by which an engine is configured."""
    changes = (case.drift or ((), 0))[0]
    return tuple(c for c in changes if any(name in c.path for name in NAMES[engine]))


def file_of(case: HostCase, one: ChangedSetting) -> Change | None:
    """The changed file that gives a setting another value; None where none does, or none was
    looked at."""
    named = names_of(one.name)
    found = files_of(case, one.engine)
    return next((c for c in found if not named.isdisjoint(settings_of(case, c))), None)


def edits(case: HostCase) -> tuple[tuple[Change | None, tuple[ChangedSetting, ...]], ...]:
    """Settings that are not as they were: all that one edit of a file set at once are together."""
    found: dict[tuple[str, int, str], tuple[Change | None, list[ChangedSetting]]] = {}
    for one in changed(case.view, case.then):
        file = file_of(case, one)
        # PostgreSQL's are those of ALTER SYSTEM, which stand in a file of its own
        alone = file is None or one.engine == "postgres"
        key = (one.engine, one.port, one.name if alone or file is None else file.path)
        found.setdefault(key, (file, []))[1].append(one)
    return tuple((file, tuple(settings)) for file, settings in found.values())


def unread(case: HostCase, engine: str) -> dict[str, Any]:
    """The first changed file of an engine of which it is not known what was written in it."""
    for change in files_of(case, engine):
        ask = diff_ask(case, change.model_dump(mode="json"))
        if ask is not None and not case.view.asked(ask.action, **ask.params):
            return {"unread": change.path, "unread_then": ask.params.get("sha256", "")}
    return {"unread": "", "unread_then": ""}
