"""Typed facts of databases, as they tell of themselves. Never a query's text, never a password."""

from __future__ import annotations

from pydantic import Field, field_validator

from app.domain.value import Value


class SessionGroup(Value):
    """Sessions of one user on one database by one program from one address."""

    id: str
    user: str | None = None
    database: str | None = None
    application: str | None = None
    address: str | None = None  # None: through the host's own socket
    sessions: int = 0
    idle: int = 0  # of them, outside any transaction
    idle_seconds: float = 0  # of the longest
    superuser: bool = False
    backup: bool = False  # a program that copies the database


class PostgresSession(Value):
    """A session that waits, that others wait for, or that is idle in a transaction."""

    pid: int
    started: int  # microseconds since the epoch: with the pid, exactly this session
    user: str | None = None
    database: str | None = None
    application: str | None = None
    address: str | None = None
    state: str | None = None
    kind: str = ""  # client backend | walsender
    superuser: bool = False
    backup: bool = False
    group: str = ""  # SessionGroup.id
    seconds: float | None = None  # since it began
    transaction_seconds: float | None = None
    state_seconds: float | None = None
    blocked_by: tuple[int, ...] | None = None
    lock: str | None = None  # the strongest that it holds on a table while idle in a transaction
    work: str = ""  # what it does to tables at this moment: CREATE INDEX, ALTER TABLE, COPY ...


class HeldTable(Value):
    """A table from which a session keeps writers, or everybody, away."""

    database: str
    pid: int
    mode: str
    table: str  # with its schema


class PreparedTransaction(Value):
    """A transaction of two-phase commit, neither committed nor rolled back; no process has it."""

    name: str
    user: str
    database: str
    seconds: float = 0  # since it was prepared


class ReplicationSlot(Value):
    name: str
    kind: str = ""
    active: bool = False
    temporary: bool = False
    wal_status: str | None = None  # reserved | extended | unreserved | lost
    retained_bytes: int | None = None


class TableWithoutVacuum(Value):
    database: str
    table: str
    dead: int | None = None
    live: int | None = None


class DatabaseIndex(Value):
    database: str
    table: str
    name: str
    valid: bool = True
    unique: bool = False
    method: str = "btree"
    columns: tuple[str, ...] | None = None  # None: not plain columns, or made by a constraint


class DatabaseRole(Value):
    """A role of PostgreSQL without power over others."""

    name: str
    login: bool
    limit: int = -1  # sessions at once; -1: as many as there are
    until: str = "never"  # when its password ends, ISO 8601 in UTC
    expired: bool = False


class TableGrant(Value):
    """What a role that does not own a table may do with it."""

    database: str
    table: str
    role: str
    privileges: str  # "INSERT,SELECT"


class BarredRole(Value):
    """A right that a role lacks and that what it owns, or was given, is of no use without."""

    database: str
    of: str  # database | schema | sequence | function
    name: str  # of the latter two: with its schema
    right: str  # CONNECT | TEMPORARY | USAGE | EXECUTE
    role: str


class DatabaseDefault(Value):
    """What sessions of PostgreSQL begin with, set for a role or a database (`*`: for each)."""

    role: str
    database: str
    name: str
    value: str  # a list without blanks

    @field_validator("value")
    @classmethod
    def _without_blanks(cls, value: str) -> str:
        """Baselines that were taken earlier have one after each comma."""
        return value.replace(", ", ",")


class SequenceBehind(Value):
    """A sequence whose next number its table has already, or has passed."""

    database: str
    sequence: str  # with its schema; likewise the table
    table: str
    column: str
    next: int
    highest: int


class DatabaseTable(Value):
    database: str
    table: str  # of PostgreSQL: with its schema
    empty: bool | None = None  # None: that would take long to tell


class FileProblem(Value):
    file: str | None = None
    line: int | None = None
    name: str | None = None
    error: str | None = None


class DatabaseDoor(Value):
    """Whether a database takes connections at all, and how many at once (-1: any number)."""

    name: str
    open: bool = True
    limit: int = -1


class PostgresDoorFacts(Value):
    exists: str  # yes | no: there is none, or it is a template
    open: str | None = None  # yes | no
    limit: int | None = None


class TableShape(Value):
    """How a table is made, a line for each of its parts."""

    database: str
    table: str
    parts: tuple[str, ...] = ()


class PostgresCluster(Value):
    """One running server. What lets nobody in has no more than its status."""

    port: int
    account: str = ""
    unit: str | None = None
    data: str = ""
    status: str = ""  # starting | ready | standby | stopping
    replaying: str | None = None  # the WAL segment that is replayed now
    reachable: bool = False
    error: str | None = None
    version: int | None = None
    in_recovery: bool | None = None
    max_connections: int | None = None
    reserved: int = 0  # of them, for superusers
    used: int | None = None
    autovacuum: bool | None = None
    wal_bytes: int | None = None
    sessions: tuple[PostgresSession, ...] = ()
    groups: tuple[SessionGroup, ...] = ()
    slots: tuple[ReplicationSlot, ...] = ()
    prepared: tuple[PreparedTransaction, ...] = ()
    pending_restart: tuple[str, ...] = ()
    file_problems: tuple[FileProblem, ...] = ()
    autovacuum_off: tuple[TableWithoutVacuum, ...] = ()
    indexes: tuple[DatabaseIndex, ...] = ()
    roles: tuple[DatabaseRole, ...] = ()
    superusers: tuple[str, ...] | None = None  # that may log in; None: not told
    doors: tuple[DatabaseDoor, ...] = ()
    grants: tuple[TableGrant, ...] = ()
    barred: tuple[BarredRole, ...] | None = None  # None: not told
    held: tuple[HeldTable, ...] = ()
    defaults: tuple[DatabaseDefault, ...] = ()
    behind: tuple[SequenceBehind, ...] = ()
    system: dict[str, str] | None = None  # what ALTER SYSTEM has set; None: not told
    tables: tuple[DatabaseTable, ...] = ()
    shapes: tuple[TableShape, ...] | None = None  # None: not told
    tables_unseen: tuple[str, ...] = ()  # databases of which the two above are not known
    writes: bool | None = None  # whether transactions may write where they do not say otherwise
    databases: tuple[str, ...] = ()
    not_looked_at: tuple[str, ...] = ()  # databases whose tables could not be seen in time

    def looked_into(self, database: str) -> bool:
        """Whether what is in a database is told: one that takes no connections is not looked into,
        nor is one that is gone."""
        return database in self.databases and database not in self.not_looked_at

    @property
    def free(self) -> int | None:
        """Connections left for users; None where that is not known."""
        if self.max_connections is None or self.used is None:
            return None
        return self.max_connections - self.reserved - self.used


class PostgresFacts(Value):
    clusters: tuple[PostgresCluster, ...] = ()


class PostgresSessionFacts(Value):
    pid: int
    started: int
    state: str  # as PostgreSQL says it; gone: there is no such session
    user: str | None = None
    database: str | None = None
    application: str | None = None
    address: str | None = None
    kind: str = ""
    superuser: bool = False
    backup: bool = False
    transaction_seconds: float | None = None
    state_seconds: float | None = None
    seconds: float | None = None


class PostgresRoleFacts(Value):
    exists: str  # yes | no: there is none, or it has power over others
    login: str | None = None  # yes | no
    limit: int | None = None
    until: str | None = None


class PostgresGrantsFacts(Value):
    privileges: str  # "INSERT,SELECT"; none


class PostgresRightFacts(Value):
    exists: str  # yes | no: there is none, or the role has power over others
    held: str | None = None  # yes | no: however the role came to it
    given: str | None = None  # yes | no: to the role by its own name


class PostgresSystemFacts(Value):
    value: str  # none: ALTER SYSTEM has not set it


class PostgresDefaultFacts(Value):
    value: str  # none: it is not set


class PostgresSequenceFacts(Value):
    state: str  # ahead | behind; missing: none that numbers a column of unique numbers
    sequence: str | None = None  # with its schema; likewise the table
    table: str | None = None
    column: str | None = None
    next: int | None = None
    highest: int | None = None  # of the table; None: it has no row


class PostgresTableFacts(Value):
    exists: str  # yes | no
    database: str
    table: str  # with its schema
    autovacuum: str | None = None  # on | off: as all others, or switched off for it
    dead: int | None = None  # rows


class PostgresIndexFacts(Value):
    index: str  # with its schema
    state: str  # valid | invalid | missing


class PostgresSlotFacts(Value):
    slot: str
    state: str  # active | inactive | missing
    kind: str = ""


class MariadbAccount(Value):
    """An account of MariaDB without power over others; a limit of 0 is none."""

    user: str
    host: str
    locked: bool = False
    questions: int = 0  # an hour; likewise the next two
    updates: int = 0
    connections: int = 0
    at_once: int = 0
    rights: dict[str, str] = Field(default_factory=dict)  # "INSERT,SELECT" by database


class MariadbAccountFacts(Value):
    exists: str  # yes | no: there is none, or it has power over others
    locked: str | None = None  # yes | no
    questions: int | None = None
    updates: int | None = None
    connections: int | None = None
    at_once: int | None = None


class MariadbRightsFacts(Value):
    rights: str  # "SELECT,INSERT"; none


class MariadbSession(Value):
    """A connection that changes or copies tables, or waits for one that does."""

    id: int
    user: str | None = None
    database: str | None = None
    address: str | None = None
    seconds: float = 0  # of what it runs
    work: str = ""  # ALTER TABLE, OPTIMIZE TABLE ...
    waits: bool = False  # for a lock on a table, or on all of them
    waits_for_all: bool = False  # for the lock that keeps everything from being written


class MariadbForgotten(Value):
    """A connection that sleeps in a transaction."""

    id: int
    started: int  # microseconds since the epoch, to the second: when its transaction began
    user: str | None = None
    database: str | None = None
    address: str | None = None
    seconds: float = 0  # since it did anything
    transaction_seconds: float | None = None
    rows_changed: int | None = None
    rows_locked: int | None = None


class MariadbLocker(Value):
    """A connection that sleeps outside of a transaction and may keep a lock all the same: what it
    may do includes locks that outlive their statement. Whether it holds one is not told."""

    id: int
    started: int  # microseconds since the epoch, to the second: when the server began to run
    user: str | None = None
    database: str | None = None
    address: str | None = None
    seconds: float = 0  # since it did anything
    locks_all: bool = False  # it may take the lock that keeps everything from being written


class MariadbSessionFacts(Value):
    state: str  # idle in transaction | idle and may hold a lock | gone: it sleeps as none of them
    id: int | None = None
    started: int | None = None
    user: str | None = None
    database: str | None = None
    address: str | None = None
    seconds: float | None = None
    transaction_seconds: float | None = None
    rows_changed: int | None = None
    rows_locked: int | None = None


class MariadbServer(Value):
    """One running MariaDB or MySQL server."""

    port: int
    unit: str | None = None
    reachable: bool = False
    error: str | None = None
    version: str = ""
    socket: str = ""
    read_only: bool | None = None
    settings: dict[str, int] = Field(default_factory=dict)
    words: dict[str, str] = Field(default_factory=dict)  # settings that are words or switches
    threads_connected: int | None = None
    threads_running: int | None = None
    max_used_connections: int | None = None
    aborted_connects: int | None = None
    uptime: int | None = None  # seconds
    connection_errors_max_connections: int | None = None
    groups: tuple[SessionGroup, ...] = ()
    at_tables: tuple[MariadbSession, ...] = ()
    changed_while_running: tuple[str, ...] | None = None  # None: the server does not keep it
    waits: tuple[dict[str, int | None], ...] = ()
    forgotten: tuple[MariadbForgotten, ...] = ()
    lockers: tuple[MariadbLocker, ...] = ()  # asked for only while somebody waits for a lock
    accounts: tuple[MariadbAccount, ...] = ()
    tables: tuple[DatabaseTable, ...] | None = None  # None: they could not be listed
    shapes: tuple[TableShape, ...] | None = None  # None: not told
    replication: dict[str, str] | None = None

    @property
    def free(self) -> int | None:
        """Connections left for users; None where that is not known."""
        most = self.settings.get("max_connections")
        if most is None:
            return None
        return most - sum(group.sessions for group in self.groups)


class MariadbFacts(Value):
    servers: tuple[MariadbServer, ...] = ()


class MariadbVariableFacts(Value):
    name: str
    value: int


class MariadbWordFacts(Value):
    name: str
    value: str


class Folder(Value):
    owner: str
    group: str
    mode: str


class RedisServer(Value):
    """One running redis or valkey server."""

    port: int
    account: str = ""
    unit: str | None = None
    reachable: bool = False
    auth_required: bool = False  # it wants a password: nothing more is known
    error: str | None = None
    role: str | None = None
    master_link_status: str | None = None
    master_host: str | None = None  # of a replica
    master_port: int | None = None
    master_answers: bool | None = None  # whether anything takes a connection there
    replicas: int | None = None  # that are connected
    good_replicas: int | None = None  # of them those that are not late; None: not told apart
    refused: dict[str, int] = Field(default_factory=dict)  # commands since the start, by error
    rdb_last_bgsave_status: str | None = None
    aof_last_write_status: str | None = None
    stop_writes_on_bgsave_error: str | None = None
    dir: str | None = None
    folder: Folder | None = None
    used_memory: int | None = None
    total_system_memory: int | None = None  # of its host, in bytes
    maxmemory: int | None = None  # bytes; 0: no limit
    maxmemory_policy: str | None = None
    maxclients: int | None = None
    connected_clients: int | None = None
    rejected_connections: int | None = None
    evicted_keys: int | None = None
    settings: dict[str, int] = Field(default_factory=dict)  # those that may be set back
    words: dict[str, str] = Field(default_factory=dict)  # likewise; none: an empty one


class RedisSettingFacts(Value):
    name: str
    value: int


class RedisWordFacts(Value):
    name: str
    value: str  # none: an empty one


class RedisFollowingFacts(Value):
    """Whom a server follows."""

    role: str
    master: str  # host:port; "" where it follows nobody
    answers: str  # yes, no: whether anything takes a connection there; "": it follows nobody


class RedisMemoryFacts(Value):
    port: int
    maxmemory: int  # bytes; 0: no limit
    policy: str


class RedisFacts(Value):
    servers: tuple[RedisServer, ...] = ()
