"""What accounts of MariaDB may no longer do that they could while the host was healthy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from app.domain.value import Value
from app.host.database_facts import MariadbAccount, MariadbServer
from app.host.databases import both, servers
from app.host.view import HostView

CHECK = "login"
"""The check that an account may do what it could while the host was healthy."""

_LIMITS = {
    "questions": "queries an hour (MAX_QUERIES_PER_HOUR)",
    "updates": "updates an hour (MAX_UPDATES_PER_HOUR)",
    "connections": "connections an hour (MAX_CONNECTIONS_PER_HOUR)",
    "at_once": "connections at once (MAX_USER_CONNECTIONS)",
}

_MOST = 200
"""So many accounts are told of one server (app/execution/gate/mariadb_accounts.py)."""

Said = tuple[bool, str]


class LostLogin(Value):
    """An account that may log in less than it could, or do less with the rows of a database."""

    kind: str  # account | rights | moved: it may come from elsewhere now | gone
    port: int
    user: str
    client: str  # the host part of its name: where it may come from
    locked: str = ""  # what it was, as the change wants it; likewise the next four
    questions: int = 0
    updates: int = 0
    connections: int = 0
    at_once: int = 0
    database: str = ""
    missing: str = ""  # rights
    now: str = ""  # where an account that was moved may come from
    said: str  # as a sentence without its end
    evidence_id: int

    @property
    def subject(self) -> str:
        """What its check asks about."""
        own = f"{self.port} {self.user} {self.client}"
        if self.kind == "rights":
            return f"{own} {self.database} {self.missing}"
        if self.kind in ("moved", "gone"):
            return own
        limits = f"{self.questions} {self.updates} {self.connections} {self.at_once}"
        return f"{own} {self.locked} {limits}"


def lost(now: HostView, then: HostView | None) -> tuple[LostLogin, ...]:
    """Everything that accounts lost since the host was healthy."""
    return tuple(
        loss
        for one, was in both(now, then)
        if isinstance(one.server, MariadbServer) and isinstance(was.server, MariadbServer)
        for loss in _lost(one.server, was.server, one.evidence_id)
    )


def _lost(now: MariadbServer, then: MariadbServer, ident: int) -> Iterable[LostLogin]:
    if len(now.accounts) >= _MOST:
        return  # more are there than are told: what is not told may be well
    current = {(a.user, a.host): a for a in now.accounts}
    known = {(a.user, a.host) for a in then.accounts}
    for was in then.accounts if current else ():
        account = current.get((was.user, was.host))
        name = f"the account {was.user}@{was.host}"
        own = {"port": now.port, "user": was.user, "client": was.host, "evidence_id": ident}
        if account is None:
            new = [host for user, host in current if user == was.user and (user, host) not in known]
            where = f"; {was.user}@{', '.join(new)} is there instead" if new else ""
            said = f"{name} is gone{where}: whoever comes from there is not allowed to connect"
            kind, elsewhere = ("moved", new[0]) if len(new) == 1 else ("gone", "")
            yield LostLogin(kind=kind, now=elsewhere, said=said, **own)
            continue
        if how := _narrower(account, was):
            limits = {limit: getattr(was, limit) for limit in _LIMITS}
            locked = "yes" if was.locked else "no"
            yield LostLogin(kind="account", locked=locked, said=f"{name} {how}", **limits, **own)
        for database, rights in was.rights.items():
            missing = _missing(rights, account.rights.get(database, ""))
            if missing:
                said = f"{name} lost its right ({missing}) on {database}: access denied"
                yield LostLogin(kind="rights", database=database, missing=missing, said=said, **own)


def _narrower(now: MariadbAccount, then: MariadbAccount) -> str:
    """How an account may log in less than it could; "" where it may not less."""
    if now.locked and not then.locked:
        return "is locked (ACCOUNT LOCK)"
    for name, what in _LIMITS.items():
        few, was = getattr(now, name), getattr(then, name)
        if few and (not was or few < was):
            return f"may have {few} {what}, was {was or 'any number'}"
    return ""


def _missing(then: str, now: str) -> str:
    return ",".join(right for right in then.split(",") if right and right not in now.split(","))


def _is_allowed(view: HostView, subject: str) -> Said | None:
    """Whether an account may do what is asked about."""
    port, user, client, *wanted = subject.split(" ")
    one = next(
        (s.server for s in servers(view) if s.engine == "mariadb" and str(s.server.port) == port),
        None,
    )
    if not isinstance(one, MariadbServer):
        return None
    account = next((a for a in one.accounts if (a.user, a.host) == (user, client)), None)
    if account is None or not wanted:
        return account is not None, f"the account {user}@{client} is gone"
    if len(wanted) == 1 + len(_LIMITS):
        limits = dict(zip(_LIMITS, map(int, wanted[1:]), strict=True))
        was = account.model_copy(update={"locked": wanted[0] == "yes", **limits})
        how = _narrower(account, was)
        return not how, f"the account {user}@{client} {how}"
    database, rights = wanted
    lacks = _missing(rights, account.rights.get(database, ""))
    return not lacks, f"the account {user}@{client} may not {lacks} on {database}"


JUDGED_BY: Mapping[str, Callable[[HostView, str], Said | None]] = {CHECK: _is_allowed}
