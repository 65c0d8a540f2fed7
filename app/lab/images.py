"""Package images: a Debian tree for each role, built once and never booted itself.

A tree is keyed by its recipe. It is made from the apt sources of the machine, so that no
mirror is ever written into the project.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from app.lab.errors import BakeFailed, NotPossibleHere
from app.lab.places import built_alone, cache
from app.lab.process import attempt

SUITE = "bookworm"
COMMON = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "libpam-systemd",
    "openssh-server",
    "sudo",
    "iproute2",
    "iputils-ping",
    "procps",
    "psmisc",
    "curl",
    "ca-certificates",
    "logrotate",
    "cron",
    "net-tools",
    "lsof",
    "rsyslog",
    "nftables",
    "ifupdown",
    "python3",
    "less",
    "vim-tiny",
    "bind9-dnsutils",
    "openssl",
    "netcat-openbsd",
    "e2fsprogs",
    "acl",
    "attr",
    "file",
    "strace",
    "sysstat",
    "debsums",
    "tzdata",
    "kmod",
    "zstd",
    "gzip",
    "bzip2",
    "xz-utils",
    "iptables",
    "tcpdump",
]
PACKAGES: dict[str, list[str]] = {
    "web": [
        "nginx",
        "gunicorn",
        "python3-psycopg2",
        "python3-redis",
        "apache2",
        "php8.2-fpm",
        "php8.2-mysql",
        "postgresql-client-15",
        "redis-tools",
        "mariadb-client",
    ],
    "db": ["postgresql-15", "mariadb-server", "redis-server", "python3-psycopg2", "python3-redis"],
    "ops": [
        "bind9",
        "chrony",
        "haproxy",
        "fail2ban",
        "python3-systemd",
        "docker.io",
        "busybox-static",
        "postgresql-client-15",
    ],
}
#: Bumped by hand when a tree must be rebuilt for a reason that the lists do not show.
RECIPE = 3


def recipe_key(image: str) -> str:
    """What identifies a tree: its package list and how it is made."""
    recipe = json.dumps([RECIPE, SUITE, sorted(COMMON + PACKAGES[image])])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def tree(image: str) -> Path:
    """The unpacked tree of an image, built now if the cache lacks it."""
    place = cache() / "images" / f"{image}-{recipe_key(image)}"
    with built_alone(place):
        if not place.exists():
            _build(image, place)
    return place


def _build(image: str, place: Path) -> None:
    half_done = place.with_name(place.name + ".part")
    shutil.rmtree(half_done, ignore_errors=True)
    done = attempt(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--format=directory",
            *_apt_options(),
            "--include=" + ",".join(COMMON + PACKAGES[image]),
            SUITE,
            str(half_done),
            *_sources(),
        ],
        timeout=1800,
    )
    if not done.ok:
        shutil.rmtree(half_done, ignore_errors=True)
        raise BakeFailed(f"mmdebstrap could not build the image {image!r}: {done.output[-3000:]}")
    half_done.rename(place)


def _sources() -> list[str]:
    """The machine's own apt sources that carry our suite."""
    candidates = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    found = [
        str(path)
        for path in sorted(candidates)
        if path.suffix in {".list", ".sources"} and path.is_file() and SUITE in path.read_text()
    ]
    if not found:
        raise NotPossibleHere(
            f"no apt source for Debian {SUITE} under /etc/apt: the lab builds its hosts from "
            "this machine's own sources, so it needs one"
        )
    return found


def _apt_options() -> list[str]:
    """The machine's settings for fetching (proxy, date checks), handed on."""
    dump = attempt(["apt-config", "dump", "Acquire"]).stdout.splitlines()
    wanted = ("::Proxy", "Check-Valid-Until", "Check-Date")
    return [f"--aptopt={line}" for line in dump if any(word in line for word in wanted)]
