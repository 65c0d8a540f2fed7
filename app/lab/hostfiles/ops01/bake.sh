#!/bin/bash
set -euo pipefail
install -d -m 755 /srv/reports /var/backups/shop
printf 'db01.corp.internal:5432:*:dba:%s\n' "$DBA_DB_PASSWORD" > /root/.pgpass
chmod 600 /root/.pgpass
chmod 644 /etc/cron.d/report
install -D -m 644 /run/lab-ca/ca.pem /opt/ops/pki/lab-root.crt
# Inside a namespace the clock belongs to the machine: chrony serves it, and never sets it.
sed -i 's/^DAEMON_OPTS=.*/DAEMON_OPTS="-x -F 1"/' /etc/default/chrony
mkdir -p /etc/systemd/system/chrony.service.d
printf '[Unit]\nConditionCapability=\n' > /etc/systemd/system/chrony.service.d/estate.conf
rm -f /etc/chrony/sources.d/* && sed -i '/^pool /d' /etc/chrony/chrony.conf
touch /var/log/auth.log
# A dump from the last night, so that there is one to look at.
printf -- '-- shop\n' | zstd -q -o "/var/backups/shop/shop-$(date -d yesterday +%F).sql.zst"
systemctl enable --quiet named haproxy chrony fail2ban nightly-backup.timer

# The container `web`, made without any registry. The lab starts it where dockerd runs.
files=$(mktemp -d)
mkdir -p "$files/bin" "$files/www"
cp /usr/bin/busybox "$files/bin/busybox" 2>/dev/null || cp /bin/busybox "$files/bin/busybox"
cp /srv/containers/web/index.html "$files/www/"
dockerd --iptables=false --bridge=none > /tmp/dockerd.log 2>&1 &
daemon=$!
for _ in $(seq 300); do docker info >/dev/null 2>&1 && break; sleep 0.1; done
tar -C "$files" -c . | docker import - web:1 >/dev/null || { cat /tmp/dockerd.log; exit 1; }
docker create --name web --restart=always -p 8081:80 web:1 \
    /bin/busybox httpd -f -p 80 -h /www >/dev/null
kill "$daemon"
wait "$daemon" || true
rm -rf "$files" /tmp/dockerd.log
