#!/bin/bash
# Runs once as root inside a host's tree before it is ever booted. HOST, ADDRESS and
# GATEWAY come from the lab.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

echo "$HOST" > /etc/hostname
cat > /etc/hosts <<EOF
127.0.0.1	localhost
127.0.1.1	$HOST.corp.internal $HOST
::1	localhost ip6-localhost ip6-loopback
EOF
rm -f /etc/resolv.conf
printf 'search corp.internal\nnameserver 10.77.0.2\noptions timeout:2 attempts:2\n' > /etc/resolv.conf
cat > /etc/network/interfaces <<EOF
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    address $ADDRESS/24
    gateway $GATEWAY
EOF
ln -sfn /usr/share/zoneinfo/Etc/UTC /etc/localtime
echo Etc/UTC > /etc/timezone

# An empty machine-id would make the first boot enable every unit that is installed.
python3 -c 'import uuid; print(uuid.uuid4().hex)' > /etc/machine-id
mkdir -p /var/log/journal "/var/log/journal/$(cat /etc/machine-id)"
chgrp -R systemd-journal /var/log/journal
chmod 2755 /var/log/journal "/var/log/journal/$(cat /etc/machine-id)"

cp /run/lab-ca/ca.pem /usr/local/share/ca-certificates/lab-root.crt
update-ca-certificates >/dev/null

rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C "$HOST" -f /etc/ssh/ssh_host_ed25519_key

# People and the agent. The agent's shell has nothing to read at login.
groupadd --system ssh-users
useradd --create-home --uid 1000 --shell /bin/bash --groups ssh-users,adm deploy
useradd --create-home --uid 1001 --shell /bin/bash --groups ssh-users j.doe
useradd --create-home --uid 1500 --shell /bin/sh --groups ssh-users,adm,systemd-journal sre-agent
find /home/sre-agent -mindepth 1 -delete
install -d -m 755 /home/sre-agent/.ssh

# Nothing that needs the internet or fires by itself in the middle of a judgement.
systemctl disable --quiet apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer man-db.timer sysstat.service sysstat-collect.timer \
    sysstat-summary.timer dpkg-db-backup.timer systemd-timesyncd.service 2>/dev/null || true
systemctl mask --quiet console-getty.service getty@.service systemd-logind-varlink.socket \
    2>/dev/null || true
# cron would otherwise run what cron.daily holds soon after a boot at the wrong hour
chmod -x /etc/cron.daily/* 2>/dev/null || true

# Only what a role enables may start.
for unit in nginx apache2 php8.2-fpm gunicorn postgresql mariadb redis-server named chrony \
    haproxy fail2ban docker containerd docker.socket; do
    systemctl disable --quiet "$unit" 2>/dev/null || true
done
systemctl enable --quiet ssh cron rsyslog nftables networking

head -c 65536 /dev/urandom > /srv/canary/archive.bin
chmod 755 /srv/canary
chmod 640 /srv/canary/*
chown root:adm /srv/canary/*
