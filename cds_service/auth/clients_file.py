"""The clients file: who is let in, as what, and by which keys or certificates. Every mistake in it stops the start."""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from cds_service.auth.key_server import KeyServer
from cds_service.auth.keys import FindKey, key_set
from cds_service.config import Settings
from cds_service.errors import SettingsError
from cds_service.model import AuthenticatedClient
from cds_service.outbound import base_url, within
from cds_service.outbound.connections import guarded_session

_TEXTS = ("iss", "jku", "tenant", "profile", "jwks_file")
_KNOWN = {*_TEXTS, "jwks", "fhir_servers", "certificates"}
_is_certificate = re.compile(r"sha256:[0-9a-f]{64}|dns:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*").fullmatch


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One caller of the clients file: what it is let in as, and what proves that it calls."""

    client: AuthenticatedClient
    jku: str | None
    find_key: FindKey | None  # (kid, algorithm) -> how to verify
    certificates: tuple[str, ...]  # `sha256:<hex>` or `dns:<name>`
    servers: tuple[str, ...]  # FHIR bases that this caller alone may name; none: those of the settings


def trusted_issuers(settings: Settings) -> dict[str, TrustedIssuer]:
    """Every caller of the clients file, by `iss`; raises `SettingsError` with the place."""
    path = settings.clients_file
    if path is None:
        raise SettingsError("SECOND_READ_CLIENTS_FILE is needed: which callers are let in")
    entries = _document(path).get("clients")
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"{path}: `clients`: a list with one entry per issuer is expected")
    issuers: dict[str, TrustedIssuer] = {}
    certificates: set[str] = set()
    for number, entry in enumerate(entries):
        where = f"{path}: clients[{number}]"
        if not isinstance(entry, dict):
            raise SettingsError(f"{where}: a table is expected")
        issuer = _issuer(entry, where, path.parent, settings)
        if issuer.client.id in issuers:
            raise SettingsError(f"{where}.iss: is listed twice")
        if not certificates.isdisjoint(issuer.certificates):
            raise SettingsError(f"{where}.certificates: one of them is listed for another caller too")
        certificates.update(issuer.certificates)
        issuers[issuer.client.id] = issuer
    return issuers


def _issuer(entry: dict[str, Any], where: str, folder: Path, settings: Settings) -> TrustedIssuer:
    unknown = entry.keys() - _KNOWN
    if unknown:
        raise SettingsError(f"{where}: no such key: {', '.join(sorted(unknown))}")
    for name in _TEXTS:
        if not isinstance(entry.get(name, "-"), str) or not entry.get(name, "-"):
            raise SettingsError(f"{where}.{name}: a text is expected")
    if "iss" not in entry:
        raise SettingsError(f"{where}.iss: is expected")
    client = AuthenticatedClient(entry["iss"], entry.get("tenant"), entry.get("profile", ""))
    certificates = tuple(_texts(entry, "certificates", where))
    if not all(map(_is_certificate, certificates)):
        raise SettingsError(f"{where}.certificates: `sha256:` and 64 hexadecimal digits, or `dns:` and a name")
    if settings.auth == "mtls":
        if not certificates:
            raise SettingsError(f"{where}.certificates: is expected with SECOND_READ_AUTH=mtls")
        find_key = None
    else:
        find_key = _keys(entry, where, folder, settings)
    return TrustedIssuer(client, entry.get("jku"), find_key, certificates, _servers(entry, where))


def _keys(entry: dict[str, Any], where: str, folder: Path, settings: Settings) -> FindKey:
    if "jwks" in entry and "jwks_file" in entry:
        raise SettingsError(f"{where}: one of jwks and jwks_file is expected")
    if "jwks" not in entry and "jwks_file" not in entry:
        if "jku" not in entry:
            raise SettingsError(
                f"{where}: one of jwks and jwks_file is expected, or a jku where the keys are published"
            )
        return KeyServer(
            _key_address(entry["jku"], where),
            settings.jwt_algorithms,
            session=_session_for_keys(settings),
            wait_seconds=settings.deadline_ms / 2000,
        ).find
    try:
        keys = key_set(
            entry["jwks"] if "jwks" in entry else _document(folder / entry["jwks_file"]), settings.jwt_algorithms
        )
    except ValueError as error:
        raise SettingsError(f"{where}{error}") from None
    return lambda kid, algorithm: keys.get((kid, algorithm))


def _session_for_keys(settings: Settings) -> Callable[[], requests.Session]:
    return lambda: guarded_session(settings.private_networks, ca_file=settings.ca_file, parallel=1)


def _key_address(jku: str, where: str) -> str:
    address = within(jku, jku)
    if address is None:
        raise SettingsError(f"{where}.jku: an ordinary absolute URL is expected")
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise SettingsError(f"{where}.jku: https is expected: keys that anyone on the way can change prove nothing")
    return address


def _servers(entry: dict[str, Any], where: str) -> tuple[str, ...]:
    try:
        return tuple(map(base_url, _texts(entry, "fhir_servers", where)))
    except ValueError as error:
        raise SettingsError(f"{where}.fhir_servers: {error} are expected") from None


def _texts(entry: dict[str, Any], name: str, where: str) -> Iterable[str]:
    found = entry.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise SettingsError(f"{where}.{name}: a list of texts is expected")
    return found


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
