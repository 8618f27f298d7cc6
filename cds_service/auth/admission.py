"""One call at the door: by which mode it is judged, and as whom it is let in.

A reason for refusal goes to the log; the caller reads a bare 401. The operator's own token opens what is not a CDS
Hooks path and not public, such as metrics.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from cds_service.auth.certificate import certificate_names
from cds_service.auth.clients_file import TrustedIssuer, trusted_issuers
from cds_service.auth.replay import Remember
from cds_service.auth.token import proven_issuer
from cds_service.config import Settings
from cds_service.errors import BadRequest, Issue, SettingsError, Unauthorized
from cds_service.model import AuthenticatedClient

ANONYMOUS = AuthenticatedClient("anonymous")
_FORWARDED = {
    "Forwarded": "HTTP_FORWARDED",
    "X-Forwarded-For": "HTTP_X_FORWARDED_FOR",
    "X-Forwarded-Host": "HTTP_X_FORWARDED_HOST",
    "X-Forwarded-Proto": "HTTP_X_FORWARDED_PROTO",
    "X-Real-IP": "HTTP_X_REAL_IP",
}
_FORWARDED_KEYS = frozenset(_FORWARDED.values())
SHORTEST_SECRET = 32


@dataclass(frozen=True, slots=True)
class Trust:
    """All that is needed to judge a call, made once at start."""

    mode: Literal["jwt", "mtls", "off"]
    issuers: Mapping[str, TrustedIssuer] = field(default_factory=dict)
    by_certificate: Mapping[str, TrustedIssuer] = field(default_factory=dict)
    public_urls: tuple[str, ...] = ()
    leeway: int = 60
    proxy_secret: bytes = field(default=b"", repr=False)


def load_trust(settings: Settings) -> Trust:
    """Who is let in, as the settings and the clients file say; raises `SettingsError`."""
    if settings.auth == "off":
        return Trust("off")
    if settings.auth == "jwt" and not settings.public_urls:
        raise SettingsError("SECOND_READ_PUBLIC_URLS is needed with SECOND_READ_AUTH=jwt")
    issuers = trusted_issuers(settings)
    if settings.auth == "jwt":
        return Trust("jwt", issuers, {}, settings.public_urls, settings.jwt_leeway_seconds)
    if settings.proxy_secret_file is None:
        raise SettingsError("SECOND_READ_PROXY_SECRET_FILE is needed with SECOND_READ_AUTH=mtls")
    return Trust(
        "mtls",
        issuers,
        {name: issuer for issuer in issuers.values() for name in issuer.certificates},
        proxy_secret=_secret(settings.proxy_secret_file, "SECOND_READ_PROXY_SECRET_FILE"),
    )


def authenticate(
    environ: Mapping[str, Any], path: str, trust: Trust, now: datetime, remember: Remember
) -> AuthenticatedClient:
    """The client that a WSGI `environ` proves to be calling `path`; raises `Unauthorized`, whose reason is for the log.

    With trust `off` nobody is asked, and a forwarded call is refused (`BadRequest`).
    """
    if trust.mode == "off":
        refuse_forwarded(environ)
        return ANONYMOUS
    if trust.mode == "mtls":
        for name in certificate_names(environ, trust.proxy_secret, now):
            if name in trust.by_certificate:
                return trust.by_certificate[name].client
        raise Unauthorized("the certificate is not listed")
    return proven_issuer(environ, path, trust.issuers, trust.public_urls, trust.leeway, now, remember)


def refuse_forwarded(environ: Mapping[str, Any]) -> None:
    """With authentication off, a forwarded call is one from beyond loopback: raises `BadRequest`."""
    if not _FORWARDED_KEYS.isdisjoint(environ):
        raise BadRequest(
            tuple(
                Issue(name, "no such header: authentication is off, so no proxy may forward calls to this service")
                for name, key in _FORWARDED.items()
                if key in environ
            )
        )


def operator_token(settings: Settings) -> bytes:
    """The token that opens metrics and the like; empty where there is none. Raises `SettingsError`."""
    file = settings.operator_token_file
    return _secret(file, "SECOND_READ_OPERATOR_TOKEN_FILE") if file is not None else b""


def proves_operator(environ: Mapping[str, Any], token: bytes) -> bool:
    """Whether the call carries that token as its bearer; never where there is none."""
    scheme, _, sent = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    return (
        bool(token)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(sent.strip().encode("latin-1", "replace"), token)
    )


def _secret(file: Path, setting: str) -> bytes:
    try:
        found = file.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"{setting}: {file}: cannot be read: {error.strerror}") from None
    if len(found) < SHORTEST_SECRET or not found.isascii() or b"\n" in found:
        raise SettingsError(f"{setting}: {file}: one line of at least {SHORTEST_SECRET} ASCII characters is expected")
    return found
