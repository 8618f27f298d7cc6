"""Who calls: a signed JWT becomes an `AuthenticatedClient`, made here and nowhere else.

CDS Hooks 2.0.1, Trusting CDS Clients, in the order of its best practices: issuer listed, audience is this endpoint,
times, tenant, signature. Keys come from configuration alone, by `iss` and `kid`; a `jku` is compared, never fetched. A
reason for refusal goes to the log; the caller reads a bare 401. `jti` must be there, but is not yet remembered against
replay.
"""

import binascii
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jwt
import orjson
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_decode

from cds_service.config import Settings
from cds_service.errors import BadRequest, Issue, SettingsError, Unauthorized
from cds_service.model import AuthenticatedClient
from cds_service.outbound import base_url

ANONYMOUS = AuthenticatedClient("anonymous")
_FORWARDED = {
    "Forwarded": "HTTP_FORWARDED",
    "X-Forwarded-For": "HTTP_X_FORWARDED_FOR",
    "X-Forwarded-Host": "HTTP_X_FORWARDED_HOST",
    "X-Forwarded-Proto": "HTTP_X_FORWARDED_PROTO",
    "X-Real-IP": "HTTP_X_REAL_IP",
}
_FORWARDED_KEYS = frozenset(_FORWARDED.values())
_LONGEST_TOKEN = 16_384
_SMALLEST_RSA_KEY = 2048
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}

Verify = Callable[[bytes, bytes], bool]  # (signed input, signature)


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One caller of the clients file: what it is let in as, and its public keys by (kid, algorithm)."""

    client: AuthenticatedClient
    jku: str | None
    servers: tuple[str, ...]  # FHIR bases that this caller alone may name; none: those of the settings
    keys: Mapping[tuple[str, str], Verify]


@dataclass(frozen=True, slots=True)
class Keys:
    """All that is needed to judge a token, made once at start. No issuers: nobody is asked."""

    issuers: Mapping[str, TrustedIssuer]
    public_urls: tuple[str, ...] = ()
    leeway: int = 60


def load_keys(settings: Settings) -> Keys | None:
    """The keys of the clients file, or None where authentication is off; raises `SettingsError`."""
    if settings.auth == "off":
        return None
    path = settings.clients_file
    if path is None or not settings.public_urls:
        raise SettingsError("SECOND_READ_CLIENTS_FILE and SECOND_READ_PUBLIC_URLS are needed with SECOND_READ_AUTH=jwt")
    entries = _document(path).get("clients")
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"{path}: `clients`: a list with one entry per issuer is expected")
    issuers: dict[str, TrustedIssuer] = {}
    for number, entry in enumerate(entries):
        where = f"{path}: clients[{number}]"
        if not isinstance(entry, dict):
            raise SettingsError(f"{where}: a table is expected")
        issuer = _issuer(entry, where, path.parent, settings.jwt_algorithms)
        if issuer.client.id in issuers:
            raise SettingsError(f"{where}.iss: is listed twice")
        issuers[issuer.client.id] = issuer
    return Keys(issuers, settings.public_urls, settings.jwt_leeway_seconds)


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


def authenticate(environ: Mapping[str, Any], path: str, keys: Keys | None, now: datetime) -> AuthenticatedClient:
    """The client that a WSGI `environ` proves to be calling `path`; raises `Unauthorized`, whose reason is for the log.

    With `keys` None nobody is asked, and a forwarded call is refused (`BadRequest`).
    """
    if keys is None:
        refuse_forwarded(environ)
        return ANONYMOUS
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("no bearer token")
    header, payload, signed, signature = _parts(token.strip())
    issuer = keys.issuers.get(_text(payload, "iss"))
    if issuer is None:
        raise Unauthorized("iss is not listed")
    _check_audience(payload, path, keys.public_urls)
    _check_times(payload, now.timestamp(), keys.leeway)
    _text(payload, "jti")
    tenant = payload.get("tenant")
    if issuer.client.tenant is not None and tenant not in (None, issuer.client.tenant):
        raise Unauthorized("tenant is not that of the issuer")
    _check_header(header, issuer.jku)
    verify = issuer.keys.get((_text(header, "kid"), _text(header, "alg")))
    if verify is None:
        raise Unauthorized("no key of this kid and algorithm")
    if not verify(signed, signature):
        raise Unauthorized("signature does not verify")
    if issuer.client.tenant is None and isinstance(tenant, str) and tenant:
        return AuthenticatedClient(issuer.client.id, tenant[:200], issuer.client.profile)
    return issuer.client


# --- a token ----------------------------------------------------------------------------------------------------


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


def _check_times(payload: Mapping[str, Any], now: float, leeway: int) -> None:
    if _seconds(payload, "exp") <= now - leeway:
        raise Unauthorized("exp is past")
    if _seconds(payload, "iat") > now + leeway:
        raise Unauthorized("iat is in the future")
    if "nbf" in payload and _seconds(payload, "nbf") > now + leeway:
        raise Unauthorized("nbf is in the future")


def _seconds(payload: Mapping[str, Any], name: str) -> float:
    value = payload.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthorized(f"{name} is missing")
    return value


# --- the clients file -------------------------------------------------------------------------------------------


def _document(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
        found = orjson.loads(raw) if path.suffix == ".json" else tomllib.loads(raw.decode())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"{path}: cannot be understood: {error}") from None
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: a table is expected")
    return found


def _issuer(entry: dict[str, Any], where: str, folder: Path, algorithms: tuple[str, ...]) -> TrustedIssuer:
    unknown = entry.keys() - {"iss", "jwks", "jwks_file", "jku", "tenant", "profile", "fhir_servers"}
    if unknown:
        raise SettingsError(f"{where}: no such key: {', '.join(sorted(unknown))}")
    for name in ("iss", "jku", "tenant", "profile", "jwks_file"):
        if not isinstance(entry.get(name, "-"), str) or not entry.get(name, "-"):
            raise SettingsError(f"{where}.{name}: a text is expected")
    if "iss" not in entry:
        raise SettingsError(f"{where}.iss: is expected")
    if ("jwks" in entry) == ("jwks_file" in entry):
        raise SettingsError(f"{where}: one of jwks and jwks_file is expected")
    key_set = entry["jwks"] if "jwks" in entry else _document(folder / entry["jwks_file"])
    client = AuthenticatedClient(entry["iss"], entry.get("tenant"), entry.get("profile", "reference"))
    return TrustedIssuer(client, entry.get("jku"), _servers(entry, where), _keys(key_set, where, algorithms))


def _servers(entry: dict[str, Any], where: str) -> tuple[str, ...]:
    listed = entry.get("fhir_servers", [])
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise SettingsError(f"{where}.fhir_servers: a list of base URLs is expected")
    try:
        return tuple(map(base_url, listed))
    except ValueError as error:
        raise SettingsError(f"{where}.fhir_servers: {error} are expected") from None


def _keys(key_set: Any, where: str, algorithms: tuple[str, ...]) -> dict[tuple[str, str], Verify]:
    found = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(found, list) or not found:
        raise SettingsError(f"{where}: a JWK Set with `keys` is expected (RFC 7517)")
    keys: dict[tuple[str, str], Verify] = {}
    for number, key in enumerate(found):
        for name, verify in _verifiers(key, f"{where}.keys[{number}]", algorithms).items():
            if (key["kid"], name) in keys:
                raise SettingsError(f"{where}.keys[{number}].kid: is used twice")
            keys[key["kid"], name] = verify
    if not keys:
        raise SettingsError(f"{where}: no key fits the algorithms {', '.join(algorithms)} (SECOND_READ_JWT_ALGORITHMS)")
    return keys


def _verifiers(key: Any, where: str, algorithms: tuple[str, ...]) -> dict[str, Verify]:
    """How to verify with one JWK, by each allowed algorithm that it fits."""
    if not isinstance(key, dict) or not isinstance(key.get("kid"), str) or not key["kid"]:
        raise SettingsError(f"{where}.kid: is expected")
    if key.get("kty") not in ("RSA", "EC"):
        raise SettingsError(f"{where}.kty: RSA or EC is expected; a shared secret proves nothing")
    if "d" in key:
        raise SettingsError(f"{where}: this is a private key; only the public one belongs here")
    if key.get("use", "sig") != "sig":
        return {}
    fitting = [
        name
        for name in algorithms
        if key.get("alg", name) == name
        and (name[:2] in ("RS", "PS") if key["kty"] == "RSA" else name == _CURVES.get(key.get("crv", "")))
    ]
    verifiers: dict[str, Verify] = {}
    for name in fitting:
        algorithm = get_default_algorithms()[name]
        try:
            public: Any = algorithm.from_jwk(key)
        except (jwt.InvalidKeyError, ValueError) as error:
            raise SettingsError(f"{where}: not a usable key: {error}") from None
        if key["kty"] == "RSA" and public.key_size < _SMALLEST_RSA_KEY:
            raise SettingsError(f"{where}: an RSA key of at least {_SMALLEST_RSA_KEY} bits is expected")
        verifiers[name] = _verifier(algorithm, public)
    return verifiers


def _verifier(algorithm: Any, public: Any) -> Verify:
    return lambda signed, signature: bool(algorithm.verify(signed, public, signature))
