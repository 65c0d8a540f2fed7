"""Packages: what is installed; one that was removed, installed again from the local cache."""

from __future__ import annotations

import os
import stat

from . import made
from .answers import Params, answer, read_program
from .places import Places
from .refusal import Failed

DPKG, DPKG_QUERY, DPKG_DEB = "/usr/bin/dpkg", "/usr/bin/dpkg-query", "/usr/bin/dpkg-deb"
RPM = "/usr/bin/rpm"
CACHE, OWNER = "/var/cache/apt/archives", 0
_MOST = 6000
_SECONDS, _INSTALL_SECONDS = 15.0, 240.0
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def packages_list(_: Params, __: Places) -> int:
    """PackagesFacts: every installed package with its version."""
    found = _installed()
    return answer({"installed": dict(sorted(found.items())[:_MOST]), "cut": len(found) > _MOST})


def package_state(params: Params, _: Places) -> int:
    """PackageStateFacts: whether a package is installed, and which versions lie in the cache."""
    name = str(params["package"])
    cached = sorted({version for version, _file in _cached(name)})
    return answer({"name": name, "version": _installed().get(name, ""), "cached": cached})


def package_install_cached(params: Params, places: Places) -> int:
    """Install a package that is not installed, of exactly that version, from the cache alone."""
    name, version = str(params["package"]), str(params["version"])
    if name in _installed():
        raise Failed(f"{name} is installed already; it is left alone")
    file = next((path for known, path in _cached(name) if known == version), None)
    if file is None:
        raise Failed(f"{CACHE} has no {name} {version}")
    made.note(_noted(name), places, version)
    install = [DPKG, "--force-confold", "--install", file]
    code, out, said = read_program(install, _INSTALL_SECONDS)
    if code != 0 or _installed().get(name) != version:
        read_program([DPKG, "--remove", name], _INSTALL_SECONDS)
        made.forget(_noted(name), places)
        raise Failed(f"dpkg does not install it: {(said or out).strip()[-300:]}")
    return answer({"package": name, "version": version})


def package_remove_installed(params: Params, places: Places) -> int:
    """Remove again a package that this gate has installed; its configuration stays."""
    name = str(params["package"])
    version = made.noted(_noted(name), places)
    if version is None or _installed().get(name) != version:
        raise Failed(f"{name} was not installed by the gate; it is left alone")
    code, out, said = read_program([DPKG, "--remove", name], _INSTALL_SECONDS)
    if code != 0:
        raise Failed(f"dpkg does not remove it: {(said or out).strip()[-300:]}")
    made.forget(_noted(name), places)
    return answer({"package": name, "removed": True})


def _noted(name: str) -> str:
    return f"package {name}"


def _installed() -> dict[str, str]:
    """Versions by name; a package of several architectures has that of the last."""
    if os.path.exists(DPKG_QUERY):
        form = "${Package}\\t${Version}\\t${db:Status-Abbrev}\\n"
        _, listed, _ = read_program([DPKG_QUERY, "--show", f"--showformat={form}"], _SECONDS)
        lines = [line.split("\t") for line in listed.splitlines()]
        return {parts[0]: parts[1] for parts in lines if len(parts) == 3 and parts[2][1:2] == "i"}
    form = "%{NAME}\\t%{VERSION}-%{RELEASE}\\n"
    _, listed, _ = read_program([RPM, "--query", "--all", "--queryformat", form], _SECONDS)
    pairs = [line.split("\t") for line in listed.splitlines()]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _cached(name: str) -> list[tuple[str, str]]:
    """Versions of a package in the cache, each with its file: root's, and by its own words."""
    found = []
    try:
        names = os.listdir(CACHE)
    except OSError:
        return []
    for one in sorted(names):
        if not (one.startswith(f"{name}_") and one.endswith(".deb")):
            continue
        path = f"{CACHE}/{one}"
        state = os.lstat(path)
        if not stat.S_ISREG(state.st_mode) or state.st_uid != OWNER:
            continue
        if state.st_mode & _OTHERS_MAY_WRITE:
            continue
        code, said, _ = read_program([DPKG_DEB, "--field", path, "Package", "Version"], _SECONDS)
        fields = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
        if code == 0 and fields.get("Package") == name and "Version" in fields:
            found.append((fields["Version"], path))
    return found
