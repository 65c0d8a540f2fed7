"""Every check of what is inside a host's databases: how each is judged, and when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.domain.host import asked_of
from app.domain.incident import Incident
from app.domain.probe import Probe
from app.host import (
    database_access,
    database_defaults,
    database_losses,
    database_rights,
    database_sequences,
    database_settings,
    mariadb_access,
    redis_writes,
)
from app.host.databases import ACTIONS
from app.host.network_state import ABOUT_SPEED, text_of
from app.host.view import HostView

Said = tuple[bool, str]

JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {
    **database_losses.JUDGED_BY,
    **database_access.JUDGED_BY,
    **database_defaults.JUDGED_BY,
    **database_sequences.JUDGED_BY,
    **mariadb_access.JUDGED_BY,
    **database_settings.JUDGED_BY,
    **database_rights.JUDGED_BY,
    **redis_writes.JUDGED_BY,
}
"""How each is answered from what a server tells of itself."""

OF_NO_UNIT = frozenset(JUDGED_BY) - {database_access.WRITES}
"""Those that say all there is to say: nothing is walked from them."""


def doubted(
    now: HostView,
    then: HostView | None,
    incident: Incident,
    *,
    agreed: bool,
    refused: bool = False,
) -> tuple[Probe, ...]:
    """The checks of what is not as it was that a ticket may be about, or a person agreed to.

    `refused`: users of what depends on the host are refused what they send; whatever the ticket
    says, what databases hold and allow may be why.
    """
    found = database_losses.doubted(now, then, incident, agreed=agreed)
    if not (refused or database_access.is_about(incident)):
        return found
    more = [
        *((database_defaults.CHECK, one.subject) for one in database_defaults.changed(now, then)),
        *((database_settings.CHECK, one.subject) for one in _settings(now, then, incident)),
        *((mariadb_access.CHECK, one.subject) for one in mariadb_access.lost(now, then)),
        *((database_rights.CHECK, one.subject) for one in database_rights.lost(now, then)),
        *((database_sequences.CHECK, one.subject) for one in database_sequences.late(now, then)),
    ]
    found += database_access.doubted(now, then)
    return (*found, *(asked_of(now.host, check, subject) for check, subject in more))


def _settings(
    now: HostView, then: HostView | None, incident: Incident
) -> tuple[database_settings.ChangedSetting, ...]:
    """Settings that may be what the ticket is about: how fast a server is only where it says so."""
    about_speed = ABOUT_SPEED.search(text_of(incident)) is not None
    found = database_settings.changed(now, then)
    return tuple(s for s in found if about_speed or s.name not in database_settings.ONLY_PACE)


def diagnostic_of(check: str, subject: str) -> str:
    """The diagnostic that tells one."""
    if check == database_settings.CHECK:
        return ACTIONS[subject.partition(":")[0]]
    if check in redis_writes.JUDGED_BY:
        return ACTIONS["redis"]
    return ACTIONS["mariadb" if check in mariadb_access.JUDGED_BY else "postgres"]
