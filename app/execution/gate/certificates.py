"""Certificates that lie on the host for the key of one that is served, and putting one in place.

A certificate is public and proves itself: it must be for the very key in use, for every name that
the old one is for, valid now, and signed by whom this host trusts. Who brought it does not matter.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import disk
from .answers import Params, answer, read_program
from .child import ENVIRONMENT
from .parameters import is_refused
from .places import Places
from .refusal import Failed
from .rewriting import replace
from .store import read_file

OPENSSL, NGINX = "/usr/bin/openssl", "/usr/sbin/nginx"
READS_AS: str | None = "nobody"
FOLDERS = (
    "/etc/ssl", "/etc/pki", "/etc/letsencrypt", "/etc/nginx", "/etc/certs",
    "/var/lib", "/var/backups", "/srv", "/opt", "/root", "/usr/local",
)  # fmt: skip
_PASSED_OVER = (
    "/etc/ssl/certs", "/etc/pki/ca-trust", "/var/lib/docker", "/var/lib/containerd",
    "/var/lib/containers", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/dpkg",
    "/var/lib/apt", "/var/lib/sre-agent", "/srv/canary", "/usr/local/share/ca-certificates",
)  # fmt: skip
_NAMED = re.compile(r".*[.](?:pem|crt|cer|cert|chain)(?:[.-][\w-]+)?")
_DEEP, _MOST_SEEN, _MOST_READ, _LARGEST = 5, 20000, 120, 64 << 10
_MOST_TOLD = 5
_SECONDS = 5.0
_BLOCKS = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_NAMES = re.compile(r"(?:DNS|IP Address):([^,\s]+)")
_NOT_AFTER = re.compile(r"^notAfter=(.*)$", re.MULTILINE)
_KEY = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


class Certificate(NamedTuple):
    """The first certificate of a file."""

    key: str
    names: frozenset[str]
    not_after: str  # as openssl writes it: "Nov 26 12:00:00 2027 GMT"
    is_current: bool  # not expired; whether it has begun is asked with its chain


def certificates_for_key(params: Params, _: Places) -> int:
    """CertificatesFacts: others on this host that may stand in the place of one."""
    path = str(params["path"])
    content = _content(path)
    served = None if content is None else _certificate(content)
    if content is None or served is None:
        raise Failed(f"{path} holds no certificate that can be read")
    found = []
    for other in _candidates(path):
        brought = _content(other)
        try:
            told = None if brought is None else _successor(served, brought)
        except Failed:
            continue
        if brought is not None and told is not None:
            kept = {"path": other, "sha256": _sha256(brought), "not_after": told.not_after}
            found.append(kept)
    facts = {"path": path, "not_after": served.not_after, "is_current": served.is_current}
    return answer({**facts, "found": found[:_MOST_TOLD]})


def certificate_install(params: Params, places: Places) -> int:
    """Put a certificate in the place of one for the same key; nginx tries it before it stays."""
    path, source = str(params["path"]), str(params["source"])
    brought, old = _content(source), _content(path)
    if brought is None or _sha256(brought) != params["sha256"]:
        raise Failed(f"{source} is not what was looked at")
    served = None if old is None else _certificate(old)
    if served is None:
        raise Failed(f"{path} holds no certificate that can be read")
    _successor(served, brought)
    before = replace(path, brought, _refusal, places)
    return answer({"path": path, "sha256": params["sha256"], "replaced": before})


def _successor(served: Certificate, brought: bytes) -> Certificate:
    """What a file holds; Failed where that cannot stand in the place of a certificate."""
    if {*_BLOCKS.findall(brought)} != {b"CERTIFICATE"}:
        raise Failed("not put in place: it holds more, or something else, than certificates")
    found = _certificate(brought)
    if found is None or found.key != served.key:
        raise Failed("not put in place: it is for another key")
    if not found.is_current:
        raise Failed("not put in place: it is not valid now")
    if not served.names <= found.names:
        missing = ", ".join(sorted(served.names - found.names))
        raise Failed(f"not put in place: it is not for {missing}")
    if not _is_trusted(brought):
        raise Failed("not put in place: this host trusts nobody who signed it")
    return found


def _certificate(content: bytes) -> Certificate | None:
    said = _openssl(["x509", "-noout", "-pubkey", "-enddate", "-ext", "subjectAltName"], content)
    key, until = _KEY.search(said or ""), _NOT_AFTER.search(said or "")
    if said is None or key is None or until is None:
        return None
    unexpired = _openssl(["x509", "-noout", "-checkend", "0"], content) is not None
    return Certificate(
        key=key[0],
        names=frozenset(name.lower() for name in _NAMES.findall(said)),
        not_after=until[1],
        is_current=unexpired,
    )


def _is_trusted(content: bytes) -> bool:
    """Whether this host's own trusted roots vouch for it now, with what the file brings along."""
    chain = os.memfd_create("chain")
    try:
        os.write(chain, content)
        name = f"/proc/self/fd/{chain}"
        return _openssl(["verify", "-untrusted", name, name], b"", chain) is not None
    finally:
        os.close(chain)


def _openssl(words: list[str], content: bytes, *shown: int) -> str | None:
    """What openssl says, as nobody: anybody may have written what it reads. None: it objects."""
    account: dict[str, Any] = {}
    if READS_AS is not None and os.geteuid() == 0:
        nobody = pwd.getpwnam(READS_AS)
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
    try:
        done = subprocess.run(
            [OPENSSL, *words],
            input=content, capture_output=True, env=ENVIRONMENT, timeout=_SECONDS, check=False,
            pass_fds=shown, **account,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None


def _content(path: str) -> bytes | None:
    """A file's content; None where it is a link, large, or cannot be read."""
    try:
        with disk.parent_of(path) as (folder, name):
            file = disk.open_regular(folder, name, path, links_allowed=True)
            try:
                if os.fstat(file).st_size > _LARGEST:
                    return None
                return read_file(file, path)
            finally:
                os.close(file)
    except Failed:
        return None


def _candidates(served: str) -> Iterator[str]:
    """Files that look like certificates, nearest to the one that is served first."""
    folders = dict.fromkeys((os.path.dirname(served), *FOLDERS))
    seen, told = 0, {served}
    for top in folders:
        for folder, inner, files in os.walk(top):
            depth = folder.count("/") - top.count("/")
            seen += 1 + len(files)
            inner[:] = (
                []
                if depth >= _DEEP or seen > _MOST_SEEN
                else sorted(one for one in inner if not is_refused(f"{folder}/{one}", _PASSED_OVER))
            )
            for name in sorted(files):
                path = f"{folder}/{name}"
                if path not in told and _NAMED.fullmatch(name) and len(told) <= _MOST_READ:
                    told.add(path)
                    yield path


def _refusal() -> str | None:
    if not os.path.exists(NGINX):
        return None
    code, _, said = read_program([NGINX, "-t"], 2 * _SECONDS)
    return None if code == 0 else said


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
