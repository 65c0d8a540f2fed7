#!/bin/bash
set -euo pipefail
here=$(dirname "$0")

# PostgreSQL: the packaged cluster gives way to one on the volume of its own.
pg_dropcluster --stop 15 main || pg_dropcluster 15 main
chown postgres:postgres /srv/pgdata
chmod 750 /srv/pgdata
pg_createcluster --datadir /srv/pgdata/15/main 15 main -- --wal-segsize=4 --data-checksums
conf=/etc/postgresql/15/main
cat > $conf/conf.d/10-estate.conf <<EOF
listen_addresses = '*'
max_connections = 60
shared_buffers = 48MB
max_wal_size = 64MB
min_wal_size = 16MB
log_connections = off
EOF
cat > $conf/pg_hba.conf <<EOF
# TYPE  DATABASE  USER      ADDRESS        METHOD
local   all       postgres                 peer
local   all       all                      peer
host    all       all       127.0.0.1/32   scram-sha-256
host    shop      shop      10.77.0.0/24   scram-sha-256
host    shop      dba       10.77.0.0/24   scram-sha-256
EOF
chown -R postgres:postgres $conf
pg_ctlcluster 15 main start
su postgres -c "psql -v ON_ERROR_STOP=1 -q" <<EOF
CREATE ROLE shop LOGIN PASSWORD '$SHOP_DB_PASSWORD';
CREATE ROLE dba LOGIN SUPERUSER PASSWORD '$DBA_DB_PASSWORD';
CREATE DATABASE shop OWNER dba;
EOF
su postgres -c "psql -v ON_ERROR_STOP=1 -q shop" < "$here/shop.sql"
pg_ctlcluster 15 main stop -m fast

# MariaDB
install -d -o mysql -g mysql /run/mysqld
mariadbd-safe --skip-networking &
for _ in $(seq 300); do mariadb-admin ping --silent 2>/dev/null && break; sleep 0.1; done
sed "s/@PORTAL_DB_PASSWORD@/$PORTAL_DB_PASSWORD/" "$here/erp.sql" | mariadb
mariadb-admin shutdown
wait

# redis
sed -i -e 's/^bind .*/bind 127.0.0.1 10.77.0.20/' -e 's/^protected-mode .*/protected-mode no/' \
    /etc/redis/redis.conf
redis-server --daemonize yes --dir /var/lib/redis --save '' --port 6379 --bind 127.0.0.1 >/dev/null
for _ in $(seq 100); do redis-cli ping >/dev/null 2>&1 && break; sleep 0.1; done
for n in $(seq 20); do
    redis-cli set "sess:visitor-$n" "$n" >/dev/null
    redis-cli set "cache:product-$n" "product $n" >/dev/null
done
redis-cli save >/dev/null
redis-cli shutdown nosave || true
chown -R redis:redis /var/lib/redis

systemctl enable --quiet postgresql mariadb redis-server
systemctl enable --quiet postgresql@15-main 2>/dev/null || true
