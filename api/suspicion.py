"""Suspicion: what requests of scanners have in common. It is told, and never stops anybody."""

import re
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from api.asgi import Headers, Scope

REFUSED_FROM = 400
SCANNERS = re.compile(
    rb"sqlmap|nikto|nmap|masscan|zgrab|nuclei|gobuster|dirbuster|feroxbuster|wpscan|acunetix|nessus"
    rb"|openvas|hydra|commix|w3af|arachni|jaeles|netsparker|qualys",
    re.IGNORECASE,
)
PATHS = re.compile(
    rb"\.(?:php|aspx?|jsp|cgi|env|git|svn|htaccess|htpasswd|bak|sql|ds_store|pem|ini|yml|swp)"
    rb"(?:$|[/~.?])|/(?:wp-|phpmyadmin|cgi-bin|actuator|solr|jenkins|\.aws|\.ssh|vendor/|etc/passwd"
    rb"|proc/self|server-status|manager/html|hnap1|boaform)",
    re.IGNORECASE,
)
PAYLOADS = re.compile(
    rb"\.\./|\.\.\\|\$\{(?:jndi|env|java):|<script|union\s+(?:all\s+)?select|/etc/passwd"
    rb"|;\s*(?:wget|curl|nc)\s|\b(?:sleep|benchmark|pg_sleep)\s*\(|information_schema|'\s*or\s+'?\d"
    rb"|php://|file://|\(\)\s*\{",
    re.IGNORECASE,
)
SEARCHED_HEADERS = (b"user-agent", b"referer", b"x-forwarded-for", b"x-api-version", b"cookie")


def suspicion(scope: Scope, headers: Headers, status: int) -> str | None:
    """Return what kind of scanner a request looks like; most do not.

    A scanner's name is looked for always, the rest only where a request was refused.
    """
    agent = headers.get(b"user-agent")
    if agent is not None and is_scanner(agent):
        return "scanner"
    if status < REFUSED_FROM:
        return None
    path, query = unquote_to_bytes(scope["raw_path"]), unquote_to_bytes(scope["query_string"])
    if PATHS.search(path):
        return "path"
    if PAYLOADS.search(path) or PAYLOADS.search(query.replace(b"+", b" ")):
        return "payload"
    found = (headers.get(name) for name in SEARCHED_HEADERS)
    return "header" if any(text and PAYLOADS.search(text) for text in found) else None


@lru_cache(1_024)
def is_scanner(agent: bytes) -> bool:
    """Say whether a user agent names a tool that looks for holes."""
    return SCANNERS.search(agent) is not None
