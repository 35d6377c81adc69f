"""What credentials look like, and the names they stand behind."""

from __future__ import annotations

import re

LONGEST_NAME = 64
"""Characters of a name that are looked at before its last word."""

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

SHAPES = re.compile(
    r"""
      -----BEGIN\ [A-Z0-9 ]*PRIVATE\ KEY(?:\ BLOCK)?-----                         # PEM, to its end or that of the text
      (?:(?!-----END\ ).)*+ (?:-----END\ [A-Z0-9 ]*PRIVATE\ KEY(?:\ BLOCK)?-----)?
    | \b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b (?:[^A-Za-z0-9+/=]{1,4}[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=]))?
    | \beyJ[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]{6,}+(?:\.[A-Za-z0-9_-]*+)*           # JWT
    | \b(?:gh[pousr]_|github_pat_|glpat-|gldt-|npm_|pypi-|dop_v1_|hvs\.|hvb\.|k8s-aws-v1\.)[A-Za-z0-9_.-]{16,}+
    | \b(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}+
    | \bhooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]++
    | \b(?:sk|rk)[_-](?:live|test|proj|ant)[_-][A-Za-z0-9_-]{10,}+                # payment and model services
    | \bAIza[A-Za-z0-9_-]{35}
    | \bSG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+
    """,
    re.VERBOSE | re.DOTALL,
)
"""Credentials that are known by their shape alone. Each part repeats without ways back, so that no text takes long."""

PEM_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
IN_PEM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\ \t\r\n"
"""The characters of a PEM file, also where its lines are written as `\\n`."""

IN_URL = re.compile(r"(://)[^\s/?#:@\"'<>]*+:[^\s/?#\"'<>]+(?=@)")
"""A user and a password before the host of a URL."""

BEARER = re.compile(r"(\b(?i:bearer|basic)\s+)(?=[A-Za-z._~+/=-]*+[0-9])[A-Za-z0-9._~+/=-]{8,}+")
"""The credentials of an HTTP header, without its name."""

LAST_WORD = (
    r"(?:pass(?:word|wd|phrase|code)s?|(?<=[_.])pass|(?<![A-Za-z])pass(?==)|pwd|secrets?(?:[_-]?(?:string|value|binary))?|tokens?|credentials?"
    r"|authorization|signature|cookie|key)"
)
"""`pass` by itself is a word, and what tests say of themselves."""

QUOTED = r"""(?P<quote>["'])(?:\\.|(?!(?P=quote)).)*+"""
"""A value in quotes, without the closing one."""
ESCAPED = r"""(?P<escaped>\\+["'])(?:(?!(?P=escaped)).)*+"""
"""The same in a text that is quoted itself."""
SCHEME = r"(?:(?i:bearer|basic|digest|negotiate|token|AWS4-HMAC-SHA256)\s+)?"

NAMED = re.compile(
    rf"""
      (?P<word>(?i:{LAST_WORD}))(?P<number>[_-]?[0-9]{{1,2}})?
      (?P<separator>(?P<closing>\\*["'])?\s*(?:=>|:=|[:=]|%3[Dd])\s*)
      (?P<value>{QUOTED}|{ESCAPED}|{SCHEME}[^\s"'&<>]++)
    """,
    re.VERBOSE | re.DOTALL,
)
"""A value behind a name that ends like that of a secret: `DB_PASSWORD=…`, `"token": "…"`, `Authorization: …`."""

FLAG = re.compile(rf"(--(?i:[a-z0-9-]{{0,64}}?(?:{LAST_WORD}|(?<=-)pass))[ ]++)(?!-)(\S+)")
"""A value behind a flag of a command line."""

USER_FLAG = re.compile(
    r"""((?:\s|\A)(?:-u|--(?:proxy-)?user)[ =]++(?P<quote>["'])?[^\s:@"'/]++:)(?![0-9]+(?:\s|\Z))"""
    r"""(?(quote)(?:(?!(?P=quote)).)++|[^\s"']++)"""
)
"""A password behind the user of a flag, as curl has it. Two numbers are a user and a group of Unix."""

COOKIE = re.compile(r"((?i:\bcookie):\s*)[^\r\n\"']+")
"""The cookies of an HTTP header, to the end of its line."""

ELEMENT = re.compile(rf"(<[\w:.-]{{0,64}}?(?i:{LAST_WORD})>)[^<]+")
"""A value in an element of XML."""

PREFIX = re.compile(r"[A-Za-z0-9_.\-]*\Z")
"""What a name has before its last word."""

IN_ARN = re.compile(r"\barn:[\w-]+:[\w-]+:[\w-]*:[0-9]*:\Z")
"""What stands before the kind of a resource, `secret`, in its ARN."""

OPEN_NAMES = re.compile(
    r"(?i)(?:public|primary|partition|sort|foreign|hash|range|routing|tag|topology|label|annotation|idempotency|object"
    r"|cache|registry|lookup|next|continuation|pagination|client_?request|lifecycle_?action|action)[_.-]?"
    r"(?:key|token)"
)
"""Names that end like that of a secret and name none."""

NO_VALUE = re.compile(
    r"(?i)null|none|nil|true|false|undefined|\*+|\[redacted\]?|arn:.*|alias/.*|[a-z]{1,9}-(?:[0-9a-f]{8}|[0-9a-f]{17})"
    r"|\$?\{.*|\$\(.*|<.*|\.\.\.|…"
)
"""Values that are none, or name a thing: ARNs, ids of EC2, placeholders."""

BEHIND_A_WORD = re.compile(r"(?:[A-Za-z),][ ]|/)\Z")
"""What stands before a word in the midst of a sentence, or before the last part of a name."""

BEHIND_A_TAG = re.compile(r"""\\*["']?\s*,\s*\\*["']?(?:values?|operator|effect|propagateatlaunch)\b""", re.IGNORECASE)
"""What follows the name of a tag in a text."""

CUES = (
    *(
        "-u ",
        "-user",
        "-u=",
        "pass",
        "pwd",
        "secret",
        "token",
        "credential",
        "authorization",
        "signature",
        "cookie",
        "key",
    ),
    *("bearer", "basic", "://", "-----", "eyj", "akia", "asia", "abia", "acca", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "gldt-", "npm_", "pypi-", "dop_v1_", "hvs.", "hvb.", "k8s-aws-v1.", "xox", "xapp-"),
    *("hooks.slack", "sk_", "sk-", "rk_", "rk-", "aiza", "sg."),
)
"""Without one of these, in lower case, a text has nothing to hide: most have none, and this is quick to know."""
