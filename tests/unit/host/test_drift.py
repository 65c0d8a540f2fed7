"""What changed since the baseline, and to which unit it belongs."""

from __future__ import annotations

import pytest

from app.host.drift import Change, ChangeKind, Relation, changes, relation
from app.host.facts import Manifest, UnitFacts


def entry(path: str, sha: str | None = "a", mode: str = "0644", **more: str) -> Manifest.File:
    kind = "symlink" if "target" in more else "file"
    return Manifest.File(
        path=path, kind=kind, sha256=sha, owner="root", group="root", mode=mode, **more
    )


def manifest(*files: Manifest.File) -> Manifest:
    return Manifest(host="h", taken_at="2026-01-01T00:00:00+00:00", files=files)


def test_each_kind_of_difference_is_told_apart() -> None:
    then = manifest(
        entry("/etc/a"), entry("/etc/b"), entry("/etc/c"), entry("/etc/gone"),
        entry("/etc/link", None, target="x"),
    )  # fmt: skip
    now = manifest(
        entry("/etc/a"), entry("/etc/b", "other"), entry("/etc/c", mode="0600"),
        entry("/etc/link", None, target="y"), entry("/etc/new"),
    )  # fmt: skip
    assert [(c.path, c.kind) for c in changes(then, now)] == [
        ("/etc/b", ChangeKind.CONTENT),
        ("/etc/c", ChangeKind.MODE),
        ("/etc/gone", ChangeKind.REMOVED),
        ("/etc/link", ChangeKind.TARGET),
        ("/etc/new", ChangeKind.ADDED),
    ]


def folder(path: str) -> Manifest.File:
    return entry(path, None).model_copy(update={"kind": "directory", "mode": "0755"})


def test_a_removed_folder_is_one_change_with_all_that_lay_in_it() -> None:
    then = manifest(
        folder("/etc/app"), entry("/etc/app/a"), folder("/etc/app/sub"), entry("/etc/app/sub/b"),
        entry("/etc/app.conf"), folder("/etc/kept"), entry("/etc/kept/c"),
    )  # fmt: skip
    found = changes(then, manifest(folder("/etc/kept")))
    assert [(c.path, [f.path for f in c.within]) for c in found] == [
        ("/etc/app", ["/etc/app/a", "/etc/app/sub", "/etc/app/sub/b"]),
        ("/etc/app.conf", []),
        ("/etc/kept/c", []),
    ]


@pytest.mark.parametrize(("uid", "changed"), [(901, False), (1234, True)])
def test_an_owner_is_a_number_first(uid: int, changed: bool) -> None:
    """Whose account is gone shows as a number: the file is as it was if it is the same number."""
    then = entry("/etc/a").model_copy(update={"owner": "app", "uid": 901, "gid": 0})
    now = then.model_copy(update={"owner": str(uid), "uid": uid})
    assert bool(changes(manifest(then), manifest(now))) is changed


def test_an_unchanged_host_has_no_drift() -> None:
    same = manifest(entry("/etc/a"), entry("/etc/b"))
    assert changes(same, same) == ()


UNIT = UnitFacts(
    name="billing@eu.service",
    fragment_path="/etc/systemd/system/billing@.service",
    environment_files=("/srv/conf/billing.env",),
    working_directory="/opt/billing/current",
    exec_start=("/usr/bin/java", "-jar", "/opt/billing/lib/billing.jar", "/etc/money/rates.yml"),
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/systemd/system/billing@.service", Relation.DEFINITION),
        ("/etc/systemd/system/billing@eu.service.d/limits.conf", Relation.DEFINITION),
        ("/srv/conf/billing.env", Relation.ENVIRONMENT),
        ("/etc/default/billing", Relation.CONFIGURATION),
        ("/etc/billing/x/y.conf", Relation.CONFIGURATION),
        ("/etc/money/rates.yml", Relation.CONFIGURATION),
        ("/opt/billing/lib/billing.jar", Relation.PROGRAM),
        ("/opt/billing/current", Relation.PROGRAM),
        ("/etc/hosts", Relation.NAMING),
        ("/etc/other/thing.conf", None),
        ("/usr/bin/java", None),
    ],
)
def test_how_a_path_belongs_to_a_unit(path: str, expected: Relation | None) -> None:
    assert relation(path, UNIT) is expected


@pytest.mark.parametrize(
    ("path", "runs", "belongs"),
    [
        ("/etc/ferry/board.toml", ("/opt/ferry/board.py",), True),
        ("/etc/ferry.toml", ("/usr/bin/python3", "/opt/ferry/board.py"), True),
        ("/etc/default/ferry", ("/usr/local/lib/ferry/main.pl",), True),
        ("/etc/rates-feed.ini", ("/usr/local/sbin/rates-feed",), True),
        ("/etc/python3/debian_config", ("/usr/bin/python3", "/opt/ferry/board.py"), False),
        ("/etc/bin/x", ("/opt/bin/board",), False),
        ("/etc/ferryman/board.toml", ("/opt/ferry/board.py",), False),
    ],
)
def test_what_configures_an_application_is_called_like_it(
    path: str, runs: tuple[str, ...], *, belongs: bool
) -> None:
    unit = UnitFacts(name="departures.service", exec_start=runs)
    assert relation(path, unit) is (Relation.CONFIGURATION if belongs else None)


def test_a_change_carries_both_versions() -> None:
    (found,) = changes(manifest(entry("/etc/a")), manifest(entry("/etc/a", "b")))
    assert isinstance(found, Change)
    assert found.then is not None
    assert found.now is not None
    assert (found.then.sha256, found.now.sha256) == ("a", "b")


@pytest.mark.parametrize(
    ("path", "unit", "how"),
    [
        ("/srv/pages/club/.htaccess", "apache2.service", Relation.CONFIGURATION),
        ("/srv/pages/club/.htaccess", "php8.2-fpm.service", None),
        ("/var/www/club/.user.ini", "php8.2-fpm.service", Relation.CONFIGURATION),
        ("/var/www/club/.user.ini", "nginx.service", None),
        ("/run/systemd/system.control/ledger.service.d/50-CPUQuota.conf", "ledger.service",
         Relation.DEFINITION),
        ("/run/systemd/system/ledger.service.d/override.conf", "ledger.service",
         Relation.DEFINITION),
        ("/run/systemd/system.control/other.service.d/50-CPUQuota.conf", "ledger.service", None),
    ],
)  # fmt: skip
def test_settings_among_pages_and_until_the_next_boot_belong_to_whom_they_are_for(
    path: str, unit: str, how: Relation | None
) -> None:
    assert relation(path, UnitFacts(name=unit)) is how
