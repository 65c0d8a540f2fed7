#!/bin/bash
set -euo pipefail
groupadd --system --gid 901 shop
useradd --system --uid 901 --gid shop --home-dir /var/lib/shop --shell /usr/sbin/nologin shop
chown root:shop /etc/shop/shop.env /etc/shop/config.json
chmod 640 /etc/shop/shop.env
chmod 644 /etc/shop/config.json

# Release 1 is what ran before: the same code, an older stylesheet.
cp /opt/shop/releases/2/*.py /opt/shop/releases/1/
ln -sfn /opt/shop/releases/2 /opt/shop/current
chown -R shop:shop /opt/shop/releases
python3 -m compileall -q /opt/shop/releases

install -d -m 750 -o shop -g shop /var/lib/shop /var/lib/shop/uploads
install -d -m 2750 -o shop -g adm /var/log/shop

install -d -m 755 /etc/ssl/shop
openssl req -new -newkey rsa:2048 -nodes -keyout /etc/ssl/shop/key.pem \
    -subj "/CN=shop.corp.internal" -out /tmp/shop.csr
printf 'subjectAltName=DNS:shop.corp.internal,DNS:web01.corp.internal,IP:10.77.0.10\nextendedKeyUsage=serverAuth\n' > /tmp/shop.ext
openssl x509 -req -in /tmp/shop.csr -CA /run/lab-ca/ca.pem -CAkey /run/lab-ca/ca.key -set_serial "0x$(openssl rand -hex 8)" \
    -days 397 -extfile /tmp/shop.ext -out /tmp/shop.pem
cat /tmp/shop.pem /run/lab-ca/ca.pem > /etc/ssl/shop/fullchain.pem
rm -f /tmp/shop.*
chmod 600 /etc/ssl/shop/key.pem

rm -f /etc/nginx/sites-enabled/default
ln -s /etc/nginx/sites-available/shop /etc/nginx/sites-enabled/shop
systemctl enable --quiet nginx shop
