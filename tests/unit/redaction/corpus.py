"""Planted secrets, one of each kind, and lookalikes that must stay. All made up.

Each plant is a text with `{}` where its secret goes, and the secret. Those that scanners of
repositories know by their beginning are put together here from parts.
"""

from __future__ import annotations

import base64
import random
from typing import NamedTuple

_CHANCE = random.Random(7)
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def _chars(count: int, letters: str = _LETTERS) -> str:
    return "".join(_CHANCE.choice(letters) for _ in range(count))


def _hex(count: int) -> str:
    return _chars(count, "0123456789abcdef")


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _lines(count: int) -> str:
    return "\n".join(_chars(64) for _ in range(count))


class Plant(NamedTuple):
    """One kind of secret as it stands in some output."""

    kind: str
    text: str  # with {} for the secret
    secret: str

    @property
    def output(self) -> str:
        return self.text.replace("{}", self.secret)


PEM, OPEN = "PRIVATE " + "KEY-----", "-----BEGIN "

PLANTS = [
    # vendors' keys
    Plant("AWS access key", "using {} for s3", "AKI" + "A" + _chars(16, "ABCDEFGH234567")),
    Plant("AWS secret key", "aws_secret_access_key = {}", _chars(40)),
    Plant("AWS session token", "export AWS_SESSION_TOKEN={}", "IQoJb3JpZ2lu" + _chars(90)),
    Plant("AWS presigned address", "GET /b/k?X-Amz-Expires=60&X-Amz-Signature={} 200", _hex(64)),
    Plant("Google API key", "maps key {} in use", "AI" + "za" + _chars(35)),
    Plant("Google OAuth token", "got {}", "ya" + "29." + _chars(60)),
    Plant("Google client secret", "client {}", "GOC" + "SPX-" + _chars(28)),
    Plant("Google service account",
          '{"type":"service_account","private_key":"' + OPEN + PEM + '\\n{}\\n"}', _chars(64)),
    Plant("Azure storage", "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={};x=y",
          _chars(86) + "=="),
    Plant("Azure SAS", "https://shop.blob.core.windows.net/c?sv=2022-11-02&sig={}", _chars(44)),
    Plant("Azure service bus", "Endpoint=sb://x/;SharedAccessKeyName=r;SharedAccessKey={}",
          _chars(43) + "="),
    Plant("Entra ID client", "app uses {} here", _chars(3) + "8Q" + "~" + _chars(34)),
    Plant("GitHub token", "remote: {}", "gh" + "p_" + _chars(36)),
    Plant("GitHub fine-grained", "remote: {}", "github" + "_pat_" + _chars(60)),
    Plant("GitLab token", "runner {}", "gl" + "pat-" + _chars(20)),
    Plant("Slack token", "bot {} joined", "xo" + "xb-" + _chars(12, "0123456789") + "-" + _chars(24)),
    Plant("Slack webhook", "POST https://hooks.slack.com/services/{}",
          f"T{_chars(8)}/B{_chars(8)}/{_chars(24)}"),
    Plant("Stripe", "charge with {}", "sk_" + "live_" + _chars(24)),
    Plant("SendGrid", "mail by {}", "SG" + "." + _chars(22) + "." + _chars(43)),
    Plant("npm", "publish {}", "np" + "m_" + _chars(36)),
    Plant("PyPI", "upload {}", "pyp" + "i-AgEI" + _chars(70)),
    Plant("Docker Hub", "login {}", "dckr" + "_pat_" + _chars(27)),
    Plant("DigitalOcean", "doctl {}", "do" + "p_v1_" + _hex(64)),
    Plant("Hugging Face", "pull with {}", "h" + "f_" + _chars(34)),
    Plant("Databricks", "job {}", "dap" + "i" + _hex(32)),
    Plant("Grafana", "push {}", "gl" + "sa_" + _chars(32) + "_" + _hex(8)),
    Plant("OpenAI", "model key {}", "s" + "k-proj-" + _chars(48)),
    Plant("HashiCorp Vault", "logged in: {}", "hv" + "s." + _chars(24)),
    Plant("Telegram", "bot {}", _chars(9, "123456789") + ":A" + "A" + _chars(33)),
    Plant("Sentry DSN", "SENTRY https://{}@o1.ingest.sentry.io/42", _hex(32)),
    Plant("age key", "{}", "AGE-SECRET-" + "KEY-1" + _chars(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L")),
    # addresses and headers
    Plant("PostgreSQL address", "postgres://shop:{}@db01:5432/shop", "pa55w0rd-" + _chars(6)),
    Plant("MongoDB address", "uri mongodb+srv://app:{}@c0.example.net/?w=majority", _chars(16)),
    Plant("redis address", "redis://:{}@cache:6379/0", _chars(14)),
    Plant("AMQP address", "amqp://worker:{}@mq:5672/%2f", _chars(14)),
    Plant("password with an @", "postgres://shop:{}@db01/shop", "ab" + _chars(5) + "@" + _chars(5)),
    Plant("Bearer", "Authorization: Bearer {}", _chars(40)),
    Plant("Basic", "authorization: Basic {}", _b64("shop:" + _chars(12))),
    Plant("Digest", 'Authorization: Digest response={}', _hex(32)),
    Plant("proxy", "Proxy-Authorization: Basic {}", _b64("proxy:" + _chars(9))),
    Plant("API key header", "> X-Api-Key: {}", _chars(32)),
    Plant("token header", "x-auth-token: {}", _chars(28)),
    Plant("Cookie", "Cookie: theme=dark; sid={}", _chars(32)),
    Plant("Set-Cookie", "Set-Cookie: session={}; Path=/; HttpOnly", _chars(40)),
    Plant("JWT", "token was {}",
          "ey" + "J" + _chars(20) + ".eyJ" + _chars(40) + "." + _chars(43)),
    Plant("TOTP", "otpauth://totp/shop:ann?secret={}&issuer=shop", _chars(32, "ABCDEFGH234567")),
    # files
    Plant("RSA key", OPEN + "RSA " + PEM + "\n{}\n-----END RSA " + PEM, _lines(6)),
    Plant("OpenSSH key", OPEN + "OPENSSH " + PEM + "\n{}", _lines(3)),
    Plant("tail of a key", "{}\n-----END EC " + PEM + "\nnext", _lines(2)),
    Plant("PGP key", OPEN + "PGP " + PEM.replace("KEY", "KEY BLOCK") + "\n\n{}\n", _lines(4)),
    Plant("PuTTY key", "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{}\nPrivate-MAC: x",
          _chars(48)),
    Plant("WireGuard", "[Interface]\nPrivateKey = {}\nAddress = 10.0.0.1/24", _chars(43) + "="),
    Plant("WireGuard shared", "PresharedKey = {}", _chars(43) + "="),
    Plant(".pgpass", "db01:5432:shop:shop:{}", _chars(14)),
    Plant("htpasswd", "ann:{}", "$apr" + "1$" + _chars(8) + "$" + _chars(22)),
    Plant("htpasswd bcrypt", "ann:{}", "$2" + "y$05$" + _chars(53)),
    Plant("htdigest", "ann:private area:{}", _hex(32)),
    Plant("shadow", "root:{}:19000:0:99999:7:::", "$" + "6$" + _chars(12) + "$" + _chars(86)),
    Plant("shadow yescrypt", "ann:{}:19700:0:99999:7:::", "$" + "y$j9T$" + _chars(22) + "$" + _chars(43)),
    Plant("netrc", "machine api.example.com login ann password {}", _chars(12)),
    Plant("my.cnf", "[client]\nuser=shop\npassword={}", _chars(10) + "&" + _chars(3)),
    Plant("docker config.json", '{"auths": {"r.example.com": {"auth": "{}"}}}', _b64("ann:" + _chars(12))),
    Plant("kubeconfig token", "- name: admin\n  user:\n    token: {}", _chars(64)),
    Plant("kubeconfig key", "    client-key-data: {}", _chars(120)),
    Plant("Kubernetes env", "- name: DB_PASSWORD\n  value: {}", _chars(12)),
    Plant("ipsec.secrets", 'vpn.example.com : PSK "{}"', _chars(24)),
    Plant("wpa_supplicant", '  psk="{}"', _chars(16)),
    Plant("snmpd.conf", "rocommunity {} 10.0.0.0/8", _chars(12)),
    Plant("sasl_passwd", "[smtp.example.com]:587 relay:{}", _chars(16)),
    Plant("redis.conf", "requirepass {}", _chars(14)),
    Plant("redis ACL", "user worker on >{} ~* +@all", _chars(14)),
    Plant("LDAP", "bindpw {}", _chars(8) + "1!"),
    Plant("LDAP hash", "userPassword: {}", "{SSH" + "A}" + _chars(32)),
    Plant("SCRAM verifier", "shop | {}", "SCRAM-SHA-" + "256$4096:" + _chars(24) + "$" + _chars(43)),
    # settings in every notation
    Plant("INI", "db_password = {}", _chars(12)),
    Plant("YAML", "database:\n  password: {}", _chars(12)),
    Plant("YAML in quotes", "  secret_key: '{}'", _chars(6) + " " + _chars(6)),
    Plant("JSON", '{"user": "shop", "password": "{}"}', _chars(12)),
    Plant("JSON in JSON", '{"env": "{\\"apiKey\\": \\"{}\\"}"}', _chars(20)),
    Plant("XML element", "<password>{}</password>", _chars(12)),
    Plant("XML attribute", '<user username="tomcat" password="{}" roles="admin"/>', _chars(12)),
    Plant("XML settings", '<add key="DbPassword" value="{}" />', _chars(12)),
    Plant("PHP", "define('DB_PASSWORD', '{}');", _chars(12)),
    Plant("Ruby", ":password => '{}'", _chars(12)),
    Plant("Python", 'SECRET_KEY = "{}"', _chars(50)),
    Plant("Laravel", "APP_KEY=base64:{}", _chars(43) + "="),
    Plant("Rails", "secret_key_base: {}", _hex(128)),
    Plant("JDBC", "jdbc:sqlserver://db;user=sa;password={};encrypt=true", _chars(12)),
    Plant("ODBC", "Driver=x;Uid=sa;Pwd={};", _chars(12)),
    Plant("systemd unit", "Environment=SHOP_TOKEN={}", _chars(24)),
    Plant("environment dump", "HOME=/root\nSMTP_PASS={}\nLANG=C", _chars(6) + ";" + _chars(6)),
    # arguments
    Plant("--password=x", "/usr/bin/shopd --db-password={} --port 80", _chars(12)),
    Plant("--token x", "runner register --token {} --url x", _chars(20)),
    Plant("mysql -p", "mysql -u root -p{} shop", _chars(10)),
    Plant("sshpass", "sshpass -p {} ssh ann@web01", _chars(10)),
    Plant("redis-cli -a", "redis-cli -h cache -a {} ping", _chars(12)),
    Plant("curl -u", "curl -u admin:{} http://127.0.0.1/", _chars(12)),
    Plant("openssl -passin", "openssl rsa -in k -passin pass:{}", _chars(12)),
    Plant("ldapsearch -w", "ldapsearch -x -D cn=admin -w {} -b dc=x", _chars(12)),
    Plant("htpasswd -b", "htpasswd -b /etc/nginx/htpasswd ann {}", _chars(12)),
    Plant("smbclient", "smbclient //nas/x -U ann%{}", _chars(12)),
    Plant("erlang cookie", "beam.smp -setcookie {}", _chars(20, "ABCDEFGHIJ")),
    Plant("SQL", "ALTER USER shop WITH PASSWORD '{}';", _chars(10)),
    Plant("SQL of MySQL", "CREATE USER a IDENTIFIED WITH mysql_native_password BY '{}'", _chars(9)),
    Plant("a sentence", "the new password is: {}", _chars(9) + "7"),
    Plant("colours inside", "pass\x1b[1mword\x1b[0m={}", _chars(12)),
]  # fmt: skip

LOOKALIKES = [
    "02:54:00:5e:01:14",
    "2001:0:9:1a:0:0:0:7",
    "commit 3f22d87c1e5a0b9d7f6e4c3b2a1908f7e6d5c4b3",
    "HEAD is now at 9fceb02 Merge branch 'token-refresh'",
    "id 550e8400-e29b-41d4-a716-446655440000 created",
    "link/ether 52:54:00:12:34:56 brd ff:ff:ff:ff:ff:ff",
    "inet6 2001:db8:85a3::8a2e:370:7334/64 scope global",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  release.tar.gz",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Digest: sha512-Xm9vYmFyYmF6cXV4Xm9vYmFyYmF6cXV4",
    "d41d8cd98f00b204e9800998ecf8427e  /etc/empty",
    "ii  openssl 3.0.15-1~deb12u1 amd64",
    "libpam-modules-bin/stable 1.5.2-6+deb12u1 amd64",
    "passwd/stable,now 1:4.13+dfsg1-1+b1 amd64 [installed]",
    "systemd-ask-password-console.path loaded active waiting",
    "systemd-tmpfiles-setup.service loaded active exited",
    "gnome-keyring-daemon.service: Succeeded.",
    "/etc/shop/password-policy.conf",
    "/usr/share/doc/passwordsafe/README",
    "-rw-r----- 1 root shadow 1042 Nov 25 10:00 /etc/shadow",
    "password_file: /etc/shop/db-password",
    "secretName: shop-tls",
    "tokenExpiry=3600",
    "token_endpoint=https://login.example.com/oauth2/token",
    "PASSWORD_MIN_LENGTH=12",
    "passwd:         files systemd",
    "shadow:         files",
    "PasswordAuthentication no",
    "PermitEmptyPasswords no",
    'auth_basic "Restricted area";',
    "auth_basic_user_file /etc/nginx/htpasswd;",
    "ssl_certificate_key /etc/ssl/shop/key.pem;",
    "proxy_cookie_path / /;",
    'FATAL:  password authentication failed for user "shop"',
    "ERROR 1045 (28000): Access denied for user 'shop'@'10.0.0.4' (using password: YES)",
    "Failed password for invalid user admin from 10.0.0.9 port 4242 ssh2",
    "pam_unix(sshd:auth): authentication failure; user=deploy",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOAUTH Authentication required.",
    "host  all  all  10.0.0.0/8  scram-sha-256",
    "Accepted publickey for sre-agent from 10.77.0.5 port 55432 ssh2: ED25519 SHA256:abcDEF",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8w2mPq0u1c3d ann@web01",
    "-----BEGIN CERTIFICATE-----",
    "src: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk)",
    "root:x:0:0:root:/root:/bin/bash",
    "sre-agent:!:19700:0:99999:7:::",
    'tcp LISTEN 0 511 0.0.0.0:80 users:(("nginx",pid=812,fd=6))',
    "http://127.0.0.1:8000/healthz 200",
    "redis://cache:6379/0 is not reachable",
    "postgres://db01:5432/shop?sslmode=require",
    'nginx: [emerg] unexpected "}" in /etc/nginx/sites-enabled/shop:12',
    "nginx.service: Failed with result 'exit-code'.",
    "password=${DB_PASSWORD}",
    "api_key: <your key here>",
    "secret: null",
    "token: true",
    "DB_PASSWORD_FILE=/run/secrets/db_password",
    "password: ********",
    "tests: 12 pass: 12 fail: 0",
    "bypass=on compass=north",
    "cookie_secure=true",
    "the password was changed on the console",
    "Your password has expired; change it with passwd.",
    "cryptsetup: keyslot 0 unlocked",
    "Reached target Basic System.",
    "Set-Up of basic authentication is complete",
    "GET /search?q=password+reset&page=2 HTTP/1.1",
    "monkey: 5, turkey: 7, keyboard: us",
    "usermod -p is not used here",
    "ps: sk-ip-list, task-force-12345678901234567890",
    "worker 12345678:90 done",
]
