"""The estate as the scenario format describes it, on hosts that are really up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from app.lab import leftovers, requirements
from app.lab.network import namespaces_of
from app.lab.places import RUNS
from app.lab.running import Estate, new_run_id, start


@pytest.fixture(scope="module")
def estate() -> Iterator[Estate]:
    requirements.ensure()
    run_id = new_run_id()
    with leftovers.held(run_id):
        up = start(("web01", "db01", "app01", "ops01"), run_id)
        try:
            yield up
        finally:
            up.throw_away()
    assert namespaces_of(run_id) == []
    assert not (RUNS / run_id).exists()
    assert run_id not in leftovers.known_runs()


def ask(estate: Estate, command: str) -> str:
    done = estate.on_monitor(command)
    assert done.ok, done.output
    return done.stdout


def inside(estate: Estate, host: str, command: str) -> str:
    done = estate.machines[host].look("/bin/bash", "-c", command)
    assert done.ok, done.output
    return done.stdout.strip()


@pytest.mark.parametrize("host", ["web01", "db01", "app01", "ops01"])
def test_every_host_is_a_real_one_with_nothing_failed(estate: Estate, host: str) -> None:
    assert inside(estate, host, "systemctl is-system-running") == "running"
    assert inside(estate, host, "readlink -f /proc/1/exe") == "/usr/lib/systemd/systemd"
    assert inside(estate, host, "getent passwd sre-agent").endswith(":/bin/sh")
    assert inside(estate, host, "ls -A /home/sre-agent") == ".ssh"
    for unit in ("ssh", "cron", "rsyslog", "nftables", "systemd-journald"):
        assert inside(estate, host, f"systemctl is-active {unit}") == "active"
    assert inside(estate, host, "ls /var/log/journal/*/system.journal")
    assert "policy drop" in inside(estate, host, "nft list ruleset")


def test_hosts_do_not_share_their_control_groups(estate: Estate) -> None:
    pids = inside(estate, "web01", "cat /sys/fs/cgroup/systemd/system.slice/ssh.service/tasks")
    assert "0" not in pids.split()  # 0 would be a process of another host


def test_the_shop_is_served_by_name(estate: Estate) -> None:
    assert "shop-ok" in ask(estate, "curl -fsS http://shop.corp.internal/")
    health = ask(estate, "curl -fsS http://shop.corp.internal/healthz")
    assert json.loads(health) == {"status": "ok", "db": "ok", "cache": "ok"}
    assert "orders" in ask(estate, "curl -fsS http://shop.corp.internal/orders")
    assert "shop-ok" in ask(estate, "curl -fsS https://shop.corp.internal/")
    assert "shop-ok" in inside(estate, "ops01", "curl -fsS https://shop.corp.internal/")


def test_the_report_takes_its_time(estate: Estate) -> None:
    began = time.monotonic()
    assert "report-ok" in ask(estate, "curl -fsS http://shop.corp.internal/report")
    assert 4.5 < time.monotonic() - began < 8


def test_the_portal_reads_its_database(estate: Estate) -> None:
    assert "portal-ok" in ask(estate, "curl -fsS http://portal.corp.internal/")


def test_the_balancer_finds_the_shop(estate: Estate) -> None:
    deadline = time.monotonic() + 15
    while "shop-ok" not in estate.on_monitor("curl -sS http://ops01:8080/").stdout:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_maintenance_answers_503_with_its_first_line(estate: Estate) -> None:
    lock = "/var/lib/shop/maintenance.lock"
    inside(estate, "web01", f"printf 'CHG-1 until noon\\nsecond\\n' > {lock}")
    try:
        answer = ask(estate, "curl -sS -w '%{http_code}' http://shop.corp.internal/")
    finally:
        inside(estate, "web01", f"rm {lock}")
    assert answer == "CHG-1 until noon\n503"


def test_without_the_cache_pages_come_a_second_late(estate: Estate) -> None:
    inside(estate, "db01", "systemctl stop redis-server")
    try:
        began = time.monotonic()
        assert "shop-ok" in ask(estate, "curl -fsS http://shop.corp.internal/")
        assert 0.8 < time.monotonic() - began < 3
        health = ask(estate, "curl -sS -w ' %{http_code}' http://shop.corp.internal/healthz")
    finally:
        inside(estate, "db01", "systemctl start redis-server")
    assert health.endswith(" 503")
    assert '"db": "ok", "cache": "down' in health


def test_a_full_log_folder_fails_the_shop(estate: Estate) -> None:
    inside(estate, "web01", "dd if=/dev/zero of=/var/log/shop/debug.log bs=1M 2>/dev/null; true")
    try:
        code = ask(estate, "curl -sS -o /dev/null -w '%{http_code}' http://shop.corp.internal/")
    finally:
        inside(estate, "web01", "rm /var/log/shop/debug.log")
    assert code == "500"


def test_postgresql_lives_on_a_volume_of_its_own(estate: Estate) -> None:
    assert inside(estate, "db01", "findmnt -no FSTYPE /srv/pgdata") == "ext4"
    assert "/srv/pgdata/15/main" in inside(estate, "db01", "pg_lsclusters -h")


def test_the_nightly_backup_and_the_report_work(estate: Estate) -> None:
    inside(estate, "ops01", "systemctl start nightly-backup.service")
    dump = "zstd -dc /var/backups/shop/shop-$(date +%F).sql.zst | grep -c 'ledger entry'"
    assert int(inside(estate, "ops01", dump)) == 50
    line = inside(estate, "ops01", "sed -n 's/^[0-9* ]* root //p' /etc/cron.d/report")
    inside(estate, "ops01", line)
    assert inside(estate, "ops01", "cat /srv/reports/orders-*.txt").startswith("50")


def test_a_real_container_runs_on_ops01(estate: Estate) -> None:
    assert "web-ok" in ask(estate, "curl -fsS http://ops01:8081/")
    assert inside(estate, "ops01", "docker ps --format '{{.Names}}'") == "web"


def test_a_loop_device_can_be_mounted_inside(estate: Estate) -> None:
    make = "truncate -s 8M /srv/x.img && mkfs.ext4 -q /srv/x.img && mount -o loop /srv/x.img /mnt"
    inside(estate, "web01", make)
    assert inside(estate, "web01", "findmnt -no FSTYPE /mnt") == "ext4"
    inside(estate, "web01", "umount /mnt; rm /srv/x.img")
