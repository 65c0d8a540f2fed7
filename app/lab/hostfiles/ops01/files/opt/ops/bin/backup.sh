#!/bin/bash
# Dump of the shop's database; keeps seven. Called by nightly-backup.service.
set -euo pipefail
exec 9> /run/lock/shop-backup.lock
flock -n 9 || { echo "another backup runs" >&2; exit 75; }
target=${BACKUP_DIR:?}/shop-$(date +%F).sql.zst
pg_dump -h "${DB_HOST:?}" -U dba shop | zstd -q -f -T1 -o "$target.part"
mv "$target.part" "$target"
ls -1t "$BACKUP_DIR"/shop-*.sql.zst | tail -n +8 | xargs -r rm --
