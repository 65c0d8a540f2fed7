#!/bin/sh
# Starts the shop by hand, in the background; the unit does not use it.
set -a
. /etc/shop/shop.env
cd /opt/shop/current || exit 1
/usr/bin/gunicorn --worker-class sync --workers 3 -b 127.0.0.1:8000 --daemon wsgi:application
