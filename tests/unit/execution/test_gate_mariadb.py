"""The gate and MariaDB: a client that answers as the real one prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.execution.gate import mariadb, mariadb_accounts, mariadb_client, mariadb_sessions
from app.execution.gate.mariadb_client import Server
from app.execution.gate.places import Places
from app.execution.gate.refusal import Failed
from app.host.database_facts import MariadbAccountFacts, MariadbFacts, MariadbSessionFacts

PLACES = Places()
SLEEPING = {"id": 7, "user": "batch", "host": "app1:5001", "database": "erp",
            "command": "Sleep", "seconds": 900, "work": "",
            "waits": 0, "waits_for_all": 0}  # fmt: skip


class Client:
    """Knows one server's settings and sessions; keeps what it was told to do."""

    def __init__(self) -> None:
        self.limit = 10
        self.sessions: list[dict[str, Any]] = [dict(SLEEPING, id=n) for n in (7, 8)]
        self.done: list[str] = []
        self.account = {"questions": 0, "updates": 0, "connections": 20, "at_once": 0}
        self.locked = False
        self.rights = "SELECT"
        self.tables = [{"database": "erp", "table": "stock", "rows": 7}]
        self.there = "1"
        self.asleep: list[dict[str, Any]] = []
        self.outside: list[dict[str, Any]] = []

    def say(self, statement: str) -> list[str]:
        """As the client that is kept: the names of columns, then rows."""
        code, out, error = self._answer(statement.removesuffix(";").removesuffix("\\G"))
        return ["columns", *out.splitlines()] if code == 0 else [error]

    def _answer(self, statement: str) -> tuple[int, str, str]:
        if statement.startswith(("ALTER", "GRANT", "RENAME", "REVOKE")):
            self.done.append(statement)
            return 0, "", ""
        if "mysql.global_priv" in statement:
            return 1, "", "ERROR 1146 (42S02) at line 1: no such table"
        if statement.startswith(("SET", "KILL")):
            self.done.append(statement)
            self.limit = int(statement.split()[-1]) if statement.startswith("SET") else self.limit
            return 0, "", ""
        if "innodb_trx t" in statement:
            return 0, "".join(json.dumps(one) + "\n" for one in self.asleep), ""
        if "information_schema.GLOBAL_STATUS" in statement:
            return 1, "", "ERROR 1109 (42S02) at line 1: unknown table"
        if "performance_schema.global_status" in statement:
            return 0, "".join(json.dumps(one) + "\n" for one in self.outside), ""
        if "processlist" in statement:
            return 0, "".join(json.dumps(one) + "\n" for one in self.sessions), ""
        if "FROM performance_schema" in statement or "REPLICA" in statement:
            return 1, "", "ERROR 1146 (42S02) at line 1: no such table"
        name = {"user": "clerk", "host": "192.0.2.%"}
        known = {
            "SELECT JSON_OBJECT('user', User, 'host', Host, 'questions'": json.dumps(
                name | self.account
            ),
            "SELECT JSON_OBJECT('user', User, 'host', Host, 'database'": json.dumps(
                name | {"database": "erp", "rights": self.rights}
            ),
            "SELECT JSON_OBJECT('database', TABLE_SCHEMA": "\n".join(
                json.dumps(one) for one in self.tables
            ),
            "SELECT EXISTS (SELECT 1 FROM `erp`.`stock`)": self.there,
            "SELECT User, Host FROM mysql.user": "clerk\t192.0.2.%\n" if self.locked else "",
            "SELECT @@GLOBAL.max_connections": f"{self.limit}\n",
            "SELECT @@GLOBAL.port": "3399\n",
            "SHOW GLOBAL VARIABLES": f"max_connections\t{self.limit}\nread_only\tOFF\n",
            "SHOW GLOBAL STATUS": "Threads_connected\t2\nUptime\t77\n",
            "SELECT variable_name FROM information_schema.system": "MAX_CONNECTIONS\n",
        }
        return 0, next((out for key, out in known.items() if statement.startswith(key)), ""), ""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    made = Client()
    monkeypatch.setattr(mariadb_client, "_talk", lambda _socket: made)
    here = mariadb_client.Server("mariadb.service", "/run/m.sock", 3399)
    for module in (mariadb, mariadb_client):
        monkeypatch.setattr(module, "servers", lambda: [here])
    return made


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_who_holds_the_connections_and_what_was_changed_is_told(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    mariadb.mariadb_state({}, PLACES)
    (server,) = MariadbFacts.model_validate(told(capsys)).servers
    assert server.reachable, server.error
    assert (server.settings["max_connections"], server.free) == (10, 8)
    assert server.changed_while_running == ("max_connections",)
    assert [(g.user, g.idle, g.idle_seconds) for g in server.groups] == [("batch", 2, 900)]
    client.sessions[0]["id"] = 99


def test_who_is_at_work_on_tables_and_who_waits_is_told_without_a_word_of_a_query(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.sessions[0] |= {"command": "Query", "work": "ALTER TABLE"}
    client.sessions[1] |= {"command": "Query", "waits": 1}
    mariadb.mariadb_state({}, PLACES)
    (server,) = MariadbFacts.model_validate(told(capsys)).servers
    assert [(s.id, s.work, s.waits) for s in server.at_tables] == [
        (7, "ALTER TABLE", False), (8, "", True),
    ]  # fmt: skip
    assert [s.address for s in server.at_tables] == ["app1", "app1"]


def test_a_setting_is_set_and_no_other_than_those_listed(client: Client) -> None:
    mariadb.mariadb_set_global({"port": 3399, "name": "max_connections", "value": 90}, PLACES)
    assert client.done == ["SET GLOBAL max_connections = 90"]
    with pytest.raises(Failed, match="none of the settings"):
        mariadb.mariadb_set_global({"port": 3399, "name": "general_log", "value": 1}, PLACES)


PROGRAM = """#!{python}
import sys
if {full}:
    print("ERROR 1040 (HY000): Too many connections", file=sys.stderr)
    sys.exit(1)
assert "--no-defaults" in sys.argv, "no file with a password is read"
for line in sys.stdin:
    words = line.strip()
    if words.startswith("SELECT 'sre-agent"):
        mark = words.split("'")[1]
        print(mark, mark, sep="\\n", flush=True)
    elif words.endswith("\\\\G"):
        print("*** 1. row ***", "  Slave_IO_Running: No", sep="\\n", flush=True)
    elif words == "DIE;":
        sys.exit(3)
    elif words == "HANG;":
        sys.stdin.read()
    elif words.startswith("KILL"):
        print("ERROR 1094 (HY000) at line 3: Unknown thread id: 7", file=sys.stderr, flush=True)
    else:
        print("a\\tb", "1\\t" + words, sep="\\n", flush=True)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    """A client program that answers as the real one prints; full: the server lets nobody in."""

    def made(*, full: bool = False) -> Server:
        path = tmp_path / "mariadb"
        path.write_text(PROGRAM.format(python=sys.executable, full=full))
        path.chmod(0o755)
        monkeypatch.setattr(mariadb_client, "CLIENTS", (str(path),))
        return Server("mariadb.service", "/run/m.sock", 3399)

    mariadb_client._talk.cache_clear()
    yield made
    mariadb_client._talk("/run/m.sock").close()
    mariadb_client._talk.cache_clear()


def test_one_client_asks_all(program: Callable[..., Server]) -> None:
    server = program()
    assert mariadb_client.rows(server, "SELECT 1") == [["1", "SELECT 1;"]]
    assert "Slave_IO_Running: No" in mariadb_client.ask(server, "SHOW SLAVE STATUS", vertical=True)
    with pytest.raises(Failed, match="Unknown thread id"):
        mariadb_client.ask(server, "KILL CONNECTION 7")
    assert mariadb_client.ask(server, "KILL CONNECTION 7", forced=True) == ""
    assert mariadb_client.value_of(server, "SELECT 2") == "1", "it goes on after an error"
    assert mariadb_client._talk.cache_info().misses == 1


def test_a_server_without_a_place_says_so_each_time(program: Callable[..., Server]) -> None:
    server = program(full=True)
    for _ in range(2):
        with pytest.raises(Failed, match="Too many connections"):
            mariadb_client.rows(server, "SELECT 1")


@pytest.mark.parametrize(("statement", "why"), [("DIE", "no answer"), ("HANG", "did not answer")])
def test_a_client_that_ends_or_hangs_is_given_up(
    program: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, statement: str, why: str
) -> None:
    monkeypatch.setattr(mariadb_client, "_SECONDS", 0.2 if statement == "HANG" else 6.0)
    server = program()
    with pytest.raises(Failed, match=why):
        mariadb_client.rows(server, statement)


def test_only_sleepers_of_the_group_are_ended(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    mariadb.mariadb_state({}, PLACES)
    group = told(capsys)["servers"][0]["groups"][0]["id"]
    client.sessions[0]["command"] = "Query"
    asked: dict[str, str | int] = {"port": 3399, "group": group, "idle_seconds": 60, "count": 9}
    mariadb.mariadb_terminate_idle(asked, PLACES)
    assert client.done == ["KILL CONNECTION 8"]
    with pytest.raises(Failed, match="no connection of that group"):
        mariadb.mariadb_terminate_idle({**asked, "idle_seconds": 1000}, PLACES)


IN_TRANSACTION = {"id": 7, "user": "clerk", "host": "app1:5001", "database": "erp", "seconds": 50,
                  "transaction_seconds": 60, "started": 1767225600, "rows_changed": 1,
                  "rows_locked": 3}  # fmt: skip


def test_who_sleeps_in_a_transaction_is_told_and_only_that_very_one_is_ended(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.asleep = [IN_TRANSACTION]
    mariadb.mariadb_state({}, PLACES)
    (server,) = MariadbFacts.model_validate(told(capsys)).servers
    (sleeper,) = server.forgotten
    assert (sleeper.id, sleeper.address, sleeper.started) == (7, "app1", 1767225600000000)
    asked: dict[str, str | int] = {"port": 3399, "connection": 7, "started": sleeper.started}
    mariadb_sessions.mariadb_session(asked, PLACES)
    assert MariadbSessionFacts.model_validate(told(capsys)).state == "idle in transaction"
    with pytest.raises(Failed, match="not the one that was meant"):
        mariadb_sessions.mariadb_terminate_session(asked | {"started": 1}, PLACES)
    assert client.done == []
    mariadb_sessions.mariadb_terminate_session(asked, PLACES)
    assert client.done == ["KILL CONNECTION 7"]
    client.asleep = []
    capsys.readouterr()
    mariadb_sessions.mariadb_session(asked, PLACES)
    assert told(capsys) == {"state": "gone"}
    with pytest.raises(Failed, match="not the one that was meant"):
        mariadb_sessions.mariadb_terminate_session(asked, PLACES)


OUTSIDE = {"id": 7, "user": "copy", "host": "localhost", "database": None, "seconds": 50,
           "started": 1767225600.0, "locks_all": 1}  # fmt: skip


def test_who_may_keep_a_lock_is_told_while_others_wait_and_only_that_very_one_is_ended(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.outside = [OUTSIDE]
    mariadb.mariadb_state({}, PLACES)
    assert MariadbFacts.model_validate(told(capsys)).servers[0].lockers == ()
    client.sessions[1] |= {"command": "Query", "waits": 1, "waits_for_all": 1}
    mariadb.mariadb_state({}, PLACES)
    (server,) = MariadbFacts.model_validate(told(capsys)).servers
    (locker,) = server.lockers
    assert (locker.id, locker.user, locker.locks_all) == (7, "copy", True)
    assert [s.waits_for_all for s in server.at_tables] == [True]
    asked: dict[str, str | int] = {
        "port": 3399, "connection": 7, "started": locker.started + 1_000_000,  # told anew
    }  # fmt: skip
    mariadb_sessions.mariadb_session(asked, PLACES)
    found = MariadbSessionFacts.model_validate(told(capsys))
    assert found.state == "idle and may hold a lock"
    later = locker.started + 60_000_000  # the server was restarted
    with pytest.raises(Failed, match="not the one that was meant"):
        mariadb_sessions.mariadb_terminate_session(asked | {"started": later}, PLACES)
    assert client.done == []
    mariadb_sessions.mariadb_terminate_session(asked, PLACES)
    assert client.done == ["KILL CONNECTION 7"]


CLERK: dict[str, str | int] = {"port": 3399, "user": "clerk", "host": "192.0.2.%"}


def test_accounts_are_told_with_their_limits_and_rights(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.locked = True
    mariadb.mariadb_state({}, PLACES)
    (server,) = MariadbFacts.model_validate(told(capsys)).servers
    (account,) = server.accounts
    assert (account.user, account.host, account.locked) == ("clerk", "192.0.2.%", True)
    assert (account.connections, account.at_once) == (20, 0)
    assert account.rights == {"erp": "SELECT"}
    mariadb_accounts.mariadb_account(CLERK, PLACES)
    facts = MariadbAccountFacts.model_validate(told(capsys))
    assert (facts.exists, facts.locked, facts.connections) == ("yes", "yes", 20)
    mariadb_accounts.mariadb_rights(CLERK | {"database": "erp"}, PLACES)
    assert told(capsys) == {"rights": "SELECT"}


def test_an_account_logs_in_as_it_could_and_gets_its_rights_back(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted: dict[str, str | int] = {
        "locked": "no", "questions": 0, "updates": 0, "connections": 0, "at_once": 5,
    }  # fmt: skip
    mariadb_accounts.mariadb_set_account(CLERK | wanted, PLACES)
    rights: dict[str, str | int] = {"database": "erp", "rights": "INSERT,UPDATE"}
    mariadb_accounts.mariadb_grant(CLERK | rights, PLACES)
    with pytest.raises(Failed, match="has no INSERT, UPDATE on erp"):
        mariadb_accounts.mariadb_revoke(CLERK | rights, PLACES)
    client.rights = "SELECT,INSERT,UPDATE"
    with pytest.raises(Failed, match="has INSERT, UPDATE on erp already"):
        mariadb_accounts.mariadb_grant(CLERK | rights, PLACES)
    mariadb_accounts.mariadb_revoke(CLERK | rights, PLACES)
    mariadb_accounts.mariadb_move_account(CLERK | {"to": "198.51.100.%"}, PLACES)
    with pytest.raises(Failed, match="already"):
        mariadb_accounts.mariadb_move_account(CLERK | {"to": "192.0.2.%"}, PLACES)
    assert client.done == [
        (
            "ALTER USER 'clerk'@'192.0.2.%' WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 "
            "MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 5 ACCOUNT UNLOCK"
        ),
        "GRANT INSERT, UPDATE ON `erp`.* TO 'clerk'@'192.0.2.%'",
        "REVOKE INSERT, UPDATE ON `erp`.* FROM 'clerk'@'192.0.2.%'",
        "RENAME USER 'clerk'@'192.0.2.%' TO 'clerk'@'198.51.100.%'",
    ]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"user": "clerk' WITH GRANT OPTION"}, "no plain name"),
        ({"user": "root"}, "power over others"),
        ({"host": "%' --"}, "no plain name"),
        ({"database": "erp`.*"}, "no plain name"),
        ({"rights": "ALL"}, "only SELECT"),
    ],
)
def test_more_than_rows_of_an_ordinary_account_is_refused(
    client: Client, given: dict[str, str | int], why: str
) -> None:
    asked = CLERK | {"database": "erp", "rights": "SELECT"} | given
    with pytest.raises(Failed, match=why):
        mariadb_accounts.mariadb_grant(asked, PLACES)
    assert client.done == []


@pytest.mark.parametrize(
    ("rows", "there", "empty"), [(7, "1", False), (0, "0", True), (3, "0", True), (900, "", False)]
)
def test_tables_are_told_and_those_with_few_rows_looked_into(
    client: Client, capsys: pytest.CaptureFixture[str], rows: int, there: str, empty: bool
) -> None:
    client.tables[0]["rows"], client.there = rows, there
    mariadb.mariadb_state({}, PLACES)
    (server,) = MariadbFacts.model_validate(told(capsys)).servers
    (table,) = server.tables or ()
    assert (table.database, table.table, table.empty) == ("erp", "stock", empty)
