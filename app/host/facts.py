"""Typed facts: what parsed diagnostics say, and nothing of what they might mean.

One model for each parser's answer; `Evidence.facts` is its `model_dump(mode="json")`. A field that
the tool did not tell is None, never a guess: reasoning treats None as unknown.
"""

from __future__ import annotations

from pydantic import Field

from app.domain.value import Value


class SocketAddress(Value):
    """A port on which a .socket unit has systemd listen."""

    protocol: str  # tcp | udp
    port: int


class UnitFacts(Value):
    """One systemd unit as `systemctl show` has it."""

    name: str  # "nginx.service"
    description: str = ""
    load_state: str | None = None  # loaded | not-found | masked | error | bad-setting
    active_state: str | None = None  # active | inactive | failed | activating | deactivating
    sub_state: str | None = None  # running | dead | auto-restart | exited | ...
    unit_file_state: str | None = None  # enabled | disabled | masked | static | ...
    result: str | None = None  # success | exit-code | signal | start-limit-hit | timeout | ...
    exec_main_code: str | None = None  # exited | killed | dumped
    exec_main_status: int | None = None  # exit status, or the signal's number where killed
    n_restarts: int | None = None
    main_pid: int | None = None  # None: no main process
    fragment_path: str | None = None
    drop_in_paths: tuple[str, ...] = ()
    need_daemon_reload: bool | None = None
    type: str | None = None
    restart: str | None = None  # no | always | on-failure | ...
    user: str | None = None  # None: root
    group: str | None = None
    working_directory: str | None = None
    exec_start: tuple[str, ...] = ()  # the first ExecStart's argv
    exec_start_pre_failed: bool | None = None
    environment_files: tuple[str, ...] = ()
    control_group: str | None = None
    active_since: str | None = None  # ISO 8601, UTC
    inactive_since: str | None = None
    state_since: str | None = None  # also a reload is a change of state
    can_reload: bool | None = None
    requires: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()  # units of which one is stopped when the other starts
    triggered_by: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    listens: tuple[SocketAddress, ...] = ()  # of a socket: ports where process 1 listens for it
    condition_failed: bool | None = None
    memory_bytes: int | None = None
    tasks: int | None = None


class UnitTiesFacts(Value):
    """What hangs on a unit: who is stopped with it, and the links by which it is enabled."""

    stopped_with: tuple[str, ...] = ()  # units that run now, and would not without it
    links: tuple[str, ...] = ()  # under /etc/systemd/system
    by_hand: tuple[str, ...] = ()  # of those: what `systemctl enable` would not make again
    also: tuple[str, ...] = ()  # units that are enabled and disabled with it
    as_declared: bool = False  # enabling it again makes exactly what is there


class UnitsFacts(Value):
    """Several units: `systemctl show` over a pattern."""

    units: tuple[UnitFacts, ...] = ()


class FailingRequest(Value):
    """A request that users made and that was answered with 500 or above, or 413, lately, or that
    they gave up (499); or that was answered with 403, 404 or 410, and well before that."""

    method: str
    path: str  # without its query
    failed: int = 0
    answered: int = 0  # with anything else
    served: bool = False  # whether it was answered well before, as far back as the log tells
    last_ago: float  # seconds
    last_status: int

    @property
    def fails_still(self) -> bool:
        """Whether the last time it was made it failed."""
        return self.last_status >= 500 or self.too_large or self.withdrawn or self.given_up

    @property
    def given_up(self) -> bool:
        """Whether a page that was served is no longer waited for, and not by one user in a hurry.
        Of what was never answered in time nobody knows how long it takes when all is well."""
        again = self.served and self.failed > 1
        return self.last_status == 499 and self.method == "GET" and again

    @property
    def withdrawn(self) -> bool:
        """Whether it was answered well, and is not there or not allowed now."""
        return self.served and self.last_status in (403, 404, 410)

    @property
    def too_large(self) -> bool:
        """Whether the web server's own limit for what is sent refused it."""
        return self.last_status == 413


class WebErrorFacts(Value):
    """Access logs of the last minutes: what users were answered, not what we were."""

    logs: tuple[str, ...] = ()
    answers: int = 0
    failing: tuple[FailingRequest, ...] = ()


class UnitFile(Value):
    name: str
    state: str  # enabled | disabled | masked | static | ...


class UnitFilesFacts(Value):
    """`systemctl list-unit-files`: also what is not loaded."""

    files: tuple[UnitFile, ...] = ()


class Listener(Value):
    """One listening socket."""

    protocol: str  # tcp | udp
    address: str  # "0.0.0.0", "127.0.0.1", "::", "*"
    port: int
    process: str | None = None  # the command's name
    pid: int | None = None
    unit: str | None = None  # from the process's cgroup
    queue: int | None = None  # connections waiting to be accepted (tcp)
    backlog: int | None = None


class ListenersFacts(Value):
    listeners: tuple[Listener, ...] = ()


class Process(Value):
    pid: int
    ppid: int
    user: str
    state: str  # R S D Z T ...
    seconds: int  # since it started
    start_time: int | None = None  # in clock ticks since boot; with its pid it names it for good
    rss_bytes: int
    cpu_percent: float | None = None
    command: str  # its name, never its arguments: those may carry secrets
    unit: str | None = None
    stray: bool | None = None  # left by a login that has ended; nobody waits for it


class ProcessesFacts(Value):
    processes: tuple[Process, ...] = ()


class Filesystem(Value):
    mount: str
    source: str
    fstype: str
    size_bytes: int | None = None
    used_bytes: int | None = None
    available_bytes: int | None = None
    used_percent: float | None = None
    inodes_used_percent: float | None = None
    read_only: bool | None = None
    answers: bool | None = None  # of one that another host or a program serves


class Account(Value):
    """A local account, without anything of its password."""

    name: str
    uid: int
    gid: int
    group: str  # the name of its first group; "" where no group has that id
    groups: str | None = None  # the names of the others, "adm,video"; None: not told
    home: str
    shell: str
    shell_exists: str  # yes | no
    may_log_in: str  # yes | no: no by its shell
    until: str = "never"  # the day from which on it may not be used, YYYY-MM-DD
    expired: str = "no"  # yes | no
    renew_days: int | None = None  # after which it must be changed; -1: never; None: not told
    must_renew: str = "no"  # yes | no: nobody gets in before it is changed, be it with a key


class AccountsFacts(Value):
    accounts: tuple[Account, ...] = ()


class MembershipFacts(Value):
    """Whether an account is in a group, besides its first one."""

    exists: str  # yes | no: the account, or the group, is not there
    member: str  # yes | no


class AccountStateFacts(Value):
    """One account as it is now."""

    name: str
    exists: str  # yes | no
    uid: int | None = None
    gid: int | None = None
    group: str = ""
    groups: str | None = None  # the names of the others
    home: str = ""
    shell: str = ""
    shell_exists: str = ""
    may_log_in: str = ""
    until: str | None = None  # never, or the day from which on it may not be used
    expired: str | None = None  # yes | no
    renew_days: int | None = None
    must_renew: str | None = None  # yes | no


class Mount(Value):
    """A place where a file system shows, that does not come and go with a container or a login."""

    path: str
    source: str
    fstype: str
    read_only: bool
    only_here: bool = False  # read-only, if at all, at this place alone: the file system is not
    size_kb: int | None = None  # how large it may become; only of those in memory


class DeclaredMount(Mount):
    """What /etc/fstab wants mounted."""

    at_boot: bool  # and not only when somebody asks for it


class FilesystemsFacts(Value):
    filesystems: tuple[Filesystem, ...] = ()  # each once, whatever shows it
    mounts: tuple[Mount, ...] = ()
    declared: tuple[DeclaredMount, ...] = ()


class MountStateFacts(Value):
    """One place where something is, or should be, mounted."""

    path: str
    mounted: str  # yes | no
    declared: str  # yes | no: in /etc/fstab
    entries: int | None = None  # what lies in the folder while nothing is mounted on it
    holds: int | None = None  # what lies in what is mounted there
    source: str = ""
    fstype: str = ""
    read_only: bool | None = None
    only_here: bool | None = None  # as of Mount
    write: str = ""  # rw | ro
    in_memory: str = ""  # yes | no
    size_kb: int | None = None


class StrayWriter(Value):
    """The one process that holds a file open, left behind by a login that has ended."""

    pid: int
    start_time: int  # in clock ticks since boot
    command: str
    user: str


class BigFile(Value):
    path: str
    bytes: int
    modified: str  # ISO 8601, UTC
    open_by: tuple[str, ...] = ()  # names of processes that hold it open
    owner: str = ""
    writer: StrayWriter | None = None  # None: nobody, several, or somebody who is waited for


class DeletedFile(BigFile):
    """A deleted file that is still open, and one process that holds it."""

    inode: int
    pid: int
    start_time: int | None = None  # of the process, in clock ticks since boot
    unit: str | None = None


class FolderSum(Value):
    """What lies directly in a folder, together."""

    path: str
    bytes: int
    files: int


class DiskUsageFacts(Value):
    """The largest files and folders below a folder, on its file system only."""

    path: str
    files: tuple[BigFile, ...] = ()
    deleted_open: tuple[DeletedFile, ...] = ()  # space that only a close, or emptying it, frees
    folders: tuple[FolderSum, ...] = ()


class ConfigProblem(Value):
    """One complaint of a configuration test."""

    level: str  # emerg | error | warn | notice
    message: str
    file: str | None = None
    line: int | None = None
    # syntax | unknown-word | duplicate | host-not-found | file-missing | permission |
    # certificate | bind | disk-full | read-only | user-missing | other
    kind: str = "other"
    subject: str | None = None  # the name or path that the complaint is about


class MisspeltFacts(Value):
    """A word that a program does not know, and the ones that it knows and that are nearest."""

    path: str  # the file itself, whatever link led to it
    line: int
    word: str
    value: str  # what follows it: a word of five letters at most, a number, "none" or "other"
    nearest: tuple[str, ...] = ()


class ConfigTestFacts(Value):
    """A service's own opinion of its configuration."""

    program: str  # nginx | apache2 | sshd | ...
    ok: bool
    problems: tuple[ConfigProblem, ...] = ()


class NginxUpstream(Value):
    """Where a server block passes requests to."""

    url: str  # as written: "http://127.0.0.1:8000", "http://shop_backend"
    host: str | None = None  # None for a unix socket
    port: int | None = None
    socket: str | None = None
    location: str = "/"


class BroughtCertificate(Value):
    """A certificate that could stand in the place of another."""

    path: str
    sha256: str
    not_after: str  # as openssl writes it


class CertificatesFacts(Value):
    """A certificate that is served, and others on the host for its key and all its names."""

    path: str
    not_after: str
    is_current: bool
    found: tuple[BroughtCertificate, ...] = ()  # each valid now and trusted by the host


class ServedCertificateFacts(Value):
    """Where a certificate that is served was read from; all empty: in no configuration's file."""

    path: str
    named_in: str  # the file of the configuration that names it
    bundled: str = "no"  # yes | no: with its private key in the same file


class NginxLimit(Value):
    """A limit on requests, as one line of the configuration has it."""

    directive: str
    value: str  # as written: "20m", "2s"
    file: str
    line: int
    location: str = ""  # that it is for; empty: the whole server


class NginxServer(Value):
    """One server block."""

    file: str
    line: int
    names: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()  # "80", "443 ssl", "127.0.0.1:8080"
    ports: tuple[int, ...] = ()
    tls: bool = False
    root: str | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    upstreams: tuple[NginxUpstream, ...] = ()
    logs: tuple[str, ...] = ()
    limits: tuple[NginxLimit, ...] = ()  # its own and its locations'; inherited where it has none


class NginxFacts(Value):
    """nginx's configuration, from `nginx -T` or, where that fails, from the files themselves."""

    servers: tuple[NginxServer, ...] = ()
    files: tuple[str, ...] = ()
    user: str | None = None
    complete: bool = True  # False: read from files because the test failed


class ApacheSite(Value):
    """One name-based site of Apache."""

    names: tuple[str, ...]  # its ServerName, then its aliases
    address: str  # "*", "10.0.0.7", "[::1]"
    port: int
    file: str
    line: int


class ApacheFacts(Value):
    sites: tuple[ApacheSite, ...] = ()


class LogLine(Value):
    """Lines that are alike, once: numbers and names replaced by marks."""

    template: str
    example: str  # the newest of them, redacted, capped
    count: int
    first: str | None = None  # ISO 8601, UTC
    last: str | None = None
    priority: int | None = None  # syslog's 0..7
    unit: str | None = None
    identifier: str | None = None


class LogFacts(Value):
    """A journal's or a log file's recent lines, deduplicated into templates, newest last."""

    source: str  # "journal:nginx.service" or a path
    lines: tuple[LogLine, ...] = ()


class ResolveFacts(Value):
    """One name, resolved on the host the way its services do it."""

    name: str
    ok: bool
    addresses: tuple[str, ...] = ()
    seconds: float = 0.0
    error: str | None = None


class ConnectFacts(Value):
    """A TCP connection tried from the host."""

    host: str
    port: int
    ok: bool
    error: str | None = None  # refused | timeout | unreachable | dns | ...
    seconds: float = 0.0


class PortConnection(Value):
    """A connection one end of which is a port of this host, whoever began it."""

    state: str  # estab | close-wait | ...
    peer: str  # address:port
    process: str | None = None
    pid: int | None = None
    unit: str | None = None


class PortConnectionsFacts(Value):
    port: int
    connections: tuple[PortConnection, ...] = ()


LEAST_JOB_SECONDS = 30.0
"""What is at work for less hangs by no measure."""

LONG_JOB_SECONDS = 3600.0
"""The same where no timer says how often a job is to run."""


class JobProgressFacts(Value):
    """A job that a unit runs to its end, watched for some seconds while it is at work."""

    unit: str
    at_work: bool
    seconds: float = 0.0  # since its first process started
    idle: bool = False  # no process used a tick of a processor, or read or wrote a byte
    commands: tuple[str, ...] = ()  # names of its processes
    peers: tuple[str, ...] = ()  # "address:port (state)" of its connections
    timer: str | None = None
    period_seconds: float | None = None  # from one run to the next by that timer

    @property
    def hangs(self) -> bool:
        """Whether it does nothing, and should have been run again twice since it began."""
        least = LONG_JOB_SECONDS if self.period_seconds is None else 2 * self.period_seconds
        return self.at_work and self.idle and self.seconds >= max(least, LEAST_JOB_SECONDS)

    @property
    def doing(self) -> str:
        """Its processes, and whom they are connected to."""
        names = ", ".join(self.commands)
        return f"{names}, connected to {', '.join(self.peers)}" if self.peers else names


class UnixSocketFacts(Value):
    """What stands at a Unix socket's path, and who listens there."""

    path: str
    kind: str  # missing | socket | file | directory | symlink | other
    owner: str | None = None
    group: str | None = None
    mode: str | None = None
    listening: bool = False  # also where its file is gone: then nobody new is met
    unit: str | None = None  # of the process that listens
    error: str | None = None  # refused | timeout | ...: why nobody is met at the file

    @property
    def is_lost(self) -> bool:
        """Whether a service listens there and the file by which it is reached is gone."""
        return self.kind == "missing" and self.listening


class LocalHttpFacts(Value):
    """A page asked for on the host itself, at one of its own addresses."""

    url: str
    host_header: str | None = None
    status: int | None = None
    error: str | None = None
    body: str = ""  # the first 2 KiB, redacted
    seconds: float = 0.0


class PathComponent(Value):
    path: str
    kind: str  # directory | file | symlink | socket | missing | other
    owner: str = ""
    group: str = ""
    mode: str = ""  # "0755"
    readable: bool | None = None  # by the user asked about
    writable: bool | None = None
    searchable: bool | None = None  # execute permission on a folder
    immutable: bool | None = None
    target: str | None = None  # where a symlink points


class PathAccessFacts(Value):
    """Each component of a path, and what a user may do with it."""

    path: str
    user: str
    exists: bool
    readable: bool | None = None
    writable: bool | None = None
    blocked_at: str | None = None  # the first component that stops the user
    components: tuple[PathComponent, ...] = ()


class EnvironmentFileFacts(Value):
    """Names of an environment file's keys, keyed hashes of their values; never a value."""

    path: str
    keys: tuple[str, ...] = ()
    value_hashes: dict[str, str] = Field(default_factory=dict)
    hosts: dict[str, str] = Field(
        default_factory=dict
    )  # values that are plain host names or addresses, by key
    problems: tuple[str, ...] = ()  # lines that systemd would not accept, by number


class Manifest(Value):
    """What a baseline holds of one host: no content, only hashes and metadata."""

    class File(Value):
        path: str
        kind: str  # file | symlink | directory
        sha256: str | None = None
        target: str | None = None
        owner: str
        group: str
        uid: int | None = None
        gid: int | None = None
        mode: str
        bytes: int = 0
        modified: str = ""
        frozen: bool = False  # marked so that nobody can change it (chattr +i)
        acl: str | None = None  # access lists as "hex:hex", or "none"; None: not known

    host: str
    taken_at: str
    files: tuple[File, ...] = ()
    unit_files: tuple[UnitFile, ...] = ()
    listeners: tuple[Listener, ...] = ()
    active_units: tuple[str, ...] = ()


class FileDiffFacts(Value):
    """A stored version of a file against the current one, redacted."""

    path: str
    sha256_then: str | None = None
    sha256_now: str | None = None
    diff: str = ""  # unified, redacted, capped
    comments: tuple[str, ...] = ()  # comment lines in what was added: a reason may stand there


class PersonsFacts(Value):
    """Who is logged in, and notes that people left where people look."""

    logged_in: tuple[str, ...] = ()
    notes: dict[str, str] = Field(
        default_factory=dict
    )  # path -> first lines of motd, *.NOTE, maintenance files


class RouteFacts(Value):
    destination: str
    gateway: str | None = None
    device: str | None = None
    metric: int = 0
    source: str = "auto"  # the address that it sends from, where it names one
    protocol: str | None = None  # who made it: boot | static | dhcp | kernel | ra | bird | ...
    onlink: str = "no"  # "yes": its gateway counts as near, whatever the addresses say
    plain: bool | None = None  # whether it can be made again from the above
    refuses: str | None = None  # blackhole | unreachable | prohibit | throw


class DeclaredGateway(Value):
    """A default gateway as the host's own files of the network declare it."""

    gateway: str
    device: str = ""  # "" where the file does not say it
    file: str


class LinkFacts(Value):
    """One network device."""

    name: str
    up: bool  # switched on
    carrier: bool  # and connected
    mtu: int | None = None  # bytes of its largest packet; None: taken before that was asked
    addresses: tuple[str, ...] = ()  # those that stay, with their prefix length


class NeighbourFacts(Value):
    """A neighbour whose hardware address somebody wrote down for good."""

    address: str
    device: str
    hardware: str


class NeighbourStateFacts(Value):
    """One such neighbour, looked up by its address and device."""

    kind: str  # permanent | missing
    address: str | None = None
    device: str | None = None
    hardware: str | None = None


class PolicyRule(Value):
    """One rule of routing by policy."""

    priority: int
    source: str  # all, or a network such as 192.0.2.0/24; likewise the next
    destination: str
    table: str  # its number; what it does instead, where it looks nothing up
    plain: bool  # source, destination and table are all that it says


class PolicyRuleFacts(Value):
    kind: str  # rule | missing


class NetworkFacts(Value):
    addresses: tuple[str, ...] = ()
    links_down: tuple[str, ...] = ()
    links: tuple[LinkFacts, ...] = ()
    routes: tuple[RouteFacts, ...] = ()
    rules: tuple[str, ...] = ()  # of routing by policy, beyond those that every host has
    policies: tuple[PolicyRule, ...] = ()  # the same rules, in parts
    neighbours: tuple[NeighbourFacts, ...] = ()
    declared: tuple[DeclaredGateway, ...] = ()


class RouteStateFacts(Value):
    """One route, looked up by its destination and metric."""

    kind: str  # route | missing
    destination: str | None = None
    gateway: str | None = None
    device: str | None = None
    metric: int | None = None
    source: str | None = None
    protocol: str | None = None
    onlink: str | None = None
    plain: bool | None = None
    refuses: str | None = None


class LinkStateFacts(Value):
    """One network device, looked up by its name."""

    kind: str  # link | missing
    name: str | None = None
    up: bool | None = None
    carrier: bool | None = None
    mtu: int | None = None
    addresses: tuple[str, ...] = ()


class AddressStateFacts(Value):
    """One address of a network device."""

    here: str  # yes | no: on the host
    on: str = ""  # the device that has it
    claimed_by: str = ""  # the hardware address of another machine that has it; "": none answers


class Qdisc(Value):
    """What queues the packets of a network device."""

    device: str
    kind: str  # noqueue | fq_codel | tbf | htb | netem | ...
    root: bool
    shapes: bool  # whether it is there to slow, delay or lose
    text: str  # its parameters, as people speak of them
    overlimits: int = 0
    drops: int = 0


class QdiscsFacts(Value):
    qdiscs: tuple[Qdisc, ...] = ()


class QdiscStateFacts(Value):
    """What shapes one device."""

    kind: str  # tbf | htb | netem | ...; missing: nothing does
    sha256: str | None = None  # of its parameters; counters do not count
    restorable: bool | None = None


class KernelSettingsFacts(Value):
    """Settings of the kernel's network by name; the numbers of one joined by ':'."""

    values: dict[str, str] = Field(default_factory=dict)


class KernelSettingFacts(Value):
    kind: str  # setting | missing
    value: str | None = None


class FirewallRule(Value):
    family: str
    table: str
    chain: str
    handle: int
    text: str
    verdict: str | None = None  # accept | drop | reject | ...
    ports: tuple[int, ...] = ()


class FirewallFacts(Value):
    rules: tuple[FirewallRule, ...] = ()
    policies: dict[str, str] = Field(default_factory=dict)  # "inet/filter/input" -> "accept"

    def has(self, rule: FirewallRule) -> bool:
        """Whether a rule that says the same stands in the same chain, wherever in it."""
        said = (rule.table, rule.chain, rule.text)
        return any((one.table, one.chain, one.text) == said for one in self.rules)


class LostRule(FirewallRule):
    """A rule that the firewall's file declares and that does not run in its chain."""

    sha256: str  # of its content; counters do not count
    policy: str | None = None  # of the chain as it runs


class FirewallLostFacts(Value):
    file: str | None = None  # None: no file declares any
    lost: tuple[LostRule, ...] = ()


PROGRAM_IN_DATA = "program-in-data-folder"
"""The kind of sign that an application gives by itself where it keeps programs among its data."""


class SecuritySign(Value):
    """Something that a host has only where somebody put it there by stealth."""

    # program-in-temporary-folder | program-in-data-folder | job-in-temporary-folder |
    # preloaded-library | account-with-uid-0 | files-encrypted
    kind: str
    subject: str  # the program, the job's line, the library, the account
    user: str = ""


class SecurityFacts(Value):
    signs: tuple[SecuritySign, ...] = ()


class PublishedPort(Value):
    """A port of the host that the engine passes on into a container while that runs."""

    port: int
    address: str  # of the host
    inside: int
    protocol: str


class ContainerFacts(Value):
    """One container as its engine tells it. Never its command or environment."""

    name: str
    id: str
    image: str = ""
    # as docker says it: created, running, paused, restarting, exited, dead; missing: there is none
    state: str
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""  # why the engine could not start it
    health: str | None = None  # healthy | unhealthy | starting; None: it has no such check
    restart_policy: str = "no"  # no | always | unless-stopped | on-failure
    restarts: int = 0
    started_at: str | None = None
    finished_at: str | None = None
    ports: tuple[PublishedPort, ...] = ()
    networks: tuple[str, ...] | None = None  # that it is attached to; None: not told
    stale_files: tuple[str, ...] = ()  # mounted one by one, and replaced on the host since


class ContainerNetworkFacts(Value):
    """Whether a container is attached to a network of its engine."""

    attached: str  # yes | no; missing: there is no such container or network


class ContainersFacts(Value):
    containers: tuple[ContainerFacts, ...] = ()


class Ban(Value):
    """An address that fail2ban shuts out now."""

    jail: str
    address: str


class BansFacts(Value):
    bans: tuple[Ban, ...] = ()


class BanFacts(Value):
    jail: str
    address: str
    banned: str  # yes | no


class BalancedServer(Value):
    """A server behind a load balancer, as that uses it now."""

    backend: str
    server: str
    address: str = ""
    port: int = 0
    state: str  # ready | drain | maint | missing
    by_hand: bool = False  # taken out while it runs: no file says so
    health: str = ""  # up | down | starting | stopping: what its checks say
    weight: int = 1
    weight_configured: int = 1


class StrayedList(Value):
    """A map or list of patterns of a load balancer that was changed while that runs."""

    path: str  # of the file that it was loaded from
    missing: tuple[str, ...] = ()  # entries of the file that are not used; the first few
    added: tuple[str, ...] = ()  # entries that are used and stand in no file


class BalancedFacts(Value):
    socket: str | None = None  # None: it has none by which servers can be set
    servers: tuple[BalancedServer, ...] = ()
    lists: tuple[StrayedList, ...] = ()
    stopped: tuple[str, ...] = ()  # frontends that take nobody in

    @property
    def by_hand(self) -> tuple[str, ...]:
        """Servers that were taken out of use while it runs."""
        return tuple(f"{one.backend}/{one.server}" for one in self.servers if one.by_hand)

    @property
    def strayed(self) -> str:
        """What is not used as the files have it, beside servers, as a sentence; "" for nothing."""
        said = [f"{one.path} is not used as it stands ({_differs(one)})" for one in self.lists]
        said += [f"the frontend {name} is stopped" for name in self.stopped]
        return "; ".join(said)


def _differs(one: StrayedList) -> str:
    parts = (("not used", one.missing), ("used, and not in the file", one.added))
    return "; ".join(f"{how}: {', '.join(entries)}" for how, entries in parts if entries)


class ContainerUsage(Value):
    """What one running container uses."""

    name: str
    processors_percent: float | None = None  # of one processor, measured over a second
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None  # the host's memory where it has no limit
    processes: int | None = None


class ContainersUsageFacts(Value):
    containers: tuple[ContainerUsage, ...] = ()


class CronTable(Value):
    """One table of cron's."""

    path: str
    jobs: int
    problems: tuple[str, ...] = ()  # why cron does not run them as they are meant, as sentences
    programs: tuple[str, ...] = ()  # files that they name; also those of lines commented out


class CronFacts(Value):
    tables: tuple[CronTable, ...] = ()


class ClockFacts(Value):
    """Whether the host's clock follows a source of time."""

    synchronised: bool
    source: str | None = None
    stratum: int
    offset_seconds: float


class FirewallRuleFacts(Value):
    """One rule, looked up by its handle."""

    kind: str  # rule | missing
    sha256: str | None = None  # of its content; counters do not count


class HostIdentity(Value):
    hostname: str
    os: str
    kernel: str
    boot_id: str
    uptime_seconds: float
    time: str  # the host's clock, ISO 8601 UTC


class SharedFilesFacts(Value):
    """Files of one folder that are the very same files in another: second names of one content."""

    path: str
    other: str
    shared: int
    examples: tuple[str, ...] = ()  # in `path`


class FileStateFacts(Value):
    """What stands at a path now. What an undo of a change to it needs; never its content."""

    path: str
    kind: str  # file | symlink | directory | missing | other
    sha256: str | None = None  # of a regular file up to 16 MiB
    target: str | None = None  # where a symlink points
    owner: str | None = None
    group: str | None = None
    mode: str | None = None  # "0644"
    bytes: int | None = None
    modified: str | None = None  # ISO 8601, UTC
    frozen: str | None = None  # yes | no: nobody can change a regular file so marked (chattr +i)
    acl: str | None = None  # as of Manifest.File


class ConfigFileFacts(Value):
    """A configuration file's text, secrets taken out."""

    path: str
    text: str
    sha256: str  # of the whole file as it stands on the host
    owner: str
    group: str
    mode: str
    truncated: bool = False


class ReceiptFacts(Value):
    """What the host knows of an intent."""

    intent: str
    state: str  # none | running | ended | lost | refused
    exit_code: int | None = None
    output: str = ""
    reason: str = ""
