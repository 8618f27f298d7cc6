"""Mutual TLS at the proxy: the certificate it verified names the caller, and only the proxy may say so."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from cds_service.auth import Trust, authenticate, load_trust
from cds_service.config import Settings, check_settings
from cds_service.errors import SettingsError, Unauthorized

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "s" * 40
ISS = "https://ehr.example.org/r4"


def certificate(name: str = "cds.ehr.example.org", days: float = 30) -> x509.Certificate:
    """A certificate for that name, valid from yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "anything")])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7, NOW - timedelta(1), NOW + timedelta(days))
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(key, SHA256())


OURS = certificate()
PEM = quote(OURS.public_bytes(Encoding.PEM).decode())
DER = f":{base64.b64encode(OURS.public_bytes(Encoding.DER)).decode()}:"
PRINT = f"sha256:{OURS.fingerprint(SHA256()).hex()}"


def entry(*certificates: str, **more: Any) -> dict[str, Any]:
    """A caller of the clients file."""
    return {"iss": ISS, "profile": "epic", "certificates": list(certificates)} | more


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Trust]:
    """Load a clients file with these entries."""

    def loaded(*entries: dict[str, Any], secret: str = SECRET) -> Trust:
        (tmp_path / "clients.json").write_text(json.dumps({"clients": entries or [entry(PRINT)]}))
        (tmp_path / "secret").write_text(secret + "\n")
        return load_trust(
            Settings(auth="mtls", clients_file=tmp_path / "clients.json", proxy_secret_file=tmp_path / "secret")
        )

    return loaded


def enter(trust: Trust, sent: str | None, secret: str | None = SECRET) -> str:
    """Call with that certificate, through a proxy that knows that secret."""
    given = {"HTTP_CLIENT_CERT": sent, "HTTP_X_SECOND_READ_PROXY": secret}
    environ = {name: value for name, value in given.items() if value is not None}
    return authenticate(environ, "/cds-services", trust, NOW, lambda *_: True).id


@pytest.mark.parametrize("sent", [PEM, DER], ids=["url-encoded PEM", "RFC 9440"])
@pytest.mark.parametrize("listed", [PRINT, "dns:cds.ehr.example.org"], ids=["fingerprint", "name"])
def test_a_listed_certificate_lets_in(listed: str, sent: str, load: Callable[..., Trust]) -> None:
    """By fingerprint or by name, in either spelling of the header."""
    assert enter(load(entry(listed)), sent) == ISS


OTHER = quote(certificate("evil.example.org").public_bytes(Encoding.PEM).decode())
REFUSED: dict[str, tuple[str | None, str | None]] = {
    "no proxy": (PEM, None),
    "an empty secret": (PEM, ""),
    "another secret": (PEM, "t" * 40),
    "a secret that begins alike": (PEM, SECRET + "s"),
    "no certificate": (None, SECRET),
    "an empty header": ("", SECRET),
    "another certificate": (OTHER, SECRET),
    "one certificate after another": (OTHER + "," + PEM, SECRET),
    "two in one header": (OTHER + PEM, SECRET),
    "no certificate at all": ("-----BEGIN%20CERTIFICATE-----", SECRET),
    "no base64": (":é:", SECRET),
    "an endless header": ("a" * 20_000, SECRET),
    "an expired one": (quote(certificate(days=-0.5).public_bytes(Encoding.PEM).decode()), SECRET),
}


@pytest.mark.parametrize("case", REFUSED)
def test_everything_else_stays_out(case: str, load: Callable[..., Trust]) -> None:
    """Whoever reaches the service without being the proxy, or holds another certificate, is not let in."""
    sent, secret = REFUSED[case]
    with pytest.raises(Unauthorized):
        enter(load(entry(PRINT)), sent, secret)


def test_an_expired_certificate_stays_out_though_listed(load: Callable[..., Trust]) -> None:
    """A connection kept open does not outlive its certificate."""
    old = certificate(days=-0.5)
    with pytest.raises(Unauthorized, match="not valid now"):
        enter(load(entry("dns:cds.ehr.example.org")), quote(old.public_bytes(Encoding.PEM).decode()))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry()], "certificates: is expected"),
        ([entry("cds.ehr.example.org")], "sha256:"),
        ([entry("dns:*.example.org")], "sha256:"),
        ([entry(PRINT), entry(PRINT, iss="https://other.example.org")], "another caller"),
    ],
    ids=["none", "no kind", "a wildcard", "of two callers"],
)
def test_a_wrong_clients_file_stops_the_start(entries: list[Any], words: str, load: Callable[..., Trust]) -> None:
    """Names are whole, and one certificate is one caller."""
    with pytest.raises(SettingsError, match=words):
        load(*entries)


def test_a_short_secret_stops_the_start(load: Callable[..., Trust]) -> None:
    """A secret that can be guessed proves nothing."""
    with pytest.raises(SettingsError, match="at least 32"):
        load(secret="short")


def test_the_secret_is_needed(tmp_path: Path) -> None:
    """`mtls` without the proxy's secret would believe every header."""
    with pytest.raises(SettingsError, match="PROXY_SECRET_FILE"):
        check_settings(Settings(auth="mtls", clients_file=tmp_path / "clients.json"))
