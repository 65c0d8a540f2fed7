#!/bin/bash
# The daily figures for the owners of the shop.
set -euo pipefail
psql -h "${DB_HOST:?}" -U dba -At -c 'SELECT count(*), sum(amount) FROM orders' shop \
    > "${REPORT_DIR:?}/orders-$(date +%F).txt"
