"""Is this URL inside an allowed base? Read strictly, compared part by part, and written anew.

URLs of a hook call come from the caller (`fhirServer`, references, Binary and next-page addresses), so they are an
attacker's way to make this service read for him (OWASP, Server-Side Request Forgery Prevention). Parsers differ over
odd spellings; therefore nothing odd is parsed at all, and what is asked is the canonical form made here from the parts
that were compared, never the text that came (RFC 3986 sections 3.2, 6.2).
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_PORTS = {"http": 80, "https": 443}
LONGEST_URL = 8192
_split = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)?(?P<query>\?[\x21-\x7e]*)?",
    re.IGNORECASE,
).fullmatch
# An encoded slash, backslash, dot, percent sign or control character is read differently by proxies and servers.
_disguised = re.compile(r"%(?:2f|5c|2e|25|[01][0-9a-f]|7f|$|[^0-9a-f]|[0-9a-f](?:$|[^0-9a-f]))", re.IGNORECASE).search
_numeric = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE).fullmatch
_label = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?").fullmatch


class _Url(NamedTuple):
    origin: str  # scheme, host and port in one spelling
    path: str
    query: str


def within(url: str, base: str) -> str | None:
    """`url` in canonical form when it is `base` or lies below it; None when it lies elsewhere or is spelled oddly."""
    asked, allowed = _read(url), _read(base)
    if asked is None or allowed is None or asked.origin != allowed.origin:
        return None
    root = allowed.path.rstrip("/")
    if asked.path.rstrip("/") != root and not asked.path.startswith(root + "/"):
        return None
    return asked.origin + asked.path + asked.query


def base_url(url: str) -> str:
    """The canonical form of a base address that an operator writes down; `ValueError` says what is expected."""
    found = _read(url)
    if found is None or found.query:
        raise ValueError(
            "absolute http(s) URLs in ASCII, without a user name, without query, fragment or `..`, hosts as names or"
            " ordinary addresses (a name with other letters in its xn-- form)"
        )
    return (found.origin + found.path).rstrip("/")


class Allowlist:
    """The FHIR bases that each issuer may name. An issuer without a list of its own has those of everybody."""

    def __init__(self, everybody: Iterable[str] = (), by_issuer: Mapping[str, Iterable[str]] | None = None) -> None:
        self.everybody = tuple(map(base_url, everybody))
        self.by_issuer = {iss: tuple(map(base_url, bases)) for iss, bases in (by_issuer or {}).items()}

    def bases(self, iss: str) -> tuple[str, ...]:
        """All bases that calls of this issuer may be about."""
        return self.by_issuer.get(iss, self.everybody)

    def base(self, url: str, iss: str) -> str | None:
        """The listed base that `url` is or lies below, the longest first; None where this issuer may not name it."""
        fitting = [base for base in self.bases(iss) if within(url, base) is not None]
        return max(fitting, key=len, default=None)


def _read(url: str) -> _Url | None:
    found = _split(url) if len(url) <= LONGEST_URL else None
    if found is None:
        return None
    scheme = found["scheme"].lower()
    host = _host(found["host"].lower())
    port = int(found["port"]) if found["port"] else _PORTS[scheme]
    path, query = found["path"] or "", found["query"] or ""
    if host is None or not 0 < port < 65536 or "#" in query or "\\" in query or not _plain(path):
        return None
    return _Url(f"{scheme}://{host}" + (f":{port}" if port != _PORTS[scheme] else ""), path, query)


def _host(host: str) -> str | None:
    """A name or an address in its one usual spelling; None for `2130706433`, `0177.1`, `a..b`, `name.` and the like."""
    try:
        if host.startswith("["):
            return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        if _numeric(host.rpartition(".")[2]):  # so read as an address by every resolver
            return str(ipaddress.IPv4Address(host))
    except ValueError:
        return None
    return host if all(map(_label, host.split("."))) else None


def _plain(path: str) -> bool:
    """No segment climbs or is empty, and nothing in it is disguised. `..;x` climbs for servers that cut at `;`."""
    if _disguised(path) or "//" in path:
        return False
    return all(segment.partition(";")[0] not in (".", "..") for segment in path.split("/"))
