"""A JWT, in the order of the best practices: issuer, audience, times, tenant, signature, and whether it was seen.

CDS Hooks 2.0.1, Trusting CDS Clients; RFC 7515, 7519. Written on PyJWT's algorithms rather than its `decode`, because
the order, and the keys parsed once, matter here.
"""

import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from jwt.utils import base64url_decode

from cds_service.auth.clients_file import TrustedIssuer
from cds_service.auth.replay import Remember
from cds_service.errors import Unauthorized
from cds_service.model import AuthenticatedClient

_LONGEST_TOKEN = 16_384
LONGEST_LIFE = 24 * 3600  # seconds: how long a token may be remembered; one that lives longer is no sign-in


def proven_issuer(
    environ: Mapping[str, Any],
    path: str,
    issuers: Mapping[str, TrustedIssuer],
    public_urls: tuple[str, ...],
    leeway: int,
    now: datetime,
    remember: Remember,
) -> AuthenticatedClient:
    """The client that the bearer token of a WSGI `environ` proves; raises `Unauthorized`."""
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("no bearer token")
    header, payload, signed, signature = _parts(token.strip())
    issuer = issuers.get(_text(payload, "iss"))
    if issuer is None or issuer.find_key is None:
        raise Unauthorized("iss is not listed")
    _check_audience(payload, path, public_urls)
    until = _check_times(payload, now.timestamp(), leeway)
    jti = _text(payload, "jti")
    tenant = payload.get("tenant")
    if issuer.client.tenant is not None and tenant not in (None, issuer.client.tenant):
        raise Unauthorized("tenant is not that of the issuer")
    _check_header(header, issuer.jku)
    verify = issuer.find_key(_text(header, "kid"), _text(header, "alg"))
    if verify is None:
        raise Unauthorized("no key of this kid and algorithm")
    if not verify(signed, signature):
        raise Unauthorized("signature does not verify")
    if not remember(issuer.client.id, jti, until):
        raise Unauthorized("jti was seen before")
    if issuer.client.tenant is None and isinstance(tenant, str) and tenant:
        return AuthenticatedClient(issuer.client.id, tenant[:200], issuer.client.profile)
    return issuer.client


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    if len(token) > _LONGEST_TOKEN or token.count(".") != 2 or not token.isascii():
        raise Unauthorized("not a JWT")
    head, body, mark = token.split(".")
    try:
        header, payload = orjson.loads(base64url_decode(head)), orjson.loads(base64url_decode(body))
        signature = base64url_decode(mark)
    except (ValueError, binascii.Error):
        raise Unauthorized("not a JWT") from None
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise Unauthorized("not a JWT")
    return header, payload, f"{head}.{body}".encode(), signature


def _text(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name)
    if not isinstance(value, str) or not value:
        raise Unauthorized(f"{name} is missing")
    return value


def _check_header(header: Mapping[str, Any], jku: str | None) -> None:
    if "crit" in header:  # RFC 7515 section 4.1.11: what one does not understand here must be refused
        raise Unauthorized("crit is not supported")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise Unauthorized("typ is not JWT")
    if jku is not None and header.get("jku", jku) != jku:
        raise Unauthorized("jku is not the listed one")


def _check_audience(payload: Mapping[str, Any], path: str, public_urls: tuple[str, ...]) -> None:
    audience = payload.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(url + path in named for url in public_urls):
        raise Unauthorized("aud is not this endpoint")


def _check_times(payload: Mapping[str, Any], now: float, leeway: int) -> float:
    """Until when the token could be used."""
    until = _seconds(payload, "exp") + leeway
    if not until > now:
        raise Unauthorized("exp is past")
    if until > now + LONGEST_LIFE:
        raise Unauthorized("exp is too far ahead")
    if _seconds(payload, "iat") > now + leeway:
        raise Unauthorized("iat is in the future")
    if "nbf" in payload and _seconds(payload, "nbf") > now + leeway:
        raise Unauthorized("nbf is in the future")
    return until


def _seconds(payload: Mapping[str, Any], name: str) -> float:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthorized(f"{name} is missing")
    return value
