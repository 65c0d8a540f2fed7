#!/bin/bash
set -euo pipefail
chown root:www-data /etc/portal/portal.ini
chmod 640 /etc/portal/portal.ini
a2dissite -q 000-default
a2enmod -q proxy_fcgi setenvif
a2ensite -q portal
systemctl enable --quiet apache2 php8.2-fpm
