"""Who is who on the estate: four hosts and the monitor, as the scenario format fixes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DOMAIN = "corp.internal"
MONITOR_ADDRESS = "10.77.0.5"
PREFIX_LENGTH = 24
RESOLVER = "ops01"
CONTAINER_ENGINE = "docker"  # runs only where a scenario names its host
ACCOUNT = "sre-agent"


@dataclass(frozen=True)
class SmallFileSystem:
    """A file system of its own in memory, small enough to be filled for real."""

    path: str
    size: str
    mode: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Disk:
    """A loop-mounted ext4 that is baked with its content and copied for each boot."""

    name: str
    path: str
    megabytes: int


@dataclass(frozen=True)
class HostSpec:
    """A host as it should be; nothing here changes while it runs."""

    name: str
    address: str
    image: str  # which package set it is made from
    services: tuple[str, ...]  # what its owner says runs there
    depends_on: tuple[str, ...]
    description: str
    #: Which folder of hostfiles makes it. Not in `repr`, and so not twice in the key of its layer.
    files: str = field(repr=False)
    aliases: tuple[str, ...] = ()  # further names in the zone that lead here
    small_file_systems: tuple[SmallFileSystem, ...] = ()
    disks: tuple[Disk, ...] = ()
    containers: bool = False  # runs dockerd, but only where a scenario names it
    domain: str = field(default=DOMAIN, repr=False)  # its files have it

    @property
    def names(self) -> tuple[str, ...]:
        """Every name a ticket may use for it."""
        full = f"{self.name}.{self.domain}"
        return (self.name, full, *(f"{alias}.{self.domain}" for alias in self.aliases))


SHOP_UID = 901  # fixed, so that a file system made outside can belong to it
ADM_GID = 4

WEB01 = HostSpec(
    name="web01",
    address="10.77.0.10",
    image="web",
    services=("nginx", "shop"),
    depends_on=("db01", "ops01"),
    description="shop web server: nginx in front of the shop application",
    files="web01",
    aliases=("shop",),
    small_file_systems=(SmallFileSystem("/var/log/shop", "32M", "2750", SHOP_UID, ADM_GID),),
)
APP01 = HostSpec(
    name="app01",
    address="10.77.0.11",
    image="web",
    services=("apache2", "php8.2-fpm"),
    depends_on=("db01", "ops01"),
    description="portal server: apache2 with php-fpm",
    files="app01",
    aliases=("portal",),
)
DB01 = HostSpec(
    name="db01",
    address="10.77.0.20",
    image="db",
    services=("postgresql@15-main", "mariadb", "redis-server"),
    depends_on=("ops01",),
    description="databases: PostgreSQL for the shop, MariaDB for the portal, redis",
    files="db01",
    disks=(Disk("pgdata", "/srv/pgdata", 320),),
)
OPS01 = HostSpec(
    name="ops01",
    address="10.77.0.2",
    image="ops",
    services=("named", "cron", "haproxy", "chrony", "fail2ban", CONTAINER_ENGINE),
    depends_on=(),
    description="operations: DNS, scheduled jobs, load balancer, containers",
    files="ops01",
    disks=(Disk("docker", "/var/lib/docker", 256),),
    containers=True,
)

HOSTS: dict[str, HostSpec] = {spec.name: spec for spec in (WEB01, APP01, DB01, OPS01)}
ADDRESSES: dict[str, str] = {spec.name: spec.address for spec in HOSTS.values()}


def with_resolver(
    names: tuple[str, ...], hosts: Mapping[str, HostSpec] = HOSTS
) -> tuple[HostSpec, ...]:
    """The named hosts, and always everybody's resolver."""
    resolver = next(name for name, spec in hosts.items() if spec.files == RESOLVER)
    return tuple(hosts[name] for name in dict.fromkeys((*names, resolver)))
