"""The shapes that secrets have in the output of operations tools, one pattern each.

A shape is tried only on lines that hold one of its hints (lower case): most lines hold none. Hosts'
output is untrusted, so every repetition in front of a secret is bounded: no line keeps a pattern
busy. `named` shapes find a value by the name before it; what is plainly no secret stays then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = "[redacted:"
_NOT_METADATA = (  # token_ttl, passwordFile, secretName: about a secret, not the secret
    r"(?!(?:s?[_.-]?(?:file|path|dir|name|ref|id_file|expiry|expires?|expiration|expired|ttl|lifetime|"
    r"length|len|min|max|age|policy|type|algorithm|endpoint|url|uri|count|errors?|attempts|"
    r"authentication|authenticator|encryption|method|mode|enabled|required|prompt|provider|hint|domain|secure|"
    r"samesite|httponly|version|rotation|warn_age|life_time|reset|change|changed|strength|"
    r"check|store|manager|agent|service|timeout|size|limit|lock_time|grace))(?![a-z]))"
)
NAMED = (  # what stands before such a word in a name does not matter
    r"(?:(?<!com)(?<!by)(?<!tres)(?<!over)(?<!under)pass(?:word|wd|phrase|wort|code)?|pwd|passw|secret|token|api[_-]?key|access[_-]?key|"
    r"private[_-]?key|signing[_-]?key|encryption[_-]?key|credentials?|requirepass|masterauth|"
    r"auth[_-]?key|client[_-]?key|connection[_-]?string|account[_-]?key|shared[_-]?key|"
    r"preshared[_-]?key|storage[_-]?key|session[_-]?(?:id|key)|psk|cookie|dsn|bindpw|rootpw|"
    r"app[_-]?key|webhook[_-]?url|license[_-]?key)" + _NOT_METADATA + r"[A-Za-z0-9_]{0,24}"
)
TAKEN = r"(?!\[redacted:|\[value )(?P<secret>%s)"
_QUOTED = r"\\?\"(?:[^\"\\]|\\.){0,4096}\\?\"|'[^']{0,4096}'"
_BARE = r"[\"']?[^\s\"'&;,<>{}\[\]]+"
_VALUE = rf"\$\{{[^}}\s]*\}}|\$\([^)\n]*\)|{_QUOTED}|{_BARE}"
_END = r"(?=[\s\"'<>&;,)\]}]|$)"


@dataclass(frozen=True)
class Shape:
    """One way in which secrets are written down: groups `before` (kept) and `secret`."""

    pattern: re.Pattern[str]
    hints: tuple[str, ...]  # at least one, in lower case
    named: bool = False


_NO_ADDRESS = r"(?!(?:[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){7})\s{0,8}$)"
"""Not the address of a network card, nor one of IPv6: both are made of colons and numbers."""


def _shape(hints: str, before: str, secret: str, *, named: bool = False, after: str = "") -> Shape:
    text = rf"(?P<before>{before}){TAKEN % secret}{after}"
    return Shape(re.compile(text, re.IGNORECASE), tuple(hints.split()), named)


def _key(hints: str, pattern: str) -> Shape:
    """A secret that is known by its own form. Case counts here."""
    text = rf"(?P<before>(?<![A-Za-z0-9_])){TAKEN % pattern}"
    return Shape(re.compile(text), tuple(hints.split()))


_NAMES = "pass pwd secret token key cred requirepass masterauth connection session psk cookie dsn"
_NAMES += " bindpw rootpw webhook"

SHAPES = (
    # scheme://user:secret@host; a secret with an @ or a / in it ends at the last @ of the word
    _shape("://", r"\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@\"']{0,128}:", r"[^\s@/\"']{1,512}(?:@[^\s@/\"':.]{1,64}(?=@))?", after="(?=@)"),
    _shape("://", r"\bhttps?://", r"[0-9a-f]{32}", after=r"(?=@[a-z0-9.-]+/\d)"),  # Sentry
    _shape("hooks.slack.com discord", r"(?:hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/\d{1,20}/)", r"[A-Za-z0-9/_-]{20,}"),
    # Authorization: Bearer ..., X-Api-Key: ..., Cookie: ...
    _shape("authorization", r"authorization[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?:(?:bearer|basic|digest|token|negotiate|apikey)\s{1,8})?(?!(?:bearer|basic|digest|negotiate)\b)", r"[A-Za-z0-9+/=_.~:-]{6,}"),
    _shape("bearer basic", r"\b(?:bearer|basic)\s{1,8}", r"[A-Za-z0-9+/=_.~-]{16,}"),
    _shape("cookie", r"\b(?:set-)?cookie[\"']?:\s{0,8}", r"\S[^\r\n]*"),
    _shape("x-", r"(?<![a-z0-9-])x-[a-z0-9-]{0,24}(?:key|token|secret|auth)[\"']?\s{0,4}:\s{0,8}[\"']?", r"[^\s\"']+", named=True),
    # a line that is one assignment, as `env` and unit files have it: all of the word
    _shape("=", r"^\s{0,40}(?:export\s{1,4}|environment=)?[\"']?[A-Za-z0-9_.]{0,60}?" + NAMED + r"=(?![\"'{\[=])", r"\S+" + r"(?=\s*$)", named=True),
    # "password": "...", PASSWORD=..., 'password' => '...', <password>...</password>
    _shape(_NAMES, NAMED + r"\\?[\"']?\]?\s{0,8}(?:=>|[:=])\s{0,8}(?![=~])", _VALUE, named=True),
    _shape(_NAMES, r"<[a-z0-9_.:-]{0,24}?" + NAMED + r"(?:\s[^<>]{0,200})?>\s{0,8}", r"[^<>\s][^<>]*", named=True, after=r"(?=<)"),
    _shape(_NAMES, r"(?:name|key)[\"']?\s{0,4}[:=]\s{0,4}[\"']?[A-Za-z0-9_.-]{0,60}?" + NAMED + r"[\"']?,?\s{0,8}[\"']?value[\"']?\s{0,4}[:=]\s{0,4}", _VALUE, named=True),
    _shape(_NAMES, r"define\(\s{0,4}[\"'][A-Za-z0-9_]{0,40}?" + NAMED + r"[\"']\s{0,4},\s{0,4}", _QUOTED, named=True),
    # --password ..., -passin pass:...
    _shape(_NAMES, r"(?<!\S)--?[A-Za-z0-9_.-]{0,24}?" + NAMED + r"[ =]\s{0,4}", _VALUE, named=True),
    _shape("pass:", r"\s-pass(?:in|out)?\s{1,4}pass:", r"\S+"),
    _shape(
        "requirepass masterauth pass identified bindpw rootpw secret",
        r"(?:^|\s)(?:requirepass|masterauth|pass(?:word|wd|phrase)|identified\s{1,8}by|bindpw|rootpw)\s{1,8}",
        rf"{_QUOTED}|(?!(?:for|is|was|of|from|in|has|to|and|or|not|authentication|"
        r"failed|required|expired|incorrect|mismatch|check|prompt|file|auth|changed|reset)\b)"
        r"(?=\S{0,256}[0-9!@#$%^*])\S{6,}",
        named=True,
    ),
    # a sentence: "the password is: ..."; only what looks like one
    _shape("pass secret token", r"\b(?:pass(?:word|phrase|wort)|secret|token|pin)\s{1,4}(?:is|was|to|ist)\s{0,4}[:=]?\s{1,4}[\"']?", r"(?=\S{0,64}[0-9!@#$%^*])[^\s\"']{6,}", named=True),
    # SQL: CREATE USER ... PASSWORD 'x', IDENTIFIED WITH mysql_native_password BY 'x'
    _shape("password identified", r"\b(?:password|identified\b[^\n;]{0,60}?\bby)\s{1,8}", r"'[^']{1,512}'"),
    # commands that take a secret as an argument
    _shape("mysql mariadb", r"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^\n|;]{0,200}?\s-p", r"[^\s'\"]+|'[^']+'|\"[^\"]+\""),
    _shape("sshpass", r"\bsshpass\s{1,4}-p\s{0,4}", r"'[^']+'|\"[^\"]+\"|\S+"),
    _shape("redis-cli", r"\bredis-cli\b[^\n|;]{0,200}?\s-a\s{1,8}", r"\S+"),
    _shape("curl", r"\bcurl\b[^\n|;]{0,200}?\s(?:-u|--user)[ =]?[\"']?[^\s:]{1,128}:", r"[^\s\"']+"),
    _shape("ldap", r"\bldap(?:search|modify|add|whoami|passwd)\b[^\n|;]{0,200}?\s-w\s{1,4}", r"'[^']+'|\S+"),
    _shape("htpasswd", r"\bhtpasswd\s{1,4}-[a-z]{0,4}b[a-z]{0,4}\s{1,4}\S{1,128}\s{1,4}\S{1,64}\s{1,4}", r"\S+", after=r"(?=\s*$)"),
    _shape("smb cifs", r"\bsmbclient\b[^\n|;]{0,200}?\s-U\s{0,4}[^\s%]{1,64}%", r"\S+"),
    _shape("setcookie", r"-setcookie\s{1,4}", r"\S+"),
    # files whose lines have secrets at a place of their own
    _shape("login password", r"\b(?:machine\s{1,8}\S{1,200}|default)\s[^\n]{0,200}?\bpassword\s{1,8}", r"\S+"),
    _shape(":", r"^\s{0,8}" + _NO_ADDRESS + r"[A-Za-z0-9_.*-]{1,128}:(?:\d{1,5}|\*):[^:\s]{1,64}:[^:\s]{1,64}:", r"[^\s:](?:[^\s\\]|\\.)*", after=r"\s*$"),  # .pgpass
    _shape("psk xauth eap", r"(?:^|\s|:)\s{0,4}(?:psk|xauth|eap)\s{1,4}", r"\"[^\"]{1,256}\"|0x[0-9a-f]{8,}"),  # ipsec.secrets
    _shape("community createuser", r"\b(?:r[ow]community6?|com2sec\s{1,8}\S{1,64}\s{1,8}\S{1,64}|createuser\s{1,8}\S{1,64}\s{1,8}(?:md5|sha[0-9-]{0,4}))\s{1,8}", r"\"[^\"]+\"|\S+"),
    _shape("on", r"^\s{0,8}user\s{1,4}\S{1,64}\s{1,4}on\s[^\n]{0,200}?[>#]", r"\S+"),  # redis ACL
    _shape("smtp [", r"^\s{0,8}\[[a-z0-9.-]{1,128}\](?::\w{1,10})?\s{1,8}[^\s:]{1,128}:", r"\S+"),  # sasl_passwd
    _shape("auth", r"[\"']auth[\"']\s{0,4}:\s{0,4}\"", r"[A-Za-z0-9+/]{8,}={0,2}", after='(?=")'),  # docker
    _shape("key-data", r"\bclient-key-data[\"']?:\s{0,4}[\"']?", r"[A-Za-z0-9+/=]{16,}"),  # kubeconfig
    # signed addresses
    _shape("sig token key= code= secret=", r"[?&;](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|access_token|key|code|secret|sharedaccesssignature)=", r"[^&\s\"']+"),
    # password hashes: shadow, htpasswd, LDAP, htdigest, MySQL, PostgreSQL
    _shape("$", "", r"\$(?:1|2[aby]?|5|6|7|y|gy|apr1|argon2[a-z]*|pbkdf2[a-z0-9-]*|scrypt)\$[^\s:\"']{8,}"),
    _shape("sha}", r"\{s?sha(?:256|512)?\}", r"[A-Za-z0-9+/=]{20,}"),
    _shape("scram-sha", r"\bscram-sha-256\$\d{1,7}:", r"[A-Za-z0-9+/=$:]{20,}"),
    _shape(":", r"^[A-Za-z0-9_.@-]{1,64}:[^:\n]{1,64}:", r"[0-9a-f]{32}", after=r"\s*$"),  # htdigest
    # what vendors' keys look like
    _key("akia asia", r"(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    _key("gh github_pat", r"gh[pousr]_[A-Za-z0-9]{20,}\b|github_pat_[A-Za-z0-9_]{20,}"),
    _key("gl xox xapp", r"gl(?:pat|rt|ptt|dt|cbt)-[A-Za-z0-9_-]{16,}|xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{20,}"),
    _key("sk- aiza sk_ rk_ whsec_", r"sk-[A-Za-z0-9_-]{16,}|AIza[0-9A-Za-z_-]{30,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9]{16,}"),
    _key("hvs hvb hvr npm_ atlasv1", r"hv[sbr]\.[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}|[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{40,}"),
    _key("eyj", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    _key("ya29 gocspx 1//", r"ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,}"),
    _key("8q~", r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),  # Entra ID
    _key("sg. pypi- dckr_ dop_ doo_ hf_ dapi glsa_ glc_", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|pypi-[A-Za-z0-9_-]{30,}|dckr_pat_[A-Za-z0-9_-]{20,}|do[op]_v1_[a-f0-9]{32,}|hf_[A-Za-z0-9]{30,}|dapi[a-f0-9]{32}|glsa_[A-Za-z0-9_]{30,}|glc_[A-Za-z0-9+/=]{30,}"),
    _key("shp key- lin_ age-secret nrak", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|key-[a-f0-9]{32}\b|lin_api_[A-Za-z0-9]{30,}|AGE-SECRET-KEY-1[0-9A-Z]{50,}|NRAK-[A-Z0-9]{20,}"),
    _key(":aa", r"\d{8,12}:AA[A-Za-z0-9_-]{32,}"),  # Telegram
)  # fmt: skip

# what spans lines; the lines stay, so that line 12 is still line 12
BLOCKS = (
    re.compile(
        r"-----BEGIN [A-Z0-9 ]{0,64}PRIVATE KEY(?: BLOCK)?-----.*?"
        r"(?:-----END [A-Z0-9 ]{0,64}PRIVATE KEY(?: BLOCK)?-----|\Z)",
        re.DOTALL,
    ),
    re.compile(  # the end of one, as `tail` shows it
        r"(?:\A|(?<=@@\n))(?:[A-Za-z0-9+/=]{40,200}[ \t]{0,4}\r?\n)+[A-Za-z0-9+/=]*\s{0,8}"
        r"-----END [A-Z0-9 ]{0,64}PRIVATE KEY(?: BLOCK)?-----"
    ),
    re.compile(r"(?<=Private-Lines: )\d{1,3}\r?\n(?:[A-Za-z0-9+/=]{1,80}\r?\n?){1,200}"),  # PuTTY
)
NAME_THEN_VALUE = re.compile(  # Kubernetes: `- name: DB_PASSWORD` and on the next line `value: x`
    r"(?P<before>name[\"']?:[ \t]{0,4}[\"']?[A-Za-z0-9_.-]{0,60}?"
    + NAMED
    + r"[\"']?,?[ \t]{0,8}\r?\n"
    r"[ \t]{0,60}[\"']?value[\"']?:[ \t]{0,4})" + TAKEN % _VALUE,
    re.IGNORECASE,
)
A_NAME = re.compile(r"[A-Za-z0-9_.$-]{0,80}?" + NAMED, re.IGNORECASE)
